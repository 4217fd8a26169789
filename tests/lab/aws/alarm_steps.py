"""What the tests of alarms have in common: an alarm on the error rate, its data, and how it is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

    from lab.aws.cloudwatch import CloudWatch

SERVICE = {"Service": "foodconnect-backend"}
DIMENSIONS: Any = [{"Name": "Service", "Value": "foodconnect-backend"}]


def put_alarm(client: CloudWatchClient, name: str = "errors", **changes: Any) -> None:
    """Put an alarm on the error rate; a change to None leaves the parameter out."""
    asked: dict[str, Any] = {
        "AlarmName": name,
        "Namespace": "FoodConnect",
        "MetricName": "ErrorRate",
        "Dimensions": DIMENSIONS,
        "Statistic": "Average",
        "Period": 10,
        "EvaluationPeriods": 1,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
        **changes,
    }
    client.put_metric_alarm(**{key: value for key, value in asked.items() if value is not None})


def put_each_second(inside: CloudWatch, start: int, end: int, value: float, name: str = "ErrorRate") -> None:
    """Put one value each second."""
    for at in range(start, end):
        inside.metrics.put("FoodConnect", name, SERVICE, value, at)


def described(client: CloudWatchClient, name: str = "errors") -> Any:
    """Return an alarm as DescribeAlarms shows it."""
    (alarm,) = client.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return alarm


def state(client: CloudWatchClient, name: str = "errors") -> str:
    """Return an alarm's state."""
    return str(described(client, name)["StateValue"])


def refusal(call: Any, *arguments: object, **more: object) -> tuple[str, str, int]:
    """Return code, message and status of the error that a call raises."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **more)
    error: Any = caught.value.response
    return error["Error"]["Code"], error["Error"]["Message"], error["ResponseMetadata"]["HTTPStatusCode"]


def error_rate(period: int = 10) -> Any:
    """Make the Metrics of an alarm on errors over requests."""

    def of(name: str, id_: str) -> Any:
        metric = {"Namespace": "FoodConnect", "MetricName": name, "Dimensions": DIMENSIONS}
        return {"Id": id_, "MetricStat": {"Metric": metric, "Period": period, "Stat": "Sum"}, "ReturnData": False}

    rate = {"Id": "rate", "Expression": "100 * FILL(errors, 0) / requests", "Label": "error rate", "ReturnData": True}
    return [of("Errors", "errors"), of("Requests", "requests"), rate]


def of_metrics(client: CloudWatchClient, metrics: Any, **more: Any) -> None:
    """Put a metric math alarm."""
    nothing = dict.fromkeys(("Namespace", "MetricName", "Dimensions", "Statistic", "Period"))
    put_alarm(client, "rate", **{**nothing, "Metrics": metrics, **more})
