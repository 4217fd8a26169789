"""What a day does through others, and what it was opened with: the seams of a session."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gameday.day.child import Child
from gameday.day.desk.live import Live
from gameday.day.desk.view import ClockLine
from gameday.day.events import Event
from gameday.day.plan import CheckItem, Inject, Item, Plan
from gameday.day.state import DayState, Running

Clocks = tuple[Sequence[ClockLine], float | None]  # of the newest hit, and when that was
Book = tuple[str, Sequence[str]]  # a runbook's path from the suite, and its steps


@dataclass(frozen=True, slots=True)
class Paged:
    """Whether a page that was awaited came (None: nobody can tell), whether its incident is over, and why."""

    came: bool | None
    over: bool = False
    why: str = ""
    until: float = 0.0  # when its limit is over, as the people's clock has the hit


class Tell(Protocol):
    """Tells people something, without waiting for it."""

    def __call__(self, title: str, *lines: str, incident: str = "") -> None:
        """Say *title* and *lines*; *incident*: trigger or resolve, where the plan pages."""


@dataclass(frozen=True, slots=True)
class Hands:
    """Everything that the day does through others."""

    start: Callable[[Item | Inject], Child]
    again: Callable[[Running], Child]  # the experiment that ran when the day's process died
    look: Callable[[CheckItem], tuple[str, str] | None]  # yes, no or unknown, and a sentence; None: it looks
    fire: Callable[[Inject], None]  # writes down what came of it; may do so later
    end: Callable[[Inject], None]
    due: Callable[[DayState], Mapping[str, float]]  # inject: when it is due, of the items that go on
    over: Callable[[DayState, float], Sequence[Inject]]  # the injects to end now
    stop: Callable[[DayState, Sequence[Event], float], str]
    paged: Callable[[str, Sequence[Event], float], Paged]  # of the item or inject that expects a page
    why: Callable[[str], list[str] | None]  # what keeps an alarm from paging anybody; None: it is being looked at
    tell: Tell
    tick: Callable[[str], str]  # a step of a runbook: RUNBOOK#STEP; raises UsageError
    live: Callable[[Running], Live | None] = lambda running: None
    clocks: Callable[[Sequence[Event], float], Clocks] = lambda events, now: ((), None)
    book: Callable[[Item | None], Book] = lambda item: ("", ())  # of the item that goes on


@dataclass(frozen=True, slots=True)
class Day:
    """The day as it was opened."""

    plan: Plan
    folder: str
    attended: bool
    refused: Sequence[str] = ()  # why it may not begin now: a freeze, or its time is over
    missed: bool = False  # its time is over
    resolved_within_s: float = 120.0  # how long the end of an incident is waited for
