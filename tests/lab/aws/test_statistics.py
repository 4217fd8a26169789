"""CloudWatch's statistics of one metric, and its list of metrics, over the API."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.aws.test_cloudwatch import SERVICE, put, refusal, when

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

    from tests.lab.aws.served import Api


def test_get_metric_statistics(cloudwatch: CloudWatchClient, minute: int) -> None:
    """A point for each period and unit, plain or extended, oldest first."""
    put(cloudwatch, "m", minute + 60, 2.0, 4.0, Unit="Count")
    put(cloudwatch, "m", minute, 1.0, Unit="Count")
    put(cloudwatch, "m", minute, 9.0, Unit="Seconds")

    def ask(**more: Any) -> list[Any]:
        answer: Any = cloudwatch.get_metric_statistics(
            Namespace="FoodConnect",
            MetricName="m",
            StartTime=when(minute),
            EndTime=when(minute + 120),
            Period=60,
            **more,
        )
        assert answer["Label"] == "m"
        datapoints: list[Any] = answer["Datapoints"]
        return datapoints

    plain = ask(Statistics=["Sum", "SampleCount"], Unit="Count")
    assert [(one["Timestamp"], one["Sum"], one["SampleCount"], one["Unit"]) for one in plain] == [
        (when(minute), 1.0, 1.0, "Count"),
        (when(minute + 60), 6.0, 2.0, "Count"),
    ]
    extended = ask(ExtendedStatistics=["p50", "p100"], Unit="Count")
    assert [one["ExtendedStatistics"] for one in extended] == [{"p50": 1.0, "p100": 1.0}, {"p50": 3.0, "p100": 4.0}]
    assert [one["Unit"] for one in ask(Statistics=["Sum"])].count("Seconds") == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"Period": 90, "Statistics": ["Sum"]}, "InvalidParameterValue"),
        ({"Statistics": ["Sum"], "ExtendedStatistics": ["p99"]}, "InvalidParameterCombination"),
        ({}, "InvalidParameterCombination"),
        ({"Statistics": ["Median"]}, "InvalidParameterValue"),
        ({"ExtendedStatistics": ["Sum"]}, "InvalidParameterValue"),
        ({"ExtendedStatistics": ["p999"]}, "InvalidParameterValue"),
        ({"Statistics": ["Sum"], "Period": 1}, "InvalidParameterCombination"),
        ({"Statistics": ["Sum"], "EndTime": 0}, "InvalidParameterValue"),
    ],
)
def test_wrong_statistics_are_refused(cloudwatch: CloudWatchClient, arguments: dict[str, Any], code: str) -> None:
    """Periods, names, combinations, and more than 1,440 points."""
    asked: Any = {"StartTime": when(time.time() - 7200), "EndTime": when(time.time()), "Period": 60, **arguments}
    assert refusal(cloudwatch.get_metric_statistics, Namespace="N", MetricName="m", **asked)[0] == code


def test_list_metrics_filters(cloudwatch: CloudWatchClient, minute: int) -> None:
    """By namespace, name, and dimensions with or without a value."""
    put(cloudwatch, "ErrorRate", minute, 1.0, Dimensions=SERVICE)
    put(cloudwatch, "ErrorRate", minute, 1.0, Dimensions=[*SERVICE, {"Name": "Task", "Value": "t1"}])
    put(cloudwatch, "Posts", minute, 1.0)
    cloudwatch.put_metric_data(Namespace="Other", MetricData=[{"MetricName": "Posts", "Value": 1}])

    def listed(**filters: Any) -> list[tuple[str, str, int]]:
        metrics: Any = cloudwatch.list_metrics(**filters)["Metrics"]
        return [(one["Namespace"], one["MetricName"], len(one["Dimensions"])) for one in metrics]

    assert listed() == [
        ("FoodConnect", "ErrorRate", 1),
        ("FoodConnect", "ErrorRate", 2),
        ("FoodConnect", "Posts", 0),
        ("Other", "Posts", 0),
    ]
    assert listed(Namespace="Other") == [("Other", "Posts", 0)]
    assert listed(MetricName="Posts", Namespace="FoodConnect", RecentlyActive="PT3H") == [("FoodConnect", "Posts", 0)]
    assert listed(Dimensions=[{"Name": "Task"}]) == [("FoodConnect", "ErrorRate", 2)]
    assert len(listed(Dimensions=SERVICE)) == 2
    assert listed(Dimensions=[{"Name": "Service", "Value": "other"}]) == []


def test_list_metrics_of_the_last_three_hours(api: Api, cloudwatch: CloudWatchClient) -> None:
    """RecentlyActive leaves out what has been silent; nothing but PT3H is taken."""
    now = time.time()
    api.core.cloudwatch.metrics.put("N", "old", {}, 1.0, at=now - 3 * 3600 - 60)
    api.core.cloudwatch.metrics.put("N", "new", {}, 1.0, at=now - 60)
    recent = cloudwatch.list_metrics(RecentlyActive="PT3H", IncludeLinkedAccounts=True)["Metrics"]
    assert [one["MetricName"] for one in recent] == ["new"]
    assert len(cloudwatch.list_metrics()["Metrics"]) == 2
    other: Any = "PT1H"
    assert refusal(cloudwatch.list_metrics, RecentlyActive=other)[0] == "InvalidParameterValue"


def test_metric_data_of_an_entity_is_data(cloudwatch: CloudWatchClient) -> None:
    """What an agent sends with the entity it belongs to."""
    entity: Any = {"Entity": {"KeyAttributes": {"Type": "Service"}}, "MetricData": [{"MetricName": "m", "Value": 1}]}
    cloudwatch.put_metric_data(Namespace="N", EntityMetricData=[entity])
    assert cloudwatch.list_metrics(Namespace="N")["Metrics"][0]["MetricName"] == "m"


def test_list_metrics_pages(api: Api, cloudwatch: CloudWatchClient) -> None:
    """Five hundred a page, each metric once."""
    for number in range(1100):
        api.core.cloudwatch.metrics.put("N", f"m{number:04}", {}, 1.0)
    pages = list(cloudwatch.get_paginator("list_metrics").paginate())
    assert [len(page["Metrics"]) for page in pages] == [500, 500, 100]
    assert len({one["MetricName"] for page in pages for one in page["Metrics"]}) == 1100
