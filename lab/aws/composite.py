"""Composite alarms: what PutCompositeAlarm asks for, and the state that the alarms below it give.

What an actions suppressor does is in `alarm_actions`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.aws.alarm_expression import Expression, WrongRuleError, parse
from lab.aws.alarm_rule import ALARM, OK, Verdict
from lab.aws.names import arn, instant
from lab.aws.registry import AwsError

_SUPPRESSOR = ("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")
MOST_ACTIONS = 5  # for each state
_ARN = re.compile(r"arn:[\w-]+:[\w-]+:[\w-]*:\w*:.+")


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
    suppressor: Mapping[str, Any] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """Its Amazon resource name."""
        return arn("cloudwatch", f"alarm:{self.name}")

    @property
    def suppressed_by(self) -> str:
        """The name of the actions suppressor, or nothing."""
        return str(self.suppressor.get(_SUPPRESSOR[0], "")).rpartition(":alarm:")[2]

    def suppressor_period(self, name: str) -> float:
        """Return the suppressor's "WaitPeriod" or "ExtensionPeriod" in seconds."""
        return float(self.suppressor.get(f"{_SUPPRESSOR[0]}{name}", 0))

    @property
    def children(self) -> tuple[str, ...]:
        """The names of the alarms that it asks."""
        return self.expression.children


def composite_of(params: Mapping[str, Any]) -> Composite:
    """Return the alarm of a request; ValidationError for a rule that cannot be read."""
    if params.get("ActionConfiguration") is not None:
        raise AwsError("ValidationError", "The lab does not play the parameter ActionConfiguration.")
    try:
        expression = parse(params["AlarmRule"])
    except WrongRuleError as error:
        raise AwsError("ValidationError", f"Error in AlarmRule: {error}.") from error
    return Composite(
        name=params["AlarmName"],
        expression=expression,
        description=params.get("AlarmDescription"),
        actions_enabled=params.get("ActionsEnabled", True),
        ok_actions=actions_of(params, "OKActions"),
        alarm_actions=actions_of(params, "AlarmActions"),
        insufficient_data_actions=actions_of(params, "InsufficientDataActions"),
        suppressor=_suppressor(params),
    )


def actions_of(params: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return the actions for one state; ValidationError for more than five, or for what is no ARN."""
    actions = tuple(params.get(name) or ())
    if len(actions) > MOST_ACTIONS:
        raise AwsError("ValidationError", f"{name} may have {MOST_ACTIONS} actions at most.")
    if wrong := [action for action in actions if not _ARN.fullmatch(action)]:
        raise AwsError("ValidationError", f"Invalid arn syntax: {wrong[0]}")
    return actions


def _suppressor(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was given of the suppressor: all of it, or nothing."""
    given = {name: params[name] for name in _SUPPRESSOR if params.get(name) is not None}
    if given and len(given) < len(_SUPPRESSOR):
        missing = next(name for name in _SUPPRESSOR if name not in given)
        raise AwsError("ValidationError", f"{missing} must be set together with {', '.join(given)}.")
    if any(int(given.get(name, 0)) < 0 for name in _SUPPRESSOR[1:]):
        raise AwsError("ValidationError", "The periods of an actions suppressor must not be negative.")
    return given


def judge_composite(
    alarm: Composite, states: Mapping[str, str], changed: str | None, at: float, *, created: bool = False
) -> Verdict:
    """Return ALARM where the rule holds, else OK; `changed` is the child whose change is the reason, if one is.

    Without one the alarm itself was created or updated.
    """
    state = ALARM if alarm.expression.holds(states) else OK
    if changed is None:
        done = "created" if created else "updated"
        return Verdict(state, f"{alarm.arn} was {done} and its alarm rule evaluates to {state}", "")
    when, who = instant(at), arn("cloudwatch", f"alarm:{changed}")
    child = {"value": states[changed], "timestamp": when.strftime("%Y-%m-%dT%H:%M:%S.000+0000")}
    data = {"triggeringAlarms": [{"arn": who, "state": child}]}
    words = f"{who} transitioned to {states[changed]} at {when.strftime('%A %d %B, %Y %H:%M:%S')} UTC"
    return Verdict(state, words, json.dumps(data))
