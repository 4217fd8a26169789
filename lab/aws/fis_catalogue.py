"""FIS's actions as the lab plays them, and the check that a template asks for nothing that does not exist.

Durations are ISO 8601. AWS takes one minute to twelve hours; the lab also takes seconds ("PT8S"), because its faults
need no longer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.aws.registry import AwsError

MOST_S = 12 * 3600
MOST_ACTIONS, MOST_STOP_CONDITIONS, MOST_ARNS, MOST_ALARMS = 20, 5, 5, 5
SELECTION = re.compile(r"ALL|COUNT\(([1-9]\d*)\)|PERCENT\(([1-9]\d?|100)\)")
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


@dataclass(frozen=True, slots=True)
class ActionType:
    """What one FIS action accepts; `parameters` maps its names to what they mean."""

    about: str
    target_key: str | None = None
    resource_type: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    required: frozenset[str] = frozenset()


ACTIONS: Mapping[str, ActionType] = {
    "aws:ecs:stop-task": ActionType("Stop the target tasks.", "Tasks", "aws:ecs:task"),
    "aws:ecs:task-network-latency": ActionType(
        "Add latency and jitter to the egress traffic of the target tasks.",
        "Tasks",
        "aws:ecs:task",
        {
            "duration": "The duration of the action.",
            "delayMilliseconds": "The delay, in milliseconds. The default is 200.",
            "jitterMilliseconds": "The jitter, in milliseconds. The default is 10.",
            "flowsPercent": "The percentage of network flows that are affected. The default is 100.",
            "sources": "IPv4 addresses, CIDR blocks, domain names, zones or ALL, separated by commas.",
            "installDependencies": "Whether the agent installs what it needs. Nothing is installed in the lab.",
            "useEcsFaultInjectionEndpoints": "Whether ECS's fault injection endpoints are used.",
        },
        frozenset({"duration"}),
    ),
    "aws:rds:reboot-db-instances": ActionType(
        "Reboot the target DB instances.",
        "DBInstances",
        "aws:rds:db",
        {"forceFailover": "If true, and if instances are Multi-AZ, forces failover. The default is false."},
    ),
    "aws:fis:wait": ActionType(
        "Wait for the duration.", parameters={"duration": "How long to wait."}, required=frozenset({"duration"})
    ),
    "aws:cloudwatch:assert-alarm-state": ActionType(
        "Verify that the alarms are in one of the states.",
        parameters={
            "alarmArns": "The ARNs of the alarms, separated by commas; at most 5.",
            "alarmStates": "OK, ALARM or INSUFFICIENT_DATA, separated by commas.",
        },
        required=frozenset({"alarmArns", "alarmStates"}),
    ),
}
RESOURCE_TYPES = ("aws:ecs:task", "aws:rds:db")
TARGET_PARAMETERS = {"aws:ecs:task": {"cluster", "service"}, "aws:rds:db": {"availabilityZoneIdentifiers"}}
_NUMBERS = {"delayMilliseconds": (0, 10**6), "jitterMilliseconds": (0, 10**6), "flowsPercent": (1, 100)}
_FLAGS = {"forceFailover", "installDependencies", "useEcsFaultInjectionEndpoints"}


def invalid(message: str) -> AwsError:
    """Return FIS's answer to a template that makes no sense."""
    return AwsError("ValidationException", message)


def seconds(duration: str) -> int:
    """Return the seconds of an ISO 8601 duration; ValidationException for anything else or out of range."""
    match = _DURATION.fullmatch(duration)
    if match is None or duration.endswith(("P", "T")):
        raise invalid(f"The duration {duration} is not an ISO 8601 duration such as PT5M.")
    found = sum(int(part or 0) * unit for part, unit in zip(match.groups(), (86400, 3600, 60, 1), strict=True))
    if not 0 < found <= MOST_S:
        raise invalid(f"The duration {duration} is out of range: up to 12 hours are allowed.")
    return found


def check_template(template: Mapping[str, Any]) -> None:
    """ValidationException for the first thing in a template that FIS does not know or allow."""
    targets, actions = template.get("targets") or {}, template["actions"]
    if not actions:
        raise invalid("Experiment template must contain at least one action.")
    if len(actions) > MOST_ACTIONS:
        raise invalid(f"Experiment template must not contain more than {MOST_ACTIONS} actions.")
    for name, target in targets.items():
        _check_target(name, target)
    for name, action in actions.items():
        _check_action(name, action, actions, targets)
    used = {ref for action in actions.values() for ref in (action.get("targets") or {}).values()}
    if unused := sorted(set(targets) - used):
        raise invalid(f"Target {unused[0]} is not used by any action.")
    _check_order(actions)
    _check_stop_conditions(template["stopConditions"])


def _check_target(name: str, target: Mapping[str, Any]) -> None:
    kind, arns = target["resourceType"], target.get("resourceArns") or []
    if kind not in RESOURCE_TYPES:
        known = ", ".join(RESOURCE_TYPES)
        raise invalid(f"Target {name} has an invalid resource type: {kind}. The lab has {known}.")
    if not SELECTION.fullmatch(target["selectionMode"]):
        raise invalid(f"Target {name} has an invalid selection mode: {target['selectionMode']}.")
    if len(arns) > MOST_ARNS:
        raise invalid(f"Target {name} has more than {MOST_ARNS} resource ARNs.")
    if arns and (target.get("resourceTags") or target.get("filters") or target.get("parameters")):
        raise invalid(f"Target {name} must not combine resource ARNs with tags, filters or parameters.")
    if not arns and not target.get("resourceTags") and not target.get("parameters"):
        raise invalid(f"Target {name} must name resource ARNs, tags or parameters.")
    if unknown := sorted(set(target.get("parameters") or {}) - TARGET_PARAMETERS[kind]):
        raise invalid(f"Target {name} has unknown parameters: {', '.join(unknown)}.")


def _check_action(
    name: str, action: Mapping[str, Any], actions: Mapping[str, Any], targets: Mapping[str, Mapping[str, Any]]
) -> None:
    kind = ACTIONS.get(action["actionId"])
    if kind is None:
        known = ", ".join(ACTIONS)
        raise invalid(f"Action {name} has an invalid action id: {action['actionId']}. The lab has {known}.")
    for other in action.get("startAfter") or []:
        if other not in actions:
            raise invalid(f"Action {name} starts after {other}, which is not an action of this template.")
    given = action.get("targets") or {}
    if set(given) != ({kind.target_key} if kind.target_key else set()):
        keys = ", ".join(sorted(given)) or "none"
        raise invalid(f"Action {name} has invalid target keys: {keys}; expected {kind.target_key or 'none'}.")
    for target in given.values():
        if target not in targets:
            raise invalid(f"Action {name} refers to target {target}, which is not defined.")
        if targets[target]["resourceType"] != kind.resource_type:
            raise invalid(f"Action {name} cannot use target {target} of type {targets[target]['resourceType']}.")
    _check_parameters(name, kind, action.get("parameters") or {})


def _check_parameters(name: str, kind: ActionType, given: Mapping[str, str]) -> None:
    if unknown := sorted(set(given) - set(kind.parameters)):
        raise invalid(f"Action {name} has unknown parameters: {', '.join(unknown)}.")
    if missing := sorted(kind.required - set(given)):
        raise invalid(f"Action {name} misses required parameters: {', '.join(missing)}.")
    for key, value in given.items():
        if key == "duration":
            seconds(value)
        elif key in _NUMBERS and not (value.isdigit() and _NUMBERS[key][0] <= int(value) <= _NUMBERS[key][1]):
            low, high = _NUMBERS[key]
            raise invalid(f"Action {name}: parameter {key} must be a number from {low} to {high}, not {value}.")
        elif key in _FLAGS and value.lower() not in ("true", "false"):
            raise invalid(f"Action {name}: parameter {key} must be true or false, not {value}.")
        elif key == "alarmArns" and len(value.split(",")) > MOST_ALARMS:
            raise invalid(f"Action {name}: parameter {key} must not name more than {MOST_ALARMS} alarms.")


def _check_order(actions: Mapping[str, Mapping[str, Any]]) -> None:
    """`startAfter` must not go in a circle."""
    done: set[str] = set()
    while len(done) < len(actions):
        ready = {name for name, action in actions.items() if set(action.get("startAfter") or []) <= done} - done
        if not ready:
            circle = ", ".join(sorted(set(actions) - done))
            raise invalid(f"Actions start after each other in a circle: {circle}.")
        done |= ready


def _check_stop_conditions(conditions: list[Mapping[str, str]]) -> None:
    if not conditions or len(conditions) > MOST_STOP_CONDITIONS:
        raise invalid(f"Experiment template must contain 1 to {MOST_STOP_CONDITIONS} stop conditions.")
    for condition in conditions:
        source, value = condition["source"], condition.get("value", "")
        if source == "none" and not value:
            continue
        if source != "aws:cloudwatch:alarm" or ":alarm:" not in value:
            raise invalid(f"Stop condition {source} {value} is invalid: use an alarm's ARN, or the source none.")
