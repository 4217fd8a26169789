"""Amazon ECS: service deployments and service revisions, listed, described and stopped."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from lab.aws.ecs_deployment_view import brief_view, revision_view, service_deployment_view
from lab.aws.ecs_requests import invalid, page
from lab.aws.ecs_service import UNDER_WAY, Deployment
from lab.aws.names import epoch_of, instant
from lab.aws.registry import AwsError, Call, Params, handles

if TYPE_CHECKING:
    from lab.aws.world import World

MOST = 20  # ARNs in one request
PAGE = 100


def _arns(params: Params, member: str) -> list[str]:
    """Return the ARNs of a request, at most twenty."""
    arns = list(params[member])
    if not 1 <= len(arns) <= MOST:
        raise invalid(f"{member} must have from 1 to {MOST} elements.")
    return arns


def _missing(arn: str) -> dict[str, object]:
    return {"arn": arn, "reason": "MISSING"}


@handles("ecs", "ListServiceDeployments")
def list_service_deployments(world: World, params: Params, call: Call) -> dict[str, object]:
    """The service's deployments, newest first, by status and by when they were created.

    Missing: those of a service end with the lab, not after 90 days.
    """
    world.ecs.check_cluster(params.get("cluster"))
    service = world.ecs.service(params["service"])
    chosen = [deployment for deployment in service.history if _passes(deployment, params)]
    shown, more = page(chosen, params, PAGE)
    return {"serviceDeployments": [brief_view(service, deployment) for deployment in shown], **more}


def _passes(deployment: Deployment, params: Params) -> bool:
    statuses: list[str] = params.get("status") or []
    created: dict[str, Any] = params.get("createdAt") or {}
    at = instant(deployment.created_at).timestamp()  # to the millisecond, as it is shown
    return (
        (not statuses or deployment.outcome in statuses)
        and ("after" not in created or at > epoch_of(created["after"]))
        and ("before" not in created or at < epoch_of(created["before"]))
    )


@handles("ecs", "DescribeServiceDeployments")
def describe_service_deployments(world: World, params: Params, call: Call) -> dict[str, object]:
    """Up to twenty service deployments: status, revisions with their counts, rollback, circuit breaker, alarms.

    Simulated: how long alarms are watched at the end (`deployment_bake_s`).
    Missing: lifecycle stages.
    """
    views, failures = [], []
    for arn in _arns(params, "serviceDeploymentArns"):
        found = world.ecs.deployment(arn)
        if found is None:
            failures.append(_missing(arn))
        else:
            views.append(service_deployment_view(*found, world.ecs.tasks))
    return {"serviceDeployments": views, "failures": failures}


@handles("ecs", "DescribeServiceRevisions")
def describe_service_revisions(world: World, params: Params, call: Call) -> dict[str, object]:
    """Up to twenty service revisions, with the digest of each container's image."""
    arns = _arns(params, "serviceRevisionArns")
    known = world.ecs.revisions
    return {
        "serviceRevisions": [revision_view(known[arn]) for arn in arns if arn in known],
        "failures": [_missing(arn) for arn in arns if arn not in known],
    }


@handles("ecs", "StopServiceDeployment")
def stop_service_deployment(world: World, params: Params, call: Call) -> dict[str, object]:
    """Stop a deployment under way: ROLLBACK (the default) goes back to the last completed service revision.

    ABORT stops it where it is, as its state STOP_REQUESTED says; AWS documents ROLLBACK alone.
    """
    arn = params["serviceDeploymentArn"]
    found = world.ecs.deployment(arn)
    if found is None:
        raise AwsError("ServiceDeploymentNotFoundException", "Service deployment not found.")
    service, deployment = found
    if deployment.outcome not in UNDER_WAY:
        message = f"The service deployment is in the state {deployment.outcome} and cannot be stopped."
        raise AwsError("ConflictException", message)
    if deployment.outcome in ("PENDING", "IN_PROGRESS"):
        rollback = params.get("stopType", "ROLLBACK") == "ROLLBACK"
        if rollback and service.last_completed is None:
            raise AwsError("ConflictException", "There is no completed service revision to roll back to.")
        world.ecs.scheduler.rollouts.stop(service, deployment, rollback=rollback, now=time.time())
        world.ecs.tasks.wake.set()
    return {"serviceDeploymentArn": arn}
