"""What X-Ray remembers: the newest traces, their segments, and who called whom in each.

Memory is bounded by the number of traces and by the size of their documents: the oldest go first.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.aws.names import stable_hex
from lab.aws.xray_segments import Part, Segment

KEPT_TRACES, KEPT_BYTES, KEPT_RECORDS = 20_000, 24_000_000, 1_000  # about 70 MB of memory


@dataclass(frozen=True, slots=True)
class Visit:
    """One service in one trace. `caller` is None where the trace began; `call` is how its caller saw it."""

    name: str
    kind: str
    part: Part
    caller: tuple[str, str] | None
    call: Part
    inferred: bool = False  # known from its caller only

    @property
    def key(self) -> tuple[str, str]:
        """What tells services apart: name and type."""
        return self.name, self.kind


@dataclass(slots=True)
class Trace:
    """One trace."""

    id: str
    segments: dict[str, Segment] = field(default_factory=dict)
    updated: float = 0.0  # when its last segment came, in epoch seconds
    _visits: list[Visit] | None = None
    _root: Part | None = None

    @property
    def epoch(self) -> int:
        """When it began, as its id says: whole epoch seconds."""
        return int(self.id[2:10], 16)

    @property
    def parts(self) -> list[Part]:
        """The segments."""
        return [segment.part for segment in self.segments.values() if not segment.is_part]

    @property
    def root(self) -> Part | None:
        """The segment that nobody in this trace called, the earliest of them; None if no segment has come yet."""
        if self._root is not None:
            return self._root
        known = {part.id for segment in self.segments.values() for part in segment.part.every()}
        roots = [part for part in self.parts if part.parent not in known]
        self._root = min(roots, key=lambda part: part.start, default=None)
        return self._root

    @property
    def start(self) -> float:
        """The start of its first segment."""
        return min(segment.part.start for segment in self.segments.values())

    @property
    def end(self) -> float:
        """The end of its last segment."""
        return max(segment.part.end or segment.part.start for segment in self.segments.values())

    @property
    def partial(self) -> bool:
        """Is a segment in progress?"""
        return any(segment.part.end is None for segment in self.segments.values())

    def every(self) -> Iterator[Part]:
        """Yield every segment and subsegment."""
        for segment in self.segments.values():
            yield from segment.part.every()

    def add(self, segment: Segment) -> int:
        """Put a segment in, which replaces the one of its id; return by how much the documents have grown."""
        old = self.segments.get(segment.part.id)
        self.segments[segment.part.id] = segment
        self._visits = self._root = None
        self.updated = time.time()
        return len(segment.document) - (len(old.document) if old else 0)

    def visits(self) -> list[Visit]:
        """Return the services of the trace, each with its caller."""
        if self._visits is None:
            self._visits = list(self._find_visits())
        return self._visits

    def _find_visits(self) -> Iterator[Visit]:
        loose: dict[str, list[Part]] = {}
        for segment in self.segments.values():
            if segment.is_part:
                loose.setdefault(segment.part.parent or "", []).append(segment.part)
        calls = {call.id: (owner, call) for owner in self.parts for call in _calls(owner, loose)}
        called = set()
        for part in self.parts:
            owner, call = calls.get(part.parent or "", (None, part))
            called.add(call.id)
            yield Visit(part.name, part.kind, part, (owner.name, owner.kind) if owner else None, call)
        for identifier, (caller, call) in calls.items():
            if identifier not in called:
                yield Visit(call.name, call.kind or "remote", call, (caller.name, caller.kind), call, inferred=True)

    def documents(self) -> list[dict[str, str]]:
        """Return the segments as BatchGetTraces gives them, those that were inferred among them."""
        shown = [{"Id": segment.part.id, "Document": segment.document} for segment in self.segments.values()]
        return shown + [self._inferred(visit) for visit in self.visits() if visit.inferred]

    def _inferred(self, visit: Visit) -> dict[str, str]:
        part, identifier = visit.part, stable_hex(f"inferred {visit.part.id}")
        document: dict[str, object] = {"id": identifier, "name": visit.name, "start_time": part.start, "inferred": True}
        document |= {"end_time": part.end} if part.end is not None else {"in_progress": True}
        document |= {"trace_id": self.id, "parent_id": part.id, "origin": visit.kind}
        document |= {flag: True for flag in ("fault", "error", "throttle") if getattr(part, flag)}
        return {"Id": identifier, "Document": json.dumps(document)}


def _calls(part: Part, loose: Mapping[str, list[Part]]) -> Iterator[Part]:
    """Yield the calls of a segment, those in subsegments that came on their own included."""
    yield from part.calls()
    for inner in part.every():
        for child in loose.get(inner.id, ()):
            if child.namespace in ("remote", "aws"):
                yield child
            yield from child.calls()


@dataclass(slots=True)
class XRay:
    """X-Ray of a lab. Call it under the world's lock."""

    most_traces: int = KEPT_TRACES
    most_bytes: int = KEPT_BYTES
    traces: OrderedDict[str, Trace] = field(default_factory=OrderedDict)  # in the order of their first segment
    telemetry: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT_RECORDS))
    kept_bytes: int = 0

    def put(self, segment: Segment) -> None:
        """Keep a segment."""
        trace = self.traces.setdefault(segment.trace, Trace(segment.trace))
        self.kept_bytes += trace.add(segment)
        while len(self.traces) > self.most_traces or (self.kept_bytes > self.most_bytes and len(self.traces) > 1):
            _, oldest = self.traces.popitem(last=False)
            self.kept_bytes -= sum(len(each.document) for each in oldest.segments.values())

    def between(self, start: float, end: float, kind: str = "TraceId") -> list[Trace]:
        """Return the traces whose id, whose last update (Event) or whose end (Service) lies in a range of time."""
        if kind == "TraceId":
            return [trace for trace in self.traces.values() if int(start) <= trace.epoch <= end]
        if kind == "Event":
            return [trace for trace in self.traces.values() if start <= trace.updated <= end]
        return [trace for trace in self.traces.values() if start <= trace.end <= end]
