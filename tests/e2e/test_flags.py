"""No flag of the `chaos` command injects a fault unguarded: nothing is touched, or the run is guarded and undone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from gameday.record import Record
from gameday.safety.promises import Promises
from tests.e2e.conftest import ROOT, Desk, Ended, LabDesk
from tests.e2e.rules import TOUCHY, Ruled, Staging, with_rules
from tests.e2e.scene import LATENCY, delays_left, really

TINY = (
    ("baseline_s", "baseline_s = 0.5"),
    ("fault_s", "fault_s = 1"),
    ("recovery_s", "recovery_s = 0.5"),
    ("proof_within_s", "proof_within_s = 0"),
    ("look_back_s", "look_back_s = 0.2"),
    ("late_s", "late_s = 0"),
)
GUARDED = [  # the fault happens
    "--no-validation --rollback-strategy never",
    "--dry probes",
    "--dry pause",
    "--hypothesis-strategy during-method-only",
    "--hypothesis-strategy continuously",
    "--no-validation --hypothesis-strategy after-method-only",
    "--no-validation --dry probes --rollback-strategy never",
]
UNTOUCHED = ["--dry actions", "--dry activities"]  # no action is played
DISARMED = [  # the last three are ways round the probe `gameday-armed`
    "",
    "--no-validation",
    "--rollback-strategy never",
    "--no-validation --hypothesis-strategy after-method-only",
    "--no-validation --hypothesis-strategy during-method-only",
    "--no-validation --dry probes",
]


@dataclass(frozen=True, slots=True)
class Chaos:
    """Plain `chaos run` in a suite whose phases are tiny."""

    ruled: Ruled
    lines: str  # of `gameday lab env`
    staging: Staging

    @property
    def desk(self) -> Desk:
        """The desk in that suite."""
        return self.ruled.desk

    def run(self, flags: str, file: Path, runs: Path) -> Ended:
        """Run `chaos run FLAGS FILE`; chaoslib's own switches stand before."""
        script = f'{self.lines}\nexec "$0" --no-version-check --no-log-file run --journal-path "$1" {flags} "$2"'
        chaos = str(Path(sys.executable).with_name("chaos"))
        command = ["bash", "-c", script, chaos, str(file.with_suffix(".journal")), str(file)]
        return self.desk.finish(self.desk.process(command, {"GAMEDAY_RUNS": str(runs)}))

    def touched(self, since: int) -> list[str]:
        """Return the changing calls on what a fault could hit, after the first *since* changes."""
        return [operation for service, operation in self.ruled.changes()[since:] if service in TOUCHY]

    def templates(self) -> int:
        """Return how many FIS templates there are."""
        return len(self.staging.client("fis").list_experiment_templates()["experimentTemplates"])


@pytest.fixture(scope="module")
def chaos(lab_desk: LabDesk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    """Return plain `chaos` on the default lab."""
    desk = lab_desk()
    ruled = with_rules(desk, tmp_path_factory.mktemp("tiny"), *TINY)
    yield Chaos(ruled, ruled.desk("lab", "env").out, Staging(desk))


def write(folder: Path, **changes: object) -> Path:
    """Write the latency experiment without load and metrics, with *changes* of its keys."""
    data: dict[str, Any] = yaml.safe_load((ROOT / "experiments" / LATENCY).read_text())
    data["steady-state-hypothesis"]["probes"].pop()  # without metrics there is nothing to be steady
    data["extensions"] = [{"name": "gameday"}]
    data |= changes
    path = folder / "delay.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return path


def guarded(chaos: Chaos, flags: str, file: Path) -> None:
    """The fault happens; there is a record, a watchman stood ready, the promise was made first and is kept."""
    before, delays, runs = len(chaos.ruled.changes()), really(chaos.desk, "latency.on"), file.parent / "runs"
    ended = chaos.run(flags, file, runs)
    touched = chaos.touched(before)
    assert "StartExperiment" in touched and really(chaos.desk, "latency.on") == delays + 3, ended.err[-2000:]
    (folder,) = runs.iterdir()
    names = [mark.name for mark in Record(folder).marks()]
    order = [names.index(name) for name in ("gate", "watchman.started", "action.started", "fault", "rollbacks")]
    assert order == sorted(order) and names[-1] == "finished"
    promises = Promises(folder / "promises.jsonl")
    assert len(promises.made()) == 1 and promises.open() == []
    assert touched[-1] == "DeleteExperimentTemplate"  # the undo, whatever the strategy of rollbacks
    assert delays_left(chaos.desk) == 0 and chaos.templates() == 0


@pytest.mark.parametrize("flags", GUARDED)
def test_a_fault_under_any_flag_is_guarded_and_undone(chaos: Chaos, tmp_path: Path, flags: str) -> None:
    """Whatever it leaves out of Chaos Toolkit's own checks and rollbacks."""
    guarded(chaos, flags, write(tmp_path))


def test_a_fault_under_any_strategy_of_the_file_is_guarded_and_undone(chaos: Chaos, tmp_path: Path) -> None:
    """No check of the steady state and no rollbacks, by the file's own `runtime`."""
    runtime = {"hypothesis": {"strategy": "skip"}, "rollbacks": {"strategy": "never"}}
    guarded(chaos, "--no-validation", write(tmp_path, runtime=runtime))


@pytest.mark.parametrize("flags", UNTOUCHED)
def test_a_dry_run_of_actions_touches_nothing(chaos: Chaos, tmp_path: Path, flags: str) -> None:
    """Nothing changing is asked of ECS, RDS or FIS."""
    before = len(chaos.ruled.changes())
    ended = chaos.run(flags, write(tmp_path), tmp_path / "runs")
    assert chaos.touched(before) == [] and delays_left(chaos.desk) == 0, ended.err[-2000:]
    (folder,) = (tmp_path / "runs").iterdir()
    assert Promises(folder / "promises.jsonl").made() == []


@pytest.mark.parametrize("module", [None, "gameday.kontrol"])
@pytest.mark.parametrize("flags", DISARMED)
def test_without_the_control_nothing_is_touched(chaos: Chaos, tmp_path: Path, flags: str, module: str | None) -> None:
    """With its entry removed or misspelt there is neither run nor fault: our actions refuse unless armed."""
    before, delays = len(chaos.ruled.changes()), really(chaos.desk, "latency.on")
    controls = [{"name": "gameday", "provider": {"type": "python", "module": module}}] if module else []
    ended = chaos.run(flags, write(tmp_path, controls=controls), tmp_path / "runs")
    assert chaos.touched(before) == [] and really(chaos.desk, "latency.on") == delays, ended.err[-2000:]
    assert not (tmp_path / "runs").exists()
    assert "gameday" in ended.err
