"""Whoever stops an experiment, a person, an alarm or the safety lever, ends its faults at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from botocore.exceptions import ClientError

from lab.settings import ERROR_ALARM
from tests.lab.fis_lease import Lease, times_ms
from tests.lab.fis_words import ALARM_STOP, SERVICE_TASKS, STOP_TASK, WAIT, latency
from tests.lab.twin import Twin

AT_ONCE_S = 10.0  # less than any latency here lasts by itself, half a minute or more


def test_stopped_experiment_is_undone(fis: Lease) -> None:
    """StopExperiment in the middle of a latency: stopped, undone at once, and what had not begun is cancelled."""
    actions = {"slow": latency(), "later": {**WAIT, "startAfter": ["slow"]}}
    experiment = fis.play(actions, {"tasks": SERVICE_TASKS})
    began = fis.wait_slow(experiment)
    fis.lab.fis.stop_experiment(id=experiment)
    ended = fis.wait(experiment, "stopped")
    assert {name: each["state"]["status"] for name, each in ended["actions"].items()} == {
        "slow": "stopped",
        "later": "cancelled",
    }
    assert fis.lab.truth("latency.off", since=began)[0]["t"] - began < AT_ONCE_S
    with pytest.raises(ClientError) as refused:
        fis.lab.fis.stop_experiment(id=experiment)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


@contextmanager
def alarm_back_to_ok(lab: Twin) -> Iterator[None]:
    """Set the alarm to OK at the end."""
    try:
        yield
    finally:
        lab.cloudwatch.set_alarm_state(AlarmName=ERROR_ALARM, StateValue="OK", StateReason="test over")


def test_short_alarm_stops_the_experiment(fis: Lease) -> None:
    """An alarm that goes to ALARM and at once back to OK is a stop condition met; everything is undone."""
    experiment = fis.play({"slow": latency()}, {"tasks": SERVICE_TASKS}, stopConditions=ALARM_STOP)
    fis.wait_slow(experiment)
    with alarm_back_to_ok(fis.lab):
        fis.lab.cloudwatch.set_alarm_state(AlarmName=ERROR_ALARM, StateValue="ALARM", StateReason="test")
    ended = fis.wait(experiment, "stopped")
    assert "stop condition" in ended["state"]["reason"]
    assert max(times_ms(fis.lab).values()) < 150


def test_evaluated_alarm_stops_the_experiment(fis: Lease) -> None:
    """An alarm that nobody sets, but that its own evaluation turns, ends the experiment within seconds."""
    cloudwatch, name = fis.lab.cloudwatch, "foodconnect-heartbeat"

    def put(treatment: str) -> None:
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="FoodConnect",
            MetricName="Heartbeat",
            Statistic="Sum",
            Period=10,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="LessThanThreshold",
            TreatMissingData=treatment,
        )

    put("notBreaching")
    try:
        [alarm] = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        stop = [{"source": "aws:cloudwatch:alarm", "value": alarm["AlarmArn"]}]
        experiment = fis.play({"slow": latency()}, {"tasks": SERVICE_TASKS}, stopConditions=stop)
        fis.wait_slow(experiment)
        began = time.time()
        put("breaching")  # no heartbeat is there
        assert "stop condition" in fis.wait(experiment, "stopped")["state"]["reason"]
        assert fis.lab.truth("latency.off", since=began)[0]["t"] - began < AT_ONCE_S
    finally:
        cloudwatch.delete_alarms(AlarmNames=[name])


def test_composite_alarm_stops_the_experiment(fis: Lease) -> None:
    """A stop condition on a composite alarm is met as soon as its child makes it ring; everything is undone."""
    cloudwatch, name = fis.lab.cloudwatch, "foodconnect-chaos-stop"
    cloudwatch.put_composite_alarm(AlarmName=name, AlarmRule=f"ALARM({ERROR_ALARM}) OR FALSE")
    [alarm] = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    try:
        stop = [{"source": "aws:cloudwatch:alarm", "value": alarm["AlarmArn"]}]
        experiment = fis.play({"slow": latency()}, {"tasks": SERVICE_TASKS}, stopConditions=stop)
        fis.wait_slow(experiment)
        with alarm_back_to_ok(fis.lab):
            cloudwatch.set_alarm_state(AlarmName=ERROR_ALARM, StateValue="ALARM", StateReason="test")
        assert "stop condition" in fis.wait(experiment, "stopped")["state"]["reason"]
    finally:
        cloudwatch.delete_alarms(AlarmNames=[name])
    assert max(times_ms(fis.lab).values()) < 150


def test_alarm_that_is_on_already_stops_it_before_it_acts(fis: Lease) -> None:
    """Started while its stop condition is met, an experiment touches nothing."""
    began = time.time()
    with alarm_back_to_ok(fis.lab):
        fis.lab.cloudwatch.set_alarm_state(AlarmName=ERROR_ALARM, StateValue="ALARM", StateReason="test")
        experiment = fis.play({"stop": STOP_TASK}, {"tasks": SERVICE_TASKS}, stopConditions=ALARM_STOP)
        fis.wait(experiment, "stopped")
    assert not fis.lab.truth("task.stop_requested", since=began)


def test_safety_lever_stops_everything(fis: Lease) -> None:
    """Engaged: what runs is stopped and undone, what starts is cancelled; disengaged, experiments run again."""
    running = fis.play({"slow": latency()}, {"tasks": SERVICE_TASKS})
    fis.wait_slow(running)
    lever = fis.lab.fis.update_safety_lever_state(id="default", state={"status": "engaged", "reason": "enough"})
    try:
        assert lever["safetyLever"]["state"] == {"status": "engaged", "reason": "enough"}
        fis.wait(running, "stopped")
        assert fis.status(fis.play({"a": WAIT})) == "cancelled"
    finally:
        fis.lab.fis.update_safety_lever_state(id="default", state={"status": "disengaged", "reason": "test over"})
    assert fis.lab.fis.get_safety_lever(id="default")["safetyLever"]["state"]["status"] == "disengaged"
    fis.wait(fis.play({"a": WAIT}), "completed")
