"""Experiments of a day as processes: real ones, with a small command instead of a whole run."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from gameday.day.child import Ended, Place, Process, of_findings, start
from gameday.record import write_json
from gameday.safety.process import Mortal

FINDINGS = {
    "run": "2026-12-01T10-00-05Z-stop", "verdict": "broke", "why": ["too slow", "too many errors"],
    "promises": {"open": []},
    "phases": {"baseline": {"requests": 100, "errors": 0}, "fault": {"requests": 50, "errors": 7,
               "from": "2026-12-01T10:00:20.500000Z"}, "recovery": None},
}  # fmt: skip


def place(tmp_path: Path, clean: bool = True) -> Place:
    """Return where an experiment leaves its traces."""
    out, log = tmp_path / "item-a.findings.json", tmp_path / "item-a.log"
    return Place(Path("/suite/stop.yaml"), tmp_path, out, log, lambda folder: (clean, f"{folder.name} is settled"))


def wait(child: Process) -> Ended:
    """Wait until it has ended."""
    deadline = time.monotonic() + 60
    while (ended := child.ended()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return ended


def gone(tmp_path: Path, since: float = 0.0, clean: bool = True) -> Process:
    """Return a process that was started by another one, and is gone."""
    return Process(Mortal(1, "never"), place(tmp_path, clean), since)


def a_run(tmp_path: Path, name: str) -> Path:
    """Make a run folder of the experiment."""
    folder = tmp_path / name
    folder.mkdir()
    write_json(folder / "plan.json", {"experiment": {"file": "/suite/stop.yaml"}})
    return folder


def test_nothing_begins_before_it_is_told_to(tmp_path: Path) -> None:
    """It waits; what it says after its begin goes to files that only its owner reads."""
    child = start(["run", str(tmp_path / "nothing.yaml")], place(tmp_path))
    assert child.born and child.ended() is None
    child.begin()
    ended = wait(child)
    assert (ended.verdict, ended.exit) == ("invalid", 2) and "nothing.yaml" in ended.why
    assert (tmp_path / "item-a.log").stat().st_mode & 0o777 == 0o600


def test_one_that_nobody_lets_begin_ends_by_itself(tmp_path: Path) -> None:
    """The day died between the start and the begin: the process is gone, and whoever resumes hears: never begun."""
    child = start(["--version"], place(tmp_path))
    assert child._process and child._process.stdin
    child._process.stdin.close()
    assert child._process.wait(60) == 0
    assert Process(Mortal(child.pid, child.born), place(tmp_path), 0.0).ended() == Ended(
        "interrupted", 130, why="it had not begun", never=True
    )


def test_it_can_be_interrupted_before_it_begins(tmp_path: Path) -> None:
    """An interrupt that comes early ends it all the same."""
    child = start(["--version"], place(tmp_path))
    child.interrupt()
    ended = wait(child)
    assert (ended.verdict, ended.exit) == ("interrupted", 130)


def test_what_it_printed_is_its_end(tmp_path: Path) -> None:
    """Whoever resumes the day reads verdict, requests and the fault's instant from what the experiment printed."""
    (tmp_path / "item-a.findings.json").write_text(json.dumps(FINDINGS))
    ended = gone(tmp_path).ended()
    assert ended == of_findings(FINDINGS)
    assert ended == Ended("broke", 1, "2026-12-01T10-00-05Z-stop", 150, 7, 1796119220.5, "too slow")


def test_what_is_left_changed_outweighs_the_verdict() -> None:
    """A run with an open promise is an undo that is incomplete."""
    assert of_findings({**FINDINGS, "promises": {"open": [{"what": "a rule"}]}}).exit == 6


def test_the_findings_of_its_folder_are_as_good(tmp_path: Path) -> None:
    """It was killed while it printed: its folder has the findings."""
    (tmp_path / "item-a.findings.json").write_text('{"verd')
    folder = a_run(tmp_path, "2026-12-01T10-00-05Z-stop")
    write_json(folder / "findings.json", FINDINGS)
    assert gone(tmp_path).ended() == of_findings(FINDINGS)


def test_what_was_killed_is_put_back(tmp_path: Path) -> None:
    """A run without findings is settled, and is interrupted; what could not be put back is said by its exit code."""
    a_run(tmp_path, "2026-12-01T10-00-05Z-stop")
    for clean, code in ((True, 130), (False, 6)):
        ended = gone(tmp_path, clean=clean).ended()
        assert ended and (ended.verdict, ended.exit, ended.run) == ("interrupted", code, "2026-12-01T10-00-05Z-stop")
        assert "settled" in ended.why


def test_an_older_run_of_the_same_experiment_is_not_taken_for_it(tmp_path: Path) -> None:
    """Only a folder that began with the process counts."""
    a_run(tmp_path, "2026-12-01T10-00-05Z-stop")
    ended = gone(tmp_path, since=1796119300.0).ended()
    assert ended and ended.never


def test_one_that_fails_after_its_findings_did_not_hold(tmp_path: Path) -> None:
    """A process that says more than its findings is believed: what came after them went wrong."""
    where = place(tmp_path)
    write_json(where.out, {**FINDINGS, "verdict": "held"})
    where.log.write_text("internal error\n")
    process = subprocess.Popen(["sh", "-c", "exit 70"])
    process.wait()
    ended = Process(Mortal.of(process.pid), where, 0.0, process).ended()
    assert ended and (ended.exit, ended.why) == (70, "exit 70 after its findings: internal error")


@pytest.mark.parametrize(("code", "found"), [(1, 4), (0, 4), (127, 4), (3, 3), (70, 70)])
def test_one_that_leaves_no_record_is_never_a_weakness(tmp_path: Path, code: int, found: int) -> None:
    """Python's own exit code 1 is no verdict, nor is one that nobody knows: nothing is known of the system."""
    process = subprocess.Popen(["sh", "-c", f"exit {code}"], stdin=subprocess.PIPE)
    process.wait()
    ended = Process(Mortal.of(process.pid), place(tmp_path), 0.0, process).ended()
    assert ended and ended.exit == found
