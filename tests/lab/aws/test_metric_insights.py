"""Metrics Insights: SELECT over the samples of many metrics, grouped, ordered and limited."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from lab.aws.metric_insights import select_of
from lab.aws.metric_syntax import MathError
from tests.lab.aws.test_cloudwatch import get, put

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient


@pytest.fixture
def minute(cloudwatch: CloudWatchClient) -> int:
    """A minute of latencies of two services with two tasks each."""
    start = int(time.time()) // 60 * 60 - 600
    for (service, task), values in {
        ("api", "t1"): (1.0, 3.0),
        ("api", "t2"): (8.0,),
        ("web", "t3"): (100.0,),
        ("web", "t4"): (50.0, 60.0),
    }.items():
        dimensions = [{"Name": "Service", "Value": service}, {"Name": "Task", "Value": task}]
        put(cloudwatch, "Latency", start, *values, Dimensions=dimensions)
    put(cloudwatch, "Latency", start, 7.0)
    return start


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('SELECT AVG(Latency) FROM SCHEMA("FoodConnect", Service, Task)', [("q", [37.0])]),
        ("SELECT SUM(Latency) FROM FoodConnect", [("q", [229.0])]),
        ('select count("Latency") from "FoodConnect"', [("q", [7.0])]),
        (
            "SELECT MAX(Latency) FROM SCHEMA(FoodConnect, Task, Service) GROUP BY Service",
            [("api", [8]), ("web", [100])],
        ),
        ("SELECT MIN(Latency) FROM FoodConnect WHERE Service = 'web' GROUP BY Task", [("t3", [100]), ("t4", [50])]),
        ("SELECT SUM(Latency) FROM FoodConnect WHERE Service != 'web' AND Task != 't1'", [("q", [8.0])]),
        (
            "SELECT SUM(Latency) FROM FoodConnect GROUP BY Service, Task ORDER BY SUM() DESC LIMIT 2",
            [("web t4", [110]), ("web t3", [100])],
        ),
        ("SELECT MAX(Latency) FROM FoodConnect GROUP BY Task ORDER BY MAX() ASC LIMIT 1", [("t1", [3])]),
        ("SELECT MAX(Nothing) FROM FoodConnect", [("q", [])]),
        ("SELECT MAX(Nothing) FROM FoodConnect GROUP BY Task", []),
    ],
)
def test_a_select(cloudwatch: CloudWatchClient, minute: int, query: str, expected: Any) -> None:
    """One series over all samples, or one for each group."""
    answer = get(cloudwatch, [{"Id": "q", "Expression": query, "Period": 60}], minute, minute + 60)
    assert [(one["Label"], one["Values"]) for one in answer["MetricDataResults"]] == expected


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("SELECT AVG(x)", "it is no SELECT"),
        ("SELECT p99(x) FROM N", "not one of AVG"),
        ("SELECT AVG(x) FROM N ORDER BY MEDIAN()", "not one of AVG"),
        ("SELECT AVG(x) FROM N WHERE a = b", "is no condition"),
        ("SELECT AVG(x) FROM N WHERE a = 'b' OR c = 'd'", "is no condition"),
        ("SELECT AVG(x) FROM N LIMIT 501", "between 1 and 500"),
    ],
)
def test_what_is_no_select_says_why(query: str, why: str) -> None:
    """Never a silent empty answer."""
    with pytest.raises(MathError, match=why):
        select_of(query)
