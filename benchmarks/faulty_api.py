"""A running lab whose AWS API is reached through a proxy that fails on demand, and what a run has left changed in it.

The suite finds the lab by its home. So there is a second home beside it, with the lab's own lock and a state that
names the proxy: `gameday run`, `gameday undo` and plain `chaos run` then go through the proxy like any user's
commands. What is left changed is read past the proxy: in the lab's ground truth, and from the lab by boto3.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import psutil

from lab.settings import CLUSTER, DATABASE, LOCK_TABLE, SERVICE, TARGET_GROUP, LabError
from lab.state import Home
from lab.truth import read_truth
from tests.api_proxy import ApiProxy

OVER = ("completed", "stopped", "failed", "cancelled")
SETTLES_S = 1.0  # a process that has been told to end may take this long
RESTS_S = 60.0
COOL_DOWN_S = 11.0  # RDS abandons a failover that comes sooner after another one
FEW_RETRIES = {"AWS_MAX_ATTEMPTS": "4", "AWS_RETRY_MODE": "standard"}  # as our own door has them, for chaosaws


class FaultyApi:
    """The lab of *home*, as it is seen through a proxy; *folder* becomes the second home. A context manager."""

    def __init__(self, home: Path, folder: Path) -> None:
        state = Home(home).read_state()
        if state is None:
            raise LabError(f"no lab is up in {home}")
        self.state = state
        self.real, self.shadow = Home(home), Home(folder)
        self.proxy = ApiProxy(state.endpoint)

    def __enter__(self) -> FaultyApi:
        self.shadow.path.mkdir(mode=0o755, parents=True)
        self.shadow.lock.symlink_to(self.real.lock)
        self.shadow.write_state(replace(self.state, endpoint=self.proxy.url, home=str(self.shadow.path)))
        self.proxy.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.proxy.__exit__(*exc_info)

    @property
    def variables(self) -> dict[str, str]:
        """Return what a command needs in order to go through the proxy."""
        state = self.shadow.path / "machine"
        return {"GAMEDAY_LAB_HOME": str(self.shadow.path), "GAMEDAY_STATE": str(state), **FEW_RETRIES}

    def client(self, service: str) -> Any:
        """Return a client that goes past the proxy."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.state.endpoint, region_name=self.state.region,
            aws_access_key_id="lab", aws_secret_access_key="lab-has-no-secrets",
        )  # fmt: skip

    # -- what is left ------------------------------------------------------------------------------------------

    def left(self, runs: Path) -> list[str]:
        """Return what is changed or alive now that no run goes on, each in a few words."""
        deadline = time.monotonic() + SETTLES_S
        while (alive := self._alive()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return [*self._delays(), *self._fis(), *_open_promises(runs), *self._lock(), *alive]

    def lease_left(self) -> bool:
        """Return whether the environment is still held in the lock table, if only until the lease ends."""
        return bool(self._items())

    def free(self) -> None:
        """Take every item out of the lock table, so that the next run need not wait for a lease to end."""
        for item in self._items():
            self.client("dynamodb").delete_item(TableName=LOCK_TABLE, Key={"environment": item["environment"]})

    def rest(self, *, failover: bool = False) -> None:
        """Wait until the staging is whole again; with *failover*, until RDS would do another one."""
        deadline = time.monotonic() + RESTS_S
        while not (self._tasks_rest() and self._database_rests()):
            if time.monotonic() > deadline:
                raise LabError(f"the staging is not whole after {RESTS_S:g} s")
            time.sleep(0.2)
        swaps = [float(str(fact["t"])) for fact in self._truth("primary.killed", "primary.writable")]
        if failover and swaps:
            time.sleep(max(0.0, swaps[-1] + COOL_DOWN_S - time.time()))

    def _truth(self, *names: str) -> Iterator[dict[str, object]]:
        return (fact for fact in read_truth(self.real.truth) if fact["what"] in names)

    def _delays(self) -> list[str]:
        """Return the links that are delayed, by the lab's ground truth."""
        delayed: dict[str, bool] = {}
        for fact in self._truth("latency.on", "latency.off"):
            delayed[str(fact["link"])] = fact["what"] == "latency.on"
        return [f"link {link} is delayed" for link, on in delayed.items() if on]

    def _fis(self) -> list[str]:
        fis = self.client("fis")
        experiments = fis.get_paginator("list_experiments").paginate()
        templates = fis.get_paginator("list_experiment_templates").paginate()
        return [
            *(f"FIS experiment {one['id']} is {one['state']['status']}" for page in experiments
              for one in page["experiments"] if one["state"]["status"] not in OVER),
            *(f"FIS template {one['id']} is left" for page in templates for one in page["experimentTemplates"]),
        ]  # fmt: skip

    def _items(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.client("dynamodb").scan(TableName=LOCK_TABLE)["Items"]
        return items

    def _lock(self) -> list[str]:
        return [f"the lock table has promises of {item['run']['S']}" for item in self._items() if _promised(item)]

    def _alive(self) -> list[str]:
        """Return the processes that a command started with our variables has left."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE and self._ours(process.environ()):
                    found.append(f"process {process.pid} lives ({' '.join(process.cmdline())[:60]})")
        return found

    def _ours(self, variables: dict[str, str]) -> bool:
        return variables.get("GAMEDAY_LAB_HOME") == str(self.shadow.path)

    def _tasks_rest(self) -> bool:
        service = self.client("ecs").describe_services(cluster=CLUSTER, services=[SERVICE])["services"][0]
        elbv2 = self.client("elbv2")
        group = elbv2.describe_target_groups(Names=[TARGET_GROUP])["TargetGroups"][0]["TargetGroupArn"]
        states = elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        healthy = [state["TargetHealth"]["State"] for state in states] == ["healthy"] * self.state.tasks
        return healthy and (service["runningCount"], service["pendingCount"]) == (self.state.tasks, 0)

    def _database_rests(self) -> bool:
        found = self.client("rds").describe_db_instances(DBInstanceIdentifier=DATABASE)["DBInstances"][0]
        return bool(found["DBInstanceStatus"] == "available" and found["MultiAZ"])


def _promised(item: dict[str, Any]) -> bool:
    return bool(json.loads(item.get("promises", {}).get("S", "[]")))


def _open_promises(runs: Path) -> list[str]:
    """Return the open promises of every run folder, by the lines of their files."""
    found = []
    for path in sorted(runs.glob("*/promises.jsonl")):
        lines = [json.loads(line) for line in path.read_text().splitlines() if line]
        kept = {line["kept"] for line in lines if "kept" in line}
        made = [line["promise"] for line in lines if "promise" in line]
        found += [f"open promise: {one['sentence']}" for one in made if one["id"] not in kept]
    return found
