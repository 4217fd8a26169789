"""What CloudWatch counted for the service's target group: one GetMetricData a look.

Counts are asked for by period and added up here, because a ratio over a window is errors of the window over requests
of the window: the mean of the periods' ratios is another figure, and FILL() of a metric without any point is empty.
A missing count of errors is 0 only where RequestCount is there. Points that may still be arriving are not asked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gameday.aws import Aws
from gameday.config import Sampling
from gameday.watch.values import Period, Traffic

ALB = "AWS/ApplicationELB"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the service's requests are counted: the ends of ARNs, as metrics have them as dimensions.

    An answer of the load balancer's own is counted for it alone, so where other target groups stand behind it as
    well (`shared`), those errors cannot be laid at this service's door and are left out.
    """

    load_balancer: str
    target_group: str
    service: str
    shared: bool = False


def find_place(aws: Aws, service: Mapping[str, Any]) -> Place:
    """Return where the requests of a described service are counted. Raises LookupError: it has no load balancer."""
    groups = [each["targetGroupArn"] for each in service.get("loadBalancers", []) if each.get("targetGroupArn")]
    if not groups:
        raise LookupError(f"{service['serviceName']} has no target group, so nothing counts its requests")
    group = aws.elbv2.describe_target_groups(TargetGroupArns=groups[:1])["TargetGroups"][0]
    balancers = group.get("LoadBalancerArns", [])
    if not balancers:
        raise LookupError(f"the target group {group['TargetGroupName']} is behind no load balancer")
    beside = aws.elbv2.describe_target_groups(LoadBalancerArn=balancers[0])["TargetGroups"]
    balancer = balancers[0].partition(":loadbalancer/")[2]
    return Place(balancer, groups[0].rpartition(":")[2], service["serviceName"], len(beside) > 1)


def horizon(now: float, pace: Sampling) -> float:
    """Return up to when the metrics of whole periods should have arrived by *now*."""
    return floor_to(now - pace.late_s, pace.period_s)


def floor_to(at: float, period_s: float) -> float:
    """Return the last whole period's edge that is not after *at*."""
    return math.floor(at / period_s) * period_s


def read(aws: Aws, place: Place, start: float, until: float, period_s: int) -> Traffic:
    """Return the traffic from *start* until then. Raises botocore's errors; LookupError: CloudWatch has failed."""
    begin = floor_to(start, period_s)
    if begin >= until:
        return Traffic(until)
    arguments: dict[str, Any] = {
        "MetricDataQueries": queries(place, period_s),
        "StartTime": datetime.fromtimestamp(begin, UTC),
        "EndTime": datetime.fromtimestamp(until, UTC),
        "ScanBy": "TimestampAscending",
    }
    found: dict[str, dict[float, float]] = {}
    while True:
        answer = aws.cloudwatch.get_metric_data(**arguments)
        for result in answer["MetricDataResults"]:
            if result.get("StatusCode") in ("InternalError", "Forbidden"):
                raise LookupError(f"CloudWatch says {result['StatusCode']} for {result.get('Label', result['Id'])}")
            pairs = zip(result["Timestamps"], result["Values"], strict=True)
            found.setdefault(result["Id"], {}).update({at.timestamp(): value for at, value in pairs})
        if not answer.get("NextToken"):
            return traffic(found, until)
        arguments["NextToken"] = answer["NextToken"]


def traffic(found: Mapping[str, Mapping[float, float]], until: float) -> Traffic:
    """Return the periods of what came back under the ids of `queries`."""
    target, own = found.get("target", {}), found.get("own", {})
    periods = tuple(
        Period(at, requests + own.get(at, 0.0), target.get(at, 0.0) + own.get(at, 0.0))
        for at, requests in sorted(found.get("requests", {}).items())
        if at < until
    )
    return Traffic(until, periods, {at: rate for at, rate in found.get("rate", {}).items() if at < until})


def queries(place: Place, period_s: int) -> list[dict[str, Any]]:
    """Return the queries: requests, errors of the targets, errors of the load balancer's own, FoodConnect/ErrorRate."""
    balancer = {"LoadBalancer": place.load_balancer}
    both = {**balancer, "TargetGroup": place.target_group}
    made = [
        _query("requests", ALB, "RequestCount", both, "Sum", period_s),
        _query("target", ALB, "HTTPCode_Target_5XX_Count", both, "Sum", period_s),
        _query("rate", "FoodConnect", "ErrorRate", {"Service": place.service}, "Average", period_s),
    ]
    own = _query("own", ALB, "HTTPCode_ELB_5XX_Count", balancer, "Sum", period_s)
    return made if place.shared else [*made, own]


def _query(
    name: str, namespace: str, metric: str, dimensions: Mapping[str, str], stat: str, period_s: int
) -> dict[str, Any]:
    named = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    counted = {"Namespace": namespace, "MetricName": metric, "Dimensions": named}
    return {"Id": name, "MetricStat": {"Metric": counted, "Period": period_s, "Stat": stat}, "ReturnData": True}
