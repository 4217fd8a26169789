"""What a run needs to know before it starts, whoever starts it: `gameday run`, or plain `chaos run`."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from gameday.config import Environment, environment_variable, find_suite, load_settings
from gameday.engine.progress import Console, Progress
from gameday.model import Block, Json

PACKAGES = ("foodconnect-gameday", "chaostoolkit", "chaostoolkit-lib", "chaostoolkit-aws", "boto3", "locust")


@dataclass(frozen=True, slots=True)
class Setup:
    """Where a run happens and where it is written down."""

    environment: Environment
    suite: Path
    runs: Path
    progress: Progress
    file: Path | None = None
    repeat_with: str = ""
    rate: float | None = None  # requests a second, instead of the file's
    settle_leftovers: bool = False  # keep first what a crashed run promised; without it, its leftovers refuse this run


def from_surroundings(title: str) -> Setup:
    """Return the setup of a plain `chaos run`: from the variables that `gameday lab env` prints, or a real account."""
    suite = find_suite()
    name = environment_variable("GAMEDAY_ENV") or "lab"
    environment = load_settings(suite).environment(name)
    if environment.kind == "lab":
        environment = replace(
            environment,
            endpoint=environment_variable("AWS_ENDPOINT_URL") or "",
            url=environment_variable("GAMEDAY_URL") or "",
            build=environment_variable("GAMEDAY_BUILD") or "",
            simulated=json.loads(environment_variable("GAMEDAY_SIMULATED") or "{}"),
        )
    runs = Path(environment_variable("GAMEDAY_RUNS") or "runs")
    again = "chaos " + " ".join(sys.argv[1:])
    return Setup(environment, suite, runs, Console(), _file_on_command_line(title), again)


def _file_on_command_line(title: str) -> Path | None:
    """Return the experiment that `chaos run` was given: Chaos Toolkit does not tell its controls."""
    words = [Path(word) for word in sys.argv[1:] if Path(word).suffix in (".yaml", ".yml", ".json")]
    return next((path for path in words if path.is_file() and title in path.read_text(errors="replace")), None)


def run_id(title: str, file: Path | None, runs: Path, now: float | None = None) -> str:
    """Make a run folder in *runs* that no other run has, `<UTC start>-<experiment>`, and return its name."""
    stamp = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime(now))
    slug = file.stem if file else re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40] or "experiment"
    name, count = f"{stamp}-{slug}", 2
    while True:
        try:
            (runs / name).mkdir(mode=0o700, parents=True)
            return name
        except FileExistsError:
            name, count = f"{stamp}-{slug}-{count}", count + 1


def versions() -> dict[str, str]:
    """Return what is installed, for the record."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def facts(environment: Environment) -> dict[str, Json]:
    """Return which environment it was, as `plan.json` and `findings.json` have it."""
    return {
        "name": environment.name,
        "kind": environment.kind,
        "account": environment.account,
        "region": environment.region,
        "url": environment.url,
        "build": environment.build,
        "simulated": dict(environment.simulated),
    }


def plan_of(
    setup: Setup, run: str, experiment: Mapping[str, Any], block: Block, seed: int, configuration: Mapping[str, Json]
) -> dict[str, object]:
    """Return `plan.json`: the run as resolved, before anything is touched."""
    environment = setup.environment
    text = (
        setup.file.read_bytes()
        if setup.file and setup.file.exists()
        else json.dumps(dict(experiment), default=str).encode()
    )
    return {
        "schema": 1,
        "run": run,
        "experiment": {
            "file": str(setup.file) if setup.file else "",
            "title": experiment["title"],
            "description": experiment.get("description", ""),
            "sha256": hashlib.sha256(text).hexdigest(),
        },
        "block": asdict(block),
        "environment": facts(environment),
        "names": dict(environment.names),
        "configuration": dict(configuration),
        "phases": asdict(environment.phases.adjusted(block.load)),
        "sampling": asdict(environment.sampling),
        "seed": seed,
        "versions": versions(),
        "repeat_with": setup.repeat_with,
        "machine": {"system": platform.platform(), "python": sys.version.split()[0]},
    }
