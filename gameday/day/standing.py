"""Where a day stands, for the process that plays it: its events, read again whenever somebody has added one."""

from __future__ import annotations

from collections.abc import Callable

from gameday.day.events import Event, Timeline
from gameday.day.state import DayState, fold


class Standing:
    """The events of a day and their fold. *now* gives seconds since the epoch."""

    def __init__(self, timeline: Timeline, now: Callable[[], float]) -> None:
        self.timeline, self.now = timeline, now
        self.events: list[Event] = []
        self.state = DayState()
        self._size = -1

    def add(self, kind: str, text: str = "", /, *, who: str = "", item: str = "", **data: object) -> None:
        """Append an event that happens now. Raises OSError: it is not written."""
        self.timeline.add(kind, text, who=who, item=item, at=self.now(), **data)
        self.refresh()

    def refresh(self) -> None:
        """Read the events again when there are new ones: of this process, `gameday note`, a reader of people."""
        path = self.timeline.path
        size = path.stat().st_size if path.exists() else 0
        if size != self._size:
            self._size = size
            self.events = self.timeline.read()
            self.state = fold(self.events)
