"""What CloudWatch Logs remembers: groups, their streams, and in each the events in order of time.

Memory is bounded: when the messages of all groups exceed the limit, the oldest events go first, whatever the group.
Its methods may be called from any thread; callers that hold on to what they got see no later change.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice
from typing import Any, NamedTuple

from lab.aws.names import arn

OVERHEAD_BYTES = 26  # AWS counts so many for each event
KEPT_BYTES = 40_000_000  # about 60 MB of memory, or 120,000 requests


class Event(NamedTuple):
    """One event; times are epoch milliseconds. `number` is unique and grows, so events sort by time, then arrival."""

    at: int
    number: int
    ingested: int
    message: str

    @property
    def id(self) -> str:
        """The eventId: 56 digits, of which the first are the time, as AWS's are."""
        return f"{self.at:017d}{self.number:039d}"


@dataclass(slots=True)
class Stream:
    """A log stream, its events oldest first."""

    name: str
    created: int
    events: list[Event] = field(default_factory=list)
    last_ingested: int | None = None

    def between(self, start: int | None, end: int | None) -> list[Event]:
        """Return the events of start <= time < end."""
        first = 0 if start is None else bisect_left(self.events, (start,))
        after = len(self.events) if end is None else bisect_left(self.events, (end,))
        return self.events[first:after]


@dataclass(slots=True)
class MetricFilter:
    """A metric filter; `transformation` holds AWS's members."""

    name: str
    created: int
    pattern: str
    transformation: Mapping[str, Any]

    def as_dict(self) -> dict[str, object]:
        """Return it as DescribeMetricFilters gives it, but for its group."""
        return {
            "filterName": self.name,
            "creationTime": self.created,
            "filterPattern": self.pattern,
            "metricTransformations": [self.transformation],
        }


@dataclass(slots=True)
class Group:
    """A log group."""

    name: str
    created: int
    log_class: str = "STANDARD"
    retention_days: int | None = None
    streams: dict[str, Stream] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    filters: dict[str, MetricFilter] = field(default_factory=dict)
    stored_bytes: int = 0

    @property
    def arn(self) -> str:
        """The ARN without `:*`."""
        return arn("logs", f"log-group:{self.name}")

    @property
    def expires_before(self) -> int | None:
        """The time of the oldest event that the retention keeps."""
        return None if self.retention_days is None else now_ms() - self.retention_days * 86_400_000


def now_ms() -> int:
    """Return the time in epoch milliseconds."""
    return int(time.time() * 1000)


@dataclass(slots=True)
class LogStore:
    """All groups. `listeners` hear of every batch of new events, outside the lock."""

    limit_bytes: int = KEPT_BYTES
    groups: dict[str, Group] = field(default_factory=dict)
    listeners: list[Callable[[Group, Sequence[Event]], None]] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    kept_bytes: int = 0
    _number: int = 0

    def put(self, group: Group, stream: Stream, lines: Iterable[tuple[int, str]]) -> list[Event]:
        """Store (epoch ms, message) and return the events; then tell the listeners."""
        ingested = now_ms()
        with self.lock:
            events = []
            for at, message in lines:
                self._number += 1
                events.append(Event(at, self._number, ingested, message))
            for event in events:
                insort(stream.events, event)
            stream.last_ingested = ingested
            size = sum(map(size_of, events))
            group.stored_bytes += size
            self.kept_bytes += size
            self._bound()
        for listener in self.listeners if events else ():
            listener(group, events)
        return events

    def remove(self, group: Group, streams: Sequence[Stream]) -> None:
        """Delete streams with their events."""
        with self.lock:
            for stream in streams:
                self._forget(group, group.streams.pop(stream.name).events)

    def read(self, group: Group, streams: Iterable[str], start: int | None, end: int | None) -> Found:
        """Return the events of some streams in a range of time, merged: the oldest first."""
        with self.lock:
            expired = group.expires_before
            start = expired if start is None or (expired is not None and expired > start) else start
            cuts = [(name, group.streams[name].between(start, end)) for name in streams]
        return Found([(name, cut) for name, cut in cuts if cut])

    def _bound(self) -> None:
        """Drop an eighth of the stream whose first event is the oldest, until there is room."""
        while self.kept_bytes > self.limit_bytes:
            filled = [(s.events[0], g, s) for g in self.groups.values() for s in g.streams.values() if s.events]
            if not filled:
                return
            _, group, stream = min(filled, key=lambda each: each[0])
            count = max(1, len(stream.events) // 8)
            self._forget(group, stream.events[:count])
            del stream.events[:count]

    def _forget(self, group: Group, events: Sequence[Event]) -> None:
        size = sum(map(size_of, events))
        group.stored_bytes -= size
        self.kept_bytes -= size


@dataclass(frozen=True, slots=True)
class Found:
    """A cut through some streams."""

    cuts: list[tuple[str, list[Event]]]

    def forward(self, after: tuple[int, int] | None = None) -> Iterator[tuple[Event, str]]:
        """Yield (event, stream) oldest first, those after a place (time, number)."""
        firsts = (0 if after is None else bisect_right(events, (*after, _LAST)) for _, events in self.cuts)
        return merge(
            *(_named(islice(events, k, None), name) for (name, events), k in zip(self.cuts, firsts, strict=True))
        )

    def backward(self, before: tuple[int, int] | None = None) -> Iterator[tuple[Event, str]]:
        """Yield (event, stream) newest first, those before a place."""
        skipped = (0 if before is None else len(events) - bisect_left(events, before) for _, events in self.cuts)
        parts = (
            _named(islice(reversed(events), k, None), name)
            for (name, events), k in zip(self.cuts, skipped, strict=True)
        )
        return merge(*parts, reverse=True)


def _named(events: Iterator[Event], name: str) -> Iterator[tuple[Event, str]]:
    return ((event, name) for event in events)


_LAST = float("inf")


def size_of(event: Event) -> int:
    """Return what AWS counts for an event."""
    message = event.message
    return OVERHEAD_BYTES + (len(message) if message.isascii() else len(message.encode()))
