"""What a coordinator sees: the whole day as one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gameday.day.events import Event
from gameday.day.live import Live
from gameday.day.plan import Plan
from gameday.day.state import DayState


@dataclass(frozen=True, slots=True)
class View:
    """A day at an instant."""

    plan: Plan
    state: DayState
    events: Sequence[Event]  # newest last
    now: float
    live: Live | None = None
    due: Mapping[str, float] = field(default_factory=dict)  # inject: when, in seconds since the epoch
    question: str = ""  # what the day waits for an answer to
    folder: str = ""
    clocks: Sequence[tuple[str, float | None, float | None]] = ()  # name, seconds, band in seconds
