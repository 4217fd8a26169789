"""What CloudWatch tells about an alarm: the JSON for an SNS topic, and the details of its EventBridge events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lab.aws.alarm_model import MUTE, Alarm, Record, State
from lab.aws.composite import Composite
from lab.aws.metric_data import Query
from lab.aws.names import instant
from lab.aws.statistic import SIMPLE_STATISTICS
from lab.settings import ACCOUNT, REGION

_PLACES = {"eu-west-1": "EU (Ireland)"}  # messages name the region as the console does


def stamp(at: float) -> str:
    """Write an instant as alarms do: 2026-11-25T12:00:00.123+0000."""
    when = instant(at)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03}+0000"


def message_of(record: Record, old: State) -> dict[str, Any]:
    """Return the message of an alarm that has changed from `old` to the state it is in."""
    alarm, state = record.alarm, record.state
    message: dict[str, Any] = {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": ACCOUNT,
        "AlarmConfigurationUpdatedTimestamp": stamp(record.configured_at),
        "NewStateValue": state.value,
        "NewStateReason": state.reason,
        "StateChangeTime": stamp(state.transitioned_at),
        "Region": _PLACES[REGION],
        "AlarmArn": alarm.arn,
        "OldStateValue": old.value,
        "OKActions": list(alarm.ok_actions),
        "AlarmActions": list(alarm.alarm_actions),
        "InsufficientDataActions": list(alarm.insufficient_data_actions),
    }
    if isinstance(alarm, Composite):
        return {**message, "AlarmRule": alarm.expression.text, "TriggeringChildren": _children(state)}
    return {**message, "Trigger": _trigger(alarm)}


def _children(state: State) -> list[dict[str, Any]]:
    """Return the alarms whose change made a composite alarm change."""
    try:
        known = json.loads(state.reason_data).get("triggeringAlarms", []) if state.reason_data else []
    except (ValueError, AttributeError):  # a state set by hand may carry any data
        return []
    return [
        {"Arn": child["arn"], "State": {"Value": child["state"]["value"], "Timestamp": child["state"]["timestamp"]}}
        for child in known
    ]


def _trigger(alarm: Alarm) -> dict[str, Any]:
    (query, *_) = alarm.queries
    rule = {
        "Period": alarm.period,
        "EvaluationPeriods": alarm.rule.evaluation_periods,
        "DatapointsToAlarm": alarm.rule.datapoints_to_alarm,
        "ComparisonOperator": alarm.rule.comparison,
        "Threshold": float(alarm.rule.threshold),
        "TreatMissingData": alarm.rule.treat_missing,
        "EvaluateLowSampleCountPercentile": {None: "", True: "ignore", False: "evaluate"}[alarm.ignore_low_samples],
    }
    if alarm.by_metrics or query.metric is None:
        return {**rule, "Metrics": [one.as_dict() for one in alarm.queries]}
    simple = query.stat in SIMPLE_STATISTICS
    kind = "Statistic" if simple else "ExtendedStatistic"
    return {
        "MetricName": query.metric.name,
        "Namespace": query.metric.namespace,
        "StatisticType": kind,
        kind: _SPOKEN.get(query.stat, query.stat),
        "Unit": query.unit,
        "Dimensions": [{"value": value, "name": name} for name, value in sorted(query.metric.dimensions)],
        **rule,
    }


_SPOKEN = {
    "Average": "AVERAGE",
    "Sum": "SUM",
    "Minimum": "MINIMUM",
    "Maximum": "MAXIMUM",
    "SampleCount": "SAMPLE_COUNT",
}


def state_detail(record: Record, old: State) -> dict[str, Any]:
    """Return the detail of "CloudWatch Alarm State Change"."""
    now = _state(record.state)
    if record.held is not None and record.held.by != MUTE:
        now["actionsSuppressedBy"] = record.held.by
        now["actionsSuppressedReason"] = suppressed_reason(record.held.by)
    configuration = configuration_of(record.alarm)
    return {
        "alarmName": record.alarm.name,
        "state": now,
        "previousState": _state(old),
        "configuration": configuration,
    }


def configuration_detail(record: Record, operation: str) -> dict[str, Any]:
    """Return the detail of "CloudWatch Alarm Configuration Change": operation is create, update or delete."""
    configuration = {
        **configuration_of(record.alarm),
        "alarmName": record.alarm.name,
        "actionsEnabled": record.alarm.actions_enabled,
        "timestamp": stamp(record.configured_at),
        "okActions": list(record.alarm.ok_actions),
        "alarmActions": list(record.alarm.alarm_actions),
        "insufficientDataActions": list(record.alarm.insufficient_data_actions),
    }
    state = {"value": record.state.value, "timestamp": stamp(record.state.updated_at)}
    return {"alarmName": record.alarm.name, "operation": operation, "state": state, "configuration": configuration}


def suppressed_reason(by: str) -> str:
    """Return AWS's sentence for ActionsSuppressedReason."""
    return f"Actions suppressed by {by}"


def configuration_of(alarm: Alarm | Composite) -> dict[str, Any]:
    """Return what an alarm watches, as its events have it."""
    described = {"description": alarm.description} if alarm.description else {}
    if isinstance(alarm, Alarm):
        return {"metrics": [_metric(query) for query in alarm.queries], **described}
    suppressor = {f"a{name[1:]}": value for name, value in alarm.suppressor.items()}
    return {"alarmRule": alarm.expression.text, **suppressor, **described}


def _metric(query: Query) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": query.id, "returnData": query.returned}
    if query.label:
        shown["label"] = query.label
    if query.metric is None:
        return {**shown, "expression": query.expression}
    metric: Mapping[str, Any] = {
        "namespace": query.metric.namespace,
        "name": query.metric.name,
        "dimensions": dict(sorted(query.metric.dimensions)),
    }
    unit = {"unit": query.unit} if query.unit else {}
    return {**shown, "metricStat": {"metric": metric, "period": query.period, "stat": query.stat, **unit}}


def _state(state: State) -> dict[str, Any]:
    data = {"reasonData": state.reason_data} if state.reason_data else {}
    return {"value": state.value, "reason": state.reason, **data, "timestamp": stamp(state.updated_at)}
