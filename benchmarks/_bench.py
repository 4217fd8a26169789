"""What the benchmarks share: a lab of their own, a suite whose phases are short, and the lab's ground truth.

Everything lies in one folder and on one range of ports, so several labs stand beside each other.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from gameday.aws import Aws
from gameday.cli._shared import is_free
from gameday.config import Environment, load_settings
from lab import control
from lab.settings import PORTS

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("actions", "lab", "load", "probes", "reports")
LATENCY = "latency/backend-to-database.yaml"
FIRST_PORT, LAST_PORT, EACH = 18000, 19900, 20
WITHIN_S = 150.0  # the longest that any command may take
_taken: set[int] = set()
_ports = threading.Lock()


@dataclass(slots=True)
class Lab:
    """One lab in one folder: `suite` (with `runs`), `state` of the locks, and the lab's own files in `lab`."""

    base: Path
    port: int
    variables: dict[str, str]
    facts: list[dict[str, Any]] = field(default_factory=list)
    _read: int = 0

    @classmethod
    def make(cls, short: Mapping[str, float]) -> Lab:
        """Return a new one, not yet up; *short* replaces seconds of the lab's environment in `gameday.toml`."""
        base = Path(tempfile.mkdtemp(prefix="gameday-bench-"))
        base.chmod(0o755)  # as root PostgreSQL runs as another user
        (base / "lab").mkdir(mode=0o755)
        suite = base / "suite"
        (suite / "experiments").mkdir(parents=True)
        for name in FOLDERS:
            (suite / name).symlink_to(ROOT / name)
        (suite / "gameday.toml").write_text(shortened((ROOT / "gameday.toml").read_text(), short))
        port = free_port()
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "GAMEDAY_"))}
        own = {"GAMEDAY_LAB_HOME": str(base / "lab"), "GAMEDAY_LAB_PORT_BASE": str(port),
               "GAMEDAY_STATE": str(base / "state"), "PYTHONPATH": str(ROOT)}  # fmt: skip
        return cls(base, port, {**clean, **own})

    @property
    def suite(self) -> Path:
        """The folder that commands are started in."""
        return self.base / "suite"

    @property
    def runs(self) -> set[Path]:
        """The run folders there are."""
        folder = self.suite / "runs"
        return {path for path in folder.iterdir() if path.is_dir()} if folder.is_dir() else set()

    def up(self) -> None:
        """Start it."""
        said = self.gameday("lab", "up")
        if said.returncode:
            raise RuntimeError(f"the lab did not start: {said.stderr[-2000:]}")

    def down(self) -> None:
        """Stop it, and remove its folder."""
        self.gameday("lab", "down")
        shutil.rmtree(self.base, ignore_errors=True)
        _taken.discard(self.port)

    def environment(self) -> Environment:
        """Return the environment `lab` of the suite's gameday.toml, as it is now."""
        state = control.status(self.base / "lab")
        if state is None:
            raise RuntimeError("the lab is down")
        found = load_settings(self.suite).environment("lab")
        return replace(found, endpoint=state.endpoint, url=state.url)

    def gameday(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        command = [sys.executable, "-m", "gameday", *words]
        return subprocess.run(
            command, cwd=self.suite, env=self.variables, text=True, capture_output=True, start_new_session=True,
            timeout=WITHIN_S, check=False,
        )  # fmt: skip

    def start(self, command: list[str], **more: str) -> subprocess.Popen[bytes]:
        """Start a command in a session of its own, its words in `out.txt` and `err.txt` of the lab's folder."""
        with (self.base / "out.txt").open("wb") as out, (self.base / "err.txt").open("wb") as err:
            return subprocess.Popen(
                command, cwd=self.suite, env={**self.variables, **more}, stdin=subprocess.DEVNULL, stdout=out,
                stderr=err, start_new_session=True,
            )  # fmt: skip

    def run(self, file: Path) -> subprocess.Popen[bytes]:
        """Start `gameday run`."""
        return self.start([sys.executable, "-m", "gameday", "run", str(file), "--json"])

    def said(self, name: str = "err.txt") -> str:
        """Return what the last started command said."""
        return (self.base / name).read_text(errors="replace")

    def write(self, name: str, experiment: Mapping[str, Any]) -> Path:
        """Write an experiment into the suite; return its file."""
        path = self.suite / "experiments" / name
        path.write_text(yaml.safe_dump(dict(experiment), sort_keys=False))
        return path

    def truth(self) -> list[dict[str, Any]]:
        """Return what really happened in the lab since it was made, oldest first."""
        with (self.base / "lab" / "truth.jsonl").open("rb") as file:
            file.seek(self._read)
            whole, _, _ = file.read().rpartition(b"\n")
        if whole:
            self._read += len(whole) + 1
            self.facts += [json.loads(line) for line in whole.split(b"\n") if line]
        return self.facts


@dataclass
class Eyes:
    """Clients that look at one running lab from outside."""

    environment: Environment

    @cached_property
    def aws(self) -> Aws:
        """The lab's AWS API."""
        return Aws(self.environment)

    def running(self) -> list[str]:
        """Return the FIS experiments that are not over."""
        pages = self.aws.fis.get_paginator("list_experiments").paginate()
        over = ("completed", "stopped", "failed", "cancelled")
        return [one["id"] for page in pages for one in page["experiments"] if one["state"]["status"] not in over]

    def templates(self) -> list[str]:
        """Return the FIS templates there are."""
        pages = self.aws.fis.get_paginator("list_experiment_templates").paginate()
        return [one["id"] for page in pages for one in page["experimentTemplates"]]

    def unwell(self) -> list[str]:
        """Return what ECS, the load balancer and RDS still have to repair; empty: all is as it was built."""
        names = self.environment.names
        service = self.aws.ecs.describe_services(cluster=names["cluster"], services=[names["service"]])["services"][0]
        group = self.aws.elbv2.describe_target_groups(Names=[names["target_group"]])["TargetGroups"][0]
        health = self.aws.elbv2.describe_target_health(TargetGroupArn=group["TargetGroupArn"])
        states = [one["TargetHealth"]["State"] for one in health["TargetHealthDescriptions"]]
        database = self.aws.rds.describe_db_instances(DBInstanceIdentifier=names["database"])["DBInstances"][0]
        wrong = []
        if service["runningCount"] != service["desiredCount"] or service["pendingCount"]:
            wrong.append(f"{service['runningCount']} of {service['desiredCount']} tasks run")
        if states.count("healthy") != service["desiredCount"] or len(states) != service["desiredCount"]:
            wrong.append(f"the targets are {states}")
        if database["DBInstanceStatus"] != "available" or not database.get("MultiAZ"):
            wrong.append(f"the database is {database['DBInstanceStatus']}, Multi-AZ {database.get('MultiAZ')}")
        return wrong


def shortened(text: str, short: Mapping[str, float]) -> str:
    """Return a gameday.toml in which the first place of each name of *short*, which is the lab's, has that value."""
    for name, value in short.items():
        text, count = re.subn(rf"(?m)^{name} = [\d.]+", f"{name} = {value:g}", text, count=1)
        if not count:
            raise LookupError(f"no {name} in gameday.toml")
    return text


def experiment(name: str) -> dict[str, Any]:
    """Return one of our experiments, to be changed."""
    data = yaml.safe_load((ROOT / "experiments" / name).read_text())
    assert isinstance(data, dict)
    return data


def delays_in(facts: list[dict[str, Any]]) -> int:
    """Return how many links are delayed after *facts*."""
    told = [fact["what"] for fact in facts]
    return told.count("latency.on") - told.count("latency.off")


def last_off(facts: list[dict[str, Any]], since: float) -> float | None:
    """Return when the last delay went, None when none went after *since*."""
    times = [float(fact["t"]) for fact in facts if fact["what"] == "latency.off" and fact["t"] >= since]
    return max(times, default=None)


def wait_until(true: Callable[[], object], within_s: float, every_s: float = 0.02) -> bool:
    """Poll until *true*; return whether it came in time."""
    deadline = time.monotonic() + within_s
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True


def quantile(values: list[float], share: float) -> float:
    """Return the smallest value that at least *share* of all do not exceed (nearest rank). Raises: no values."""
    ordered = sorted(values)
    return ordered[max(0, -(-round(share * 1e6) * len(ordered) // 1_000_000) - 1)]


def spread(values: list[float]) -> str:
    """Return p50, p95 and max in seconds, as columns of a table."""
    if not values:
        return f"{'-':>8} {'-':>8} {'-':>8}"
    return " ".join(f"{value:8.3f}" for value in (quantile(values, 0.5), quantile(values, 0.95), max(values)))


def free_port() -> int:
    """Return the first of a lab's free ports in a row that no other lab of this benchmark has."""
    with _ports:
        for base in _bases():
            if base not in _taken and all(is_free(port) for port in range(base, base + PORTS)):
                _taken.add(base)
                return base
    raise RuntimeError("no free ports in a row")


def _bases() -> Iterator[int]:
    span = (LAST_PORT - FIRST_PORT) // EACH
    for step in range(span):
        yield FIRST_PORT + (os.getpid() + step) % span * EACH
