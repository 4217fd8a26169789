"""`gameday compare` on recorded runs: what it prints, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gameday.cli.compare import command
from gameday.errors import UsageError


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A runs folder with eight runs: four of a build whose tasks start slowly."""
    for number, replaced in enumerate((2.9, 3.0, 2.4, 4.6, 9.5, 9.3, 9.7, 9.1)):
        folder = tmp_path / f"r{number}"
        folder.mkdir()
        layers = [{"name": "ECS: replacement running", "after_fault_s": replaced}]
        findings = {
            "run": folder.name, "verdict": "held", "environment": {"build": "slow-start" if number > 3 else "default"},
            "recovery": {"recovery_s": 0.0, "layers": layers},
        }  # fmt: skip
        (folder / "plan.json").write_text("{}")
        (folder / "findings.json").write_text(json.dumps(findings))
    return tmp_path


def compare(runs: Path, *words: str) -> Result:
    """Run `gameday compare WORDS`."""
    return CliRunner().invoke(command, [*words, "--runs", str(runs)], standalone_mode=False)


def test_two_sets_of_runs(runs: Path) -> None:
    """What changed, both medians, and how sure it is; the same for programs."""
    told = compare(runs, "r0,r1,r2,r3", "r4,r5,r6,r7")
    assert "changed environment build: default in the first, slow-start in the second" in told.output
    assert "ECS: replacement running     3.0 s and 9.4 s: differs (p = 0.029)" in " ".join(told.output.splitlines())
    found = json.loads(compare(runs, "r0", "last", "--json").output)
    assert (found["first"], found["second"]) == (["r0"], ["r7"])
    says = {each["name"]: each["says"] for each in found["measures"]}
    assert says["ECS: replacement running"] == "too few runs to tell"


def test_a_run_counts_once(runs: Path) -> None:
    """The same run twice in a set is refused, however it is named; a run that is not there as well."""
    assert isinstance(compare(runs, "r7,last", "r0").exception, UsageError)
    assert "no run begins with" in str(compare(runs, "r0", "x").exception)
