"""Amazon EventBridge Scheduler over the API: groups and schedules are checked and kept. Nothing fires by time."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.aws.names import arn, epoch_of, instant
from lab.aws.paging import page
from lab.aws.registry import AwsError, Call, Params, handles
from lab.aws.scheduler_expression import problems

if TYPE_CHECKING:
    from lab.aws.world import World

DEFAULT = "default"
RETRIES = {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}  # what AWS does unless it is told
_NAME = re.compile(r"[0-9a-zA-Z-_.]+")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+")
_CLUSTER = re.compile(r"arn:aws[a-z-]*:ecs:[a-z0-9-]+:\d{12}:cluster/[\w-]+")
_UNIVERSAL = re.compile(r"arn:aws[a-z-]*:scheduler:::aws-sdk:([a-z0-9]+):([a-z]\w+)")
_READS = ("get", "describe", "list", "poll", "receive", "search", "scan", "query", "select", "read", "lookup",
          "discover", "validate", "batchGet", "batchDescribe", "batchRead", "transactGet")  # fmt: skip


@dataclass(slots=True)
class Group:
    """A group of schedules; times are epoch seconds."""

    name: str
    tags: dict[str, str] = field(default_factory=dict)
    created_at: float = field(default_factory=time.time)

    @property
    def arn(self) -> str:
        """Its ARN."""
        return arn("scheduler", f"schedule-group/{self.name}")


@dataclass(slots=True)
class Schedule:
    """A schedule, as it was put."""

    group: str
    name: str
    given: Params
    created_at: float
    changed_at: float

    @property
    def arn(self) -> str:
        """Its ARN."""
        return arn("scheduler", f"schedule/{self.group}/{self.name}")


@dataclass(slots=True)
class Schedules:
    """All groups and schedules of a lab."""

    groups: dict[str, Group] = field(default_factory=lambda: {DEFAULT: Group(DEFAULT)})
    schedules: dict[tuple[str, str], Schedule] = field(default_factory=dict)

    def group(self, name: str | None) -> Group:
        """Return a group; ResourceNotFoundException when there is none."""
        found = self.groups.get(name or DEFAULT)
        if found is None:
            raise AwsError("ResourceNotFoundException", f"Schedule group {name} does not exist.")
        return found

    def schedule(self, group: str | None, name: str) -> Schedule:
        """Return a schedule; ResourceNotFoundException when there is none."""
        found = self.schedules.get((self.group(group).name, name))
        if found is None:
            raise AwsError("ResourceNotFoundException", f"Schedule {name} does not exist.")
        return found


@handles("scheduler", "CreateScheduleGroup")
def create_schedule_group(world: World, params: Params, call: Call) -> dict[str, object]:
    """Create a group. Missing: ClientToken is not read, a second call is a conflict."""
    name = _named(params["Name"])
    if name in world.schedules.groups:
        raise AwsError("ConflictException", f"Schedule group {name} already exists.")
    group = world.schedules.groups[name] = Group(name, _tags(params))
    return {"ScheduleGroupArn": group.arn}


@handles("scheduler", "GetScheduleGroup")
def get_schedule_group(world: World, params: Params, call: Call) -> dict[str, object]:
    """Describe a group."""
    return _group_view(world.schedules.group(params["Name"]))


@handles("scheduler", "ListScheduleGroups")
def list_schedule_groups(world: World, params: Params, call: Call) -> dict[str, object]:
    """List groups in order of name, by a prefix of it."""
    prefix = params.get("NamePrefix") or ""
    found = [group for name, group in sorted(world.schedules.groups.items()) if name.startswith(prefix)]
    shown, token = _paged(found, params)
    return {"ScheduleGroups": [_group_view(group) for group in shown], **token}


@handles("scheduler", "DeleteScheduleGroup")
def delete_schedule_group(world: World, params: Params, call: Call) -> dict[str, object]:
    """Delete a group with its schedules, never the default one. Missing: the state DELETING; it is gone at once."""
    name = world.schedules.group(params["Name"]).name
    if name == DEFAULT:
        raise _invalid("The default schedule group cannot be deleted.")
    del world.schedules.groups[name]
    for key in [key for key in world.schedules.schedules if key[0] == name]:
        del world.schedules.schedules[key]
    return {}


@handles("scheduler", "CreateSchedule")
def create_schedule(world: World, params: Params, call: Call) -> dict[str, object]:
    """Check and keep a schedule: its expression, zone, window, retries and target.

    Missing: it never fires; the role and the target are not looked up, and ClientToken is not read.
    """
    group = world.schedules.group(params.get("GroupName")).name
    name = _named(params["Name"])
    if (group, name) in world.schedules.schedules:
        raise AwsError("ConflictException", f"Schedule {name} already exists.")
    _check(params)
    now = time.time()
    made = world.schedules.schedules[group, name] = Schedule(group, name, _kept(params), now, now)
    return {"ScheduleArn": made.arn}


@handles("scheduler", "UpdateSchedule")
def update_schedule(world: World, params: Params, call: Call) -> dict[str, object]:
    """Replace all of a schedule: what is not given goes back to its default. Missing: what CreateSchedule lacks."""
    known = world.schedules.schedule(params.get("GroupName"), params["Name"])
    _check(params)
    known.given, known.changed_at = _kept(params), time.time()
    return {"ScheduleArn": known.arn}


@handles("scheduler", "GetSchedule")
def get_schedule(world: World, params: Params, call: Call) -> dict[str, object]:
    """Describe a schedule, with AWS's own retries where none were given."""
    known = world.schedules.schedule(params.get("GroupName"), params["Name"])
    times: dict[str, object] = {
        name: instant(epoch_of(known.given[name])) for name in ("StartDate", "EndDate") if name in known.given
    }
    return {**known.given, **times, **_name_view(known)}


@handles("scheduler", "DeleteSchedule")
def delete_schedule(world: World, params: Params, call: Call) -> dict[str, object]:
    """Delete a schedule."""
    known = world.schedules.schedule(params.get("GroupName"), params["Name"])
    del world.schedules.schedules[known.group, known.name]
    return {}


@handles("scheduler", "ListSchedules")
def list_schedules(world: World, params: Params, call: Call) -> dict[str, object]:
    """List schedules in order of group and name: of a group, by a prefix, in a state."""
    group, prefix, state = params.get("GroupName"), params.get("NamePrefix") or "", params.get("State")
    if group:
        world.schedules.group(group)
    found = [
        one
        for _, one in sorted(world.schedules.schedules.items())
        if group in (None, one.group) and one.name.startswith(prefix) and state in (None, one.given["State"])
    ]
    shown, token = _paged(found, params)
    return {"Schedules": [{**_name_view(one), "State": one.given["State"],
                           "Target": {"Arn": one.given["Target"]["Arn"]}} for one in shown], **token}  # fmt: skip


@handles("scheduler", "TagResource")
def tag_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """Tag a group; schedules have no tags."""
    _tagged(world, params).tags.update(_tags(params))
    return {}


@handles("scheduler", "UntagResource")
def untag_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """Take tags off a group."""
    tags = _tagged(world, params).tags
    for key in params["TagKeys"]:
        tags.pop(key, None)
    return {}


@handles("scheduler", "ListTagsForResource")
def list_tags_for_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """List the tags of a group."""
    return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(_tagged(world, params).tags.items())]}


def _check(params: Params) -> None:
    """Raise ValidationException for the first thing that is wrong with a schedule."""
    for wrong in (*problems(params["ScheduleExpression"], params.get("ScheduleExpressionTimezone")), *_shape(params)):
        raise _invalid(wrong)


def _shape(params: Params) -> Iterator[str]:
    window, target = params["FlexibleTimeWindow"], params["Target"]
    if (window["Mode"] == "FLEXIBLE") != ("MaximumWindowInMinutes" in window):
        yield "MaximumWindowInMinutes must be provided if and only if the mode of FlexibleTimeWindow is FLEXIBLE."
    if not _ROLE.fullmatch(target["RoleArn"]):
        yield f"Provided role {target['RoleArn']} is not the ARN of a role."
    universal, text = _UNIVERSAL.fullmatch(target["Arn"]), target.get("Input")
    if universal and universal[2].startswith(_READS):
        yield f"{target['Arn']} is not a supported target: the action only reads."
    elif not universal and not target["Arn"].startswith("arn:aws"):
        yield f"Provided Arn {target['Arn']} is not in correct format."
    if ("EcsParameters" in target) != bool(_CLUSTER.fullmatch(target["Arn"])):
        yield "EcsParameters must be provided if and only if the target is an ECS cluster."
    if (universal or "EcsParameters" in target) and text is not None and not _is_json(text):
        yield "Invalid Input: it is no JSON."


def _kept(params: Params) -> Params:
    """Return what is told of a schedule again, with the defaults."""
    given = {key: value for key, value in params.items() if key not in ("ClientToken", "GroupName", "Name")}
    defaults = {"State": "ENABLED", "ScheduleExpressionTimezone": "UTC", "ActionAfterCompletion": "NONE"}
    target = {**params["Target"], "RetryPolicy": {**RETRIES, **params["Target"].get("RetryPolicy", {})}}
    return {**defaults, **given, "Target": target}


def _name_view(known: Schedule) -> dict[str, object]:
    return {"Arn": known.arn, "Name": known.name, "GroupName": known.group, "CreationDate": instant(known.created_at),
            "LastModificationDate": instant(known.changed_at)}  # fmt: skip


def _group_view(group: Group) -> dict[str, object]:
    made = instant(group.created_at)
    return {"Arn": group.arn, "Name": group.name, "State": "ACTIVE", "CreationDate": made, "LastModificationDate": made}


def _paged(items: Sequence[Any], params: Params) -> tuple[list[Any], dict[str, object]]:
    try:
        return page(items, params.get("NextToken"), int(params.get("MaxResults") or 100))
    except AwsError:
        raise _invalid("Invalid NextToken.") from None


def _tags(params: Params) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in params.get("Tags") or ()}


def _tagged(world: World, params: Params) -> Group:
    for group in world.schedules.groups.values():
        if group.arn == params["ResourceArn"]:
            return group
    raise AwsError("ResourceNotFoundException", f"{params['ResourceArn']} does not exist.")


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise _invalid(f"Value '{name}' at 'name' failed to satisfy regular expression pattern: {_NAME.pattern}")
    return name


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)
