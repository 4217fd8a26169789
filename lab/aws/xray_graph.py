"""The service graph: services and who calls them, with counts of faults, errors and response times.

A service counts its own segments, an edge what the caller saw. Where traces begin stands a service of type "client".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from lab.aws.paging import aware
from lab.aws.xray_segments import Part
from lab.aws.xray_store import Trace, Visit
from lab.aws.xray_summary import service_id

Key = tuple[str, str]  # a service's name and type
CLIENT = "client"


@dataclass(slots=True)
class Tally:
    """Counts of one service or one edge."""

    faults: int = 0
    throttles: int = 0
    errors: int = 0
    ok: int = 0
    seconds: float = 0.0
    start: float = float("inf")
    end: float = 0.0
    histogram: Counter[float] = field(default_factory=Counter)

    def add(self, part: Part) -> None:
        """Count one segment or call."""
        self.faults += part.fault
        self.throttles += part.throttle
        self.errors += part.error and not part.throttle
        self.ok += part.ok
        self.seconds += part.seconds
        self.start, self.end = min(self.start, part.start), max(self.end, part.end or part.start)
        self.histogram[float(f"{part.seconds:.2g}")] += 1

    @property
    def total(self) -> int:
        """How many there were."""
        return sum(self.histogram.values())

    def as_dict(self) -> dict[str, object]:
        """Return the members that services and edges share."""
        statistics = {
            "OkCount": self.ok,
            "ErrorStatistics": {
                "ThrottleCount": self.throttles,
                "OtherCount": self.errors,
                "TotalCount": self.throttles + self.errors,
            },
            "FaultStatistics": {"OtherCount": self.faults, "TotalCount": self.faults},
            "TotalCount": self.total,
            "TotalResponseTime": round(self.seconds, 6),
        }
        return {
            "StartTime": aware(self.start),
            "EndTime": aware(self.end),
            "SummaryStatistics": statistics,
            "ResponseTimeHistogram": [{"Value": value, "Count": n} for value, n in sorted(self.histogram.items())],
        }


@dataclass(slots=True)
class Graph:
    """Services and edges of some traces."""

    services: dict[Key, Tally] = field(default_factory=dict)
    edges: dict[tuple[Key, Key], Tally] = field(default_factory=dict)
    roots: set[Key] = field(default_factory=set)

    @classmethod
    def of(cls, traces: Iterable[Trace]) -> Graph:
        """Count the services of these traces."""
        graph = cls()
        for trace in traces:
            for visit in trace.visits():
                graph._add(visit)
        return graph

    def _add(self, visit: Visit) -> None:
        self.services.setdefault(visit.key, Tally()).add(visit.part)
        caller = visit.caller or (visit.name, CLIENT)
        if visit.caller is None:
            self.roots.add(visit.key)
        self.edges.setdefault((caller, visit.key), Tally()).add(visit.call)

    def as_list(self) -> list[dict[str, object]]:
        """Return the member Services of GetServiceGraph."""
        clients = {caller for caller, _ in self.edges} - self.services.keys()
        numbers = {key: number for number, key in enumerate([*self.services, *sorted(clients)])}
        return [self._service(key, numbers) for key in numbers]

    def _service(self, key: Key, numbers: dict[Key, int]) -> dict[str, object]:
        edges = [
            {"ReferenceId": numbers[called], "Aliases": [], **tally.as_dict()}
            for (caller, called), tally in self.edges.items()
            if caller == key
        ]
        shown: dict[str, object] = {"ReferenceId": numbers[key], **service_id(*key), "Edges": edges}
        tally = self.services.get(key)
        if tally is None:
            times = [each for (caller, _), each in self.edges.items() if caller == key]
            span = {"StartTime": aware(min(t.start for t in times)), "EndTime": aware(max(t.end for t in times))}
            return {**shown, **span, "State": "unknown", "Root": False}
        counted = tally.as_dict()
        return {
            **shown,
            **counted,
            "DurationHistogram": counted["ResponseTimeHistogram"],
            "State": "active",
            "Root": key in self.roots,
        }
