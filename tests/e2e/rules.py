"""What tests of refusals share: a suite folder with other rules, the lab's state by boto3, and the audit of its API."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3

from gameday.record import Record
from tests.e2e.conftest import Desk, Ended
from tests.e2e.scene import wait_until

CLUSTER, SERVICE, DATABASE = "foodconnect-cluster", "foodconnect-backend", "foodconnect-db"
TOUCHY = ("ecs", "rds", "fis", "elbv2", "elasticloadbalancing")  # services in which a fault would be a change
SOON_S = 30.0  # how long the lab may take to come to rest
PUBLISHED = {  # what the staging's own tasks do all the time
    ("cloudwatch", "PutMetricData"),
    ("xray", "PutTraceSegments"),
    ("xray", "PutTelemetryRecords"),
}


@dataclass
class Ruled:
    """A desk whose suite has a gameday.toml of its own."""

    desk: Desk

    @property
    def home(self) -> Path:
        """The lab's home."""
        return Path(self.desk.environment["GAMEDAY_LAB_HOME"])

    def changes(self) -> list[tuple[str, str]]:
        """Return every changing call that the lab has answered so far, but what its own tasks publish."""
        lines = [json.loads(line) for line in (self.home / "audit.jsonl").read_text().splitlines() if line]
        calls = [(line["service"], line["operation"]) for line in lines if line["mutating"]]
        return [call for call in calls if call not in PUBLISHED]

    def refused(self, file: str | Path, *words: str, **more: str) -> str:
        """Run *file*, which must be refused before anything begins; return all reasons in one text."""
        before = self.changes()
        ended = self.desk.run(file, **more)
        assert ended.code == 3, ended.err
        findings = ended.findings
        assert findings["verdict"] == "refused"
        why = "; ".join(findings["why"])
        for word in words:
            assert word in why
        names = {mark.name for mark in Record(self.desk.suite / "runs" / findings["run"]).marks()}
        assert not names & {"load.started", "warmup", "action.started", "fault"}
        assert [call for call in self.changes()[len(before) :] if call[0] in TOUCHY] == []
        return why

    def chaos_refused(self, file: str | Path, folder: Path) -> str:
        """Play *file* by plain `chaos run`, which must touch nothing; return what it printed."""
        before = self.changes()
        lines = self.desk("lab", "env").out
        script = f'{lines}\nexec "$0" --no-version-check --log-file "$1/log" run --journal-path "$1/journal.json" "$2"'
        words = ["bash", "-c", script, str(Path(sys.executable).with_name("chaos")), str(folder), str(file)]
        ended = Desk.finish(self.desk.process(words, {"GAMEDAY_RUNS": str(folder / "runs")}))
        assert ended.code == 1, ended.err[-2000:]
        assert json.loads((folder / "journal.json").read_text())["gameday"]["verdict"] == "refused"
        assert [call for call in self.changes()[len(before) :] if call[0] in TOUCHY] == []
        return ended.err

    def plan(self, file: str | Path, *words: str, code: int = 0, **more: str) -> dict[str, Any]:
        """Plan *file*; nothing may change, and there is no run folder. Return the plan."""
        before, folders = self.changes(), self.folders()
        ended = self.desk("plan", str(file), "--json", *words, **more)
        assert ended.code == code, ended.err + ended.out
        assert self.changes() == before and self.folders() == folders
        plan = json.loads(ended.out)
        assert isinstance(plan, dict)
        return plan

    def told(self, file: str | Path, *words: str) -> Ended:
        """Plan *file* for people."""
        return self.desk("plan", str(file), *words)

    def folders(self) -> list[str]:
        """Return the names of the run folders."""
        runs = self.desk.suite / "runs"
        return sorted(path.name for path in runs.iterdir()) if runs.is_dir() else []


def with_rules(desk: Desk, folder: Path, *changes: tuple[str, str]) -> Ruled:
    """Return a desk on a suite in *folder*, whose gameday.toml has *changes*: (line begins with, new line)."""
    for path in desk.suite.iterdir():
        if path.name not in ("gameday.toml", "runs"):
            (folder / path.name).symlink_to(path.resolve())
    text = (desk.suite / "gameday.toml").read_text()
    for old, new in changes:
        assert re.search(rf"(?m)^{re.escape(old)}", text), old
        text = re.sub(rf"(?m)^{re.escape(old)}.*$", lambda _, line=new: line, text, count=1)  # type: ignore[misc]
    (folder / "gameday.toml").write_text(text)
    return Ruled(Desk(folder, desk.environment, dict(desk.more)))


class Staging:
    """The lab as a person with boto3 sees it."""

    def __init__(self, desk: Desk) -> None:
        self.endpoint = json.loads(desk("lab", "status", "--json").out)["endpoint"]
        self.client = cache(self._client)  # to make one takes as long as some calls

    def _client(self, service: str) -> Any:
        """Return a client of the lab."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint, region_name="eu-west-1",
            aws_access_key_id="lab", aws_secret_access_key="lab-has-no-secrets",
        )  # fmt: skip

    def service(self) -> dict[str, Any]:
        """Return the service as ECS describes it."""
        answer = self.client("ecs").describe_services(cluster=CLUSTER, services=[SERVICE])
        found: dict[str, Any] = answer["services"][0]
        return found

    def healthy(self) -> int:
        """Return how many targets are healthy."""
        elbv2 = self.client("elbv2")
        group = self.service()["loadBalancers"][0]["targetGroupArn"]
        states = elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return sum(state["TargetHealth"]["State"] == "healthy" for state in states)

    def at_rest(self, tasks: int) -> bool:
        """Return whether the service has exactly *tasks* healthy tasks and no deployment under way."""
        found = self.service()
        counts = found["desiredCount"], found["runningCount"], found["pendingCount"], len(found["deployments"])
        done = found["deployments"][0]["rolloutState"] == "COMPLETED"
        return counts == (tasks, tasks, 0, 1) and done and self.healthy() == tasks

    def scale(self, tasks: int) -> None:
        """Scale the service and wait until it is at rest."""
        self.client("ecs").update_service(cluster=CLUSTER, service=SERVICE, desiredCount=tasks)
        wait_until(lambda: self.at_rest(tasks), SOON_S)

    def multi_az(self, wanted: bool) -> None:
        """Give the database its standby, or take it away, and wait until it is available."""
        rds = self.client("rds")
        rds.modify_db_instance(DBInstanceIdentifier=DATABASE, MultiAZ=wanted, ApplyImmediately=True)

        def done() -> bool:
            found = rds.describe_db_instances(DBInstanceIdentifier=DATABASE)["DBInstances"][0]
            return bool(found["MultiAZ"] is wanted and found["DBInstanceStatus"] == "available")

        wait_until(done, SOON_S)
