"""A gate before it plays: what `--changed-only` may leave out, and the values that its records name."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from gameday.config import Environment
from gameday.errors import GamedayError
from gameday.gate.session import Asked, Gate
from gameday.gate.suite import AREAS, read
from gameday.model import Json
from gameday.redact import Redactor
from tests.gameday.gate.conftest import Suited, gate, row

LAB = Environment("lab", "eu-west-1", "123456789012", name="lab", names={"cluster": "c", "service": "s"})
FILE = "experiments/ecs/stop-one-task.yaml"
NOW: dict[str, Any] = {area: {"a": 1} for area in AREAS}
PLAIN = f"experiments: [{{file: {FILE}, touches: [database]}}]\n"
OVERDUE = f"experiments: [{{file: {FILE}, touches: [database], quarantine: {{why: flaky, until: 2020-01-01}}}}]\n"


def opened(root: Path, suite: Path, **values: Json) -> Gate:
    """Return a gate of *suite*, with a good gate before it whose row and fingerprint stand in `runs`."""
    return Gate(read(suite, root), LAB, Asked(root / "runs", values=values), Redactor([]), lambda sentence: None)


def good(root: Path, **more: Any) -> None:
    """Write a good gate that saw NOW."""
    sha256 = hashlib.sha256((root / FILE).read_bytes()).hexdigest()
    folder = root / "runs" / "2026-12-01T10-00-00Z-gate-mine"
    folder.mkdir(parents=True)
    suite = {"name": "mine", "file": "", "sha256": ""}
    (folder / "gate.json").write_text(json.dumps(gate(row(**({"sha256": sha256} | more)), suite=suite)))
    (folder / "fingerprint.json").write_text(json.dumps(NOW))


@pytest.mark.parametrize(
    ("text", "more", "left"),
    [
        (PLAIN, {}, [0]),
        (PLAIN, {"file": "experiments/rds/reboot-with-failover.yaml"}, []),
        (PLAIN, {"result": "quarantined"}, []),
        (PLAIN, {"result": "known"}, []),
        (PLAIN, {"sha256": "0" * 64}, []),
        (OVERDUE, {}, []),
    ],
    ids=["passed", "new in the suite", "was quarantined", "was known to break", "changed since", "its day has passed"],
)
def test_only_what_has_passed_is_left_out(
    root: Path, suited: Suited, text: str, more: dict[str, Any], left: list[int]
) -> None:
    """A good gate is no witness for an experiment that it has not passed, or that is another one by now."""
    good(root, **more)
    found = opened(root, suited(text))
    found._leave_out(NOW)
    assert list(found.left) == left


def test_what_was_touched_since_it_passed_is_played(root: Path, suited: Suited) -> None:
    """Its own area counts, another one does not."""
    good(root)
    found = opened(root, suited(PLAIN))
    found._leave_out({**NOW, "alarms": {"a": 2}})
    assert list(found.left) == [0] and found.head.changed == ("alarms: a (1 to 2)",)
    found = opened(root, suited(PLAIN))
    found._leave_out({**NOW, "database": {"a": 2}})
    assert not found.left


def test_a_gate_whose_record_cannot_be_written_has_not_passed(root: Path, suited: Suited) -> None:
    """Not one file of it: the first record, which says interrupted, stays what a reader finds."""
    found = opened(root, suited(PLAIN))
    (found.folder / "report.html").unlink()
    (found.folder / "report.html").mkdir()
    with pytest.raises(GamedayError, match="cannot be written"):
        found.end([])
    assert json.loads((found.folder / "gate.json").read_text())["outcome"] == "interrupted"


def test_values_of_the_command_line_are_recorded(root: Path, suited: Suited) -> None:
    """So that plays with other values are not compared, nor taken for having passed."""
    good(root)
    found = opened(root, suited(PLAIN), cluster="other", unknown=1)
    found._leave_out(NOW)
    assert not found.left
    assert found.end([])["experiments"][0]["set"] == {"cluster": "other"}
