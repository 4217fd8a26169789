"""Until CloudWatch performs alarm actions by itself: what it would send to SNS when an alarm has changed its state.

A listener of `alarms`; it gives `Sns.on_firing` the actions of the new state.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lab.aws.alarm_rule import ALARM, OK
from lab.aws.alarms import Alarms, Record
from lab.aws.names import instant
from lab.aws.registry import AwsError
from lab.settings import ACCOUNT


@dataclass(frozen=True, slots=True)
class Change:
    """One change of state, with the actions that it asks for."""

    alarm: str
    actions: tuple[str, ...]
    new: str
    message: Mapping[str, Any]


def listener(alarms: Alarms, act: Callable[[Change], None]) -> Callable[[str, str], None]:
    """Return a listener that acts on every change whose alarm has its actions enabled."""

    def hear(name: str, value: str) -> None:
        record = alarms.get(name)
        if record is None or not record.alarm.actions_enabled:
            return
        alarm = record.alarm
        actions = {ALARM: alarm.alarm_actions, OK: alarm.ok_actions}.get(value, alarm.insufficient_data_actions)
        try:
            act(Change(name, actions, value, message(record)))
        except AwsError as error:  # a topic that is gone must not end the evaluation of the others
            print(f"the actions of {name}: {error}", file=sys.stderr, flush=True)

    return hear


def message(record: Record) -> dict[str, Any]:
    """Return the message of an alarm as it stands now."""
    alarm, state = record.alarm, record.state
    when = instant(state.transitioned_at or time.time())
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": ACCOUNT,
        "NewStateValue": state.value,
        "NewStateReason": state.reason,
        "StateChangeTime": f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03}+0000",
        "Region": "EU (Ireland)",
        "AlarmArn": alarm.arn,
        "OKActions": list(alarm.ok_actions),
        "AlarmActions": list(alarm.alarm_actions),
        "InsufficientDataActions": list(alarm.insufficient_data_actions),
    }
