"""Describing CloudWatch's alarms over the API: metric and composite ones, by name, state, action, metric or family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lab.aws.alarm_message import suppressed_reason
from lab.aws.alarm_model import MUTE, Alarm, Record
from lab.aws.alarms import Alarms
from lab.aws.composite import Composite
from lab.aws.metric_data import dimensions_as_list, metric_of
from lab.aws.paging import aware, page
from lab.aws.registry import AwsError, Call, Params, handles
from lab.aws.statistic import SIMPLE_STATISTICS

if TYPE_CHECKING:
    from lab.aws.world import World

_FAMILY = ("ChildrenOfAlarmName", "ParentsOfAlarmName")


@handles("cloudwatch", "DescribeAlarms")
def describe_alarms(world: World, params: Params, call: Call) -> dict[str, object]:
    """Describe alarms in order of name: metric alarms, and composite ones if AlarmTypes asks for them.

    Missing: EvaluationState and contributors of an alarm are never told.
    """
    alarms = world.cloudwatch.alarms
    if any(params.get(name) for name in _FAMILY):
        return _family(alarms, params)
    names, prefix = params.get("AlarmNames"), params.get("AlarmNamePrefix")
    if names and prefix:
        raise AwsError("InvalidParameterCombination", "AlarmNames and AlarmNamePrefix are mutually exclusive.")
    wanted = [record for record in alarms.records() if _described(record, params)]
    shown, token = page(wanted, params.get("NextToken"), params.get("MaxRecords", 50))
    return {
        "MetricAlarms": [_metric_alarm(record, r) for record in shown if isinstance(r := record.alarm, Alarm)],
        "CompositeAlarms": [
            _composite_alarm(record, r) for record in shown if isinstance(r := record.alarm, Composite)
        ],
        **token,
    }


def _family(alarms: Alarms, params: Params) -> dict[str, object]:
    """Describe briefly the children or the parents of one alarm; no other choice may be made with it."""
    (asked, *others) = [name for name in params if name not in ("MaxRecords", "NextToken")]
    if others:
        raise AwsError("ValidationError", f"{asked} cannot be combined with {', '.join(others)}.")
    record = alarms.get(params[asked])
    if record is None:
        raise AwsError("ResourceNotFound", f"The alarm {params[asked]} does not exist.")
    names: tuple[str, ...] | list[str] = record.alarm.children if isinstance(record.alarm, Composite) else ()
    if asked == "ParentsOfAlarmName":
        names = alarms.parents(params[asked])
    found = [relative for name in sorted(names) if (relative := alarms.get(name))]
    shown, token = page(found, params.get("NextToken"), params.get("MaxRecords", 50))
    brief = [(_brief(one, states=asked == _FAMILY[0]), isinstance(one.alarm, Composite)) for one in shown]
    return {
        "MetricAlarms": [view for view, composite in brief if not composite],
        "CompositeAlarms": [view for view, composite in brief if composite],
        **token,
    }


def _brief(record: Record, *, states: bool) -> dict[str, object]:
    view: dict[str, object] = {"AlarmName": record.alarm.name, "AlarmArn": record.alarm.arn}
    if states:
        view |= {"StateValue": record.state.value, "StateUpdatedTimestamp": aware(record.state.updated_at)}
    return view


def _described(record: Record, params: Mapping[str, Any]) -> bool:
    alarm, names = record.alarm, params.get("AlarmNames")
    actions = (*alarm.ok_actions, *alarm.alarm_actions, *alarm.insufficient_data_actions)
    action_prefix = params.get("ActionPrefix")
    kind = "CompositeAlarm" if isinstance(alarm, Composite) else "MetricAlarm"
    return (
        kind in params.get("AlarmTypes", ["MetricAlarm"])
        and (not names or alarm.name in names)
        and alarm.name.startswith(params.get("AlarmNamePrefix", ""))
        and params.get("StateValue") in (None, record.state.value)
        and (not action_prefix or any(action.startswith(action_prefix) for action in actions))
    )


@handles("cloudwatch", "DescribeAlarmsForMetric")
def describe_alarms_for_metric(world: World, params: Params, call: Call) -> dict[str, object]:
    """Describe the alarms that watch exactly this metric."""
    metric, stat = metric_of(params), params.get("Statistic") or params.get("ExtendedStatistic")
    shown = [
        _metric_alarm(record, record.alarm)
        for record in world.cloudwatch.alarms.records()
        if isinstance(record.alarm, Alarm)
        for query in record.alarm.queries
        if query.metric == metric
        and stat in (None, query.stat)
        and params.get("Period") in (None, query.period)
        and params.get("Unit") in (None, query.unit)
    ]
    return {"MetricAlarms": shown}


def _common(record: Record) -> dict[str, object]:
    """Return what alarms of both types show."""
    alarm, state = record.alarm, record.state
    return {
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
    }


def _composite_alarm(record: Record, alarm: Composite) -> dict[str, object]:
    by = record.held.by if record.held is not None and record.held.by != MUTE else None
    suppressed = {"ActionsSuppressedBy": by, "ActionsSuppressedReason": suppressed_reason(by)} if by else {}
    return {**_common(record), "AlarmRule": alarm.expression.text, **alarm.suppressor, **suppressed}


def _metric_alarm(record: Record, alarm: Alarm) -> dict[str, object]:
    rule = alarm.rule
    shown: dict[str, object] = {
        "EvaluationPeriods": rule.evaluation_periods,
        "DatapointsToAlarm": rule.datapoints_to_alarm,
        "Threshold": rule.threshold,
        "ComparisonOperator": rule.comparison,
        "TreatMissingData": rule.treat_missing,
    }
    return {**_common(record), **shown, **_watched_as_dict(alarm)}


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
