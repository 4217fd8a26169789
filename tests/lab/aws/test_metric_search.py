"""SEARCH: which metrics a search finds, how they are labelled, and what GetMetricData does with them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from lab.aws.metric_search import SearchError, labels_of, search_of
from lab.aws.metrics import Metric
from tests.lab.aws.test_cloudwatch import get, put

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

METRICS = {
    "cpu-1": Metric.of("AWS/ECS", "CPUUtilization", {"ClusterName": "food", "ServiceName": "food-backend"}),
    "cpu-2": Metric.of("AWS/ECS", "CPUUtilization", {"ClusterName": "food", "ServiceName": "food-worker2"}),
    "mem": Metric.of("AWS/ECS", "MemoryUtilization", {"ClusterName": "food", "ServiceName": "food-backend"}),
    "cluster": Metric.of("AWS/ECS", "CPUUtilization", {"ClusterName": "food"}),
    "p50": Metric.of("FoodConnect", "Latency", {"Service": "food-backend", "Page Kind": "home"}),
    "posts": Metric.of("FoodConnect", "CustomCount1", {}),
}


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("{AWS/ECS,ClusterName,ServiceName}", "cpu-1 cpu-2 mem"),
        ("{AWS/ECS, ServiceName , ClusterName}", "cpu-1 cpu-2 mem"),
        ("{AWS/ECS,ClusterName}", "cluster"),
        ("{FoodConnect}", "posts"),
        ('{FoodConnect,Service,"Page Kind"}', "p50"),
        (' {AWS/ECS,ClusterName,ServiceName} MetricName="CPUUtilization" ', "cpu-1 cpu-2"),
        ('MetricName="CPUUtilization"', "cpu-1 cpu-2 cluster"),
        ('MetricName="cpuutilization"', ""),
        ("MetricName=cpuutilization", "cpu-1 cpu-2 cluster"),
        ("MetricName=utilization", "cpu-1 cpu-2 mem cluster"),
        ("utilization", "cpu-1 cpu-2 mem cluster"),
        ("util", ""),  # no whole token
        ("CustomCount", "posts"),
        ("count1", "posts"),
        ("food-backend", "cpu-1 mem p50"),
        ('"food-backend"', "cpu-1 mem p50"),
        ('"food"', "cpu-1 cpu-2 mem cluster"),  # only a whole value
        ('ServiceName="food-backend"', "cpu-1 mem"),
        ("ServiceName=backend CPU", "cpu-1"),
        ("ServiceName=backend AND CPU", "cpu-1"),
        ("worker2 OR memory", "cpu-2 mem"),
        ("worker 2", "cpu-2"),
        ("utilization NOT backend", "cpu-2 cluster"),
        ("utilization AND NOT (backend OR worker)", "cluster"),
        ("NOT utilization", "p50 posts"),
        ("cpu worker OR memory", "cpu-2 mem"),  # AND binds first
        ("cpu (worker OR memory)", "cpu-2"),
        ('ServiceName=("food-backend" OR worker) cpu', "cpu-1 cpu-2"),
        ('Namespace="FoodConnect"', "p50 posts"),
        ("Namespace=ecs memory", "mem"),
        (':aws.AccountId="123456789012" memory', "mem"),
        (":aws.AccountId='LOCAL' memory", "mem"),
        (":aws.AccountId=999999999999 memory", ""),
        ("Nobody=here", ""),
    ],
)
def test_a_search_finds(search: str, found: str) -> None:
    """Schemas, exact and partial matches, designators and operators."""
    test = search_of(search)
    assert [name for name, metric in METRICS.items() if test(metric)] == found.split()


@pytest.mark.parametrize(
    ("search", "why"),
    [
        ("", "needs a schema or a term"),
        ("{}", "begins with a namespace"),
        ('{A,"B}', "unexpected|no schema"),
        ("(a", "ends too early"),
        ("(a = )", "unexpected '\\)'"),
        ("(a =", "ends too early"),
        ("a)", "closed that was not opened"),
        ("a OR", "ends too early"),
        ("Key=", "ends too early"),
        ("=a", "unexpected '='"),
        ("a" * 1025, "1024 characters"),
    ],
)
def test_what_is_no_search_says_why(search: str, why: str) -> None:
    """Never a silent empty answer."""
    with pytest.raises(SearchError, match=why):
        search_of(search)


def test_labels_are_what_differs() -> None:
    """One service's metrics by name, one metric's services by service, a single one by its name."""
    assert labels_of([METRICS["cpu-1"], METRICS["cpu-2"]]) == ["food-backend", "food-worker2"]
    assert labels_of([METRICS["cpu-1"], METRICS["mem"]]) == ["CPUUtilization", "MemoryUtilization"]
    assert labels_of([METRICS["cpu-1"]]) == ["CPUUtilization"]
    assert labels_of([METRICS["mem"], METRICS["posts"]])[1] == "FoodConnect CustomCount1"


@pytest.fixture
def minute(cloudwatch: CloudWatchClient) -> int:
    """Two minutes of requests of three tasks, ten minutes ago."""
    start = int(time.time()) // 60 * 60 - 600
    for number, values in enumerate(((1.0, 2.0), (10.0, 20.0), (5.0, 5.0))):
        for index, value in enumerate(values):
            put(cloudwatch, "Requests", start + 60 * index, value, Dimensions=[{"Name": "Task", "Value": f"t{number}"}])
    return start


def rows(answer: Any) -> list[tuple[str, list[float]]]:
    """Return (label, values) of each result."""
    return [(one["Label"], one["Values"]) for one in answer["MetricDataResults"]]


FIND = """SEARCH('{FoodConnect,Task} MetricName="Requests"', 'Sum', 60)"""


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (FIND, [("t0", [1, 2]), ("t1", [10, 20]), ("t2", [5, 5])]),
        (f"SUM({FIND})", [("e", [16, 27])]),
        (f"AVG({FIND}) * 3", [("e", [16, 27])]),
        (f"MAX([{FIND}])", [("e", [10, 20])]),
        (f"{FIND} * 2", [("t0", [2, 4]), ("t1", [20, 40]), ("t2", [10, 10])]),
        (f"SORT({FIND}, AVG, DESC)", [("t1", [10, 20]), ("t2", [5, 5]), ("t0", [1, 2])]),
        (f"SORT({FIND}, MAX, ASC, 2)", [("t0", [1, 2]), ("t2", [5, 5])]),
        (f"SLICE(SORT({FIND}, SUM, DESC), 0, 1)", [("t1", [10, 20])]),
        (f"SLICE(SORT({FIND}, SUM, DESC), 2)", [("e", [1, 2])]),
        (f"FIRST(SORT({FIND}, SUM, ASC)) + LAST(SORT({FIND}, SUM, ASC))", [("e", [11, 22])]),
        (f"REMOVE_EMPTY({FIND})", [("t0", [1, 2]), ("t1", [10, 20]), ("t2", [5, 5])]),
        (f"METRIC_COUNT({FIND}) * FIRST({FIND})", [("e", [3, 6])]),
        ("""SEARCH('{FoodConnect,Task} MetricName="Nothing"', 'Sum', 60)""", []),
    ],
)
def test_a_search_is_an_array(cloudwatch: CloudWatchClient, minute: int, expression: str, expected: Any) -> None:
    """In functions, in arithmetic, and by itself: a result for each metric found."""
    queries = [{"Id": "e", "Expression": expression}]
    answer = get(cloudwatch, queries, minute, minute + 120, ScanBy="TimestampAscending")
    assert rows(answer) == expected
    assert {one["Id"] for one in answer["MetricDataResults"]} <= {"e"}


def test_the_period_of_a_search(cloudwatch: CloudWatchClient, minute: int) -> None:
    """Its third argument, else the query's own, else five minutes."""
    text = """SEARCH('{FoodConnect,Task} Task="t1"', 'Sum')"""
    start = minute // 300 * 300
    queries: list[Any] = [{"Id": "a", "Expression": text, "Period": 60}, {"Id": "b", "Expression": text}]
    answer = get(cloudwatch, queries, start, start + 600, ScanBy="TimestampAscending")
    assert [one["Values"] for one in answer["MetricDataResults"] if one["Id"] == "a"] == [[10, 20]]
    assert [sum(one["Values"]) for one in answer["MetricDataResults"] if one["Id"] == "b"] == [30]


def test_labels_of_a_search(cloudwatch: CloudWatchClient, minute: int) -> None:
    """A plain label stands before, a dynamic one is filled in for each metric."""
    queries: list[Any] = [
        {"Id": "a", "Expression": FIND, "Label": "requests"},
        {"Id": "b", "Expression": FIND, "Label": "${PROP('Dim.Task')} of ${PROP('MetricName')}: ${MAX}"},
    ]
    answer = get(cloudwatch, queries, minute, minute + 120)
    assert [label for label, _ in rows(answer)] == [
        *("requests t0", "requests t1", "requests t2"),
        *("t0 of Requests: 2", "t1 of Requests: 20", "t2 of Requests: 5"),
    ]


def test_five_hundred_series_at_most(cloudwatch: CloudWatchClient, minute: int) -> None:
    """As on AWS, and the answer says so."""
    for first in (0, 300):
        data: Any = [
            {"MetricName": "many", "Value": 1, "Dimensions": [{"Name": "n", "Value": f"{number:03}"}]}
            for number in range(first, first + 300)
        ]
        cloudwatch.put_metric_data(Namespace="N", MetricData=data)
    queries = [{"Id": "e", "Expression": "SEARCH('{N,n}', 'Sum', 60)"}]
    answer = get(cloudwatch, queries, time.time() - 120, time.time() + 60)
    assert len(answer["MetricDataResults"]) == 500
    assert answer["Messages"][0]["Code"] == "MaxMetricsExceeded"
