"""EventBridge over the API: rules, their targets, events of one's own. What rules do is in `event_rules`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import lab.aws.event_buses  # noqa: F401  its handlers belong to the same service
from lab.aws.event_input import check_input
from lab.aws.event_rules import DEFAULT, Rule
from lab.aws.events import Event
from lab.aws.paging import epoch, page
from lab.aws.patterns import Pattern, PatternError, matches, parse_pattern
from lab.aws.registry import AwsError, Call, Params, handles

if TYPE_CHECKING:
    from lab.aws.world import World

MOST_TARGETS = 5
LONGEST_ENTRIES = 262_144  # bytes of all entries of one PutEvents
_SCHEDULE = re.compile(r"rate\(([1-9]\d*) (minute|minutes|hour|hours|day|days)\)|cron\((\S+ ){5}\S+\)")
_ENVELOPE = ("id", "account", "source", "time", "region", "resources", "detail-type")


@handles("events", "PutRule")
def put_rule(world: World, params: Params, call: Call) -> dict[str, object]:
    """Create or replace a rule; its targets and tags stay. A schedule is recorded and never fires.

    Missing: nothing fires by time; the role is kept and not assumed; ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS is
    ENABLED.
    """
    rules, name, text = world.rules, params["Name"], params.get("EventPattern")
    bus, schedule = rules.bus(params.get("EventBusName")), params.get("ScheduleExpression")
    if not text and not schedule:
        raise _invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if schedule and (not _SCHEDULE.fullmatch(schedule) or bus.name != DEFAULT):
        default_only = "ScheduleExpression is supported only on the default event bus."
        raise _invalid(default_only if bus.name != DEFAULT else "Parameter ScheduleExpression is not valid.")
    pattern = _pattern(text) if text else None
    known = rules.rules.get((bus.name, name))
    rule = Rule(
        name,
        bus.name,
        pattern,
        text,
        schedule,
        enabled=params.get("State", "ENABLED") != "DISABLED",
        description=params.get("Description"),
        role=params.get("RoleArn"),
        tags=known.tags if known else {each["Key"]: each["Value"] for each in params.get("Tags") or ()},
        targets=known.targets if known else {},
    )
    with rules.lock:
        rules.rules[bus.name, name] = rule
    return {"RuleArn": rule.arn}


def _pattern(text: str) -> Pattern:
    try:
        return parse_pattern(text)
    except PatternError as error:
        raise AwsError("InvalidEventPatternException", f"Event pattern is not valid. Reason: {error}") from None


@handles("events", "DeleteRule")
def delete_rule(world: World, params: Params, call: Call) -> dict[str, object]:
    """Delete a rule without targets; there need not be one."""
    bus = world.rules.bus(params.get("EventBusName")).name
    with world.rules.lock:
        rule = world.rules.rules.get((bus, params["Name"]))
        if rule and rule.targets:
            raise _invalid("Rule can't be deleted since it has targets.")
        world.rules.rules.pop((bus, params["Name"]), None)
    return {}


@handles("events", "DescribeRule")
def describe_rule(world: World, params: Params, call: Call) -> dict[str, object]:
    """Describe a rule."""
    rule = world.rules.rule(params["Name"], params.get("EventBusName"))
    return {**_view(rule), "CreatedBy": rule.arn.split(":")[4]}


@handles("events", "ListRules")
def list_rules(world: World, params: Params, call: Call) -> dict[str, object]:
    """List a bus's rules in order of name."""
    found = world.rules.of(params.get("EventBusName"), params.get("NamePrefix") or "")
    shown, token = paged(found, params)
    return {"Rules": [_view(rule) for rule in shown], **token}


def _view(rule: Rule) -> dict[str, object]:
    shown = {
        "Name": rule.name,
        "Arn": rule.arn,
        "EventPattern": rule.pattern_text,
        "ScheduleExpression": rule.schedule,
        "State": "ENABLED" if rule.enabled else "DISABLED",
        "Description": rule.description,
        "RoleArn": rule.role,
        "EventBusName": rule.bus,
    }
    return {name: value for name, value in shown.items() if value is not None}


def paged(items: Sequence[Any], params: Params) -> tuple[list[Any], dict[str, object]]:
    """Return one page and the token of the next; ValidationException for a token that is not ours."""
    try:
        return page(items, params.get("NextToken"), params.get("Limit") or 100)
    except AwsError:
        raise _invalid("The token is not valid.") from None


@handles("events", "EnableRule")
def enable_rule(world: World, params: Params, call: Call) -> dict[str, object]:
    """Let a rule hear events again."""
    world.rules.rule(params["Name"], params.get("EventBusName")).enabled = True
    return {}


@handles("events", "DisableRule")
def disable_rule(world: World, params: Params, call: Call) -> dict[str, object]:
    """Let a rule hear no events."""
    world.rules.rule(params["Name"], params.get("EventBusName")).enabled = False
    return {}


@handles("events", "PutTargets")
def put_targets(world: World, params: Params, call: Call) -> dict[str, object]:
    """Add or replace targets, up to five a rule. Only SNS topics, and what else has a deliverer, get events.

    Missing: events reach SNS topics and log groups; RetryPolicy, DeadLetterConfig and the parameters of other services
    are kept without effect.
    """
    rule, targets = world.rules.rule(params["Rule"], params.get("EventBusName")), params["Targets"]
    for target in targets:
        if target["Arn"].count(":") < 5 or not target["Arn"].startswith("arn:"):
            raise _invalid(f"Parameter {target['Arn']} is not valid. Reason: Provided Arn is not in correct format.")
        if wrong := check_input(target):
            raise _invalid(wrong)
    together = {**rule.targets, **{target["Id"]: target for target in targets}}
    if len(together) > MOST_TARGETS:
        raise AwsError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
    with world.rules.lock:
        rule.targets = together
    return {"FailedEntryCount": 0, "FailedEntries": []}


@handles("events", "RemoveTargets")
def remove_targets(world: World, params: Params, call: Call) -> dict[str, object]:
    """Remove targets by id; one that is not there is told as failed."""
    rule, ids = world.rules.rule(params["Rule"], params.get("EventBusName")), params["Ids"]
    failed = [
        {
            "TargetId": each,
            "ErrorCode": "ResourceNotFoundException",
            "ErrorMessage": f"Rule {rule.name} does not have a target with the Id {each}.",
        }
        for each in ids
        if each not in rule.targets
    ]
    with world.rules.lock:
        rule.targets = {each: target for each, target in rule.targets.items() if each not in ids}
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


@handles("events", "ListTargetsByRule")
def list_targets_by_rule(world: World, params: Params, call: Call) -> dict[str, object]:
    """List a rule's targets."""
    rule = world.rules.rule(params["Rule"], params.get("EventBusName"))
    shown, token = paged([dict(target) for target in rule.targets.values()], params)
    return {"Targets": shown, **token}


@handles("events", "ListRuleNamesByTarget")
def list_rule_names_by_target(world: World, params: Params, call: Call) -> dict[str, object]:
    """List the rules of a bus that have a target."""
    rules = world.rules.of(params.get("EventBusName"))
    names = [r.name for r in rules if any(one["Arn"] == params["TargetArn"] for one in r.targets.values())]
    shown, token = paged(names, params)
    return {"RuleNames": shown, **token}


@handles("events", "PutEvents")
def put_events(world: World, params: Params, call: Call) -> dict[str, object]:
    """Put events on a bus; each entry succeeds or fails by itself.

    Missing: TraceHeader is not passed on; archives and replays are not played.
    """
    if sum(_size(entry) for entry in params["Entries"]) > LONGEST_ENTRIES:
        raise _invalid("Total size of the entries in the request is over the limit.")
    results = [_put(world, entry) for entry in params["Entries"]]
    return {"FailedEntryCount": sum("ErrorCode" in one for one in results), "Entries": results}


def _size(entry: Mapping[str, Any]) -> int:
    texts = [entry.get(name) or "" for name in ("Source", "DetailType", "Detail")]
    return sum(len(text.encode()) for text in (*texts, *(entry.get("Resources") or ())))


def _put(world: World, entry: Mapping[str, Any]) -> dict[str, object]:
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            why = f"Parameter {name} is not valid. Reason: {name} is a required argument."
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": why}
    if entry["Source"].startswith("aws."):
        return {"ErrorCode": "NotAuthorizedForSource", "ErrorMessage": "Not authorized for the source."}
    try:
        detail = json.loads(entry["Detail"])
        bus = world.rules.bus(entry.get("EventBusName")).name
    except ValueError:
        return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    except AwsError as error:
        return {"ErrorCode": "InvalidArgument", "ErrorMessage": error.message}
    if not isinstance(detail, dict):
        return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    about = entry["Source"], entry["DetailType"], detail
    at = epoch(entry["Time"]) if entry.get("Time") else None
    if bus == DEFAULT:
        return {"EventId": world.events.put(*about, resources=entry.get("Resources") or (), at=at).id}
    resources = tuple(entry.get("Resources") or ())
    event = Event(*about, resources) if at is None else Event(*about, resources, at)
    world.rules.hear(event, bus)
    return {"EventId": event.id}


@handles("events", "TestEventPattern")
def test_event_pattern(world: World, params: Params, call: Call) -> dict[str, object]:
    """Say whether an event fits a pattern."""
    pattern = _pattern(params["EventPattern"])
    try:
        event = json.loads(params["Event"])
    except ValueError:
        raise _invalid("Parameter Event is not valid. Reason: it is not JSON") from None
    lacking = [name for name in _ENVELOPE if not isinstance(event, dict) or name not in event]
    if lacking:
        raise _invalid(f"Parameter Event is not valid. Reason: it lacks {', '.join(lacking)}")
    return {"Result": matches(pattern, event)}


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)
