"""Alarm actions: when they are due, who holds them back, what they say, and what the history knows of them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.aws.alarm_steps import error_rate, of_metrics, put_alarm, refusal
from tests.lab.bench import wait_until

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

    from lab.aws.alarm_actions import Firing
    from lab.aws.alarms import Alarms
    from tests.lab.aws.served import Api

PAGE = "arn:aws:sns:eu-west-1:123456789012:page"
CALM = "arn:aws:sns:eu-west-1:123456789012:calm"
SCALE = "arn:aws:autoscaling:eu-west-1:123456789012:scalingPolicy:1:resource/ecs:policyName:cpu"


class Pager:
    """An actor that remembers; `broken` makes it fail."""

    def __init__(self, alarms: Alarms) -> None:
        self.alarms, self.heard, self.broken = alarms, list[Any](), ""
        alarms.actors.append(self.act)

    def act(self, firing: Firing) -> None:
        """Take one firing."""
        self.heard.append(firing)
        if self.broken:
            raise RuntimeError(self.broken)

    def seen(self) -> list[tuple[str, str, str, str]]:
        """Return (alarm, old, new, last part of the action) of each, once the history knows them all."""
        wait_until(self.alarms.actions.courier.is_idle, 5, "the actions")
        return [(one.alarm, one.old, one.new, one.actions[0].rpartition(":")[2]) for one in self.heard]


def actions_of(alarms: Alarms) -> list[Any]:
    """Return the Action items of the history."""
    return [item for item in alarms.history() if item.kind == "Action"]


@pytest.fixture
def alarms(api: Api) -> Alarms:
    """The alarms from within the lab."""
    return api.core.cloudwatch.alarms


@pytest.fixture
def pager(alarms: Alarms) -> Pager:
    """An actor."""
    return Pager(alarms)


def put(client: CloudWatchClient, name: str = "errors", **more: Any) -> None:
    """Put an alarm that pages, and says when all is well."""
    put_alarm(client, name, **{"AlarmActions": [PAGE], "OKActions": [CALM], **more})


def turn(alarms: Alarms, name: str, value: str, at: float | None = None) -> None:
    """Set a state by hand."""
    alarms.set_state(name, value, f"turned to {value}", now=at)


def test_a_change_fires_the_actions_of_its_new_state(
    cloudwatch: CloudWatchClient, alarms: Alarms, pager: Pager
) -> None:
    """Each action once a change, in order; a state that stays fires nothing."""
    put(cloudwatch, AlarmActions=[PAGE, CALM])
    for value in ("ALARM", "ALARM", "OK", "INSUFFICIENT_DATA"):
        turn(alarms, "errors", value)
    assert pager.seen() == [
        ("errors", "INSUFFICIENT_DATA", "ALARM", "page"),
        ("errors", "INSUFFICIENT_DATA", "ALARM", "calm"),
        ("errors", "ALARM", "OK", "calm"),
    ]
    assert pager.heard[0].reason == "turned to ALARM"


def test_the_history_tells_success_and_failure(cloudwatch: CloudWatchClient, alarms: Alarms, pager: Pager) -> None:
    """In AWS's words; an action that nobody in the lab performs has failed, never silently succeeded."""
    put(cloudwatch, AlarmActions=[PAGE, "arn:aws:lambda:eu-west-1:123456789012:function:fix"])
    turn(alarms, "errors", "ALARM")
    pager.seen()
    pager.broken = "no such topic"
    turn(alarms, "errors", "OK")
    pager.seen()
    items: Any = cloudwatch.describe_alarm_history(HistoryItemType="Action", ScanBy="TimestampAscending")
    assert [item["HistorySummary"] for item in items["AlarmHistoryItems"]] == [
        f"Successfully executed action {PAGE}",
        "Failed to execute action arn:aws:lambda:eu-west-1:123456789012:function:fix. Received error: "
        '"The lab performs no action of lambda"',
        f'Failed to execute action {CALM}. Received error: "no such topic"',
    ]
    first, _, last = (json.loads(item["HistoryData"]) for item in items["AlarmHistoryItems"])
    assert (first["actionState"], first["notificationResource"]) == ("Succeeded", PAGE)
    assert json.loads(json.loads(first["publishedMessage"])["default"])["NewStateValue"] == "ALARM"
    assert (last["actionState"], last["error"]) == ("Failed", "no such topic")


def test_an_action_without_any_actor_has_failed(cloudwatch: CloudWatchClient, alarms: Alarms) -> None:
    """A page that nobody takes is not a page."""
    put(cloudwatch)
    turn(alarms, "errors", "ALARM")
    wait_until(lambda: actions_of(alarms), 5, "the action")
    assert actions_of(alarms)[0].summary.startswith(f"Failed to execute action {PAGE}")


def test_an_actor_may_block_and_use_the_api(api: Api, cloudwatch: CloudWatchClient, alarms: Alarms) -> None:
    """It runs without the world's lock: here it describes the very alarm that fired."""
    told: list[str] = []
    alarms.actors.append(
        lambda firing: told.append(cloudwatch.describe_alarms(AlarmNames=[firing.alarm])["MetricAlarms"][0]["AlarmArn"])
    )
    put(cloudwatch)
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="x")
    wait_until(lambda: told, 5, "the actor")
    assert told == ["arn:aws:cloudwatch:eu-west-1:123456789012:alarm:errors"]


def test_disabled_actions_do_not_fire(cloudwatch: CloudWatchClient, alarms: Alarms, pager: Pager) -> None:
    """The state goes on; what happened meanwhile is not made up for when they are enabled."""
    put(cloudwatch)
    cloudwatch.disable_alarm_actions(AlarmNames=["errors"])
    turn(alarms, "errors", "ALARM")
    cloudwatch.enable_alarm_actions(AlarmNames=["errors"])
    alarms.evaluate()
    turn(alarms, "errors", "OK")
    assert pager.seen() == [("errors", "ALARM", "OK", "calm")]


def test_the_message_is_awss(cloudwatch: CloudWatchClient, alarms: Alarms, pager: Pager) -> None:
    """What people's tools parse out of an SNS notification."""
    put(cloudwatch, AlarmDescription="too many errors")
    turn(alarms, "errors", "ALARM", at=1_800_000_000.123)
    pager.seen()
    assert pager.heard[0].subject == 'ALARM: "errors" in EU (Ireland)'
    message = pager.heard[0].message
    assert {key: message[key] for key in ("AlarmName", "AlarmDescription", "AWSAccountId", "Region")} == {
        "AlarmName": "errors",
        "AlarmDescription": "too many errors",
        "AWSAccountId": "123456789012",
        "Region": "EU (Ireland)",
    }
    assert (message["OldStateValue"], message["NewStateValue"]) == ("INSUFFICIENT_DATA", "ALARM")
    assert message["StateChangeTime"] == "2027-01-15T08:00:00.123+0000"
    assert (message["AlarmActions"], message["OKActions"], message["InsufficientDataActions"]) == ([PAGE], [CALM], [])
    assert message["Trigger"] == {
        "MetricName": "ErrorRate",
        "Namespace": "FoodConnect",
        "StatisticType": "Statistic",
        "Statistic": "AVERAGE",
        "Unit": None,
        "Dimensions": [{"value": "foodconnect-backend", "name": "Service"}],
        "Period": 10,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 5.0,
        "TreatMissingData": "missing",
        "EvaluateLowSampleCountPercentile": "",
    }
    json.dumps(message)


def test_messages_of_percentiles_math_and_composites(
    cloudwatch: CloudWatchClient, alarms: Alarms, pager: Pager
) -> None:
    """Each kind of alarm says what it watches."""
    put(cloudwatch, "p99", Statistic=None, ExtendedStatistic="p99")
    of_metrics(cloudwatch, error_rate(), AlarmActions=[PAGE])
    cloudwatch.put_composite_alarm(AlarmName="all", AlarmRule="ALARM(p99)", AlarmActions=[PAGE])
    turn(alarms, "rate", "ALARM")
    turn(alarms, "p99", "ALARM")
    pager.seen()
    by_name = {one.alarm: one.message for one in pager.heard}
    assert by_name["p99"]["Trigger"]["ExtendedStatistic"] == "p99"
    assert [one["Id"] for one in by_name["rate"]["Trigger"]["Metrics"]] == ["errors", "requests", "rate"]
    assert by_name["all"]["AlarmRule"] == "ALARM(p99)"
    [child] = by_name["all"]["TriggeringChildren"]
    assert (child["Arn"].rpartition(":")[2], child["State"]["Value"]) == ("p99", "ALARM")


def test_eventbridge_is_told(api: Api, cloudwatch: CloudWatchClient, alarms: Alarms) -> None:
    """Configuration and state changes, as the documentation's examples have them."""
    put(cloudwatch, AlarmDescription="too many")
    turn(alarms, "errors", "ALARM")
    cloudwatch.delete_alarms(AlarmNames=["errors"])
    events = [event.as_dict() for event in api.core.events.kept]
    assert [(event["detail-type"], event["detail"].get("operation")) for event in events] == [
        ("CloudWatch Alarm Configuration Change", "create"),
        ("CloudWatch Alarm State Change", None),
        ("CloudWatch Alarm Configuration Change", "delete"),
    ]
    state = events[1]
    assert state["source"] == "aws.cloudwatch"
    assert state["resources"] == ["arn:aws:cloudwatch:eu-west-1:123456789012:alarm:errors"]
    detail = state["detail"]
    assert (detail["alarmName"], detail["state"]["value"], detail["previousState"]["value"]) == (
        "errors",
        "ALARM",
        "INSUFFICIENT_DATA",
    )
    [metric] = detail["configuration"]["metrics"]
    assert metric["metricStat"] == {
        "metric": {
            "namespace": "FoodConnect",
            "name": "ErrorRate",
            "dimensions": {"Service": "foodconnect-backend"},
        },
        "period": 10,
        "stat": "Average",
    }


def test_auto_scaling_actions_are_repeated_each_minute(
    cloudwatch: CloudWatchClient, alarms: Alarms, pager: Pager
) -> None:
    """As long as the alarm stays; other actions are not."""
    put(cloudwatch, AlarmActions=[PAGE, SCALE], TreatMissingData="ignore")
    start = time.time() + 100
    turn(alarms, "errors", "ALARM", at=start)
    for second in (10, 59, 60, 61, 119, 120):
        alarms.settle(start + second)
    turn(alarms, "errors", "OK", at=start + 130)
    alarms.settle(start + 200)
    assert [action for *_, action in pager.seen()] == ["page", "cpu", "cpu", "cpu", "calm"]


@pytest.mark.parametrize("actions", [["not-an-arn"], ["arn:aws:sns:eu-west-1:1:a"] * 6])
def test_wrong_actions_are_refused(cloudwatch: CloudWatchClient, actions: list[str]) -> None:
    """An action is an ARN, and there are five at most."""
    assert refusal(put, cloudwatch, AlarmActions=actions)[0] == "ValidationError"
