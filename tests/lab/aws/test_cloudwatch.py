"""CloudWatch's metrics over the API, through boto3: what AWS takes, refuses and gives back."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import GetMetricDataOutputTypeDef

    from tests.lab.aws.served import Api

SERVICE: Any = [{"Name": "Service", "Value": "foodconnect-backend"}]


def when(seconds: float) -> datetime:
    """Make a UTC datetime."""
    return datetime.fromtimestamp(seconds, UTC)


def put(client: CloudWatchClient, name: str, at: float, *values: float, **more: Any) -> None:
    """Put values at one instant, to the second."""
    datum: Any = {"MetricName": name, "Timestamp": when(at), "StorageResolution": 1, "Values": list(values), **more}
    client.put_metric_data(Namespace="FoodConnect", MetricData=[datum])


def stat(name: str, stat: str = "Average", period: int = 60, **more: Any) -> Any:
    """Make the query of a metric, with its name as id."""
    metric = {"Namespace": "FoodConnect", "MetricName": name, "Dimensions": more.pop("Dimensions", [])}
    unit = {"Unit": more.pop("Unit")} if "Unit" in more else {}
    return {
        "Id": more.pop("Id", name.lower()),
        "MetricStat": {"Metric": metric, "Period": period, "Stat": stat, **unit},
        **more,
    }


def get(client: CloudWatchClient, queries: Sequence[Any], start: float, end: float, **more: Any) -> Any:
    """Ask GetMetricData."""
    answer: GetMetricDataOutputTypeDef = client.get_metric_data(
        MetricDataQueries=queries, StartTime=when(start), EndTime=when(end), **more
    )
    return answer


def points(answer: Any, name: str) -> dict[float, float]:
    """Return the points of one result, in the order given."""
    (result,) = [one for one in answer["MetricDataResults"] if one["Id"] == name]
    return {at.timestamp(): value for at, value in zip(result["Timestamps"], result["Values"], strict=True)}


def refusal(call: Any, *arguments: object, **more: object) -> tuple[str, str, int]:
    """Return code, message and status of the error that a call raises."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **more)
    error: Any = caught.value.response
    return error["Error"]["Code"], error["Error"]["Message"], error["ResponseMetadata"]["HTTPStatusCode"]


def test_values_counts_and_sets_are_stored_whole(cloudwatch: CloudWatchClient, minute: int) -> None:
    """Three ways to put data, one statistic over them all."""
    put(cloudwatch, "m", minute, 1.0, 5.0, Counts=[3, 1], Dimensions=SERVICE)
    single: Any = {"MetricName": "m", "Timestamp": when(minute + 1), "Value": 9.0, "Dimensions": SERVICE}
    a_set: Any = {
        "MetricName": "m",
        "Timestamp": when(minute + 2),
        "Dimensions": SERVICE,
        "StatisticValues": {"SampleCount": 5, "Sum": 50, "Minimum": 0.5, "Maximum": 40},
    }
    cloudwatch.put_metric_data(Namespace="FoodConnect", MetricData=[single, a_set])
    names = ("SampleCount", "Sum", "Average", "Minimum", "Maximum")
    queries = [stat("m", name, Id=name.lower(), Dimensions=SERVICE) for name in names]
    answer = get(cloudwatch, queries, minute, minute + 60)
    found = {name: list(points(answer, name.lower()).values()) for name in names}
    assert found == {"SampleCount": [10], "Sum": [67], "Average": [6.7], "Minimum": [0.5], "Maximum": [40]}


def test_a_large_body_comes_zipped(api: Api, cloudwatch: CloudWatchClient, minute: int) -> None:
    """botocore zips what is larger than 10 kB."""
    data: Any = [
        {"MetricName": f"m{i}", "Value": i, "Timestamp": when(minute), "Dimensions": SERVICE} for i in range(500)
    ]
    cloudwatch.put_metric_data(Namespace="FoodConnect", MetricData=data)
    assert len(api.core.cloudwatch.metrics.metrics()) == 500
    assert points(get(cloudwatch, [stat("m77", Dimensions=SERVICE)], minute, minute + 60), "m77") == {minute: 77.0}


def test_resolution_decides_where_a_sample_lies(cloudwatch: CloudWatchClient, minute: int) -> None:
    """To the second with StorageResolution=1, to the minute without."""
    put(cloudwatch, "fine", minute + 17, 1.0)
    put(cloudwatch, "coarse", minute + 17, 1.0, StorageResolution=60)
    queries = [stat("fine", "Sum", period=1), stat("coarse", "Sum", period=1)]
    answer = get(cloudwatch, queries, minute, minute + 60)
    assert points(answer, "fine") == {minute + 17: 1.0}
    assert points(answer, "coarse") == {minute: 1.0}


def test_data_without_a_timestamp_is_of_now(cloudwatch: CloudWatchClient) -> None:
    """The backend may leave its clock out."""
    before = time.time()
    cloudwatch.put_metric_data(
        Namespace="FoodConnect", MetricData=[{"MetricName": "m", "Value": 1, "StorageResolution": 1}]
    )
    found = points(get(cloudwatch, [stat("m", "Sum", period=1)], before, time.time() + 1), "m")
    assert list(found.values()) == [1.0]
    assert int(before) <= next(iter(found)) <= time.time()


def a_set(count: float, low: float, high: float) -> dict[str, object]:
    """Make a datum of a statistic set."""
    return {"StatisticValues": {"SampleCount": count, "Sum": 1, "Minimum": low, "Maximum": high}}


@pytest.mark.parametrize(
    ("datum", "message"),
    [
        ({"Value": float("nan")}, "The value nan for parameter MetricData.member.1.Value is invalid."),
        ({"Value": float("inf")}, "MetricData.member.1.Value is invalid"),
        ({"Value": 2.0**361}, "MetricData.member.1.Value is invalid"),
        ({"Values": [1.0, float("nan")]}, "MetricData.member.1.Values is invalid"),
        ({"Values": [1.0], "Counts": [1.0, 2.0]}, "must be of the same size"),
        ({"Values": [1.0], "Counts": [0.0]}, "MetricData.member.1.Counts is invalid"),
        ({"Values": [1.0] * 151}, "The collection MetricData.member.1.Values must not have a size greater than 150."),
        ({"Value": 1, "Unit": "Apples"}, "MetricData.member.1.Unit must be a value in the set"),
        ({"Value": 1, "StorageResolution": 10}, "StorageResolution must be a value in the set [ 1, 60 ]"),
        ({"Value": 1, "Timestamp": 1_000_000_000}, "must specify a time within the past two weeks"),
        ({"Value": 1, "Timestamp": 4_000_000_000}, "no more than two hours in the future"),
        ({"Value": 1, "Dimensions": [{"Name": f"d{i}", "Value": "v"} for i in range(31)]}, "size greater than 30"),
        (a_set(0, 1, 1), "SampleCount is invalid"),
        (a_set(1, 2, 1), "Maximum must be greater"),
    ],
)
def test_wrong_data_is_refused_whole(
    api: Api, cloudwatch: CloudWatchClient, datum: dict[str, object], message: str
) -> None:
    """The error names the member, and the good data beside it is not stored."""
    data: Any = [{"MetricName": "m", **datum}, {"MetricName": "good", "Value": 1}]
    found, text, status = refusal(cloudwatch.put_metric_data, Namespace="FoodConnect", MetricData=data)
    assert (found, status) == ("InvalidParameterValue", 400)
    assert message in text
    assert api.core.cloudwatch.metrics.metrics() == []


def test_a_datum_has_exactly_one_kind_of_value(cloudwatch: CloudWatchClient) -> None:
    """None is missing, two exclude each other."""
    nothing: Any = [{"MetricName": "m"}]
    both: Any = [{"MetricName": "m", "Value": 1, "Values": [1.0]}]
    assert refusal(cloudwatch.put_metric_data, Namespace="N", MetricData=nothing)[0] == "MissingParameter"
    code, text, _ = refusal(cloudwatch.put_metric_data, Namespace="N", MetricData=both)
    assert code == "InvalidParameterCombination"
    assert "MetricData.member.1.Value and MetricData.member.1.Values are mutually exclusive" in text


def test_amazons_namespaces_and_empty_requests_are_refused(cloudwatch: CloudWatchClient) -> None:
    """A backend cannot pose as the load balancer."""
    data: Any = [{"MetricName": "m", "Value": 1}]
    code, text, _ = refusal(cloudwatch.put_metric_data, Namespace="AWS/ApplicationELB", MetricData=data)
    assert (code, "AWS/ApplicationELB for parameter Namespace is invalid" in text) == ("InvalidParameterValue", True)
    assert refusal(cloudwatch.put_metric_data, Namespace="N", MetricData=[])[0] == "MissingParameter"
    assert refusal(cloudwatch.put_metric_data, Namespace="N", MetricData=data * 1001)[0] == "InvalidParameterValue"


def test_get_metric_data_scans_both_ways(cloudwatch: CloudWatchClient, minute: int) -> None:
    """Newest first unless asked otherwise; the end is exclusive; the start is rounded down."""
    for number in range(5):
        put(cloudwatch, "m", minute + 60 * number, float(number))
    newest = get(cloudwatch, [stat("m")], minute + 30, minute + 240)
    oldest = get(cloudwatch, [stat("m")], minute + 30, minute + 240, ScanBy="TimestampAscending")
    assert list(points(newest, "m").values()) == [3, 2, 1, 0]
    assert list(points(oldest, "m").values()) == [0, 1, 2, 3]
    assert {one["StatusCode"] for one in newest["MetricDataResults"]} == {"Complete"}
    assert "NextToken" not in newest


def test_labels_and_return_data(cloudwatch: CloudWatchClient, minute: int) -> None:
    """A metric is labelled by its name, an expression by its id, both by what was asked for."""
    put(cloudwatch, "Posts", minute, 2.0)
    queries = [
        stat("Posts", Id="a"),
        stat("Posts", Id="hidden", ReturnData=False),
        stat("Posts", Id="c", Label="posts"),
        {"Id": "e1", "Expression": "hidden * 3"},
        {"Id": "e2", "Expression": "e1 / hidden", "Label": "ratio"},
        {"Id": "all", "Expression": "METRICS() * 2", "Label": ""},
    ]
    results = get(cloudwatch, queries, minute, minute + 60)["MetricDataResults"]
    assert [(one["Id"], one["Label"], one["Values"]) for one in results] == [
        ("a", "Posts", [2]),
        ("c", "posts", [2]),
        ("e1", "e1", [6]),
        ("e2", "ratio", [3]),
        ("all", "Posts", [4]),
        ("all", "Posts", [4]),
        ("all", "posts", [4]),
    ]


def test_math_needs_both_sides_and_fill_repairs(cloudwatch: CloudWatchClient, minute: int) -> None:
    """An error rate where a minute had no errors, and one had no requests."""
    for number, requests in ((0, 10.0), (1, 20.0), (3, 5.0)):
        put(cloudwatch, "Requests", minute + 60 * number, requests)
    put(cloudwatch, "Errors", minute + 60, 1.0)
    put(cloudwatch, "Errors", minute + 120, 1.0)
    queries = [
        stat("Requests", "Sum", ReturnData=False),
        stat("Errors", "Sum", ReturnData=False),
        {"Id": "plain", "Expression": "100 * errors / requests"},
        {"Id": "filled", "Expression": "100 * FILL(errors, 0) / requests"},
    ]
    answer = get(cloudwatch, queries, minute, minute + 240)
    assert points(answer, "plain") == {minute + 60: 5.0}
    assert points(answer, "filled") == {minute: 0.0, minute + 60: 5.0, minute + 180: 0.0}


def test_percentiles_of_latencies(cloudwatch: CloudWatchClient, minute: int) -> None:
    """p99 of values 1..100, and of sets there is none."""
    put(cloudwatch, "Latency", minute, *[float(value) for value in range(1, 101)])
    queries = [stat("Latency", name, Id=f"q{number}") for number, name in enumerate(("p50", "p99", "p99.9", "tm90"))]
    answer = get(cloudwatch, queries, minute, minute + 60)
    found = [next(iter(points(answer, f"q{number}").values())) for number in range(4)]
    assert found == pytest.approx([50.5, 99.01, 99.901, 45.5])


def test_the_unit_of_a_query_counts(cloudwatch: CloudWatchClient, minute: int) -> None:
    """Another unit is another stream."""
    put(cloudwatch, "m", minute, 1.0, Unit="Seconds")
    put(cloudwatch, "m", minute, 500.0, Unit="Milliseconds")
    queries = [stat("m", "Sum", Id="s", Unit="Seconds"), stat("m", "Sum", Id="none", Unit="Count")]
    answer = get(cloudwatch, queries, minute, minute + 60)
    assert (points(answer, "s"), points(answer, "none")) == ({minute: 1.0}, {})


@pytest.mark.parametrize("scan_by", ["TimestampAscending", "TimestampDescending"])
def test_pages_give_every_point_once(cloudwatch: CloudWatchClient, minute: int, scan_by: Any) -> None:
    """Also while newer data arrives between two pages."""
    for second in range(30):
        put(cloudwatch, "a", minute + second, float(second))
        put(cloudwatch, "b", minute + second, float(-second))
    queries = [stat("a", "Sum", period=1), stat("b", "Sum", period=1)]
    seen: dict[str, list[float]] = {"a": [], "b": []}
    token: dict[str, Any] = {}
    pages = 0
    while True:
        answer = get(cloudwatch, queries, minute, minute + 30, ScanBy=scan_by, MaxDatapoints=7, **token)
        pages += 1
        assert sum(len(one["Values"]) for one in answer["MetricDataResults"]) <= 7
        for one in answer["MetricDataResults"]:
            seen[one["Id"]] += one["Values"]
        if "NextToken" not in answer:
            break
        assert "PartialData" in {one["StatusCode"] for one in answer["MetricDataResults"]}
        token = {"NextToken": answer["NextToken"]}
        put(cloudwatch, "a", minute + 29, 0.0)  # a change in what was already given changes nothing
    expected = list(range(30)) if scan_by == "TimestampAscending" else list(range(29, -1, -1))
    assert seen == {"a": expected, "b": [-value for value in expected]}
    assert pages == 9


def test_fine_periods_are_forgotten_after_three_hours(cloudwatch: CloudWatchClient) -> None:
    """As on AWS: below a minute there is no data older than that, by the minute there is."""
    old = int(time.time()) // 60 * 60 - 4 * 3600
    put(cloudwatch, "m", old, 1.0)
    answer = get(cloudwatch, [stat("m", Id="fine", period=10), stat("m", Id="coarse")], old, time.time())
    assert points(answer, "fine") == {}
    assert points(answer, "coarse") == {old: 1.0}


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        ([stat("m", period=7)], "The value 7 for parameter MetricDataQueries.member.1.MetricStat.Period is not"),
        ([stat("m", period=90)], "The value 90 for parameter MetricDataQueries.member.1.MetricStat.Period is not"),
        ([stat("m", "Median")], "The value Median for parameter MetricDataQueries.member.1.MetricStat.Stat is not"),
        ([stat("m", Id="M1")], "The value M1 for parameter MetricDataQueries.member.1.Id is not matching"),
        ([stat("m"), stat("m")], "The values for parameter id in MetricDataQueries are not unique."),
        ([{"Id": "e1"}], "Exactly one of the parameters MetricDataQueries.member.1.Expression and"),
        ([{"Id": "e1", "Expression": "m1 +"}], "Error in expression 'e1': unexpected 'the end' in 'm1 +'"),
        ([{"Id": "e1", "Expression": "m1 + 1"}], "'m1' is not the id of a metric or an expression in this request"),
        ([stat("m"), {"Id": "e1", "Expression": "AVG(m)"}], "Error in expression 'e1': it gives a number, not a time"),
        ([stat("m"), {"Id": "e1", "Expression": "SORT(m, p99, ASC)"}], "SORT takes AVG, MAX, MIN or SUM, and ASC or"),
        ([stat("m"), {"Id": "e", "Expression": "ANOMALY_DETECTION_BAND(m)"}], "function ANOMALY_DETECTION_BAND is not"),
        ([{"Id": "e1", "Expression": "SEARCH('', 'Sum')"}], "a search needs a schema or a term"),
        ([{"Id": "e1", "Expression": "SEARCH('{N} (m', 'Sum')"}], "it ends too early"),
        ([{"Id": "e1", "Expression": "SEARCH('{N} m', 'Median')"}], "Median for parameter Stat is not supported"),
        ([{"Id": "e1", "Expression": "SELECT p99(m) FROM N"}], "the function P99 is not one of AVG, COUNT"),
        ([{"Id": "e1", "Expression": "SELECT AVG(m)"}], "it is no SELECT function(metric) FROM"),
        ([stat("m", AccountId="999999999999")], "MetricDataQueries.member.1.AccountId names another account"),
        ([stat("m", Label="${P99}")], "The dynamic label ${P99} is not supported."),
        ([stat("m"), {"Id": "e1", "Expression": "e2"}, {"Id": "e2", "Expression": "e1 + m"}], "it refers to itself"),
        ([stat(f"m{number}") for number in range(501)], "must not have a size greater than 500"),
    ],
)
def test_wrong_queries_are_validation_errors(cloudwatch: CloudWatchClient, queries: list[Any], message: str) -> None:
    """The answer is never silently empty."""
    code, text, status = refusal(get, cloudwatch, queries, time.time() - 600, time.time())
    assert (code, status) == ("ValidationError", 400)
    assert message in text


def test_a_range_that_ends_before_it_starts_is_refused(cloudwatch: CloudWatchClient, minute: int) -> None:
    """And so are tokens that nobody gave, and a wrong order."""
    assert refusal(get, cloudwatch, [stat("m")], minute, minute)[0] == "ValidationError"
    assert refusal(get, cloudwatch, [stat("m")], minute, minute + 60, NextToken="x")[0] == "InvalidNextToken"
    assert refusal(get, cloudwatch, [stat("m")], minute, minute + 60, ScanBy="Random")[0] == "ValidationError"
    assert refusal(get, cloudwatch, [stat("m")], minute, minute + 60, MaxDatapoints=100_801)[0] == "ValidationError"
