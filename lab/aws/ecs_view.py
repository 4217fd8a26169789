"""ECS's records in AWS's words: what DescribeTasks, DescribeServices and their like answer."""

from __future__ import annotations

from typing import Any

from lab.aws.ecr_images import ImageName
from lab.aws.ecs_model import Status, Task, TaskDefinition
from lab.aws.ecs_service import Deployment, Service
from lab.aws.ecs_tasks import Tasks, pending, running
from lab.aws.names import CLUSTER_ARN, SECURITY_GROUP, arn, instant, stable_hex, subnet_of
from lab.settings import CLUSTER, ZONES

DEFAULT_ROLLOUT = {
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
    "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    "strategy": "ROLLING",
}
NETWORK = {
    "awsvpcConfiguration": {
        "subnets": [subnet_of(zone) for zone in ZONES],
        "securityGroups": [SECURITY_GROUP],
        "assignPublicIp": "DISABLED",
    }
}
_TIMES = {
    "createdAt": "created_at",
    "pullStartedAt": "pull_started_at",
    "pullStoppedAt": "pull_stopped_at",
    "connectivityAt": "pull_started_at",
    "startedAt": "started_at",
    "stoppingAt": "stopping_at",
    "executionStoppedAt": "execution_stopped_at",
    "stoppedAt": "stopped_at",
}


def task_view(task: Task, *, tags: bool = False) -> dict[str, object]:
    """Return the member `tasks[]` of DescribeTasks."""
    body = task.definition.body
    view: dict[str, object] = {
        "taskArn": task.arn,
        "clusterArn": CLUSTER_ARN,
        "taskDefinitionArn": task.definition.arn,
        "group": task.group,
        "lastStatus": task.last.value,
        "desiredStatus": task.desired,
        "healthStatus": "UNKNOWN",
        "availabilityZone": task.zone,
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "connectivity": "CONNECTED" if task.pull_started_at else "DISCONNECTED",
        "cpu": body.get("cpu", "256"),
        "memory": body.get("memory", "512"),
        "version": task.version,
        "enableExecuteCommand": task.exec_enabled,
        "overrides": {"containerOverrides": _overrides(task), "inferenceAcceleratorOverrides": []},
        "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
        "attachments": [_attachment(task)],
        "containers": [_container(task, given) for given in task.definition.containers],
        "tags": task.tags if tags else [],
        **_times(task),
    }
    optional = {"startedBy": task.started_by, "stopCode": task.stop_code, "stoppedReason": task.stopped_reason}
    return {**view, **{name: value for name, value in optional.items() if value is not None}}


def _overrides(task: Task) -> list[dict[str, object]]:
    """Return what was overridden for the application, the one container that runs."""
    given = [{"name": name, "value": value} for name, value in task.environment.items()]
    return [{"name": task.definition.containers[0]["name"], "environment": given}] if given else []


def _times(task: Task) -> dict[str, object]:
    known = {name: getattr(task, attribute) for name, attribute in _TIMES.items()}
    return {name: instant(at) for name, at in known.items() if at is not None}


def _attachment(task: Task) -> dict[str, object]:
    details = [{"name": "subnetId", "value": subnet_of(task.zone)}]
    if task.place is not None:
        details += [
            {"name": "networkInterfaceId", "value": f"eni-{stable_hex(task.id, 17)}"},
            {"name": "macAddress", "value": "02:" + ":".join(task.id[n : n + 2] for n in range(0, 10, 2))},
            {"name": "privateDnsName", "value": f"ip-{task.place.interface[0].replace('.', '-')}.ec2.internal"},
            {"name": "privateIPv4Address", "value": task.place.interface[0]},
        ]
    over = task.last in (Status.STOPPED, Status.DEPROVISIONING)
    status = "DELETED" if over else "ATTACHED" if task.place else "PRECREATED"
    return {"id": _attachment_id(task), "type": "ElasticNetworkInterface", "status": status, "details": details}


def _attachment_id(task: Task) -> str:
    digits = stable_hex(f"attachment {task.id}", 32)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _container(task: Task, given: dict[str, Any]) -> dict[str, object]:
    """One container; all of a task's containers share the fate of its process."""
    status = {Status.DEPROVISIONING: "STOPPED", Status.STOPPED: "STOPPED"}.get(task.last, task.last.value)
    if task.last not in (Status.STOPPED, Status.DEPROVISIONING):
        status = "RUNNING" if task.started_at else "PENDING"
    view: dict[str, object] = {
        "containerArn": arn("ecs", f"container/{CLUSTER}/{task.id}/{stable_hex(task.id + given['name'], 32)}"),
        "taskArn": task.arn,
        "name": given["name"],
        "image": given["image"],
        "runtimeId": f"{task.id}-{stable_hex(given['name'], 10)}",
        "lastStatus": status,
        "healthStatus": "UNKNOWN",
        "cpu": str(given.get("cpu", 0)),
        "networkBindings": [],
        "managedAgents": [],
    }
    if task.place is not None:
        face = {"attachmentId": _attachment_id(task), "privateIpv4Address": task.place.interface[0]}
        view["networkInterfaces"] = [face]
    pulled = task.digests.get(given["name"]) if task.pull_stopped_at else None
    optional = {
        "imageDigest": pulled or ImageName.of(given["image"]).digest,
        "exitCode": task.exit_code,
        "reason": task.container_reason,
    }
    return {**view, **{name: value for name, value in optional.items() if value is not None}}


def definition_view(definition: TaskDefinition) -> dict[str, object]:
    """Return the member `taskDefinition` of DescribeTaskDefinition."""
    return {
        **definition.body,
        "taskDefinitionArn": definition.arn,
        "family": definition.family,
        "revision": definition.revision,
        "status": definition.status,
        "registeredAt": instant(definition.registered_at),
        "compatibilities": ["EC2", "FARGATE"],
        "requiresAttributes": [],
        "placementConstraints": definition.body.get("placementConstraints", []),
        "volumes": definition.body.get("volumes", []),
    }


def deployment_view(service: Service, deployment: Deployment, tasks: Tasks) -> dict[str, object]:
    """Return the member `deployments[]` of a service."""
    mine = [task for task in tasks.of(service.group) if task.started_by == deployment.id]
    primary = deployment is service.primary
    return {
        "id": deployment.id,
        "status": "PRIMARY" if primary else "ACTIVE",
        "taskDefinition": deployment.definition.arn,
        "desiredCount": service.desired if primary else deployment.kept,
        "runningCount": len(running(mine)),
        "pendingCount": len(pending(mine)),
        "failedTasks": deployment.failures,
        "createdAt": instant(deployment.created_at),
        "updatedAt": instant(deployment.updated_at),
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "networkConfiguration": deployment.revision.body.get("networkConfiguration", NETWORK),
        "rolloutState": deployment.rollout,
        "rolloutStateReason": deployment.reason,
    }


def service_view(service: Service, tasks: Tasks, *, tags: bool = False) -> dict[str, object]:
    """Return the member `services[]` of DescribeServices; counts are taken from the tasks, never stored."""
    mine = tasks.of(service.group)
    events = [{"id": e.id, "createdAt": instant(e.at), "message": e.message} for e in service.events]
    return {
        "serviceArn": service.arn,
        "serviceName": service.name,
        "clusterArn": CLUSTER_ARN,
        "status": service.status,
        "desiredCount": service.desired,
        "runningCount": len(running(mine)),
        "pendingCount": len(pending(mine)),
        "launchType": "FARGATE",
        "platformVersion": "LATEST",
        "platformFamily": "Linux",
        "schedulingStrategy": "REPLICA",
        "taskDefinition": service.primary.definition.arn,
        "deployments": [deployment_view(service, d, tasks) for d in service.deployments],
        "deploymentConfiguration": {**DEFAULT_ROLLOUT, **service.body.get("deploymentConfiguration", {})},
        "deploymentController": {"type": "ECS"},
        "loadBalancers": service.body.get("loadBalancers", []),
        "serviceRegistries": [],
        "networkConfiguration": service.body.get("networkConfiguration", NETWORK),
        "healthCheckGracePeriodSeconds": service.body.get("healthCheckGracePeriodSeconds", 0),
        "placementConstraints": [],
        "placementStrategy": [],
        "propagateTags": service.body.get("propagateTags", "NONE"),
        "enableECSManagedTags": service.body.get("enableECSManagedTags", False),
        "enableExecuteCommand": service.body.get("enableExecuteCommand", False),
        "availabilityZoneRebalancing": service.body.get("availabilityZoneRebalancing", "ENABLED"),
        "createdAt": instant(service.created_at),
        "createdBy": arn("iam", "role/foodconnect-deploy"),
        "events": events,
        "tags": service.tags if tags else [],
    }
