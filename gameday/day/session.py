"""One game day from its go/no-go list to its end, whoever sits at the desk.

A loop looks at everything a few times a second: what the coordinator wants, which inject is due, whether the experiment
has ended, whether a stop rule says enough. What it decides next it reads from the day's own events, so the process
that goes on after a crash knows what its forerunner knew. Nothing here waits but the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gameday.day.commands import Desk
from gameday.day.plan import CheckItem, Inject, Item, Plan
from gameday.day.state import DayState

Answer = tuple[str, str]  # yes, no or unknown; and a sentence


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of an experiment."""

    verdict: str
    exit: int
    run: str = ""
    requests: int = 0
    errors: int = 0
    hit_at: float | None = None  # the fault's instant; None: there was none
    why: str = ""


class Child(Protocol):
    """An experiment that is played in a process of its own."""

    pid: int
    born: str

    def begin(self) -> None:
        """Let it begin: only now, when its process stands in the day's events."""

    def ended(self) -> Ended | None:
        """Return what came of it; None while it goes on."""

    def interrupt(self) -> None:
        """Ask it to end and to put everything back."""


@dataclass(frozen=True, slots=True)
class Hands:
    """Everything the day does through others."""

    start: Callable[[Item | Inject], Child]
    again: Callable[[DayState], Child]  # the experiment that ran when the day's process died
    look: Callable[[CheckItem], Answer]
    fire: Callable[[Inject], None]  # raises: it could not be put in
    end: Callable[[str], None]
    stop: Callable[[Plan, DayState, float], str]
    tell: Callable[[str, Sequence[str]], None]  # title and lines; never waits
    page: Callable[[str, str], None] = lambda what, title: None  # trigger or resolve; only where the plan pages


@dataclass(frozen=True, slots=True)
class Day:
    """The day as it was opened."""

    plan: Plan
    folder: Path
    attended: bool
    due: Mapping[str, float] = field(default_factory=dict)  # inject: drawn delay in seconds


class Session:
    """Plays a day. `play` returns its exit code; it never raises for an experiment, a channel or a coordinator."""

    def __init__(
        self, day: Day, hands: Hands, desk: Desk, *, heard: Callable[[], bool], now: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:  # fmt: skip
        self.day, self.hands, self.desk = day, hands, desk
        self._heard, self._now, self._sleep = heard, now, sleep

    def play(self) -> int:
        """Play the day from where its events stand to its end, and return its exit code."""
        raise NotImplementedError
