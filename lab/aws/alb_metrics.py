"""What the load balancer's access log and counters say, as AWS/ApplicationELB metrics, each second.

An answer counts as the target's when the target gave one, else as the load balancer's own. Counts are kept per second
of the request's end, so a slow request lands in the second that AWS would put it in. The balancer is one process that
stands in no zone: AvailabilityZone is the zone of the target that was chosen. ActiveConnectionCount is a sample each
second, so read its Average or Maximum, not its Sum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lab.aws.alb_group import Census
from lab.aws.metrics import MetricStore
from lab.aws.names import LOAD_BALANCER_PATH
from lab.balancer import Access, Traffic

NAMESPACE = "AWS/ApplicationELB"
TARGET_CODES = tuple(f"HTTPCode_Target_{digit}XX_Count" for digit in (2, 3, 4, 5))
OWN_CODES = (500, 502, 503, 504)  # these have a metric each
ROUTE_COUNTS = {"redirect": "HTTP_Redirect_Count", "fixed-response": "HTTP_Fixed_Response_Count"}
CLIENT_GONE = 460  # what an ALB writes when the client left before the answer
NO_CONNECTION = "UF"  # Envoy's flag

Place = tuple[str | None, str | None]  # (target group's path, zone); None: all of them
Counts = Counter[tuple[str, Place]]


@dataclass(slots=True)
class AlbMetrics:
    """Writes the load balancer's metrics into the store."""

    store: MetricStore
    _before: Traffic | None = None
    _names: dict[str, Census] = field(default_factory=dict)

    def put(self, accesses: Iterable[Access], groups: Sequence[Census], traffic: Traffic | None, now: float) -> None:
        """Take in the requests that ended since the last call, the targets' health, and the connections."""
        self._names = {group.name: group for group in groups}
        seconds: dict[int, Counts] = {int(now): Counter()}
        for access in accesses:
            ended = access.at + access.duration_ms / 1e3
            counts = seconds.setdefault(int(ended), Counter())
            places = self._places(access)
            count(access, places, counts)
            if answered(access) and access.upstream_ms is not None:
                for place in places:
                    self._put("TargetResponseTime", place, access.upstream_ms / 1e3, ended, "Seconds")
        for second, counts in seconds.items():
            self._put_counts(second, counts, groups)
        for group in groups:
            self._put_hosts(group, now)
        if traffic is not None:
            self._put_traffic(traffic, now)

    def _places(self, access: Access) -> list[Place]:
        """Return whom a request is counted for: the load balancer, the target group, and the target's zone of both."""
        group = self._names.get(access.group or "")
        path = group.path if group else None
        zone = group.zones.get(access.upstream) if group and access.upstream else None
        places: list[Place] = [(None, None)]
        places += [(path, None)] if path else []
        if zone in (None, "all"):
            return places
        return [*places, (None, zone), *([(path, zone)] if path else [])]

    def _put_counts(self, second: int, counts: Counts, groups: Iterable[Census]) -> None:
        for group in groups:
            if group.zones:  # with registered targets these are reported even when nothing came
                for name in ("RequestCount", *TARGET_CODES):
                    counts.setdefault((name, (None, None)), 0)
                    counts.setdefault((name, (group.path, None)), 0)
        for (name, place), number in counts.items():
            unit = "Bytes" if name == "ProcessedBytes" else "Count"
            if unit == "Bytes":
                self._put(name, place, float(number), float(second), unit)
            else:
                value, times = (1.0, number) if number else (0.0, 1)
                self._put(name, place, value, float(second), unit, times)
        self._put_per_target(second, counts, groups)

    def _put_per_target(self, second: int, counts: Counts, groups: Iterable[Census]) -> None:
        """RequestCountPerTarget: its Sum is the average number of requests that a target got."""
        for group in groups:
            requests, targets = counts[("RequestCount", (group.path, None))], len(group.zones)
            if requests and targets:
                for balancer in (True, False):
                    names = dimensions((group.path, None), balancer=balancer)
                    self.store.put(
                        NAMESPACE, "RequestCountPerTarget", names, requests / targets, at=float(second), unit="Count"
                    )

    def _put_hosts(self, group: Census, now: float) -> None:
        if not group.zones:
            return
        for zone in (None, *(sorted(set(group.zones.values()) - {"all"}))):
            healthy = group.healthy[zone] if zone else group.healthy.total()
            unhealthy = group.unhealthy[zone] if zone else group.unhealthy.total()
            self._put("HealthyHostCount", (group.path, zone), healthy, now, "Count")
            self._put("UnHealthyHostCount", (group.path, zone), unhealthy, now, "Count")

    def _put_traffic(self, traffic: Traffic, now: float) -> None:
        before = self._before
        self._before = traffic
        if before is None or traffic.opened < before.opened:  # the balancer was started anew
            before = Traffic(0, 0, 0)
        found: dict[str, float] = {
            "ActiveConnectionCount": traffic.active,
            "NewConnectionCount": traffic.opened - before.opened,
            "RejectedConnectionCount": traffic.rejected - before.rejected,
        }
        for name, value in found.items():
            if value:
                self._put(name, (None, None), value, now, "Count")
        for name, requests in since(traffic.fail_open, before.fail_open).items():
            if requests and name in self._names:
                self._put("UnhealthyRoutingRequestCount", (self._names[name].path, None), requests, now, "Count")

    def _put(self, name: str, place: Place, value: float, at: float, unit: str, count: float = 1) -> None:
        self.store.put(NAMESPACE, name, dimensions(place), value, at=at, count=count, unit=unit)


def count(access: Access, places: Sequence[Place], counts: Counts) -> None:
    """Count one request. An answer of the load balancer's own has no target group on AWS."""
    for place in places:
        if access.upstream is not None:
            counts["RequestCount", place] += 1
        if answered(access):
            counts[f"HTTPCode_Target_{access.status // 100}XX_Count", place] += 1
        if NO_CONNECTION in access.flags:
            counts["TargetConnectionErrorCount", place] += 1
    if not answered(access):
        _count_own(access.status or CLIENT_GONE, [place for place in places if place[0] is None], counts)
    if name := ROUTE_COUNTS.get(access.route):
        counts[name, (None, None)] += 1
    counts["ProcessedBytes", (None, None)] += access.received + access.sent


def _count_own(status: int, places: Iterable[Place], counts: Counts) -> None:
    for place in places:
        if status >= 300:
            counts[f"HTTPCode_ELB_{status // 100}XX_Count", place] += 1
        if status in OWN_CODES:
            counts[f"HTTPCode_ELB_{status}_Count", place] += 1


def dimensions(place: Place, *, balancer: bool = True) -> dict[str, str]:
    """Return AWS's dimensions of a place."""
    path, zone = place
    named = {"LoadBalancer": LOAD_BALANCER_PATH if balancer else None, "TargetGroup": path, "AvailabilityZone": zone}
    return {name: value for name, value in named.items() if value is not None}


def since(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    """Return by how much each counter grew."""
    return {name: value - before.get(name, 0) for name, value in now.items()}


def answered(access: Access) -> bool:
    """Did a target give this answer? (else the load balancer made it up)"""
    return access.upstream_ms is not None and access.flags in ("-", "")
