"""One run at a time on an environment, and a way to end it from anywhere."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.conftest import Desk, Edited
from tests.e2e.scene import delays_left, in_the_fault


def test_another_terminal_halts_the_run(desk: Desk, edited: Edited) -> None:
    """`gameday halt` comes back only after it has read the system back itself."""
    scene = in_the_fault(desk, edited)
    halted = desk("halt")
    assert halted.code == 0 and delays_left(desk) == 0, halted.err
    assert "read back: " in halted.out and "everything is put back" in halted.out
    ended = scene.end()
    assert (ended.code, ended.findings["verdict"]) == (130, "interrupted"), ended.err
    assert "`gameday halt` by" in ended.findings["why"][0]
    nothing = desk("halt")
    assert nothing.code == 0 and "nothing runs here" in nothing.out


def test_another_machine_halts_the_run(desk: Desk, edited: Edited, tmp_path: Path) -> None:
    """It has neither the lock's file nor the run folder: the lock table carries the word."""
    scene = in_the_fault(desk, edited)
    halted = desk("halt", GAMEDAY_STATE=str(tmp_path))
    assert halted.code == 0 and delays_left(desk) == 0, halted.err
    assert "the run has ended on its machine" in halted.out
    assert scene.end().code == 130


def test_a_second_run_is_refused(desk: Desk, edited: Edited, tmp_path: Path) -> None:
    """On this machine by the lock's file, from another by the lock table; the sentence says whose run it is."""
    scene = in_the_fault(desk, edited)
    for more in ({}, {"GAMEDAY_STATE": str(tmp_path)}):
        second = desk.run("experiments/ecs/stop-one-task.yaml", **more)
        assert (second.code, second.findings["verdict"]) == (3, "refused"), second.err
        why = second.findings["why"][0]
        assert "1 run is going on lab already, the limit is 1" in why and scene.folder.name in why
    undo = desk("undo", scene.folder.name)
    assert undo.code == 3 and "is going on; end it with `gameday halt`" in undo.err
    assert delays_left(desk) == 3
    assert desk("halt").code == 0
    scene.end()
