"""Composite alarms through boto3: they follow their children at once, and are described, set and deleted as on AWS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

    from tests.lab.aws.served import Api


def put(cloudwatch: CloudWatchClient, *names: str) -> None:
    """Put metric alarms that nothing feeds."""
    for name in names:
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="FoodConnect",
            MetricName=name,
            Statistic="Average",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )


def turn(cloudwatch: CloudWatchClient, name: str, state: Any) -> None:
    """Set a state by hand."""
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")


def composite(cloudwatch: CloudWatchClient, name: str) -> Any:
    """Return a composite alarm as it is described."""
    answer = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])
    assert answer["MetricAlarms"] == []
    return answer["CompositeAlarms"][0]


def refused(call: Any, **arguments: object) -> tuple[str, str]:
    """Return code and message of the error that a call raises."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_composite_alarm_follows_its_children_at_once(cloudwatch: CloudWatchClient) -> None:
    """OK when it is put, ALARM as soon as its rule holds, OK again; the reason names the child that turned."""
    put(cloudwatch, "errors", "latency", "release")
    rule = 'ALARM("errors") AND OK(latency) AND NOT ALARM(release)'
    cloudwatch.put_composite_alarm(
        AlarmName="stop", AlarmRule=rule, AlarmDescription="all", AlarmActions=["arn:aws:sns:eu-west-1:1:page"]
    )
    alarm = composite(cloudwatch, "stop")
    assert (alarm["StateValue"], alarm["AlarmRule"], alarm["AlarmDescription"]) == ("OK", rule, "all")
    assert alarm["AlarmArn"] == "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:stop"
    assert alarm["AlarmActions"] == ["arn:aws:sns:eu-west-1:1:page"]
    turn(cloudwatch, "errors", "ALARM")
    assert composite(cloudwatch, "stop")["StateValue"] == "OK"
    turn(cloudwatch, "latency", "OK")
    alarm = composite(cloudwatch, "stop")
    assert alarm["StateValue"] == "ALARM"
    assert "alarm:latency transitioned to OK at " in alarm["StateReason"]
    [child] = json.loads(alarm["StateReasonData"])["triggeringAlarms"]
    assert (child["arn"].rpartition(":")[2], child["state"]["value"]) == ("latency", "OK")
    turn(cloudwatch, "release", "ALARM")
    assert composite(cloudwatch, "stop")["StateValue"] == "OK"


def test_evaluated_children_move_their_parents_in_the_same_round(api: Api, cloudwatch: CloudWatchClient) -> None:
    """A metric that turns: child, parent and grandparent change in one evaluation, in this order."""
    put(cloudwatch, "errors")
    cloudwatch.put_composite_alarm(AlarmName="b-parent", AlarmRule="ALARM(errors)")
    cloudwatch.put_composite_alarm(AlarmName="a-grandparent", AlarmRule="ALARM(b-parent) OR FALSE")
    heard: list[tuple[str, str]] = []
    inside = api.core.cloudwatch
    inside.alarms.listeners.append(lambda name, state: heard.append((name, state)))
    minute = 1_800_000_000
    inside.metrics.put("FoodConnect", "errors", {}, 5.0, at=minute + 1)
    with api.core.lock:
        inside.alarms.evaluate(minute + 63)
    assert heard == [("errors", "ALARM"), ("b-parent", "ALARM"), ("a-grandparent", "ALARM")]


def test_a_state_set_by_hand_stays_until_a_child_turns(api: Api, cloudwatch: CloudWatchClient) -> None:
    """Evaluations do not touch it, a child that changes does; its own parent follows it meanwhile."""
    put(cloudwatch, "errors")
    cloudwatch.put_composite_alarm(AlarmName="drill", AlarmRule="ALARM(errors)")
    cloudwatch.put_composite_alarm(AlarmName="above", AlarmRule="ALARM(drill)")
    turn(cloudwatch, "drill", "ALARM")
    with api.core.lock:
        api.core.cloudwatch.alarms.evaluate()
    assert composite(cloudwatch, "drill")["StateValue"] == composite(cloudwatch, "above")["StateValue"] == "ALARM"
    turn(cloudwatch, "errors", "OK")
    assert composite(cloudwatch, "drill")["StateValue"] == composite(cloudwatch, "above")["StateValue"] == "OK"


def test_an_update_is_evaluated_at_once(cloudwatch: CloudWatchClient) -> None:
    """A new rule on a known name decides the state, and the parents follow."""
    put(cloudwatch, "errors")
    cloudwatch.put_composite_alarm(AlarmName="stop", AlarmRule="ALARM(errors)")
    cloudwatch.put_composite_alarm(AlarmName="above", AlarmRule="ALARM(stop)")
    cloudwatch.put_composite_alarm(AlarmName="stop", AlarmRule="TRUE")
    assert composite(cloudwatch, "stop")["StateValue"] == composite(cloudwatch, "above")["StateValue"] == "ALARM"


def test_describing_keeps_the_types_apart(cloudwatch: CloudWatchClient) -> None:
    """Without AlarmTypes composite alarms are left out; with both, a page counts both; families are told briefly."""
    put(cloudwatch, "m1", "m2")
    cloudwatch.put_composite_alarm(AlarmName="c1", AlarmRule="ALARM(m2) OR ALARM(m1)")
    cloudwatch.put_composite_alarm(
        AlarmName="c2",
        AlarmRule="ALARM(c1) AND ALARM(m1)",
        ActionsSuppressor="m2",
        ActionsSuppressorWaitPeriod=60,
        ActionsSuppressorExtensionPeriod=60,
    )
    assert cloudwatch.describe_alarms()["CompositeAlarms"] == []
    assert composite(cloudwatch, "c2")["ActionsSuppressor"] == "m2"
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmTypes=["MetricAlarm", "CompositeAlarm"], PaginationConfig={"PageSize": 1}
    )
    listed = [a["AlarmName"] for page in pages for a in (*page["CompositeAlarms"], *page["MetricAlarms"])]
    assert listed == ["c1", "c2", "m1", "m2"]
    children = cloudwatch.describe_alarms(ChildrenOfAlarmName="c2")
    assert [set(child) for child in children["CompositeAlarms"]] == [
        {"AlarmName", "AlarmArn", "StateValue", "StateUpdatedTimestamp"}
    ]
    assert [child["AlarmName"] for child in children["MetricAlarms"]] == ["m1"]
    parents = cloudwatch.describe_alarms(ParentsOfAlarmName="m1")
    assert [(set(p), p["AlarmName"]) for p in parents["CompositeAlarms"]] == [
        ({"AlarmName", "AlarmArn"}, "c1"),
        ({"AlarmName", "AlarmArn"}, "c2"),
    ]
    assert refused(cloudwatch.describe_alarms, ParentsOfAlarmName="m1", StateValue="OK")[0] == "ValidationError"


def test_the_history_knows_the_type(cloudwatch: CloudWatchClient) -> None:
    """Composite alarms are in the history when asked for, and say so."""
    put(cloudwatch, "m1")
    cloudwatch.put_composite_alarm(AlarmName="c1", AlarmRule="ALARM(m1)")
    turn(cloudwatch, "m1", "ALARM")
    both = cloudwatch.describe_alarm_history(AlarmTypes=["CompositeAlarm", "MetricAlarm"], ScanBy="TimestampAscending")
    assert [(i["AlarmName"], i["AlarmType"], i["HistoryItemType"]) for i in both["AlarmHistoryItems"]] == [
        ("m1", "MetricAlarm", "ConfigurationUpdate"),
        ("c1", "CompositeAlarm", "ConfigurationUpdate"),
        ("c1", "CompositeAlarm", "StateUpdate"),
        ("m1", "MetricAlarm", "StateUpdate"),
        ("c1", "CompositeAlarm", "StateUpdate"),
    ]
    assert {i["AlarmName"] for i in cloudwatch.describe_alarm_history()["AlarmHistoryItems"]} == {"m1"}


def test_what_is_asked_cannot_be_deleted(cloudwatch: CloudWatchClient) -> None:
    """A child stays as long as a composite alarm asks it, unless both go together; one composite alarm at a time."""
    put(cloudwatch, "m1")
    cloudwatch.put_composite_alarm(AlarmName="c1", AlarmRule="ALARM(m1)")
    cloudwatch.put_composite_alarm(AlarmName="c2", AlarmRule="ALARM(c1)")
    code, text = refused(cloudwatch.delete_alarms, AlarmNames=["m1"])
    assert (code, "depending on it: c1" in text) == ("ValidationError", True)
    assert "one composite alarm" in refused(cloudwatch.delete_alarms, AlarmNames=["c1", "c2"])[1]
    cloudwatch.delete_alarms(AlarmNames=["c2"])
    cloudwatch.delete_alarms(AlarmNames=["m1", "c1"])
    assert cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])["MetricAlarms"] == []


@pytest.mark.parametrize(
    ("name", "rule", "words"),
    [
        ("new", "ALARM(nobody)", "no alarm nobody exists"),
        ("new", "ALARM(m1", "Error in AlarmRule: position 1"),
        ("new", "ALARM(new)", "leads back to itself"),
        ("c1", "ALARM(c2)", "leads back to itself"),
        ("m1", "TRUE", "of the other type"),
    ],
)
def test_wrong_composite_alarms_are_refused(cloudwatch: CloudWatchClient, name: str, rule: str, words: str) -> None:
    """An unknown child, a broken rule, a cycle, a name that is taken: ValidationError, and nothing has changed."""
    put(cloudwatch, "m1")
    cloudwatch.put_composite_alarm(AlarmName="c1", AlarmRule="ALARM(m1)")
    cloudwatch.put_composite_alarm(AlarmName="c2", AlarmRule="ALARM(c1)")
    code, text = refused(cloudwatch.put_composite_alarm, AlarmName=name, AlarmRule=rule)
    assert code == "ValidationError"
    assert words in text
    alarms = cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert [(alarm["AlarmName"], alarm["AlarmRule"]) for alarm in alarms] == [("c1", "ALARM(m1)"), ("c2", "ALARM(c1)")]


def test_a_metric_alarm_does_not_replace_a_composite_one(cloudwatch: CloudWatchClient) -> None:
    """PutMetricAlarm on the name of a composite alarm is refused."""
    cloudwatch.put_composite_alarm(AlarmName="taken", AlarmRule="FALSE")
    with pytest.raises(ClientError, match="of the other type"):
        put(cloudwatch, "taken")
