"""`gameday list`: experiments and plans, each with how it ended last."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gameday.cli.list import command

ROOT = Path(__file__).parents[3]


def test_experiments_and_plans_with_their_last_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest run of an experiment and the newest day of a plan; what is in an agenda is counted, not told."""
    monkeypatch.chdir(ROOT)
    for stamp, outcome in (("2026-12-01T10-00-00Z", "aborted"), ("2026-12-02T10-00-00Z", "went well")):
        folder = tmp_path / f"{stamp}-day-incident-response"
        folder.mkdir()
        (folder / "plan.json").write_text(json.dumps({"plan": {"file": "plans/incident-response.yaml"}}))
        (folder / "day.json").write_text(json.dumps({"outcome": outcome}))
    told = CliRunner().invoke(command, ["--runs", str(tmp_path), "--json"], standalone_mode=False)
    rows = {row["file"]: row for row in json.loads(told.output)}
    plan = rows["plans/incident-response.yaml"]
    assert (plan["kind"], plan["items"], plan["last_verdict"]) == ("plan", 4, "went well")
    assert rows["plans/first-game-day.yaml"]["last_verdict"] is None
    assert rows["experiments/ecs/stop-one-task.yaml"]["proof"] == ["ecs.task_stopped", "ecs.task_replaced"]
    page = CliRunner().invoke(command, ["--runs", str(tmp_path)], standalone_mode=False).output
    assert "game day: 4 items" in page and "last: went well" in page and "fault-in-the-break" not in page


def test_a_plan_that_is_wrong_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with it is for `gameday check` to tell; the list is whole."""
    for name in ("probes", "actions", "experiments", "plans"):
        (tmp_path / name).mkdir()
    (tmp_path / "plans" / "odd.yaml").write_text("title: [x]\nagenda: 5\ninjects: {a: 1}\n")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(command, ["--json"], standalone_mode=False)
    assert told.exception is None and [(row["items"], row["injects"]) for row in json.loads(told.output)] == [(0, 0)]
