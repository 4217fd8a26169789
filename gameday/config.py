"""`gameday.toml` as frozen values: the environments, their names, phases and pace of metrics.

An unknown key is an error with its line and a "did you mean".
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from gameday.decode import decode, suggestion
from gameday.errors import UsageError
from gameday.model import Blast, Block, GuardSpec, LoadPlan
from gameday.source import Source

SUITE_FOLDERS = ("experiments", "probes", "actions")
BUNDLED = Path(__file__).parent / "_suite"


@dataclass(frozen=True, slots=True)
class Phases:
    """How long the phases of a run last."""

    warmup_s: float = 120.0
    baseline_s: float = 300.0
    fault_s: float = 120.0
    recovery_s: float = 600.0
    proof_within_s: float = 600.0
    rollback_s: float = 1800.0  # the limit of a rollback by others, and of the recovery that waits for it

    def adjusted(self, load: LoadPlan | None) -> Phases:
        """Return these phases with what the experiment states differently."""
        names = ("warmup_s", "baseline_s", "recovery_s")
        stated = {name: getattr(load, name) for name in names if load and getattr(load, name) is not None}
        return replace(self, **stated)

    def limits(self, block: Block) -> Block:
        """Return *block*; the limits of a repair that it leaves open are these: no one figure is right everywhere."""
        if not (block.fault and block.fault.repair):
            return block
        wanted = block.objectives
        rolled_back_s = wanted.rolled_back_within_s or self.rollback_s
        well_s = wanted.recover_within_s or self.rollback_s
        return replace(block, objectives=replace(wanted, rolled_back_within_s=rolled_back_s, recover_within_s=well_s))


@dataclass(frozen=True, slots=True)
class Sampling:
    """The pace of the environment's metrics."""

    tick_s: float = 30.0
    period_s: int = 60
    look_back_s: float = 600.0
    late_s: float = 180.0
    max_gap_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Freeze:
    """A time in which no fault begins: from and until in UTC, `2026-12-24` or `2026-12-24T18:00:00Z`; or every
    week, `Fri 16:00` until `Mon 08:00`.
    """

    begins: str
    ends: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """What faults may do in an environment. Nothing new is allowed by default: it must be listed."""

    actions: list[str] = field(default_factory=list)  # `ecs.stop_task`; of others `chaosaws.ecs.actions.stop_task`
    services: list[str] = field(default_factory=list)  # CLUSTER/SERVICE
    databases: list[str] = field(default_factory=list)
    tag: str = ""  # KEY=VALUE that every target must carry; empty: none
    blast: Blast = field(default_factory=Blast)  # beside the experiment's own; the smaller counts
    alarms: list[str] = field(default_factory=list)  # must be OK before a fault, and stay so
    guards: list[GuardSpec] = field(default_factory=list)  # beside the experiment's own
    freeze: list[Freeze] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Environment:
    """One place where experiments run."""

    kind: Literal["lab", "aws"]
    region: str
    account: str = ""
    url: str = ""
    endpoint: str = ""  # of the AWS API; empty: AWS's own
    names: Mapping[str, str] = field(default_factory=dict)
    phases: Phases = field(default_factory=Phases)
    sampling: Sampling = field(default_factory=Sampling)
    rules: Rules = field(default_factory=Rules)
    production: bool = False  # then a run needs the explicit word: `--production NAME`
    lock_table: str = ""  # DynamoDB table of the lock that works across machines; empty: this machine only
    name: str = ""
    build: str = ""  # of the lab's backend
    simulated: Mapping[str, float] = field(default_factory=dict)  # delays of the lab that are not real


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole of `gameday.toml`."""

    environments: Mapping[str, Environment] = field(default_factory=dict)

    def environment(self, name: str) -> Environment:
        """Return the environment called *name*. Raises UsageError with what there is."""
        found = self.environments.get(name)
        if found is None:
            known = list(self.environments)
            raise UsageError(f"no environment {name!r} in gameday.toml; {suggestion(name, known)}")
        return replace(found, name=name)


def find_suite(start: Path | None = None) -> Path:
    """Return the nearest folder upward that has the suite's folders, else the bundled copy."""
    begin = (start or Path.cwd()).resolve()
    for folder in (begin, *begin.parents):
        if all((folder / name).is_dir() for name in SUITE_FOLDERS):
            return folder
    if BUNDLED.is_dir():
        return BUNDLED
    checkout = Path(__file__).resolve().parents[1]
    if all((checkout / name).is_dir() for name in SUITE_FOLDERS):
        return checkout
    raise UsageError(f"no suite here: no folder above {begin} has {', '.join(SUITE_FOLDERS)}; change into your suite")


def load_settings(suite: Path) -> Settings:
    """Read `gameday.toml` of *suite*; without one, the bundled copy's."""
    path = suite / "gameday.toml"
    if not path.exists():
        path = BUNDLED / "gameday.toml"
    if not path.exists():
        raise UsageError(f"no gameday.toml in {suite}; copy the one of the suite's repository and fill it in")
    return decode(Settings, Source.toml(path))


def environment_variable(name: str) -> str | None:
    """Read one variable; the only place below the command line that does."""
    return os.environ.get(name) or None


def state_folder() -> Path:
    """Return where this machine remembers who runs where: `$GAMEDAY_STATE`, or the user's own state folder."""
    if given := environment_variable("GAMEDAY_STATE"):
        return Path(given)
    base = environment_variable("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "gameday"
