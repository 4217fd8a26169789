"""IAM and STS as far as they speak of the caller: who it is, and what it may do. All else of both is moto's records.

The caller is one role, allowed everything that the lab's deny list does not name.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

from lab.aws.names import stable_hex
from lab.aws.policy import CALLER_ARN, ROLE_ARN, RUNNER, denies
from lab.aws.registry import AwsError, Call, Params, handles
from lab.aws.unplayed import refuse_unplayed
from lab.settings import ACCOUNT

if TYPE_CHECKING:
    from lab.aws.world import World

POLICY = f"{RUNNER}-permissions"
ROLE_ID = f"AROA{stable_hex(RUNNER, 17).upper()}"
UNPLAYED = ("PolicyInputList", "PermissionsBoundaryPolicyInputList", "PolicyExclusionList", "ResourcePolicy")
PAGE, LARGEST_PAGE = 100, 1_000
_NOBODY = ":user/moto"  # moto's word for a key that it does not know


@handles("sts", "GetCallerIdentity")
def get_caller_identity(world: World, params: Params, call: Call) -> dict[str, object]:
    """Return the runner's role, or whom a key stands for that AssumeRole or CreateAccessKey gave out.

    Missing: signatures are not checked, so every key is taken.
    """
    given = _given_out(call.access_key, call.region)
    user, arn, account = given or (f"{ROLE_ID}:lab", CALLER_ARN, ACCOUNT)
    return {"UserId": user, "Arn": arn, "Account": account}


def _given_out(access_key: str, region: str) -> tuple[str, str, str] | None:
    """Return (user, ARN, account) of a key that moto has made; None for any other."""
    from moto.sts.models import sts_backends  # a quarter of a second, for the first who asks

    for account in list(sts_backends):
        for backend in list(sts_backends[account].values()):
            user, arn, owner = backend.get_caller_identity(access_key, region)
            if not arn.endswith(_NOBODY):
                return str(user), str(arn), str(owner)
    return None


@handles("iam", "SimulatePrincipalPolicy")
def simulate_principal_policy(world: World, params: Params, call: Call) -> dict[str, object]:
    """Say for each action on each resource whether the door would let it pass: allowed, or explicitDeny.

    Missing: the lab has no policies: other policies to simulate are refused, ContextEntries, CallerArn and
    ResourceOwner are not read. The statement's position is invented.
    """
    _check_principal(params["PolicySourceArn"])
    refuse_unplayed("InvalidInput", params, UNPLAYED)
    actions, resources = params["ActionNames"], params.get("ResourceArns") or ["*"]
    _check_actions(actions)
    size, first = int(params.get("MaxItems") or PAGE), _first(params.get("Marker"))
    if not 1 <= size <= LARGEST_PAGE:
        raise AwsError("ValidationError", f"MaxItems must be from 1 to {LARGEST_PAGE}, not {size}.")
    pairs = list(product(actions, resources))
    shown = [_result(world, action, resource) for action, resource in pairs[first : first + size]]
    more = first + size < len(pairs)
    return {
        "EvaluationResults": shown,
        "IsTruncated": more,
        **({"Marker": str(first + size)} if more else {}),
    }


def _result(world: World, action: str, resource: str) -> dict[str, object]:
    decision = "explicitDeny" if denies(world.settings.deny, action) else "allowed"
    statement = {
        "SourcePolicyId": POLICY,
        "SourcePolicyType": "role",
        "StartPosition": {"Line": 1, "Column": 1},
        "EndPosition": {"Line": 1, "Column": 1},
    }
    found: dict[str, object] = {"EvalResourceName": resource, "MatchedStatements": [statement]}
    found["MissingContextValues"] = []
    alone = {**found, "EvalResourceDecision": decision}
    return {"EvalActionName": action, "EvalDecision": decision, **found, "ResourceSpecificResults": [alone]}


def _check_principal(arn: str) -> None:
    """Take the runner's role only: a session's ARN is not an entity of IAM, and others do not exist here."""
    kind, _, name = arn.rpartition(":")[2].partition("/")
    if not arn.startswith("arn:aws:iam::") or kind not in ("user", "group", "role") or not name:
        raise AwsError("InvalidInput", f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    if arn != ROLE_ARN:
        raise AwsError("NoSuchEntity", f"The {kind} with name {name.rpartition('/')[2]} cannot be found.")


def _check_actions(actions: Sequence[str]) -> None:
    for action in actions:
        service, _, operation = action.partition(":")
        if not service or not operation or "*" in action:
            raise AwsError("InvalidInput", f"Invalid Action Name: {action} is not a single action of a service.")


def _first(marker: str | None) -> int:
    if marker is None:
        return 0
    if not marker.isdigit():
        raise AwsError("InvalidInput", f"Invalid Marker: {marker}")
    return int(marker)
