"""What the tests of the load balancer share: a target group of their own behind a rule, and its metrics."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.lab.bench import Answer, wait_until
from tests.lab.twin import Twin
from tests.lab.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Callable


def create_group(lab: Twin, name: str = "", **more: Any) -> str:
    """Create a target group and return its ARN."""
    settings: Any = {
        "Protocol": "HTTP",
        "Port": 8080,
        "TargetType": "ip",
        "VpcId": "vpc-1",
        "HealthCheckPath": "/health",
        **more,
    }
    made = lab.elbv2.create_target_group(Name=name or f"spare-{uuid.uuid4().hex[:8]}", **settings)
    return made["TargetGroups"][0]["TargetGroupArn"]


def listener_of(lab: Twin) -> str:
    """Return the listener's ARN."""
    balancer = lab.elbv2.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    return lab.elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]


def forward(*weights: tuple[str, int]) -> list[Any]:
    """Return a weighted forward action."""
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights]
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]


def path(*patterns: str) -> list[Any]:
    """Return the condition on a path."""
    return [{"Field": "path-pattern", "PathPatternConfig": {"Values": list(patterns)}}]


@contextmanager
def rule(lab: Twin, priority: int, conditions: list[Any], actions: list[Any]) -> Iterator[str]:
    """Yield a rule's ARN; it is deleted."""
    made = lab.elbv2.create_rule(
        ListenerArn=listener_of(lab), Priority=priority, Conditions=conditions, Actions=actions
    )["Rules"][0]["RuleArn"]
    try:
        yield made
    finally:
        lab.elbv2.delete_rule(RuleArn=made)


@dataclass
class Spare:
    """A target group of a test's own, to which everything under /spare/ goes."""

    lab: Twin
    arn: str

    @property
    def name(self) -> str:
        """The group's name."""
        return self.arn.split("/")[1]

    def get(self) -> Answer:
        """Make one request that goes to this group."""
        return self.lab.get("/spare/x")

    def state(self, upstream: Upstream) -> tuple[str, str, str]:
        """Return (state, reason, description) of a target; "" for what AWS leaves out."""
        found = self.lab.elbv2.describe_target_health(TargetGroupArn=self.arn, Targets=[upstream.target])
        health = found["TargetHealthDescriptions"][0]["TargetHealth"]
        return health["State"], health.get("Reason", ""), health.get("Description", "")

    def register(self, *upstreams: Upstream) -> None:
        """Register targets and wait until they are healthy."""
        self.lab.elbv2.register_targets(TargetGroupArn=self.arn, Targets=[each.target for each in upstreams])
        wait_until(lambda: all(self.state(each)[0] == "healthy" for each in upstreams), 5, "healthy")

    def set(self, **attributes: str) -> None:
        """Set attributes; a name's dots are written as two underscores."""
        given = [{"Key": key.replace("__", "."), "Value": value} for key, value in attributes.items()]
        self.lab.elbv2.modify_target_group_attributes(TargetGroupArn=self.arn, Attributes=given)  # type: ignore[arg-type]


@contextmanager
def spare_group(lab: Twin, **more: Any) -> Iterator[Spare]:
    """Yield a new target group behind a rule; both are deleted."""
    arn = create_group(lab, **more)
    try:
        with rule(lab, 100, path("/spare/*"), forward((arn, 1))):
            yield Spare(lab, arn)
    finally:
        lab.elbv2.delete_target_group(TargetGroupArn=arn)


def refused(ask: Callable[[], object]) -> str:
    """Return the code of the error that AWS answers."""
    with pytest.raises(ClientError) as error:
        ask()
    return error.value.response["Error"]["Code"]


def fresh_second() -> float:
    """Wait for the next second, which no earlier request is counted in; return when it began."""
    began = int(time.time()) + 1.0
    time.sleep(max(0.0, began - time.time()))
    return began


def dimension(arn: str, kind: str) -> dict[str, str]:
    """Return the metric dimension of a load balancer or target group, as AWS derives it from the ARN."""
    resource = arn.rpartition(":")[2]
    return {"Name": kind, "Value": resource.removeprefix("loadbalancer/")}


class Metrics:
    """Reads the load balancer's metrics second by second."""

    def __init__(self, lab: Twin, group: str = "") -> None:
        self.lab = lab
        balancer = lab.elbv2.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
        self.balancer = [dimension(balancer, "LoadBalancer")]
        self.target_group = dimension(group or lab.target_group, "TargetGroup")
        self.group = [*self.balancer, self.target_group]

    def read(
        self, name: str, stat: str, since: float, *, group: bool = True, zone: str = "", balancer: bool = True
    ) -> list[float]:
        """Return the points of each second since then."""
        dimensions = self.group if group else self.balancer
        dimensions = dimensions if balancer else [self.target_group]
        dimensions = [*dimensions, *([{"Name": "AvailabilityZone", "Value": zone}] if zone else [])]
        metric = {"Namespace": "AWS/ApplicationELB", "MetricName": name, "Dimensions": dimensions}
        query: Any = {"Id": "m", "MetricStat": {"Metric": metric, "Period": 1, "Stat": stat}}
        found = self.lab.cloudwatch.get_metric_data(
            MetricDataQueries=[query],
            StartTime=datetime.fromtimestamp(since, UTC),
            EndTime=datetime.now(UTC) + timedelta(seconds=2),
        )
        return found["MetricDataResults"][0]["Values"]

    def total(self, name: str, since: float, **more: Any) -> float:
        """Return the sum since then."""
        return sum(self.read(name, "Sum", since, **more))
