"""Promises survive what kills the process that made them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gameday.errors import Refusal, UndoIncomplete
from gameday.safety.promises import Promises

UNDO = """
from pathlib import Path

def put_back(path: str) -> None:
    Path(path).write_text("as before")

def fail(path: str) -> None:
    raise OSError("no way")
"""


@pytest.fixture
def undo_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A real module of undos, found as `actions.` modules are."""
    package = tmp_path / "place"
    package.mkdir()
    (package / "undo_for_tests.py").write_text(UNDO)
    import actions

    monkeypatch.setattr(actions, "__path__", [*actions.__path__, str(package)])
    return "actions.undo_for_tests"


def test_a_promise_is_open_until_it_is_kept(tmp_path: Path, undo_module: str) -> None:
    """Keeping it runs the undo and strikes it out."""
    promises = Promises(tmp_path / "promises.jsonl")
    target = tmp_path / "target"
    promises.make(f"{undo_module}:put_back", "the target is put back", "echo", path=str(target))
    assert len(promises.open()) == 1
    assert [each.kept for each in promises.settle()] == [True]
    assert target.read_text() == "as before"
    assert promises.open() == [] and len(promises.made()) == 1


def test_one_failed_undo_does_not_stop_the_others(tmp_path: Path, undo_module: str) -> None:
    """Newest first, and what could not be kept stays open with the command that restores it."""
    promises = Promises(tmp_path / "promises.jsonl")
    target = tmp_path / "target"
    promises.make(f"{undo_module}:put_back", "the target is put back", "echo", path=str(target))
    promises.make(f"{undo_module}:fail", "the other is put back", "by-hand --now", path=str(target))
    failures = [each.failure for each in promises.settle() if not each.kept]
    assert target.read_text() == "as before"
    assert len(failures) == 1 and "by-hand --now" in failures[0]
    with pytest.raises(UndoIncomplete, match="no way"):
        promises.settle_or_raise()


def test_only_actions_may_be_undone_by(tmp_path: Path) -> None:
    """A record that was tampered with must not run anything."""
    with pytest.raises(ValueError, match="actions"):
        Promises(tmp_path / "p").make("os:system", "x", "x")


def test_a_torn_last_line_costs_only_itself(tmp_path: Path, undo_module: str) -> None:
    """A crash in the middle of a write loses neither the promise before nor the one after."""
    path = tmp_path / "promises.jsonl"
    promises = Promises(path)
    promises.make(f"{undo_module}:put_back", "first", "echo", path="a")
    with path.open("ab") as file:
        file.write(b'\n{"promise": {"id": "to')
    promises.make(f"{undo_module}:put_back", "second", "echo", path="b")
    assert [promise.sentence for promise in promises.open()] == ["second", "first"]


def test_a_promise_outlives_sigkill(tmp_path: Path) -> None:
    """The process dies right after the promise, and the next one finds it."""
    path = tmp_path / "promises.jsonl"
    code = (
        "import os, sys; from pathlib import Path; from gameday.safety.promises import Promises;"
        "Promises(Path(sys.argv[1])).make('actions.ecs:nothing', 's', 'b'); os.kill(os.getpid(), 9)"
    )
    root = str(Path(__file__).parents[3])
    killed = subprocess.run(
        [sys.executable, "-c", code, str(path)], env={**os.environ, "PYTHONPATH": root}, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(Promises(path).open()) == 1


def test_a_target_with_an_open_promise_is_no_baseline(tmp_path: Path, undo_module: str) -> None:
    """The second fault on it is refused; once the first is put back, it may be promised again."""
    promises = Promises(tmp_path / "promises.jsonl")
    where = str(tmp_path / "target")
    promises.make(f"{undo_module}:put_back", "3 tasks are wanted", "echo", target="ecs.service a/b", path=where)
    with pytest.raises(Refusal, match=r"ecs\.service a/b is still changed"):
        promises.make(f"{undo_module}:put_back", "0 tasks are wanted", "echo", target="ecs.service a/b", path=where)
    promises.make(f"{undo_module}:put_back", "another target", "echo", target="ecs.service a/c", path=where)
    promises.settle()
    promises.make(f"{undo_module}:put_back", "3 tasks are wanted", "echo", target="ecs.service a/b", path=where)
    assert len(promises.open()) == 1


def test_a_promise_that_cannot_be_noted_elsewhere_lets_no_fault_begin(tmp_path: Path, undo_module: str) -> None:
    """The lock table holds what another machine must put back: without it the promise is not good."""

    def away(promises: object) -> None:
        raise OSError("the table is away")

    promises = Promises(tmp_path / "p", away)
    with pytest.raises(OSError, match="the table is away"):
        promises.make(f"{undo_module}:put_back", "s", "b", path="x")
    assert promises.open() == []  # nothing began, so nothing is to be undone


def test_a_promise_of_a_newer_version_can_be_read(tmp_path: Path, undo_module: str) -> None:
    """Fields that this version does not know are left out."""
    path = tmp_path / "promises.jsonl"
    line = {"id": "1", "call": f"{undo_module}:put_back", "args": {}, "sentence": "s", "by_hand": "b", "newer": 1}
    path.write_text(json.dumps({"promise": line}) + "\n")
    assert [promise.id for promise in Promises(path).open()] == ["1"]


def test_once_a_run_is_ending_nothing_is_promised_any_more(tmp_path: Path, undo_module: str) -> None:
    """So no fault begins after the undo, whatever activity still runs."""
    promises = Promises(tmp_path / "p")
    promises.shut = "SIGTERM received"
    with pytest.raises(Refusal, match="no fault begins any more: SIGTERM received"):
        promises.make(f"{undo_module}:put_back", "s", "b", path="x")


def test_a_deleted_record_does_not_make_a_promise_kept(tmp_path: Path, undo_module: str) -> None:
    """The process that made it still knows."""
    path = tmp_path / "promises.jsonl"
    promises = Promises(path)
    target = tmp_path / "target"
    promises.make(f"{undo_module}:put_back", "the target is put back", "echo", path=str(target))
    path.unlink()
    assert len(promises.open()) == 1
    assert [each.kept for each in promises.settle()] == [True]
    assert target.read_text() == "as before" and promises.open() == []
