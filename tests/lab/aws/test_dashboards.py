"""Dashboards: kept as they were put, checked as AWS checks them, listed, tagged and deleted."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.aws.alarm_steps import refusal

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

METRIC = {"metrics": [["FoodConnect", "ErrorRate"]], "region": "eu-west-1", "stat": "Average", "period": 60}
BODY = json.dumps({"widgets": [{"type": "metric", "x": 0, "y": 0, "width": 12, "height": 6, "properties": METRIC}]})


def test_a_dashboard_comes_back_as_it_was_put(cloudwatch: CloudWatchClient) -> None:
    """Body to the byte, ARN without a region, size in bytes; a second put replaces it."""
    assert cloudwatch.put_dashboard(DashboardName="food", DashboardBody=BODY)["DashboardValidationMessages"] == []
    again = '{"widgets": [], "start": "-PT6H"}  '
    cloudwatch.put_dashboard(DashboardName="food", DashboardBody=again)
    shown = cloudwatch.get_dashboard(DashboardName="food")
    assert (shown["DashboardName"], shown["DashboardBody"]) == ("food", again)
    assert shown["DashboardArn"] == "arn:aws:cloudwatch::123456789012:dashboard/food"
    [entry] = cloudwatch.list_dashboards()["DashboardEntries"]
    assert (entry["DashboardName"], entry["Size"]) == ("food", len(again))
    assert abs(entry["LastModified"].timestamp() - time.time()) < 60


def test_dashboards_are_listed_by_prefix_and_deleted(cloudwatch: CloudWatchClient) -> None:
    """In order of name; of a list with an unknown name the others are deleted."""
    for name in ("b-2", "a-1", "b-1"):
        cloudwatch.put_dashboard(DashboardName=name, DashboardBody=BODY)

    def listed(**filters: Any) -> list[str]:
        pages = cloudwatch.get_paginator("list_dashboards").paginate(**filters)
        return [entry["DashboardName"] for page in pages for entry in page["DashboardEntries"]]

    assert listed() == ["a-1", "b-1", "b-2"]
    assert listed(DashboardNamePrefix="b-") == ["b-1", "b-2"]
    code, text, status = refusal(cloudwatch.delete_dashboards, DashboardNames=["b-1", "nope"])
    assert (code, status, "nope" in text) == ("ResourceNotFound", 404, True)
    cloudwatch.delete_dashboards(DashboardNames=["a-1"])
    assert listed() == ["b-2"]
    assert refusal(cloudwatch.get_dashboard, DashboardName="a-1")[::2] == ("ResourceNotFound", 404)


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("a b", BODY, "must have 1 to 255 characters"),
        ("a", "{", "is not valid JSON"),
        ("a", "[]", "required property 'widgets'"),
        ("a", '{"widgets": {}}', "required property 'widgets'"),
        ("a", '{"widgets": [{"type": "metric"}]}', "/widgets/0"),
        ("a", '{"widgets": [{"type": "gauge", "properties": {}}]}', "/widgets/0/type"),
        ("a", '{"widgets": [7, {"type": "text", "properties": {}, "width": 25}]}', "there are 2 validation errors"),
    ],
)
def test_wrong_dashboards_are_refused(cloudwatch: CloudWatchClient, name: str, body: str, words: str) -> None:
    """Everything that is wrong is listed with its path, and nothing is kept."""
    code, text, status = refusal(cloudwatch.put_dashboard, DashboardName=name, DashboardBody=body)
    assert (code, status) == ("InvalidParameterInput", 400)
    assert words in text
    assert cloudwatch.list_dashboards()["DashboardEntries"] == []


def test_tags_of_dashboards_and_alarms(cloudwatch: CloudWatchClient) -> None:
    """Set at creation, added, removed; a put on a known name leaves them; they go with what they are of."""
    tags: Any = [{"Key": "team", "Value": "food"}]
    cloudwatch.put_dashboard(DashboardName="d", DashboardBody=BODY, Tags=tags)
    arn = cloudwatch.get_dashboard(DashboardName="d")["DashboardArn"]
    cloudwatch.put_dashboard(DashboardName="d", DashboardBody=BODY, Tags=[{"Key": "x", "Value": "y"}])
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "env", "Value": "staging"}])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "env", "Value": "staging"}, *tags]
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["env", "nope"])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == tags
    cloudwatch.delete_dashboards(DashboardNames=["d"])
    assert refusal(cloudwatch.list_tags_for_resource, ResourceARN=arn)[0] == "ResourceNotFoundException"
    many: Any = [{"Key": str(number), "Value": ""} for number in range(51)]
    cloudwatch.put_dashboard(DashboardName="d", DashboardBody=BODY)
    assert refusal(cloudwatch.tag_resource, ResourceARN=arn, Tags=many)[0] == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("get_metric_widget_image", {"MetricWidget": "{}"}),
        ("put_anomaly_detector", {}),
        ("describe_anomaly_detectors", {}),
        ("put_insight_rule", {"RuleName": "r", "RuleDefinition": "{}"}),
        ("put_metric_stream", {"Name": "s", "FirehoseArn": "a", "RoleArn": "b", "OutputFormat": "json"}),
        ("describe_alarm_contributors", {"AlarmName": "a"}),
    ],
)
def test_what_is_not_played_is_refused_plainly(
    cloudwatch: CloudWatchClient, method: str, arguments: dict[str, str]
) -> None:
    """A 501 that names the operation, which no SDK repeats; never an empty answer."""
    code, text, status = refusal(getattr(cloudwatch, method), **arguments)
    assert (code, status) == ("NotImplemented", 501)
    assert "The lab does not play cloudwatch:" in text
