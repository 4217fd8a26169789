"""Alarms: evaluated on closed periods, told to listeners, remembered."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from tests.lab.aws.alarm_steps import (
    DIMENSIONS,
    SERVICE,
    described,
    error_rate,
    of_metrics,
    put_alarm,
    put_each_second,
    state,
)

if TYPE_CHECKING:
    from typing import Any

    from mypy_boto3_cloudwatch import CloudWatchClient

    from lab.aws.cloudwatch import CloudWatch
    from tests.lab.aws.served import Api


@pytest.fixture
def inside(api: Api) -> CloudWatch:
    """The served CloudWatch from within the lab."""
    return api.core.cloudwatch


@pytest.fixture
def minute() -> int:
    """The minute under way."""
    return int(time.time()) // 60 * 60


def test_an_alarm_starts_with_insufficient_data(cloudwatch: CloudWatchClient) -> None:
    """And shows what was asked for."""
    put_alarm(cloudwatch, AlarmDescription="too many errors", AlarmActions=["arn:aws:sns:eu-west-1:1:page"])
    alarm = described(cloudwatch)
    shown = {key: alarm[key] for key in ("StateValue", "StateReason", "AlarmArn", "AlarmDescription", "Dimensions")}
    assert shown == {
        "StateValue": "INSUFFICIENT_DATA",
        "StateReason": "Unchecked: Initial alarm creation",
        "AlarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:errors",
        "AlarmDescription": "too many errors",
        "Dimensions": DIMENSIONS,
    }
    assert (alarm["Statistic"], alarm["Period"], alarm["Threshold"]) == ("Average", 10, 5.0)
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"], alarm["TreatMissingData"]) == (1, 1, "missing")
    assert alarm["ActionsEnabled"] is True
    assert alarm["AlarmActions"] == ["arn:aws:sns:eu-west-1:1:page"]


def test_an_alarm_follows_its_metric(cloudwatch: CloudWatchClient, inside: CloudWatch, minute: int) -> None:
    """INSUFFICIENT_DATA, OK, ALARM, OK; the history has each step and why."""
    put_alarm(cloudwatch)
    heard: list[tuple[str, str]] = []
    inside.alarms.listeners.append(lambda name, value: heard.append((name, value)))
    put_each_second(inside, minute, minute + 10, 0.0)
    put_each_second(inside, minute + 10, minute + 20, 50.0)
    put_each_second(inside, minute + 20, minute + 30, 1.0)
    seen = []
    for now in range(minute + 10, minute + 34):
        inside.alarms.evaluate(now)
        seen.append(state(cloudwatch))
    assert list(dict.fromkeys(seen)) == ["INSUFFICIENT_DATA", "OK", "ALARM"]
    assert seen[-1] == "OK"
    assert heard == [("errors", "OK"), ("errors", "ALARM"), ("errors", "OK")]
    items: Any = cloudwatch.describe_alarm_history(
        AlarmName="errors", HistoryItemType="StateUpdate", ScanBy="TimestampAscending"
    )["AlarmHistoryItems"]
    assert [item["HistorySummary"] for item in items] == [
        "Alarm updated from INSUFFICIENT_DATA to OK",
        "Alarm updated from OK to ALARM",
        "Alarm updated from ALARM to OK",
    ]
    data = json.loads(items[1]["HistoryData"])
    assert data["oldState"]["stateValue"] == "OK"
    assert data["newState"]["stateReasonData"]["recentDatapoints"] == [50.0]
    assert minute + 20 <= items[1]["Timestamp"].timestamp() <= minute + 23


def test_an_open_period_is_never_judged(cloudwatch: CloudWatchClient, inside: CloudWatch, minute: int) -> None:
    """Half a period full of errors is no alarm; the whole one is, two seconds after its end."""
    put_alarm(cloudwatch)
    put_each_second(inside, minute, minute + 10, 0.0)
    put_each_second(inside, minute + 10, minute + 20, 50.0)
    inside.alarms.evaluate(minute + 12)
    assert state(cloudwatch) == "OK"
    for now in range(minute + 13, minute + 22):
        inside.alarms.evaluate(now)
        assert state(cloudwatch) == "OK"
    inside.alarms.evaluate(minute + 22)
    assert state(cloudwatch) == "ALARM"


def test_a_count_that_stops_is_no_alarm_before_its_period_is_over(
    cloudwatch: CloudWatchClient, inside: CloudWatch, minute: int
) -> None:
    """A Minimum below the threshold in the first seconds of a period does not ring early."""
    put_alarm(cloudwatch, Statistic="Sum", Threshold=9, ComparisonOperator="LessThanThreshold")
    put_each_second(inside, minute, minute + 20, 1.0)
    for now in range(minute + 12, minute + 22):
        inside.alarms.evaluate(now)
        assert state(cloudwatch) == "OK", now


def test_m_of_n_by_the_minute(cloudwatch: CloudWatchClient, inside: CloudWatch, minute: int) -> None:
    """2 of 3 minutes, the window slides with each minute."""
    put_alarm(cloudwatch, Period=60, EvaluationPeriods=3, DatapointsToAlarm=2, Statistic="Maximum")
    for number, value in enumerate((0.0, 9.0, 0.0, 9.0, 0.0, 0.0)):
        put_each_second(inside, minute + 60 * number, minute + 60 * number + 60, value)
    states = []
    for number in range(1, 7):
        inside.alarms.evaluate(minute + 60 * number + 2)
        states.append(state(cloudwatch))
    assert states == ["OK", "OK", "OK", "ALARM", "OK", "OK"]


def test_long_periods_slide_by_the_minute(cloudwatch: CloudWatchClient, inside: CloudWatch, minute: int) -> None:
    """A five-minute alarm looks at the last five minutes, not at the last slot of the clock."""
    put_alarm(cloudwatch, Period=300, Statistic="Sum", Threshold=100)
    put_each_second(inside, minute - 600, minute, 0.1)
    inside.alarms.evaluate(minute + 2)
    assert state(cloudwatch) == "OK"
    put_each_second(inside, minute, minute + 60, 5.0)
    inside.alarms.evaluate(minute + 62)
    assert state(cloudwatch) == "ALARM"


@pytest.mark.parametrize(
    ("treat", "expected"),
    [("missing", "INSUFFICIENT_DATA"), ("ignore", "OK"), ("breaching", "ALARM"), ("notBreaching", "OK")],
)
def test_silence_after_good_data(
    cloudwatch: CloudWatchClient, inside: CloudWatch, minute: int, treat: str, expected: str
) -> None:
    """A metric that stops: each treatment ends where the documentation says."""
    put_alarm(cloudwatch, TreatMissingData=treat)
    put_each_second(inside, minute, minute + 10, 0.0)
    inside.alarms.evaluate(minute + 12)
    assert state(cloudwatch) == "OK"
    inside.alarms.evaluate(minute + 62)
    assert state(cloudwatch) == expected


def test_a_percentile_alarm(cloudwatch: CloudWatchClient, inside: CloudWatch, minute: int) -> None:
    """p99 sees what an average hides; too few samples leave the state alone if asked to."""
    put_alarm(cloudwatch, "p99", Statistic=None, ExtendedStatistic="p99", MetricName="Latency", Threshold=300)
    put_alarm(cloudwatch, "mean", MetricName="Latency", Threshold=300)
    put_alarm(
        cloudwatch,
        "careful",
        Statistic=None,
        ExtendedStatistic="p99",
        MetricName="Latency",
        Threshold=300,
        EvaluateLowSampleCountPercentile="ignore",
    )
    for value, count in ((20.0, 95), (900.0, 5)):
        inside.metrics.put("FoodConnect", "Latency", SERVICE, value, minute, count=count)
    inside.alarms.evaluate(minute + 12)
    assert (state(cloudwatch, "p99"), state(cloudwatch, "mean")) == ("ALARM", "OK")
    assert state(cloudwatch, "careful") == "INSUFFICIENT_DATA"
    inside.metrics.put("FoodConnect", "Latency", SERVICE, 20.0, minute + 10, count=1000)
    inside.alarms.evaluate(minute + 22)
    assert state(cloudwatch, "careful") == "OK"
    assert described(cloudwatch, "careful")["EvaluateLowSampleCountPercentile"] == "ignore"
    assert described(cloudwatch, "p99")["ExtendedStatistic"] == "p99"


def test_a_metric_math_alarm(cloudwatch: CloudWatchClient, inside: CloudWatch, minute: int) -> None:
    """The error rate of counts, without errors and with; it describes itself as it was put."""
    of_metrics(cloudwatch, error_rate())
    put_each_second(inside, minute, minute + 20, 10.0, "Requests")
    inside.alarms.evaluate(minute + 12)
    assert state(cloudwatch, "rate") == "OK"
    put_each_second(inside, minute + 10, minute + 20, 1.0, "Errors")
    inside.alarms.evaluate(minute + 22)
    assert state(cloudwatch, "rate") == "ALARM"
    assert described(cloudwatch, "rate")["Metrics"] == error_rate()
    assert "MetricName" not in described(cloudwatch, "rate")


def test_listeners_hear_in_order_after_the_loop(cloudwatch: CloudWatchClient, inside: CloudWatch, minute: int) -> None:
    """A listener sees all alarms of the round already judged, and may set states itself."""
    for name in ("a", "b"):
        put_alarm(cloudwatch, name)
    put_alarm(cloudwatch, "c", MetricName="Other")
    put_each_second(inside, minute, minute + 10, 50.0)
    heard: list[tuple[str, str, list[str]]] = []

    def listen(name: str, value: str) -> None:
        heard.append((name, value, [record.state.value for record in inside.alarms.records()]))
        if name == "a":
            inside.alarms.set_state("c", "ALARM", "follows a", now=minute + 12)

    inside.alarms.listeners.append(listen)
    inside.alarms.evaluate(minute + 12)
    assert [(name, value) for name, value, _ in heard] == [("a", "ALARM"), ("b", "ALARM"), ("c", "ALARM")]
    assert heard[0][2] == ["ALARM", "ALARM", "INSUFFICIENT_DATA"]


def test_a_state_set_by_hand_lasts_until_the_next_evaluation(
    cloudwatch: CloudWatchClient, inside: CloudWatch, minute: int
) -> None:
    """An alarm drill: listeners hear it, the next closed period takes it back."""
    put_alarm(cloudwatch, Period=60)
    put_each_second(inside, minute - 120, minute + 120, 0.0)
    inside.alarms.evaluate()
    heard: list[str] = []
    inside.alarms.listeners.append(lambda name, value: heard.append(value))
    cloudwatch.set_alarm_state(
        AlarmName="errors", StateValue="ALARM", StateReason="drill", StateReasonData='{"drill": true}'
    )
    inside.alarms.evaluate(described(cloudwatch)["StateUpdatedTimestamp"].timestamp())
    alarm = described(cloudwatch)
    assert (alarm["StateValue"], alarm["StateReason"]) == ("ALARM", "drill")
    assert json.loads(alarm["StateReasonData"]) == {"drill": True}
    inside.alarms.evaluate(time.time() + 60)
    assert state(cloudwatch) == "OK"
    assert heard == ["ALARM", "OK"]
