"""One run at a time on an environment, and a way to end it from anywhere."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from gameday.safety.lock import read_holder
from tests.e2e.conftest import Desk, Edited
from tests.e2e.scene import LATENCY, delays_left, in_the_fault, long_delay, really


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
    assert "the run has ended on its machine" in halted.out and "read back: FIS experiments" in halted.out
    assert scene.end().code == 130


def test_a_second_run_is_refused(desk: Desk, edited: Edited, tmp_path: Path) -> None:
    """On this machine by the lock's file, from another by the lock table; the sentence says whose run it is."""
    scene = in_the_fault(desk, edited)
    for more in ({}, {"GAMEDAY_STATE": str(tmp_path)}):
        second = desk.run("experiments/ecs/stop-one-task.yaml", **more)
        assert (second.code, second.findings["verdict"]) == (3, "refused"), second.err
        why = second.findings["why"][0]
        assert "1 run is going on lab already, the limit is 1" in why and scene.folder.name in why
    for words in ([scene.folder.name], []):
        undo = desk("undo", *words)
        assert undo.code == 3 and f"{scene.folder.name} is going on; end it with `gameday halt`" in undo.err
    elsewhere = desk("undo", "--runs", str(tmp_path), GAMEDAY_STATE=str(tmp_path))
    assert elsewhere.code == 3 and "if its machine is lost, its hold ends in" in elsewhere.err
    assert delays_left(desk) == 3
    assert desk("halt").code == 0
    scene.end()


def test_a_run_that_has_only_just_begun_is_halted(desk: Desk, edited: Edited) -> None:
    """It holds the lock and does not listen yet: stopped right there, it is asked again until it has heard."""
    before, known = really(desk, "latency.on"), named(desk)
    process = desk.start("run", str(edited(LATENCY, long_delay)), "--json")
    deadline = time.monotonic() + 30
    while named(desk) <= known and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(signal.SIGSTOP)
    halt = desk.start("halt")
    assert halt.stderr is not None
    said = halt.stderr.readline()  # after a second of asking in vain, or at once when it listened already
    process.send_signal(signal.SIGCONT)
    halted, ended = desk.finish(halt), desk.finish(process)
    assert halted.code == 0 and "everything is put back" in halted.out, said + halted.err
    assert (ended.code, ended.findings["verdict"]) == (130, "interrupted"), ended.err
    assert really(desk, "latency.on") == before


def named(desk: Desk) -> set[str]:
    """Return the runs that the lock files of this machine name."""
    locks = Path(desk.environment["GAMEDAY_STATE"]).glob("locks/*.json")
    return {holder.run for path in locks if (holder := read_holder(path))}
