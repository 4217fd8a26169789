"""A stop that somebody asked for counts, also when Python swallowed the interrupt."""

from __future__ import annotations

import os
import signal
import weakref
from contextlib import suppress
from pathlib import Path

import pytest

from gameday.cli._stops import stops
from gameday.cli.gate import until_stopped
from gameday.gate.judging import Tried
from gameday.gate.playing import Course, Part, one_after_another
from gameday.gate.suite import Entry


class Thing:
    """Something that can be finalized."""


def swallowed(number: int) -> None:
    """Send this process a signal in a finalizer, in which an exception ends nothing."""
    thing = Thing()
    weakref.finalize(thing, os.kill, os.getpid(), number)
    del thing


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_swallowed_signal_is_heard(number: signal.Signals) -> None:
    """And the handlers are as before in the end."""
    before = signal.getsignal(number)
    with stops() as heard:
        assert not heard()
        with suppress(KeyboardInterrupt):
            swallowed(number)
        assert heard() and heard()
    assert signal.getsignal(number) is before


def test_other_signals_are_no_stop() -> None:
    """A child that ended, or a timer, ends no gate."""
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with stops() as heard:
            os.kill(os.getpid(), signal.SIGUSR1)
            assert not heard()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_nothing_begins_after_a_stop() -> None:
    """The experiment that runs is finished, the next one is not played, and says why."""
    parts = [Part(place, Entry(f"{place}.yaml"), Path(f"{place}.yaml"), f"e{place}", 1.0) for place in range(2)]
    course = Course(100.0, 1, 2, lambda sentence: None)

    def held(part: Part) -> Tried:
        return Tried(0, 1.0, {"verdict": "held", "run": "r"})

    one_after_another(parts, course, until_stopped(held, course, lambda: True))
    assert [(len(each.tries), each.skipped) for each in course.done] == [(1, ""), (0, "the gate was interrupted")]
