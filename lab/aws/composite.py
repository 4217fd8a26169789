"""Composite alarms: what PutCompositeAlarm asks for, and the state that the alarms below it give.

An actions suppressor is kept and told back; the lab's alarms have no actions that it could suppress.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.aws.alarm_expression import Expression, WrongRuleError, parse
from lab.aws.alarm_rule import ALARM, OK, Verdict
from lab.aws.names import arn, instant
from lab.aws.registry import AwsError

_SUPPRESSOR = ("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")


@dataclass(frozen=True, slots=True)
class Composite:
    """An alarm on other alarms."""

    name: str
    expression: Expression
    description: str | None = None
    actions_enabled: bool = True
    ok_actions: tuple[str, ...] = ()
    alarm_actions: tuple[str, ...] = ()
    insufficient_data_actions: tuple[str, ...] = ()
    suppressor: Mapping[str, object] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """Its Amazon resource name."""
        return arn("cloudwatch", f"alarm:{self.name}")

    @property
    def children(self) -> tuple[str, ...]:
        """The names of the alarms that it asks."""
        return self.expression.children


def composite_of(params: Mapping[str, Any]) -> Composite:
    """Return the alarm of a request; ValidationError for a rule that cannot be read."""
    try:
        expression = parse(params["AlarmRule"])
    except WrongRuleError as error:
        raise AwsError("ValidationError", f"Error in AlarmRule: {error}.") from error
    return Composite(
        name=params["AlarmName"],
        expression=expression,
        description=params.get("AlarmDescription"),
        actions_enabled=params.get("ActionsEnabled", True),
        ok_actions=tuple(params.get("OKActions") or ()),
        alarm_actions=tuple(params.get("AlarmActions") or ()),
        insufficient_data_actions=tuple(params.get("InsufficientDataActions") or ()),
        suppressor={name: params[name] for name in _SUPPRESSOR if params.get(name) is not None},
    )


def judge_composite(alarm: Composite, states: Mapping[str, str], changed: str | None, at: float) -> Verdict:
    """Return ALARM where the rule holds, else OK; `changed` is the child whose change is the reason, if one is."""
    state = ALARM if alarm.expression.holds(states) else OK
    if changed is None:
        return Verdict(state, f"AlarmRule evaluates to {'TRUE' if state == ALARM else 'FALSE'}.", "")
    when, who = instant(at), arn("cloudwatch", f"alarm:{changed}")
    child = {"value": states[changed], "timestamp": when.strftime("%Y-%m-%dT%H:%M:%S.000+0000")}
    data = {"triggeringAlarms": [{"arn": who, "state": child}]}
    words = f"{who} transitioned to {states[changed]} at {when.strftime('%A %d %B, %Y %H:%M:%S')} UTC"
    return Verdict(state, words, json.dumps(data))
