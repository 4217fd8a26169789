"""Processes are ended only when they are the ones that were meant."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gameday.safety.process import Mortal, descendants, kill_marked, mark_children

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@contextmanager
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that does nothing for a minute."""
    process = subprocess.Popen(SLEEP, start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="the system has no /proc")
def test_only_the_children_of_that_very_run_are_ended(tmp_path: Path) -> None:
    """Two runs in two folders may have one name, when they began in the same second."""
    ours, theirs = tmp_path / "a" / "run", tmp_path / "b" / "run"
    try:
        mark_children(ours)
        with sleeper() as mine:
            mark_children(theirs)
            with sleeper() as other:
                mark_children(None)
                with sleeper() as nobodys:
                    kill_marked(ours)
                    assert mine.wait(5) == -9
                    assert other.poll() is None and nobodys.poll() is None
    finally:
        mark_children(None)


def test_a_process_that_ended_is_not_alive_and_not_killed() -> None:
    """Its number may be somebody else's by now."""
    with sleeper() as process:
        mortal = Mortal.of(process.pid)
        assert mortal.alive
        assert not Mortal(process.pid, "another birth").alive
        Mortal(process.pid, "another birth").kill_group()
        assert process.poll() is None
        mortal.kill_group()
        assert process.wait(5) == -9 and not mortal.alive


def test_spared_processes_are_left_out_with_all_below_them() -> None:
    """The lab, the load and the watchman have ends of their own."""
    with sleeper() as first, sleeper() as second:
        assert {first.pid, second.pid} <= set(descendants(os.getpid()))
        assert first.pid not in descendants(os.getpid(), [first.pid])
