"""CloudWatch's alarms over the API, metric and composite: put, delete, set, history. Describing is in `alarm_views`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from graphlib import CycleError
from typing import TYPE_CHECKING, Any

import lab.aws.alarm_views  # noqa: F401  its handlers belong to the same service
from lab.aws.alarm_model import Alarm, HistoryItem, Record
from lab.aws.alarm_request import alarm_of
from lab.aws.alarm_rule import STATES
from lab.aws.alarms import Alarms
from lab.aws.composite import Composite, composite_of
from lab.aws.metric_data import Span, compute
from lab.aws.paging import aware, epoch, page
from lab.aws.registry import AwsError, Call, Params, handles

if TYPE_CHECKING:
    from lab.aws.world import World

MOST_DELETED = 100


@handles("cloudwatch", "PutMetricAlarm")
def put_metric_alarm(world: World, params: Params, call: Call) -> dict[str, object]:
    """Create or replace an alarm; a new one is INSUFFICIENT_DATA until it is evaluated.

    Missing: anomaly detection, PromQL, evaluation windows, warm-up, ActionConfiguration and alarms on a SELECT with
    GROUP BY are refused; of the actions only those of SNS and Auto Scaling are performed.
    """
    alarm = alarm_of(params)
    _check_kind(world.cloudwatch.alarms, alarm.name, Alarm)
    now = time.time()
    span = Span(now - alarm.period, now, now, searches=False)
    found = compute(world.cloudwatch.metrics, alarm.queries, span)  # a wrong expression raises
    if len(found) != 1:
        raise _invalid("An alarm watches one time series; the expression gives several.")
    world.cloudwatch.alarms.put(alarm, now)
    world.cloudwatch.tags.create(alarm.arn, params.get("Tags"))
    return {}


@handles("cloudwatch", "PutCompositeAlarm")
def put_composite_alarm(world: World, params: Params, call: Call) -> dict[str, object]:
    """Create or replace an alarm on other alarms, and evaluate it at once; a rule that leads back to itself is refused.

    AWS takes such a cycle and then never evaluates it.
    Missing: ActionConfiguration is refused.
    """
    alarms, alarm = world.cloudwatch.alarms, composite_of(params)
    _check_kind(alarms, alarm.name, Composite)
    asked = (*alarm.children, *filter(None, [alarm.suppressed_by]))
    unknown = [child for child in asked if alarms.get(child) is None and child != alarm.name]
    if unknown:
        raise _invalid(f"Could not save the composite alarm {alarm.name}: no alarm {', '.join(unknown)} exists.")
    try:
        alarms.put(alarm)
    except CycleError as error:
        raise _invalid(f"The rule of {alarm.name} leads back to itself: {' -> '.join(error.args[1])}.") from error
    world.cloudwatch.tags.create(alarm.arn, params.get("Tags"))
    return {}


def _check_kind(alarms: Alarms, name: str, kind: type[Alarm | Composite]) -> None:
    """A name belongs to one kind of alarm."""
    known = alarms.get(name)
    if known is not None and not isinstance(known.alarm, kind):
        raise _invalid(f"The alarm {name} exists already, and is of the other type.")


@handles("cloudwatch", "DeleteAlarms")
def delete_alarms(world: World, params: Params, call: Call) -> dict[str, object]:
    """Delete those alarms that exist; none that a composite alarm still asks, and one composite alarm at most."""
    alarms, asked = world.cloudwatch.alarms, list(dict.fromkeys(params["AlarmNames"]))
    if len(asked) > MOST_DELETED:
        raise _invalid(f"At most {MOST_DELETED} alarms can be deleted at a time.")
    names = [name for name in asked if alarms.get(name) is not None]
    composites = [name for name in names if isinstance(_existing(alarms, name).alarm, Composite)]
    if len(composites) > 1:
        raise _invalid("Only one composite alarm can be deleted at a time.")
    for name in names:
        if left := [parent for parent in alarms.parents(name) if parent not in names]:
            words = "cannot be deleted as there are composite alarm(s) depending on it"
            raise _invalid(f"Alarm {name} {words}: {', '.join(left)}.")
    arns = [_existing(alarms, name).alarm.arn for name in names]
    alarms.delete(names)
    for arn in arns:
        world.cloudwatch.tags.delete(arn)
    if unknown := [name for name in asked if name not in names]:
        raise AwsError("ResourceNotFound", f"The alarm {', '.join(unknown)} does not exist.")
    return {}


@handles("cloudwatch", "SetAlarmState")
def set_alarm_state(world: World, params: Params, call: Call) -> dict[str, object]:
    """Set a state by hand, until the next evaluation (of a composite alarm: until a child changes)."""
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
    """Return state and configuration updates, newest first unless asked otherwise.

    Missing: the newest 5,000 items of all alarms are kept, not 30 days; there are no alarm contributors.
    """
    wanted = [item for item in world.cloudwatch.alarms.history() if _remembered(item, params)]
    if params.get("ScanBy", "TimestampDescending") == "TimestampDescending":
        wanted.reverse()
    shown, token = page(wanted, params.get("NextToken"), params.get("MaxRecords", 100))
    return {"AlarmHistoryItems": [_item_as_dict(item) for item in shown], **token}


def _remembered(item: HistoryItem, params: Mapping[str, Any]) -> bool:
    start, end = params.get("StartDate"), params.get("EndDate")
    return (
        _type_of(item) in params.get("AlarmTypes", ["MetricAlarm"])
        and params.get("AlarmName") in (None, item.alarm)
        and not params.get("AlarmContributorId")  # no alarm of the lab has contributors
        and params.get("HistoryItemType") in (None, item.kind)
        and (start is None or item.at >= epoch(start))
        and (end is None or item.at <= epoch(end))
    )


def _type_of(item: HistoryItem) -> str:
    return "CompositeAlarm" if item.composite else "MetricAlarm"


def _item_as_dict(item: HistoryItem) -> dict[str, object]:
    return {
        "AlarmName": item.alarm,
        "AlarmType": _type_of(item),
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
