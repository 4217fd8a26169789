"""Where a day stands, for the process that plays it: its events, read again whenever somebody has added one."""

from __future__ import annotations

from collections.abc import Callable

from gameday.day.events import Event, Timeline
from gameday.day.state import DayState, fold

OWN = ("day", "check", "item", "run")  # what only the process that plays the day adds, in the order of its instants


class Standing:
    """The events of a day and their fold. *now* gives seconds since the epoch."""

    def __init__(self, timeline: Timeline, now: Callable[[], float]) -> None:
        self.timeline, self.now = timeline, now
        self.events: list[Event] = []
        self.state = DayState()
        self._size = -1
        self._last = 0.0

    def add(self, kind: str, text: str = "", /, *, who: str = "", item: str = "", **data: object) -> None:
        """Append an event that happens now, never before the one that was added last, whatever the clock does.

        Raises OSError: it is not written.
        """
        self.timeline.add(kind, text, who=who, item=item, at=max(self.now(), self._last), **data)
        self.refresh()

    def refresh(self) -> None:
        """Read the events again when there are new ones: of this process, `gameday note`, a reader of people."""
        path = self.timeline.path
        size = path.stat().st_size if path.exists() else 0
        if size != self._size:
            self._size = size
            self.events = self.timeline.read()
            self.state = fold(self.events)
            own = (event.at for event in self.events if event.kind.partition(".")[0] in OWN)
            self._last = max(own, default=0.0)
