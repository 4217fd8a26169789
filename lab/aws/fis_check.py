"""The check that a template asks for nothing that does not exist: names, values, references, limits.

CreateExperimentTemplate and UpdateExperimentTemplate refuse the first thing that is wrong, and name it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from moto.core.utils import get_service_model

from lab.aws.fis_catalogue import ACTIONS, NOT_PLAYED, RESOURCE_TYPES, ActionType
from lab.aws.fis_parameters import first_of, invalid, is_alarm_arn, is_duration
from lab.aws.registry import AwsError

MOST_ACTIONS, MOST_STOP_CONDITIONS, MOST_ARNS, MOST_WORDS, MOST_NAME = 20, 5, 5, 512, 64
SELECTION = re.compile(r"ALL|COUNT\(([1-9]\d{0,8})\)|PERCENT\(([1-9]\d?|100)\)")
_ROLE = re.compile(r"arn:aws[\w-]*:iam::\d{12}:role/\S+")
_LOG_GROUP = re.compile(r"arn:aws[\w-]*:logs:[\w-]+:\d{12}:log-group:[^:*]+:\*")

Body = Mapping[str, Any]  # a template or a part of it, in AWS's member names


def check_template(template: Body) -> None:
    """ValidationException or ServiceQuotaExceededException for the first thing that FIS does not know or allow."""
    targets, actions = template.get("targets") or {}, template.get("actions") or {}
    _check_words(template)
    _check_size(actions)
    for name, target in targets.items():
        _check_target(name, target)
    for name, action in actions.items():
        _check_action(name, action, actions, targets)
    used = {ref for action in actions.values() for ref in (action.get("targets") or {}).values()}
    if unused := set(targets) - used:
        raise invalid(f'Target "{first_of(unused)}" is not used by any action.')
    _check_order(actions)
    _check_stop_conditions(template.get("stopConditions") or [])
    _check_options(template)


def _check_words(template: Body) -> None:
    if not _ROLE.fullmatch(template.get("roleArn") or ""):
        raise invalid(f"The role ARN {template.get('roleArn')} is not valid.")
    if not 0 < len(template.get("description") or "") <= MOST_WORDS:
        raise invalid(f"The description must have 1 to {MOST_WORDS} characters.")
    names = [*(template.get("targets") or {}), *template.get("actions", {})]
    if wrong := [name for name in names if not re.fullmatch(rf"\S{{1,{MOST_NAME}}}", name)]:
        raise invalid(f'The name "{wrong[0]}" must have 1 to {MOST_NAME} characters and no spaces.')


def _check_size(actions: Body) -> None:
    if not actions:
        raise invalid("Experiment template must contain at least one action.")
    if len(actions) > MOST_ACTIONS:
        words = f"Experiment template must not contain more than {MOST_ACTIONS} actions."
        raise AwsError("ServiceQuotaExceededException", words)


# -- targets -------------------------------------------------------------------------------------------


def _check_target(name: str, target: Body) -> None:
    type_, arns = target["resourceType"], target.get("resourceArns") or []
    if type_ not in RESOURCE_TYPES:
        known = ", ".join(RESOURCE_TYPES)
        raise invalid(f'Target "{name}" has an invalid resource type: {type_}. The lab has {known}.')
    if not SELECTION.fullmatch(target["selectionMode"]):
        raise invalid(f'Target "{name}" has an invalid selection mode: {target["selectionMode"]}.')
    if len(arns) > MOST_ARNS:
        raise invalid(f'Target "{name}" has more than {MOST_ARNS} resource ARNs.')
    if wrong := [arn for arn in arns if not arn.startswith("arn:")]:
        raise invalid(f'Target "{name}" has an invalid resource ARN: {wrong[0]}.')
    if arns and (target.get("resourceTags") or target.get("filters") or target.get("parameters")):
        raise invalid(f'Target "{name}" must not combine resource ARNs with tags, filters or parameters.')
    if not arns and not target.get("resourceTags") and not target.get("parameters"):
        raise invalid(f'Target "{name}" must name resource ARNs, tags or parameters.')
    if unknown := set(target.get("parameters") or {}) - set(RESOURCE_TYPES[type_].parameters):
        raise invalid(f'Target "{name}" has an unknown parameter: {first_of(unknown)}.')
    for wanted in target.get("filters") or []:
        _check_filter(name, type_, wanted)


def _check_filter(name: str, type_: str, wanted: Body) -> None:
    if not wanted["values"]:
        raise invalid(f'Target "{name}": the filter {wanted["path"]} has no values.')
    if not is_path(*RESOURCE_TYPES[type_].model, wanted["path"]):
        raise invalid(f'Target "{name}" has an invalid filter path: {wanted["path"]}.')


@cache
def is_path(service: str, shape: str, path: str) -> bool:
    """Does AWS describe such a resource with this path of members, in PascalCase, to a plain value?"""
    here = get_service_model(service).shape_for(shape)
    for word in path.split("."):
        if here.type_name != "structure":
            return False
        members = {name[:1].upper() + name[1:]: member for name, member in here.members.items()}
        if word not in members:
            return False
        here = members[word]
        while here.type_name == "list":
            here = here.member
    return here.type_name not in ("structure", "map")


# -- actions -------------------------------------------------------------------------------------------


def _check_action(name: str, action: Body, actions: Body, targets: Mapping[str, Body]) -> None:
    kind = _kind(name, action.get("actionId") or "")
    for other in action.get("startAfter") or []:
        if other not in actions:
            raise invalid(f'Action "{name}" starts after "{other}", which is not an action of this template.')
    given = action.get("targets") or {}
    wanted = {kind.target_key} if kind.target_key else set()
    if unexpected := set(given) - wanted:
        raise invalid(f'Unexpected target "{first_of(unexpected)}" found in action "{name}".')
    if wanted - set(given):
        raise invalid(f'Action "{name}" misses the target "{kind.target_key}".')
    for target in given.values():
        if target not in targets:
            raise invalid(f'Action "{name}" refers to the target "{target}", which is not defined.')
        if targets[target]["resourceType"] != kind.resource_type:
            found = targets[target]["resourceType"]
            raise invalid(f'Action "{name}" needs a target of {kind.resource_type}; "{target}" is of {found}.')
    _check_parameters(name, kind, action.get("parameters") or {})


def _kind(name: str, identifier: str) -> ActionType:
    if identifier in ACTIONS:
        return ACTIONS[identifier]
    if identifier in NOT_PLAYED:
        raise invalid(f'Action "{name}": {identifier} is an action of AWS FIS that the lab does not play.')
    known = ", ".join(ACTIONS)
    raise invalid(f'Action "{name}" has an invalid action id: {identifier}. The lab has {known}.')


def _check_parameters(name: str, kind: ActionType, given: Mapping[str, str]) -> None:
    if unknown := set(given) - set(kind.parameters):
        raise invalid(f'Action "{name}" has an unknown parameter: {first_of(unknown)}.')
    if missing := {key for key, parameter in kind.parameters.items() if parameter.required} - set(given):
        raise invalid(f'Action "{name}" misses the required parameter: {first_of(missing)}.')
    for key, value in given.items():
        if reason := kind.parameters[key].rule(value):
            raise invalid(f'Action "{name}": the parameter {key} must be {reason}, not {value}.')


def _check_order(actions: Mapping[str, Body]) -> None:
    """`startAfter` must not go in a circle, nor from an action to itself."""
    done: set[str] = set()
    while len(done) < len(actions):
        ready = {name for name, action in actions.items() if set(action.get("startAfter") or []) <= done} - done
        if not ready:
            circle = ", ".join(sorted(set(actions) - done))
            raise invalid(f"Actions start after each other in a circle: {circle}.")
        done |= ready


# -- the rest ------------------------------------------------------------------------------------------


def _check_stop_conditions(conditions: list[Mapping[str, str]]) -> None:
    if not conditions:
        raise invalid("Experiment template must contain a stop condition; its source may be none.")
    if len(conditions) > MOST_STOP_CONDITIONS:
        words = f"Experiment template must not contain more than {MOST_STOP_CONDITIONS} stop conditions."
        raise AwsError("ServiceQuotaExceededException", words)
    for condition in conditions:
        source, value = condition["source"], condition.get("value", "")
        if source == "none" and not value:
            continue
        if source != "aws:cloudwatch:alarm" or is_alarm_arn(value):
            raise invalid(f"Stop condition {source} {value} is invalid: use an alarm's ARN, or the source none.")
    if len(conditions) > 1 and any(condition["source"] == "none" for condition in conditions):
        raise invalid("A stop condition of the source none excludes others.")


def _check_options(template: Body) -> None:
    options = template.get("experimentOptions") or {}
    if options.get("accountTargeting") == "multi-account":
        raise invalid("accountTargeting multi-account is not available: the lab is one account.")
    if options.get("accountTargeting", "single-account") != "single-account":
        raise invalid(f"accountTargeting {options['accountTargeting']} is not valid.")
    if options.get("emptyTargetResolutionMode", "fail") not in ("fail", "skip"):
        raise invalid(f"emptyTargetResolutionMode {options['emptyTargetResolutionMode']} is not valid.")
    logs = template.get("logConfiguration") or {}
    group = (logs.get("cloudWatchLogsConfiguration") or {}).get("logGroupArn")
    if logs.get("logSchemaVersion", 2) not in (1, 2):
        raise invalid(f"logSchemaVersion {logs['logSchemaVersion']} is not valid.")
    if group is not None and not _LOG_GROUP.fullmatch(group):
        raise invalid(f"The log group ARN {group} is not valid: it must end with :*.")
    for key in ("preExperimentDuration", "postExperimentDuration"):
        duration = (template.get("experimentReportConfiguration") or {}).get(key)
        if duration is not None and (reason := is_duration(duration)):
            raise invalid(f"{key} must be {reason}, not {duration}.")
