"""Service deployments and service revisions in AWS's words."""

from __future__ import annotations

from lab.aws.ecs_rollout import threshold
from lab.aws.ecs_service import UNDER_WAY, Deployment, Revision, Service
from lab.aws.ecs_tasks import Tasks, pending, running
from lab.aws.ecs_view import DEFAULT_ROLLOUT, NETWORK
from lab.aws.names import CLUSTER_ARN, instant

_TIMES = {"startedAt": "started_at", "finishedAt": "finished_at"}
_MORE_TIMES = {**_TIMES, "stoppedAt": "stopped_at", "updatedAt": "updated_at"}


def _times(deployment: Deployment, names: dict[str, str]) -> dict[str, object]:
    known = {name: getattr(deployment, attribute) for name, attribute in names.items()}
    return {name: instant(at) for name, at in known.items() if at}


def brief_view(service: Service, deployment: Deployment) -> dict[str, object]:
    """Return the member `serviceDeployments[]` of ListServiceDeployments."""
    view: dict[str, object] = {
        "serviceDeploymentArn": deployment.arn,
        "serviceArn": service.arn,
        "clusterArn": CLUSTER_ARN,
        "createdAt": instant(deployment.created_at),
        "targetServiceRevisionArn": deployment.revision.arn,
        "status": deployment.outcome,
        **_times(deployment, _TIMES),
    }
    return {**view, "statusReason": deployment.outcome_reason} if deployment.outcome_reason else view


def service_deployment_view(service: Service, deployment: Deployment, tasks: Tasks) -> dict[str, object]:
    """Return the member `serviceDeployments[]` of DescribeServiceDeployments."""
    view = {
        **brief_view(service, deployment),
        "targetServiceRevision": _summary(service, deployment.revision, tasks),
        "sourceServiceRevisions": [_summary(service, revision, tasks) for revision in deployment.sources],
        "deploymentConfiguration": {**DEFAULT_ROLLOUT, **deployment.configuration},
        "deploymentCircuitBreaker": _breaker(service, deployment),
        "alarms": _alarms(deployment),
        **_times(deployment, _MORE_TIMES),
    }
    del view["targetServiceRevisionArn"]
    if deployment.rollback is not None:
        back = deployment.rollback
        arn, began = back.revision.arn, instant(back.started_at)
        view["rollback"] = {"reason": f"{back.reason}.", "startedAt": began, "serviceRevisionArn": arn}
    return view


def _summary(service: Service, revision: Revision, tasks: Tasks) -> dict[str, object]:
    """Return a revision with the tasks that it has now."""
    own = {deployment.id for deployment in service.history if deployment.revision is revision}
    mine = [task for task in tasks.of(service.group) if task.started_by in own]
    wanted = sum(
        service.desired if each is service.primary else each.kept
        for each in service.deployments
        if each.revision is revision
    )
    return {
        "arn": revision.arn,
        "requestedTaskCount": wanted,
        "runningTaskCount": len(running(mine)),
        "pendingTaskCount": len(pending(mine)),
    }


def _monitor(deployment: Deployment, *, enabled: bool, triggered: bool) -> str:
    if not enabled:
        return "DISABLED"
    if triggered:
        return "TRIGGERED"
    return "MONITORING" if deployment.outcome in UNDER_WAY else "MONITORING_COMPLETE"


def _breaker(service: Service, deployment: Deployment) -> dict[str, object]:
    breaker = deployment.configuration.get("deploymentCircuitBreaker") or {}
    enabled = bool(breaker.get("enable"))
    return {
        "status": _monitor(deployment, enabled=enabled, triggered=deployment.tripped),
        "failureCount": deployment.failures,
        "threshold": threshold(service, breaker),
    }


def _alarms(deployment: Deployment) -> dict[str, object]:
    names = list((deployment.configuration.get("alarms") or {}).get("alarmNames", ()))
    status = _monitor(deployment, enabled=bool(deployment.watched), triggered=bool(deployment.triggered))
    return {"status": status, "alarmNames": names, "triggeredAlarmNames": list(deployment.triggered)}


def revision_view(revision: Revision) -> dict[str, object]:
    """Return the member `serviceRevisions[]` of DescribeServiceRevisions."""
    body = revision.body
    images = [_image(revision, container["name"], container["image"]) for container in revision.definition.containers]
    return {
        "serviceRevisionArn": revision.arn,
        "serviceArn": revision.arn.replace(":service-revision/", ":service/").rpartition("/")[0],
        "clusterArn": CLUSTER_ARN,
        "taskDefinition": revision.definition.arn,
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "loadBalancers": body.get("loadBalancers", []),
        "networkConfiguration": body.get("networkConfiguration", NETWORK),
        "containerImages": images,
        "guardDutyEnabled": False,
        "createdAt": instant(revision.created_at),
    }


def _image(revision: Revision, container: str, image: str) -> dict[str, object]:
    digest = revision.digests.get(container)
    return {"containerName": container, "image": image, **({"imageDigest": digest} if digest else {})}
