"""Alarm mute rules over the API: while a window of a rule is open, its alarms go on, but their actions are muted.

What became due in a window is performed at its end (`alarm_actions`). Deleting a rule ends its window at once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.aws.mute_schedule import Schedule, WrongScheduleError, schedule_of
from lab.aws.names import arn
from lab.aws.paging import aware, epoch, page
from lab.aws.registry import AwsError, Call, Params, handles

if TYPE_CHECKING:
    from lab.aws.world import World

SCHEDULED, ACTIVE, EXPIRED = "SCHEDULED", "ACTIVE", "EXPIRED"
MOST_TARGETS = 100


@dataclass(frozen=True, slots=True)
class MuteRule:
    """One rule; instants are epoch seconds."""

    name: str
    schedule: Schedule
    asked: Mapping[str, Any]  # Rule, as it was put
    alarms: tuple[str, ...]
    updated_at: float
    description: str | None = None
    starts_at: float | None = None
    expires_at: float | None = None

    @property
    def arn(self) -> str:
        """Its Amazon resource name."""
        return arn("cloudwatch", f"alarm-mute-rule:{self.name}")

    @property
    def kind(self) -> str:
        """AWS's MuteType."""
        return "RECURRING" if self.schedule.once is None else "ONE_TIME"

    def status(self, at: float) -> str:
        """Return AWS's status at an instant."""
        if (self.expires_at is not None and at >= self.expires_at) or self.schedule.is_over(at):
            return EXPIRED
        early = self.starts_at is not None and at < self.starts_at
        return SCHEDULED if early or self.schedule.window(at) is None else ACTIVE


@dataclass(slots=True)
class MuteRules:
    """All rules of a lab. Call it under the world's lock."""

    rules: dict[str, MuteRule] = field(default_factory=dict)

    def muting(self, alarm: str, at: float) -> MuteRule | None:
        """Return a rule that mutes this alarm at an instant."""
        return next((r for r in self.rules.values() if alarm in r.alarms and r.status(at) == ACTIVE), None)

    def listed(self) -> list[MuteRule]:
        """Return every rule, in order of name."""
        return [self.rules[name] for name in sorted(self.rules)]


@handles("cloudwatch", "PutAlarmMuteRule")
def put_alarm_mute_rule(world: World, params: Params, call: Call) -> dict[str, object]:
    """Create or replace a rule; what the old one muted and the new one does not is performed at once."""
    alarms = world.cloudwatch.alarms
    asked, targets = params["Rule"], tuple((params.get("MuteTargets") or {}).get("AlarmNames") or ())
    schedule = asked["Schedule"]
    try:
        when = schedule_of(schedule["Expression"], schedule["Duration"], schedule.get("Timezone"))
    except WrongScheduleError as error:
        raise _invalid(f"The schedule of the mute rule is not valid: {error}.") from error
    if len(targets) > MOST_TARGETS:
        raise _invalid(f"A mute rule targets at most {MOST_TARGETS} alarms.")
    if unknown := [name for name in targets if alarms.get(name) is None]:
        raise _invalid(f"No alarm {', '.join(unknown)} exists.")
    starts, expires = (epoch(params[name]) if params.get(name) else None for name in ("StartDate", "ExpireDate"))
    if starts is not None and expires is not None and starts >= expires:
        raise _invalid("ExpireDate must be later than StartDate.")
    name, now = params["Name"], time.time()
    rule = MuteRule(name, when, asked, targets, now, params.get("Description"), starts, expires)
    alarms.actions.mutes.rules[name] = rule
    world.cloudwatch.tags.create(rule.arn, params.get("Tags"))
    alarms.settle(now)
    return {}


@handles("cloudwatch", "GetAlarmMuteRule")
def get_alarm_mute_rule(world: World, params: Params, call: Call) -> dict[str, object]:
    """Return one rule with its status now."""
    rule = world.cloudwatch.alarms.actions.mutes.rules.get(params["AlarmMuteRuleName"])
    if rule is None:
        raise AwsError("ResourceNotFoundException", f"The mute rule {params['AlarmMuteRuleName']} does not exist.")
    return {
        **_summary(rule, time.time()),
        "Name": rule.name,
        "Description": rule.description,
        "Rule": rule.asked,
        "MuteTargets": {"AlarmNames": list(rule.alarms)} if rule.alarms else None,
        "StartDate": None if rule.starts_at is None else aware(rule.starts_at),
    }


@handles("cloudwatch", "ListAlarmMuteRules")
def list_alarm_mute_rules(world: World, params: Params, call: Call) -> dict[str, object]:
    """List rules in order of name: those of an alarm, or with a status."""
    now, alarm, statuses = time.time(), params.get("AlarmName"), params.get("Statuses")
    wanted: Sequence[MuteRule] = [
        rule
        for rule in world.cloudwatch.alarms.actions.mutes.listed()
        if (alarm is None or alarm in rule.alarms) and (not statuses or rule.status(now) in statuses)
    ]
    shown, token = page(wanted, params.get("NextToken"), params.get("MaxRecords", 50))
    return {"AlarmMuteRuleSummaries": [_summary(rule, now) for rule in shown], **token}


@handles("cloudwatch", "DeleteAlarmMuteRule")
def delete_alarm_mute_rule(world: World, params: Params, call: Call) -> dict[str, object]:
    """Delete a rule, if it exists; what it muted is performed at once."""
    alarms = world.cloudwatch.alarms
    rule = alarms.actions.mutes.rules.pop(params["AlarmMuteRuleName"], None)
    if rule is not None:
        world.cloudwatch.tags.delete(rule.arn)
        alarms.settle(time.time())
    return {}


def _summary(rule: MuteRule, now: float) -> dict[str, object]:
    return {
        "AlarmMuteRuleArn": rule.arn,
        "ExpireDate": None if rule.expires_at is None else aware(rule.expires_at),
        "Status": rule.status(now),
        "MuteType": rule.kind,
        "LastUpdatedTimestamp": aware(rule.updated_at),
    }


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)
