"""May the caller make these calls? Proven, or said to be unproven; never assumed.

A reading call is proven by having been made. What would change something is simulated by IAM
(`SimulatePrincipalPolicy`), which is asked for the caller's own role or user. Where that cannot be asked, or depends on
conditions that cannot be known beforehand, the answer is "not proven".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gameday.aws import Aws
from gameday.safety.intent import IAM_PREFIXES, Intent

ASSUMED = re.compile(r"arn:([\w-]+):sts::(\d+):assumed-role/([^/]+)/.+")
PRINCIPAL = re.compile(r"arn:[\w-]+:iam::\d+:(user|role|group)/.+")
PASSED_TO = "iam:PassedToService"
Need = tuple[str, str]  # IAM action, resource ARN


@dataclass(frozen=True, slots=True)
class Permission:
    """One action on one resource, and how it is known."""

    action: str
    resource: str
    answer: Literal["allowed", "denied", "not proven"]
    how: str


def principal_of(caller: str) -> str:
    """Return the ARN that IAM simulates for a caller's ARN: a session's role, or the user; empty: none."""
    if match := ASSUMED.fullmatch(caller):
        partition, account, role = match.groups()
        return f"arn:{partition}:iam::{account}:role/{role}"
    return caller if PRINCIPAL.fullmatch(caller) else ""


def needs_of(intents: Iterable[Intent], made: Iterable[str]) -> list[Need]:
    """Return what the intents and their undos need beyond the calls already *made*; drawn targets all count."""
    found: dict[Need, None] = {}
    for intent in intents:
        for call in (*intent.calls, *(call for undo in intent.undo for call in undo.calls)):
            if call.name in made and not call.mutating:
                continue
            drawn = call.resource in intent.drawn_from
            for resource in intent.drawn_from if drawn else (call.resource,):
                found[call.action, resource] = None
        if intent.passes_role:
            found["iam:PassRole", intent.passes_role] = None
        found |= {("iam:PassRole", role): None for role in intent.passes_to_tasks}
    return list(found)


def made(calls: Mapping[str, int]) -> list[Permission]:
    """Return the permissions that were proven by having been used."""
    found = []
    for name, times in sorted(calls.items()):
        service, _, operation = name.partition(":")
        how = f"made just now, {times} time{'s' if times > 1 else ''}"
        found.append(Permission(f"{IAM_PREFIXES.get(service, service)}:{operation}", "*", "allowed", how))
    return found


def simulated(
    aws: Aws, caller: str, needs: Sequence[Need], context: Mapping[str, str], to_tasks: Collection[str] = ()
) -> list[Permission]:
    """Ask IAM about *needs*, one call a resource. *context*: condition keys and the values they will have; *to_tasks*:
    the roles that are handed over to tasks of ECS, and not to FIS.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    principal = principal_of(caller)
    if not principal:
        return [Permission(*need, "not proven", f"IAM simulates no caller such as {caller}") for need in needs]
    found: list[Permission] = []
    for resource in dict.fromkeys(resource for _, resource in needs):
        actions = [action for action, of in needs if of == resource]
        try:
            given = {**context, PASSED_TO: _receiver(resource, to_tasks)} if _is_role(resource) else context
            found += _ask(aws, principal, actions, resource, given)
        except (BotoCoreError, ClientError) as error:
            why = f"the simulation itself is not possible: {error}"
            found += [Permission(action, resource, "not proven", why) for action in actions]
    return found


def _ask(aws: Aws, principal: str, actions: list[str], resource: str, context: Mapping[str, str]) -> list[Permission]:
    entries = [
        {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
        for key, value in context.items()
    ]
    arguments: dict[str, Any] = {
        "PolicySourceArn": principal, "ActionNames": actions, "ResourceArns": [resource], "ContextEntries": entries,
    }  # fmt: skip
    results: dict[str, Any] = {}
    for page in aws.client("iam").get_paginator("simulate_principal_policy").paginate(**arguments):
        results |= {result["EvalActionName"].lower(): result for result in page["EvaluationResults"]}
    return [_judged(action, resource, results.get(action.lower())) for action in actions]


def _is_role(resource: str) -> bool:
    return resource.startswith("arn:aws:iam:")


def _receiver(role: str, to_tasks: Collection[str]) -> str:
    return "ecs-tasks.amazonaws.com" if role in to_tasks else "fis.amazonaws.com"


def _judged(action: str, resource: str, result: Mapping[str, Any] | None) -> Permission:
    if result is None:
        return Permission(action, resource, "not proven", "IAM's simulation left it out")
    decision = str(result["EvalDecision"])
    if decision == "allowed":
        return Permission(action, resource, "allowed", "simulated by IAM")
    missing = result.get("MissingContextValues") or []
    if missing and decision == "implicitDeny":
        asks = ", ".join(missing)
        return Permission(action, resource, "not proven", f"the policy asks for {asks}, not known beforehand")
    return Permission(action, resource, "denied", f"simulated by IAM: {decision}")
