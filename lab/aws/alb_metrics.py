"""What the load balancer's access log says, as AWS/ApplicationELB metrics, each second.

An answer counts as the target's when the target gave one, else as the load balancer's own (502, 503, 504). Counts are
kept per second of the request's end, so a slow request lands in the second that AWS would put it in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from lab.aws.metrics import MetricStore
from lab.aws.names import LOAD_BALANCER_PATH, TARGET_GROUP_PATH
from lab.balancer import Access

NAMESPACE = "AWS/ApplicationELB"
BALANCER = {"LoadBalancer": LOAD_BALANCER_PATH}
GROUP = {"LoadBalancer": LOAD_BALANCER_PATH, "TargetGroup": TARGET_GROUP_PATH}
TARGET_CODES = ("HTTPCode_Target_2XX_Count", "HTTPCode_Target_4XX_Count", "HTTPCode_Target_5XX_Count")
OWN_CODES = (502, 503, 504)


@dataclass(frozen=True, slots=True)
class AlbMetrics:
    """Writes the load balancer's metrics into the store."""

    store: MetricStore

    def put(self, accesses: Iterable[Access], healthy: int, unhealthy: int, now: float) -> None:
        """Take in the requests that ended since the last call, and the targets' health."""
        seconds: dict[int, Counter[str]] = {int(now): Counter()}
        for access in accesses:
            ended = access.at + access.duration_ms / 1e3
            counts = seconds.setdefault(int(ended), Counter())
            self._count(access, counts)
            if answered(access) and access.upstream_ms is not None:
                for dimensions in (BALANCER, GROUP):
                    self.store.put(
                        NAMESPACE, "TargetResponseTime", dimensions, access.upstream_ms / 1e3, at=ended, unit="Seconds"
                    )
        for second, counts in seconds.items():
            self._put_counts(second, counts, targets=healthy + unhealthy)
        self.store.put(NAMESPACE, "HealthyHostCount", GROUP, healthy, at=now, unit="Count")
        self.store.put(NAMESPACE, "UnHealthyHostCount", GROUP, unhealthy, at=now, unit="Count")

    @staticmethod
    def _count(access: Access, counts: Counter[str]) -> None:
        if access.upstream is not None:
            counts["RequestCount"] += 1
        if answered(access):
            counts[f"HTTPCode_Target_{access.status // 100}XX_Count"] += 1
        elif access.status >= 500:
            counts["HTTPCode_ELB_5XX_Count"] += 1
            if access.status in OWN_CODES:
                counts[f"HTTPCode_ELB_{access.status}_Count"] += 1

    def _put_counts(self, second: int, counts: Counter[str], *, targets: int) -> None:
        if targets:  # with registered targets these are reported even when nothing came
            for name in ("RequestCount", *TARGET_CODES):
                counts.setdefault(name, 0)
        for name, count in counts.items():
            for dimensions in (BALANCER,) if "_ELB_" in name else (BALANCER, GROUP):
                value, times = (1.0, count) if count else (0.0, 1)
                self.store.put(NAMESPACE, name, dimensions, value, at=float(second), count=times, unit="Count")


def answered(access: Access) -> bool:
    """Did a target give this answer? (else the load balancer made it up)"""
    return access.upstream_ms is not None and access.flags in ("-", "")
