"""CloudWatch's alarms over the API: put, describe, delete, set, history.

Composite alarms are not played.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lab.aws.alarm_request import alarm_of
from lab.aws.alarm_rule import STATES
from lab.aws.alarms import Alarm, Alarms, HistoryItem, Record
from lab.aws.metric_data import compute, dimensions_as_list, metric_of
from lab.aws.paging import aware, epoch, page
from lab.aws.registry import AwsError, Call, Params, handles
from lab.aws.statistic import SIMPLE_STATISTICS

if TYPE_CHECKING:
    from lab.aws.world import World


@handles("cloudwatch", "PutMetricAlarm")
def put_metric_alarm(world: World, params: Params, call: Call) -> dict[str, object]:
    """Create or replace an alarm; a new one is INSUFFICIENT_DATA until it is evaluated."""
    alarm = alarm_of(params)
    now = time.time()
    found = compute(world.cloudwatch.metrics, alarm.queries, now - alarm.period, now, now)  # a wrong expression raises
    if len(found) != 1:
        raise _invalid("An alarm watches one time series; the expression gives several.")
    world.cloudwatch.alarms.put(alarm, now)
    return {}


@handles("cloudwatch", "DescribeAlarms")
def describe_alarms(world: World, params: Params, call: Call) -> dict[str, object]:
    """Describe alarms in order of name; there are no composite ones."""
    names, prefix = params.get("AlarmNames"), params.get("AlarmNamePrefix")
    if names and prefix:
        raise AwsError("InvalidParameterCombination", "AlarmNames and AlarmNamePrefix are mutually exclusive.")
    records = world.cloudwatch.alarms.records() if "MetricAlarm" in params.get("AlarmTypes", ["MetricAlarm"]) else []
    wanted = [record for record in records if _described(record, params)]
    shown, token = page(wanted, params.get("NextToken"), params.get("MaxRecords", 50))
    return {"MetricAlarms": [_record_as_dict(record) for record in shown], "CompositeAlarms": [], **token}


def _described(record: Record, params: Mapping[str, Any]) -> bool:
    alarm, names = record.alarm, params.get("AlarmNames")
    actions = (*alarm.ok_actions, *alarm.alarm_actions, *alarm.insufficient_data_actions)
    action_prefix = params.get("ActionPrefix")
    return (
        (not names or alarm.name in names)
        and alarm.name.startswith(params.get("AlarmNamePrefix", ""))
        and params.get("StateValue") in (None, record.state.value)
        and (not action_prefix or any(action.startswith(action_prefix) for action in actions))
    )


@handles("cloudwatch", "DescribeAlarmsForMetric")
def describe_alarms_for_metric(world: World, params: Params, call: Call) -> dict[str, object]:
    """Describe the alarms that watch exactly this metric."""
    metric, stat = metric_of(params), params.get("Statistic") or params.get("ExtendedStatistic")
    shown = [
        _record_as_dict(record)
        for record in world.cloudwatch.alarms.records()
        for query in record.alarm.queries
        if query.metric == metric
        and stat in (None, query.stat)
        and params.get("Period") in (None, query.period)
        and params.get("Unit") in (None, query.unit)
    ]
    return {"MetricAlarms": shown}


def _record_as_dict(record: Record) -> dict[str, object]:
    alarm, state, rule = record.alarm, record.state, record.alarm.rule
    shown: dict[str, object] = {
        "AlarmName": alarm.name,
        "AlarmArn": alarm.arn,
        "AlarmDescription": alarm.description,
        "AlarmConfigurationUpdatedTimestamp": aware(record.configured_at),
        "ActionsEnabled": alarm.actions_enabled,
        "OKActions": list(alarm.ok_actions),
        "AlarmActions": list(alarm.alarm_actions),
        "InsufficientDataActions": list(alarm.insufficient_data_actions),
        "StateValue": state.value,
        "StateReason": state.reason,
        "StateReasonData": state.reason_data or None,
        "StateUpdatedTimestamp": aware(state.updated_at),
        "StateTransitionedTimestamp": aware(state.transitioned_at),
        "EvaluationPeriods": rule.evaluation_periods,
        "DatapointsToAlarm": rule.datapoints_to_alarm,
        "Threshold": rule.threshold,
        "ComparisonOperator": rule.comparison,
        "TreatMissingData": rule.treat_missing,
    }
    return {**shown, **_watched_as_dict(alarm)}


def _watched_as_dict(alarm: Alarm) -> dict[str, object]:
    (query, *_) = alarm.queries
    if alarm.by_metrics or query.metric is None:
        return {"Metrics": [one.as_dict() for one in alarm.queries]}
    low_samples = {None: None, True: "ignore", False: "evaluate"}[alarm.ignore_low_samples]
    return {
        "MetricName": query.metric.name,
        "Namespace": query.metric.namespace,
        "Dimensions": dimensions_as_list(query.metric),
        "Period": query.period,
        "Unit": query.unit,
        "Statistic" if query.stat in SIMPLE_STATISTICS else "ExtendedStatistic": query.stat,
        "EvaluateLowSampleCountPercentile": low_samples,
    }


@handles("cloudwatch", "DeleteAlarms")
def delete_alarms(world: World, params: Params, call: Call) -> dict[str, object]:
    """Delete alarms, all or none."""
    names = list(dict.fromkeys(params["AlarmNames"]))
    for name in names:
        _existing(world.cloudwatch.alarms, name)
    world.cloudwatch.alarms.delete(names)
    return {}


@handles("cloudwatch", "SetAlarmState")
def set_alarm_state(world: World, params: Params, call: Call) -> dict[str, object]:
    """Set a state by hand, until the next evaluation."""
    name, value, data = params["AlarmName"], params["StateValue"], params.get("StateReasonData", "")
    _existing(world.cloudwatch.alarms, name)
    if value not in STATES:
        raise _invalid(
            f"1 validation error detected: Value '{value}' at 'stateValue' failed to satisfy constraint: Member must "
            f"satisfy enum value set: [{', '.join(STATES)}]"
        )
    if data and not _is_json(data):
        raise AwsError("InvalidFormat", "StateReasonData must be JSON.")
    world.cloudwatch.alarms.set_state(name, value, params["StateReason"], data)
    return {}


@handles("cloudwatch", "EnableAlarmActions")
def enable_alarm_actions(world: World, params: Params, call: Call) -> dict[str, object]:
    """Switch the actions of alarms on."""
    return _switch_actions(world.cloudwatch.alarms, params["AlarmNames"], enabled=True)


@handles("cloudwatch", "DisableAlarmActions")
def disable_alarm_actions(world: World, params: Params, call: Call) -> dict[str, object]:
    """Switch the actions of alarms off."""
    return _switch_actions(world.cloudwatch.alarms, params["AlarmNames"], enabled=False)


def _switch_actions(alarms: Alarms, names: Sequence[str], *, enabled: bool) -> dict[str, object]:
    for name in names:
        if alarms.get(name) is not None:  # AWS passes over names that do not exist
            alarms.enable_actions(name, enabled)
    return {}


@handles("cloudwatch", "DescribeAlarmHistory")
def describe_alarm_history(world: World, params: Params, call: Call) -> dict[str, object]:
    """Return state and configuration updates, newest first unless asked otherwise."""
    items = world.cloudwatch.alarms.history() if "MetricAlarm" in params.get("AlarmTypes", ["MetricAlarm"]) else []
    wanted = [item for item in items if _remembered(item, params)]
    if params.get("ScanBy", "TimestampDescending") == "TimestampDescending":
        wanted.reverse()
    shown, token = page(wanted, params.get("NextToken"), params.get("MaxRecords", 100))
    return {"AlarmHistoryItems": [_item_as_dict(item) for item in shown], **token}


def _remembered(item: HistoryItem, params: Mapping[str, Any]) -> bool:
    start, end = params.get("StartDate"), params.get("EndDate")
    return (
        params.get("AlarmName") in (None, item.alarm)
        and params.get("HistoryItemType") in (None, item.kind)
        and (start is None or item.at >= epoch(start))
        and (end is None or item.at <= epoch(end))
    )


def _item_as_dict(item: HistoryItem) -> dict[str, object]:
    return {
        "AlarmName": item.alarm,
        "AlarmType": "MetricAlarm",
        "Timestamp": aware(item.at),
        "HistoryItemType": item.kind,
        "HistorySummary": item.summary,
        "HistoryData": item.data,
    }


def _existing(alarms: Alarms, name: str) -> Record:
    record = alarms.get(name)
    if record is None:
        raise AwsError("ResourceNotFound", f"The alarm {name} does not exist.")
    return record


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)
