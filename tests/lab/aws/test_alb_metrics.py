"""The load balancer's counters become metrics: growth counts, a new balancer begins at zero, zero is not reported."""

from __future__ import annotations

from collections import Counter

from lab.access_log import Access
from lab.aws.alb_group import Census
from lab.aws.alb_metrics import NAMESPACE, AlbMetrics
from lab.aws.metrics import Metric, MetricStore, Window
from lab.aws.names import LOAD_BALANCER_PATH
from lab.aws.statistic import statistic
from lab.balancer import Traffic

AT = 1_700_000_000.0
HERE, THERE = ("127.0.0.1", 1), ("127.0.0.1", 2)
GROUP = Census(
    "blue", "targetgroup/blue/1", {HERE: "eu-west-1a", THERE: "all"}, Counter(["eu-west-1a"]), Counter(["all"])
)


def total(store: MetricStore, name: str, **dimensions: str) -> float | None:
    """Return the sum of one metric of the load balancer; None when nothing was reported."""
    metric = Metric.of(NAMESPACE, name, {"LoadBalancer": LOAD_BALANCER_PATH, **dimensions})
    points = store.query(metric, statistic("Sum"), Window(int(AT) - 60, int(AT) + 60, 120))
    return sum(points.values()) if points else None


def test_connections_are_counted_by_growth() -> None:
    """New and rejected connections are what came since the last look; nothing new is no point at all."""
    store = MetricStore()
    metrics = AlbMetrics(store)
    metrics.put([], [], Traffic(opened=10, active=3, rejected=0), AT)
    assert (total(store, "NewConnectionCount"), total(store, "RejectedConnectionCount")) == (10, None)
    metrics.put([], [], Traffic(opened=15, active=3, rejected=2), AT + 1)
    metrics.put([], [], Traffic(opened=15, active=3, rejected=2), AT + 2)
    assert (total(store, "NewConnectionCount"), total(store, "RejectedConnectionCount")) == (15, 2)
    metrics.put([], [], Traffic(opened=4, active=1, rejected=1), AT + 3)  # another balancer, from zero
    assert (total(store, "NewConnectionCount"), total(store, "RejectedConnectionCount")) == (19, 3)


def test_request_is_counted_for_balancer_group_and_zone() -> None:
    """A target's answer counts everywhere; one of the balancer's own has no target group; a client that left is 460."""
    store = MetricStore()
    good = Access(AT, 200, 5, 4.5, "-", HERE, "GET", "/", "blue", "forward", 100, 400)
    gone = Access(AT, 0, 5, None, "DC", HERE, "GET", "/", "blue", "forward", 100, 0)
    nobody = Access(AT, 503, 1, None, "UH", None, "GET", "/", "blue", "forward", 100, 50)
    AlbMetrics(store).put([good, gone, nobody], [GROUP], None, AT)
    assert total(store, "RequestCount") == total(store, "RequestCount", TargetGroup=GROUP.path) == 2
    zone = {"AvailabilityZone": "eu-west-1a"}
    assert total(store, "HTTPCode_Target_2XX_Count", **zone) == 1
    assert total(store, "HTTPCode_Target_2XX_Count", TargetGroup=GROUP.path, **zone) == 1
    assert total(store, "HTTPCode_ELB_4XX_Count") == 1
    assert total(store, "HTTPCode_ELB_503_Count") == total(store, "HTTPCode_ELB_5XX_Count") == 1
    assert total(store, "HTTPCode_ELB_5XX_Count", TargetGroup=GROUP.path) is None
    assert total(store, "ProcessedBytes") == 750
    assert total(store, "RequestCountPerTarget", TargetGroup=GROUP.path) == 1
    assert total(store, "HTTPCode_Target_5XX_Count") == 0  # reported, as there are registered targets
    assert total(store, "HealthyHostCount", TargetGroup=GROUP.path) == 1
