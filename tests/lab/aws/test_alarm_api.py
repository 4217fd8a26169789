"""Alarms over the API: what is refused, listed, switched, deleted."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ParamValidationError

from tests.lab.aws.alarm_steps import DIMENSIONS, described, error_rate, of_metrics, put_alarm, refusal, state

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

    from tests.lab.aws.served import Api


def test_set_alarm_state_refuses(cloudwatch: CloudWatchClient) -> None:
    """An unknown alarm, a state that is none, data that is no JSON."""
    put_alarm(cloudwatch)

    def set_state(**changes: str) -> tuple[str, str, int]:
        asked = {"AlarmName": "errors", "StateValue": "ALARM", "StateReason": "x", **changes}
        return refusal(cloudwatch.set_alarm_state, **asked)

    code, _, status = set_state(AlarmName="nope")
    assert (code, status) == ("ResourceNotFound", 404)
    code, text, _ = set_state(StateValue="BROKEN")
    assert (code, "Member must satisfy enum value set" in text) == ("ValidationError", True)
    assert set_state(StateReasonData="{")[0] == "InvalidFormat"


def test_an_update_keeps_the_state(cloudwatch: CloudWatchClient) -> None:
    """PutMetricAlarm on a known name changes the configuration only, and the history says so."""
    put_alarm(cloudwatch)
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="x")
    put_alarm(cloudwatch, Threshold=7)
    assert (state(cloudwatch), described(cloudwatch)["Threshold"]) == ("ALARM", 7)
    cloudwatch.delete_alarms(AlarmNames=["errors"])
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []
    items: Any = cloudwatch.describe_alarm_history(AlarmName="errors", HistoryItemType="ConfigurationUpdate")
    assert [item["HistorySummary"] for item in items["AlarmHistoryItems"]] == [
        'Alarm "errors" deleted',
        'Alarm "errors" updated',
        'Alarm "errors" created',
    ]
    created = json.loads(items["AlarmHistoryItems"][-1]["HistoryData"])
    assert (created["type"], created["createdAlarm"]["stateValue"]) == ("Create", "INSUFFICIENT_DATA")


def test_delete_names_what_does_not_exist(cloudwatch: CloudWatchClient) -> None:
    """The alarms with correct names are deleted all the same, as the documentation has it."""
    put_alarm(cloudwatch)
    code, _, status = refusal(cloudwatch.delete_alarms, AlarmNames=["errors", "nope"])
    assert (code, status) == ("ResourceNotFound", 404)
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_actions_are_switched(cloudwatch: CloudWatchClient) -> None:
    """Off and on again; a name that does not exist is passed over."""
    put_alarm(cloudwatch)
    cloudwatch.disable_alarm_actions(AlarmNames=["errors", "nope"])
    assert described(cloudwatch)["ActionsEnabled"] is False
    cloudwatch.enable_alarm_actions(AlarmNames=["errors"])
    assert described(cloudwatch)["ActionsEnabled"] is True


def test_describe_alarms_filters_and_pages(cloudwatch: CloudWatchClient) -> None:
    """By name, prefix, state, action and type; in order of name."""
    for name in ("b-2", "b-1", "a-1"):
        put_alarm(cloudwatch, name, AlarmActions=[f"arn:aws:sns:eu-west-1:1:{name}"])
    cloudwatch.set_alarm_state(AlarmName="b-2", StateValue="OK", StateReason="x")

    def listed(**filters: Any) -> list[str]:
        answer: Any = cloudwatch.describe_alarms(**filters)
        assert answer["CompositeAlarms"] == []
        return [alarm["AlarmName"] for alarm in answer["MetricAlarms"]]

    assert listed() == ["a-1", "b-1", "b-2"]
    assert listed(AlarmNames=["b-2", "nope"]) == ["b-2"]
    assert listed(AlarmNamePrefix="b-") == ["b-1", "b-2"]
    assert listed(StateValue="OK") == ["b-2"]
    assert listed(ActionPrefix="arn:aws:sns:eu-west-1:1:a") == ["a-1"]
    assert listed(AlarmTypes=["CompositeAlarm"]) == []
    pages = cloudwatch.get_paginator("describe_alarms").paginate(PaginationConfig={"PageSize": 2})
    assert [[alarm["AlarmName"] for alarm in page["MetricAlarms"]] for page in pages] == [["a-1", "b-1"], ["b-2"]]
    code, _, _ = refusal(cloudwatch.describe_alarms, AlarmNames=["a"], AlarmNamePrefix="a")
    assert code == "InvalidParameterCombination"


def test_describe_alarms_for_metric_matches_exactly(cloudwatch: CloudWatchClient) -> None:
    """The same metric and, if given, the same statistic and period."""
    put_alarm(cloudwatch, "one")
    put_alarm(cloudwatch, "two", Statistic="Maximum", Period=60)

    def listed(**more: Any) -> list[str]:
        asked: Any = {"Namespace": "FoodConnect", "MetricName": "ErrorRate", "Dimensions": DIMENSIONS, **more}
        return [alarm["AlarmName"] for alarm in cloudwatch.describe_alarms_for_metric(**asked)["MetricAlarms"]]

    assert listed() == ["one", "two"]
    assert listed(Statistic="Maximum") == ["two"]
    assert listed(Period=10) == ["one"]
    assert listed(Dimensions=[]) == []


def test_the_history_is_filtered_by_time_and_paged(cloudwatch: CloudWatchClient) -> None:
    """A hundred items a page; dates and types choose."""
    put_alarm(cloudwatch)
    for number in range(60):
        cloudwatch.set_alarm_state(AlarmName="errors", StateValue=("OK", "ALARM")[number % 2], StateReason="x")
    pages: Any = cloudwatch.get_paginator("describe_alarm_history").paginate(
        AlarmName="errors", PaginationConfig={"PageSize": 25}
    )
    assert [len(page["AlarmHistoryItems"]) for page in pages] == [25, 25, 11]
    later: Any = time.time() + 60
    assert cloudwatch.describe_alarm_history(StartDate=later)["AlarmHistoryItems"] == []
    assert len(cloudwatch.describe_alarm_history(EndDate=later, MaxRecords=5)["AlarmHistoryItems"]) == 5
    assert cloudwatch.describe_alarm_history(AlarmTypes=["CompositeAlarm"])["AlarmHistoryItems"] == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Period": 5}, "The period of an alarm must be 10, 20, 30 or a multiple of 60, not 5."),
        ({"Period": 90}, "The period of an alarm must be 10, 20, 30 or a multiple of 60, not 90."),
        ({"Period": None}, "The parameter Period must be set"),
        ({"Period": 60, "EvaluationPeriods": 1441}, "EvaluationPeriods * Period must be <= 86400 seconds"),
        ({"Period": 3600, "EvaluationPeriods": 169}, "EvaluationPeriods * Period must be <= 604800 seconds"),
        ({"DatapointsToAlarm": 2}, "DatapointsToAlarm must be between 1 and EvaluationPeriods."),
        ({"TreatMissingData": "panic"}, "Supported values are [breaching, notBreaching, ignore, missing]."),
        ({"ComparisonOperator": "Near"}, "The value Near is not supported for ComparisonOperator"),
        ({"Threshold": None}, "alarms on anomaly detection are not supported"),
        ({"Statistic": None}, "Exactly one of Statistic and ExtendedStatistic must be set."),
        ({"ExtendedStatistic": "p99"}, "Exactly one of Statistic and ExtendedStatistic must be set."),
        ({"Statistic": None, "ExtendedStatistic": "p999"}, "The value p999 for parameter ExtendedStatistic is not"),
        ({"Statistic": "p99"}, "The value p99 for parameter Statistic is not supported."),
        ({"EvaluateLowSampleCountPercentile": "ignore"}, "only for a percentile"),
        ({"Unit": "Apples"}, "The value Apples for parameter Unit is not supported."),
        ({"EvaluationWindow": {"SlidingWindow": {}}}, "The lab does not play the parameter EvaluationWindow"),
        ({"ThresholdMetricId": "a"}, "The lab does not play the parameter ThresholdMetricId"),
        (
            {"AlarmDescription": "x" * 1025},
            "at 'alarmDescription' failed to satisfy constraint: Member must have",
        ),
        ({"AlarmName": "x" * 256}, "at 'alarmName' failed to satisfy constraint: Member must have length less than"),
        ({"Metrics": error_rate()}, "The parameter Namespace cannot be set together with Metrics."),
    ],
)
def test_wrong_alarms_are_validation_errors(
    cloudwatch: CloudWatchClient, changes: dict[str, Any], message: str
) -> None:
    """The error says what is wrong, and no alarm is left behind."""
    code, text, status = refusal(put_alarm, cloudwatch, **changes)
    assert (code, status) == ("ValidationError", 400)
    assert message in text
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_waiters_find_alarms(cloudwatch: CloudWatchClient) -> None:
    """alarm_exists and composite_alarm_exists return at once."""
    put_alarm(cloudwatch)
    cloudwatch.put_composite_alarm(AlarmName="all", AlarmRule="ALARM(errors)")
    cloudwatch.get_waiter("alarm_exists").wait(AlarmNames=["errors"])
    cloudwatch.get_waiter("composite_alarm_exists").wait(AlarmNames=["all"], AlarmTypes=["CompositeAlarm"])


@pytest.mark.parametrize("records", [0, 101])
def test_pages_have_one_to_a_hundred_records(cloudwatch: CloudWatchClient, records: int) -> None:
    """MaxRecords beyond the model's limits is refused."""
    client: Any = cloudwatch
    unchecked = {"MaxRecords": records}
    if records:
        assert refusal(client.describe_alarms, **unchecked)[0] == "ValidationError"
        assert refusal(client.describe_alarm_history, **unchecked)[0] == "ValidationError"
    else:
        with pytest.raises(ParamValidationError):
            client.describe_alarms(**unchecked)


def test_an_alarm_on_a_select(api: Api, cloudwatch: CloudWatchClient) -> None:
    """Metrics Insights over all tasks, as one time series."""
    query: Any = [{"Id": "q", "Expression": "SELECT MAX(Latency) FROM FoodConnect", "Period": 60}]
    of_metrics(cloudwatch, query, Threshold=100)
    inside, minute = api.core.cloudwatch, int(time.time()) // 60 * 60
    for task, value in (("t1", 20.0), ("t2", 300.0)):
        inside.metrics.put("FoodConnect", "Latency", {"Task": task}, value, minute + 1)
    with api.core.lock:
        inside.alarms.evaluate(minute + 63)
    assert state(cloudwatch, "rate") == "ALARM"


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        (error_rate()[:2], "Exactly one element of the metrics list should return data."),
        (error_rate(period=5), "The period of an alarm must be 10, 20, 30 or a multiple of 60, not 5."),
        ([*error_rate()[:2], {"Id": "e", "Expression": "errors / request"}], "'request' is not the id of a metric"),
        ([*error_rate()[:2], {"Id": "e", "Expression": "METRICS()"}], "watches one time series"),
        ([{"Id": "e", "Expression": "SELECT MAX(m) FROM N GROUP BY d", "Period": 60}], "watches one time series"),
        ([error_rate()[0], *error_rate(period=60)[1:]], "must have the same period"),
        ([*error_rate()[:2], {"Id": "e", "Expression": "SEARCH('x', 'Sum')"}], "the function SEARCH is not supported"),
    ],
)
def test_wrong_math_alarms_are_validation_errors(cloudwatch: CloudWatchClient, metrics: Any, message: str) -> None:
    """An expression that cannot be computed is refused when it is put, not found out later."""
    code, text, _ = refusal(of_metrics, cloudwatch, metrics)
    assert code == "ValidationError"
    assert message in text
