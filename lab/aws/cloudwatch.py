"""CloudWatch's metrics over the API: put, get with math, statistics, list. The alarms' half is in `alarm_api`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import lab.aws.alarm_api  # their handlers belong to the same service
import lab.aws.mute_rules  # noqa: F401
from lab.aws.alarms import Alarms
from lab.aws.cloudwatch_tags import Tags
from lab.aws.dashboards import Dashboard
from lab.aws.metric_data import (
    FINE_FOR_S,
    Result,
    Span,
    compute_with_messages,
    metric_as_dict,
    metric_of,
)
from lab.aws.metric_labels import LabelError, zone_of
from lab.aws.metric_request import period_is_valid, queries_of
from lab.aws.metrics import Metric, MetricStore, Window
from lab.aws.paging import aware, epoch, page, read_token, write_token
from lab.aws.put_metric_data import put_metric_data
from lab.aws.registry import AwsError, Call, Params, handles
from lab.aws.statistic import SIMPLE_STATISTICS, UnknownStatisticError, statistic
from lab.settings import ACCOUNT

if TYPE_CHECKING:
    from lab.aws.world import World

MOST_DATAPOINTS, MOST_STATISTICS, LIST_PAGE = 100_800, 1_440, 500
RECENT_S = 3 * 3600


@dataclass(frozen=True, slots=True)
class CloudWatch:
    """The metrics and the alarms of a lab."""

    metrics: MetricStore
    alarms: Alarms
    tags: Tags = field(default_factory=Tags)
    dashboards: dict[str, Dashboard] = field(default_factory=dict)


@handles("cloudwatch", "PutMetricData")
def put(world: World, params: Params, call: Call) -> dict[str, object]:
    """Store metric data.

    Missing: entities are not kept with their data, nor is StrictEntityValidation heeded; memory is bounded, the oldest
    samples go first.
    """
    put_metric_data(world.cloudwatch.metrics, params)
    return {}


@handles("cloudwatch", "GetMetricData")
def get_metric_data(world: World, params: Params, call: Call) -> dict[str, object]:
    """Compute queries over a range of time, a page of points at a time.

    Missing: the functions ANOMALY_DETECTION_BAND, DB_PERF_INSIGHTS, INSIGHT_RULE_METRIC, LAMBDA and SERVICE_QUOTA are
    refused; samples are not made coarser with age.
    """
    start, end = epoch(params["StartTime"]), epoch(params["EndTime"])
    if start >= end:
        raise AwsError("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
    scan_by = params.get("ScanBy", "TimestampDescending")
    if scan_by not in ("TimestampDescending", "TimestampAscending"):
        raise AwsError("ValidationError", f"The value {scan_by} for parameter ScanBy is not supported.")
    most = params.get("MaxDatapoints", MOST_DATAPOINTS)
    if not 1 <= most <= MOST_DATAPOINTS:
        raise AwsError("ValidationError", f"The parameter MaxDatapoints must be between 1 and {MOST_DATAPOINTS}.")
    queries = queries_of(params["MetricDataQueries"])
    try:
        zone = zone_of((params.get("LabelOptions") or {}).get("Timezone"))
    except LabelError as error:
        raise AwsError("ValidationError", str(error)) from None
    span = Span(start, end, time.time(), zone)
    results, messages = compute_with_messages(world.cloudwatch.metrics, queries, span)
    answer = _data_page(results, params.get("NextToken"), most, newest_first=scan_by == "TimestampDescending")
    return {**answer, "Messages": [{"Code": code, "Value": words} for code, words in messages]}


def _data_page(results: Sequence[Result], token: str | None, most: int, *, newest_first: bool) -> dict[str, object]:
    """Return the next `most` points, counted over all results; the token holds the last time given of each."""
    given = _given(token, len(results))
    shown, left = [], most
    for number, result in enumerate(results):
        points = sorted(result.points.items(), reverse=newest_first)
        last = given[number]
        if last is not None:
            points = [(at, value) for at, value in points if (at < last if newest_first else at > last)]
        part, left = points[:left], left - len(points[:left])
        if part:
            given[number] = part[-1][0]
        shown.append(_data_result(result, part, complete=len(part) == len(points)))
    answer: dict[str, object] = {"MetricDataResults": shown}
    if any(result["StatusCode"] == "PartialData" for result in shown):
        answer["NextToken"] = write_token(given)
    return answer


def _data_result(result: Result, points: list[tuple[int, float]], *, complete: bool) -> dict[str, object]:
    return {
        "Id": result.id,
        "Label": result.label,
        "Timestamps": [aware(at) for at, _ in points],
        "Values": [value for _, value in points],
        "StatusCode": "Complete" if complete else "PartialData",
    }


def _given(token: str | None, results: int) -> list[int | None]:
    if not token:
        return [None] * results
    given = read_token(token)
    if not isinstance(given, list) or len(given) != results:
        raise AwsError("InvalidNextToken", "The next token specified is invalid.")
    return given


@handles("cloudwatch", "GetMetricStatistics")
def get_metric_statistics(world: World, params: Params, call: Call) -> dict[str, object]:
    """Return one data point for each period and unit, oldest first.

    Missing: samples are not made coarser with age, as AWS does after 15 and 63 days.
    """
    period, plain, extended = params["Period"], params.get("Statistics") or [], params.get("ExtendedStatistics") or []
    _check_statistics(period, plain, extended)
    start, end, now = epoch(params["StartTime"]), epoch(params["EndTime"]), time.time()
    if start >= end:
        raise _invalid("The parameter StartTime must be less than the parameter EndTime.")
    window = Window.of(max(start, now - FINE_FOR_S) if period < 60 else start, end, period)
    if window.size > MOST_STATISTICS:
        raise AwsError(
            "InvalidParameterCombination",
            f"You have requested up to {window.size} datapoints, which exceeds the limit of 1,440. You may reduce the "
            "datapoints requested by increasing Period, or decreasing the time range.",
        )
    store, metric = world.cloudwatch.metrics, metric_of(params)
    units = [params["Unit"]] if params.get("Unit") else store.units(metric)
    datapoints = [point for unit in units for point in _datapoints(store, metric, window, unit, [*plain, *extended])]
    return {"Label": metric.name, "Datapoints": sorted(datapoints, key=lambda point: str(point["Timestamp"]))}


def _datapoints(
    store: MetricStore, metric: Metric, window: Window, unit: str, names: Sequence[str]
) -> list[dict[str, object]]:
    found: dict[int, dict[str, object]] = {}
    percentiles: dict[int, dict[str, float]] = {}
    for name in names:
        for at, value in store.query(metric, statistic(name), window, unit).items():
            point = found.setdefault(at, {"Timestamp": aware(at), "Unit": unit})
            if name in SIMPLE_STATISTICS:
                point[name] = value
            else:
                percentiles.setdefault(at, {})[name] = value
                point["ExtendedStatistics"] = percentiles[at]
    return list(found.values())


def _check_statistics(period: int, plain: Sequence[str], extended: Sequence[str]) -> None:
    if not period_is_valid(period):
        raise _invalid(f"The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60, not {period}.")
    if bool(plain) == bool(extended):
        raise AwsError(
            "InvalidParameterCombination", "Exactly one of Statistics and ExtendedStatistics must be specified."
        )
    for number, name in enumerate(plain, 1):
        if name not in SIMPLE_STATISTICS:
            allowed = ", ".join(SIMPLE_STATISTICS)
            raise _invalid(f"The parameter Statistics.member.{number} must be a value in the set [ {allowed} ].")
    for name in extended:
        if name in SIMPLE_STATISTICS:
            raise _invalid(f"The value {name} for parameter ExtendedStatistics is not supported.")
        try:
            statistic(name)
        except UnknownStatisticError:
            raise _invalid(f"The value {name} for parameter ExtendedStatistics is not supported.") from None


@handles("cloudwatch", "ListMetrics")
def list_metrics(world: World, params: Params, call: Call) -> dict[str, object]:
    """List metrics by namespace, name and dimensions (a filter without a value takes any).

    Missing: IncludeLinkedAccounts changes nothing and OwningAccounts is not told; a new metric is listed at once, and
    for as long as it has samples.
    """
    recently = params.get("RecentlyActive")
    if recently not in (None, "PT3H"):
        raise _invalid(f"The value {recently} for parameter RecentlyActive is not supported: it is PT3H.")
    store = world.cloudwatch.metrics
    since = time.time() - RECENT_S if recently else float("-inf")
    ours = params.get("OwningAccount") in (None, ACCOUNT)
    wanted = [metric for metric in store.metrics(since) if ours and _listed(metric, params)]
    wanted.sort(key=lambda metric: (metric.namespace, metric.name, sorted(metric.dimensions)))
    listed, token = page(wanted, params.get("NextToken"), LIST_PAGE)
    return {"Metrics": [metric_as_dict(metric) for metric in listed], **token}


def _listed(metric: Metric, params: Mapping[str, Any]) -> bool:
    if params.get("Namespace") not in (None, metric.namespace) or params.get("MetricName") not in (None, metric.name):
        return False
    dimensions = dict(metric.dimensions)
    return all(
        one["Name"] in dimensions and one.get("Value") in (None, dimensions[one["Name"]])
        for one in params.get("Dimensions") or ()
    )


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", message)
