"""Metric filters: what comes in becomes metric data, by the minute; patterns can be tried."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

    from tests.lab.aws.served import Api

GROUP = "/ecs/shop"
ERRORS = {"metricName": "Errors", "metricNamespace": "Shop", "metricValue": "1", "defaultValue": 0, "unit": "Count"}


@pytest.fixture
def logs(api: Api) -> CloudWatchLogsClient:
    """A client, a group and a stream."""
    client = cast("CloudWatchLogsClient", api.client("logs"))
    client.create_log_group(logGroupName=GROUP)
    client.create_log_stream(logGroupName=GROUP, logStreamName="s")
    return client


def put(logs: CloudWatchLogsClient, *messages: str) -> None:
    """Put events of now."""
    now = int(time.time() * 1000)
    events: Any = [{"timestamp": now, "message": message} for message in messages]
    logs.put_log_events(logGroupName=GROUP, logStreamName="s", logEvents=events)


def points(api: Api, name: str, statistic: str, space: str = "Shop", **dimensions: str) -> dict[datetime, float]:
    """Return a metric's data of the last minutes."""
    now = datetime.now(UTC)
    found = api.cloudwatch.get_metric_statistics(
        Namespace=space,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=[cast("Any", statistic)],
    )
    return {point["Timestamp"]: cast("Any", point)[statistic] for point in found["Datapoints"]}


def test_matching_events_are_counted_by_the_minute(api: Api, logs: CloudWatchLogsClient) -> None:
    """The sum is the number of matches; without a match the default says zero; before the filter nothing counts."""
    put(logs, "ERROR before the filter")
    logs.put_metric_filter(
        logGroupName=GROUP, filterName="errors", filterPattern="ERROR", metricTransformations=[cast("Any", ERRORS)]
    )
    put(logs, "fine")
    assert list(points(api, "Errors", "Sum").values()) == [0]
    put(logs, "ERROR a", "fine", "ERROR b")
    found = points(api, "Errors", "Sum")
    assert sum(found.values()) == 2
    assert all(at.astimezone(UTC).second == 0 for at in found)
    described = logs.describe_metric_filters(metricName="Errors", metricNamespace="Shop")["metricFilters"]
    assert [(each["filterName"], each["metricTransformations"]) for each in described] == [("errors", [ERRORS])]
    logs.delete_metric_filter(logGroupName=GROUP, filterName="errors")
    put(logs, "ERROR c")
    assert sum(points(api, "Errors", "Sum").values()) == 2


def test_values_and_dimensions_come_from_the_message(api: Api, logs: CloudWatchLogsClient) -> None:
    """The latency of each path; a message without the path is not published."""
    made = {"metricName": "Latency", "metricNamespace": "Shop", "metricValue": "$.ms", "dimensions": {"Path": "$.path"}}
    logs.put_metric_filter(
        logGroupName=GROUP,
        filterName="latency",
        filterPattern="{ $.ms >= 0 && ($.path = * || $.path NOT EXISTS) }",
        metricTransformations=[cast("Any", made)],
    )
    put(logs, '{"ms": 12.5, "path": "/a"}', '{"ms": 40, "path": "/a"}', '{"ms": 7, "path": "/b"}', '{"ms": 9}')
    assert max(points(api, "Latency", "Maximum", Path="/a").values()) == 40
    assert sum(points(api, "Latency", "SampleCount", Path="/a").values()) == 2
    assert sum(points(api, "Latency", "Sum", Path="/b").values()) == 7
    assert points(api, "Latency", "Sum") == {}


def test_what_comes_in_is_counted(api: Api, logs: CloudWatchLogsClient) -> None:
    """AWS/Logs has the events and bytes of each group."""
    put(logs, "abcd", "ef")
    put(logs, "g")
    assert sum(points(api, "IncomingLogEvents", "Sum", "AWS/Logs", LogGroupName=GROUP).values()) == 3
    assert sum(points(api, "IncomingBytes", "Sum", "AWS/Logs", LogGroupName=GROUP).values()) == 7 + 3 * 26


def test_patterns_can_be_tried(logs: CloudWatchLogsClient) -> None:
    """Event numbers begin at 1; columns are told."""
    tried = logs.test_metric_filter(filterPattern="[ip, status = 5*]", logEventMessages=["h 200", "h 503", "x"])
    assert tried["matches"] == [
        {"eventNumber": 2, "eventMessage": "h 503", "extractedValues": {"$ip": "h", "$status": "503"}}
    ]


@pytest.mark.parametrize(
    ("pattern", "change"),
    [
        ("{ $.a = }", {}),
        ("a", {"dimensions": {"x": "$.x"}}),
        ("a", {"metricValue": "many"}),
    ],
)
def test_filters_that_cannot_be_are_refused(logs: CloudWatchLogsClient, pattern: str, change: dict[str, Any]) -> None:
    """A bad pattern, a default beside dimensions, a value that is no number."""
    with pytest.raises(ClientError) as caught:
        logs.put_metric_filter(
            logGroupName=GROUP,
            filterName="f",
            filterPattern=pattern,
            metricTransformations=[cast("Any", ERRORS | change)],
        )
    assert caught.value.response["Error"]["Code"] == "InvalidParameterException"
