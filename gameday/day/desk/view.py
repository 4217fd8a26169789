"""What a coordinator sees: the whole day as one value; `gameday.day.desk.drawing` makes the picture of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gameday.day.desk.live import Live
from gameday.day.events import Event
from gameday.day.plan import Item, Plan
from gameday.day.state import DayState, ItemState

ClockLine = tuple[str, float | None, float | None]  # name, seconds after the hit (None: not yet), band in seconds


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
    clocks: Sequence[ClockLine] = ()  # of the newest hit
    hit_at: float | None = None  # when that was, for the clocks that still run
    runbook: str = ""  # of the item that goes on; empty: the plan's word for it
    steps: Sequence[str] = ()  # of that runbook, the first is step 1

    @property
    def current(self) -> Item | None:
        """The item of the agenda that goes on."""
        going = [item for item in self.plan.agenda if self.of(item).state == "going on"]
        return going[-1] if going else None

    def of(self, item: Item) -> ItemState:
        """Return how far an item is."""
        return self.state.items.get(item.name) or ItemState()

    @property
    def book(self) -> str:
        """The runbook whose steps are ticked now; "" when there is none."""
        own = self.runbook or (self.current.runbook if self.current else "")
        return own or (self.plan.runbooks[0] if self.plan.runbooks else "")

    @property
    def ready(self) -> Mapping[int, str]:
        """The injects that have not been fired, by their number in the plan."""
        return {
            number: inject.name
            for number, inject in enumerate(self.plan.injects, 1)
            if inject.name not in self.state.fired
        }
