"""Amazon ECS: handlers that read the cluster's records and move its processes. Reading never changes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.aws.ecs_cluster import Ecs
from lab.aws.ecs_model import Service, Status, Task
from lab.aws.ecs_tasks import pending, running
from lab.aws.ecs_view import CLUSTER_ARN, definition_view, service_view, task_view
from lab.aws.names import arn, instant, last_part
from lab.aws.registry import AwsError, Call, Params, handles
from lab.settings import CLUSTER

if TYPE_CHECKING:
    from lab.aws.world import World

PAGE = 100  # ListTasks' largest page, DescribeTasks' longest list


def invalid(message: str) -> AwsError:
    """Return ECS's answer to a request that makes no sense."""
    return AwsError("InvalidParameterException", message)


def page(items: list[str], params: Params, largest: int) -> tuple[list[str], dict[str, object]]:
    """Cut one page out of `items`; return it and the members that lead to the next."""
    size = int(params.get("maxResults") or largest)
    if not 1 <= size <= largest:
        raise invalid(f"maxResults must be between 1 and {largest}.")
    token = params.get("nextToken") or "0"
    if not token.isdigit():
        raise invalid("Invalid token.")
    first = int(token)
    more = {"nextToken": str(first + size)} if first + size < len(items) else {}
    return items[first : first + size], dict(more)


def missing(name_or_arn: str, kind: str) -> dict[str, object]:
    """Return a `failures[]` member for something that is not there."""
    full = name_or_arn if name_or_arn.startswith("arn:") else arn("ecs", f"{kind}/{CLUSTER}/{name_or_arn}")
    return {"arn": full, "reason": "MISSING"}


def environment_of(overrides: Params) -> dict[str, str]:
    """Return what a task's container overrides set."""
    containers = overrides.get("containerOverrides", [])
    return {pair["name"]: pair["value"] for container in containers for pair in container.get("environment", [])}


# -- clusters and task definitions ---------------------------------------------------------------------


def _cluster(ecs: Ecs) -> dict[str, object]:
    tasks = list(ecs.tasks.records.values())
    active = [service for service in ecs.services.values() if service.status == "ACTIVE"]
    counts = {"runningTasksCount": len(running(tasks)), "pendingTasksCount": len(pending(tasks))}
    fargate = {
        "runningFargateTasksCount": counts["runningTasksCount"],
        "pendingFargateTasksCount": counts["pendingTasksCount"],
        "activeFargateServiceCount": len(active),
    }
    return {
        "clusterArn": CLUSTER_ARN,
        "clusterName": CLUSTER,
        "status": "ACTIVE",
        "registeredContainerInstancesCount": 0,
        "activeServicesCount": len(active),
        "statistics": [{"name": name, "value": str(value)} for name, value in fargate.items()],
        "settings": [{"name": "containerInsights", "value": "enhanced"}],
        "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
        "defaultCapacityProviderStrategy": [],
        "tags": ecs.tags,
        **counts,
    }


@handles("ecs", "DescribeClusters")
def describe_clusters(world: World, params: Params, call: Call) -> dict[str, object]:
    """Real counts of the one cluster; others are MISSING."""
    wanted = params.get("clusters") or ["default"]
    known = [name for name in wanted if last_part(name) == CLUSTER]
    failures = [{"arn": arn("ecs", f"cluster/{last_part(n)}"), "reason": "MISSING"} for n in wanted if n not in known]
    return {"clusters": [_cluster(world.ecs) for _ in known[:1]], "failures": failures}


@handles("ecs", "ListClusters")
def list_clusters(world: World, params: Params, call: Call) -> dict[str, object]:
    """The one cluster."""
    return {"clusterArns": [CLUSTER_ARN]}


@handles("ecs", "RegisterTaskDefinition")
def register_task_definition(world: World, params: Params, call: Call) -> dict[str, object]:
    """A new revision; its first container's image names the build of the backend by its tag."""
    if not params.get("containerDefinitions"):
        raise AwsError("ClientException", "Container list cannot be empty.")
    body = {name: value for name, value in params.items() if name not in ("family", "tags")}
    definition = world.ecs.register(params["family"], body, list(params.get("tags", [])))
    return {"taskDefinition": definition_view(definition), "tags": definition.tags}


@handles("ecs", "DescribeTaskDefinition")
def describe_task_definition(world: World, params: Params, call: Call) -> dict[str, object]:
    """One revision, or the newest active one of a family."""
    definition = world.ecs.definition(params["taskDefinition"])
    tags = definition.tags if "TAGS" in params.get("include", []) else []
    return {"taskDefinition": definition_view(definition), "tags": tags}


@handles("ecs", "DeregisterTaskDefinition")
def deregister_task_definition(world: World, params: Params, call: Call) -> dict[str, object]:
    """INACTIVE: tasks go on, new ones do not start from it."""
    definition = world.ecs.definition(params["taskDefinition"])
    definition.status = "INACTIVE"
    return {"taskDefinition": definition_view(definition)}


@handles("ecs", "ListTaskDefinitions")
def list_task_definitions(world: World, params: Params, call: Call) -> dict[str, object]:
    """ARNs by family and revision."""
    family, status = params.get("familyPrefix"), params.get("status") or "ACTIVE"
    every = [d for revisions in world.ecs.definitions.values() for d in revisions if d.status == status]
    chosen = sorted((d for d in every if family in (None, d.family)), key=lambda d: (d.family, d.revision))
    if params.get("sort") == "DESC":
        chosen.reverse()
    arns, more = page([definition.arn for definition in chosen], params, PAGE)
    return {"taskDefinitionArns": arns, **more}


# -- services ------------------------------------------------------------------------------------------


@handles("ecs", "CreateService")
def create_service(world: World, params: Params, call: Call) -> dict[str, object]:
    """A service whose tasks start in the next steps of the scheduler."""
    world.ecs.check_cluster(params.get("cluster"))
    definition = world.ecs.definition(params.get("taskDefinition") or "")
    if definition.status != "ACTIVE":
        raise AwsError("ClientException", "TaskDefinition is inactive")
    body = {name: value for name, value in params.items() if name not in ("cluster", "clientToken")}
    service = world.ecs.create_service(params["serviceName"], definition, int(params.get("desiredCount") or 0), body)
    return {"service": service_view(service, world.ecs.tasks, tags=True)}


@handles("ecs", "UpdateService")
def update_service(world: World, params: Params, call: Call) -> dict[str, object]:
    """A new task definition or forceNewDeployment rolls; a desired count alone scales."""
    ecs = world.ecs
    ecs.check_cluster(params.get("cluster"))
    service = ecs.service(params["service"])
    definition = service.primary.definition
    if params.get("taskDefinition"):
        definition = ecs.definition(params["taskDefinition"])
    if definition.status != "ACTIVE":
        raise AwsError("ClientException", "TaskDefinition is inactive")
    desired = params.get("desiredCount")
    if desired is not None:
        if int(desired) < 0:
            raise invalid("desiredCount must not be negative.")
        service.desired = int(desired)
        service.steady = False
    for name in ("deploymentConfiguration", "healthCheckGracePeriodSeconds", "networkConfiguration", "propagateTags"):
        if params.get(name) is not None:
            service.body[name] = params[name]
    if definition is not service.primary.definition or params.get("forceNewDeployment"):
        ecs.redeploy(service, definition)
    ecs.tasks.wake.set()
    return {"service": service_view(service, ecs.tasks)}


@handles("ecs", "DescribeServices")
def describe_services(world: World, params: Params, call: Call) -> dict[str, object]:
    """Counts, deployments and the last hundred events of up to ten services."""
    world.ecs.check_cluster(params.get("cluster"))
    names = list(params["services"])
    if len(names) > 10:
        raise invalid("Too many services specified, maximum is 10.")
    found = [(name, world.ecs.find_service(name)) for name in names]
    tags = "TAGS" in params.get("include", [])
    return {
        "services": [service_view(service, world.ecs.tasks, tags=tags) for _, service in found if service],
        "failures": [missing(name, "service") for name, service in found if service is None],
    }


@handles("ecs", "ListServices")
def list_services(world: World, params: Params, call: Call) -> dict[str, object]:
    """ARNs of the services that are not deleted."""
    world.ecs.check_cluster(params.get("cluster"))
    live = [service.arn for service in world.ecs.services.values() if service.status != "INACTIVE"]
    arns, more = page(live, params, PAGE)
    return {"serviceArns": arns, **more}


@handles("ecs", "DeleteService")
def delete_service(world: World, params: Params, call: Call) -> dict[str, object]:
    """DRAINING until its tasks are gone, then INACTIVE; without `force` its desired count must be 0."""
    world.ecs.check_cluster(params.get("cluster"))
    service = world.ecs.service(params["service"])
    if service.desired > 0 and not params.get("force"):
        raise invalid("The service cannot be stopped while it is scaled above 0.")
    service.desired, service.status = 0, "DRAINING"
    world.ecs.tasks.wake.set()
    return {"service": service_view(service, world.ecs.tasks)}


@handles("ecs", "ListServiceDeployments")
def list_service_deployments(world: World, params: Params, call: Call) -> dict[str, object]:
    """The service's deployments, newest first."""
    world.ecs.check_cluster(params.get("cluster"))
    service = world.ecs.service(params["service"])
    views = [
        {
            "serviceDeploymentArn": arn("ecs", f"service-deployment/{CLUSTER}/{service.name}/{deployment.number}"),
            "serviceArn": service.arn,
            "clusterArn": CLUSTER_ARN,
            "status": deployment.outcome,
            "statusReason": deployment.reason,
            "createdAt": instant(deployment.created_at),
            "startedAt": instant(deployment.created_at),
        }
        for deployment in service.history
    ]
    wanted = params.get("status") or []
    return {"serviceDeployments": [view for view in views if not wanted or view["status"] in wanted]}


# -- tasks ---------------------------------------------------------------------------------------------


@handles("ecs", "RunTask")
def run_task(world: World, params: Params, call: Call) -> dict[str, object]:
    """Start tasks outside any service."""
    world.ecs.check_cluster(params.get("cluster"))
    count = int(params.get("count") or 1)
    if not 1 <= count <= 10:
        raise invalid("Count should be between 1 and 10.")
    more: dict[str, Any] = {"environment": environment_of(params.get("overrides") or {})}
    more["tags"] = list(params.get("tags", []))
    for name, member in (("group", "group"), ("started_by", "startedBy")):
        if params.get(member):
            more[name] = params[member]
    tasks = world.ecs.run(world.ecs.definition(params["taskDefinition"]), count, **more)
    return {"tasks": [task_view(task, tags=True) for task in tasks], "failures": []}


@handles("ecs", "StopTask")
def stop_task(world: World, params: Params, call: Call) -> dict[str, object]:
    """Deregister, drain, SIGTERM, SIGKILL; `reason` becomes stoppedReason."""
    world.ecs.check_cluster(params.get("cluster"))
    task = world.ecs.find_task(params["task"])
    if task is None:
        raise invalid("The referenced task was not found.")
    world.ecs.tasks.stop(task, params.get("reason") or "Task stopped by user", "UserInitiated")
    return {"task": task_view(task)}


def _matches(task: Task, params: Params, desired: str) -> bool:
    """Does a task pass ListTasks' filters?"""
    service, family, started_by = params.get("serviceName"), params.get("family"), params.get("startedBy")
    return (
        task.desired == desired
        and (not service or task.group == f"service:{last_part(service)}")
        and (not family or task.definition.family == family)
        and (not started_by or task.started_by == started_by)
        and params.get("launchType") in (None, "FARGATE")
    )


@handles("ecs", "ListTasks")
def list_tasks(world: World, params: Params, call: Call) -> dict[str, object]:
    """ARNs by service, family, startedBy and desiredStatus (default RUNNING), in pages."""
    ecs = world.ecs
    ecs.check_cluster(params.get("cluster"))
    if params.get("serviceName"):
        ecs.service(params["serviceName"])
    desired = params.get("desiredStatus") or "RUNNING"
    chosen = [task.arn for task in ecs.tasks.records.values() if _matches(task, params, desired)]
    arns, more = page(chosen, params, PAGE)
    return {"taskArns": arns, **more}


@handles("ecs", "DescribeTasks")
def describe_tasks(world: World, params: Params, call: Call) -> dict[str, object]:
    """Up to a hundred tasks; stopped ones stay visible for an hour."""
    world.ecs.check_cluster(params.get("cluster"))
    names = list(params["tasks"])
    if len(names) > PAGE:
        raise invalid("Tasks cannot contain more than 100 elements.")
    found = [(name, world.ecs.find_task(name)) for name in names]
    tags = "TAGS" in params.get("include", [])
    return {
        "tasks": [task_view(task, tags=tags) for _, task in found if task],
        "failures": [missing(name, "task") for name, task in found if task is None],
    }


# -- tags ----------------------------------------------------------------------------------------------


def _tags(ecs: Ecs, resource: str) -> list[dict[str, str]]:
    """Return the list of tags of a resource, to read or to change."""
    kind, name = resource.rpartition(":")[2].partition("/")[0], last_part(resource)
    found: Task | Service | None = None
    if kind == "cluster" and name == CLUSTER:
        return ecs.tags
    if resource.split("/")[0].endswith(":task-definition"):
        return ecs.definition(resource).tags
    if kind == "task":
        found = ecs.find_task(name)
    elif kind == "service":
        found = ecs.find_service(name)
    if found is None or (isinstance(found, Task) and found.last is Status.STOPPED):
        raise invalid(f"The specified {kind or 'resource'} is not found or is not taggable.")
    return found.tags


@handles("ecs", "TagResource")
def tag_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """Add tags, or change their values."""
    tags = _tags(world.ecs, params["resourceArn"])
    given = {tag["key"]: tag.get("value", "") for tag in params["tags"]}
    merged = {**{tag["key"]: tag["value"] for tag in tags}, **given}
    tags[:] = [{"key": key, "value": value} for key, value in merged.items()]
    return {}


@handles("ecs", "UntagResource")
def untag_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """Remove tags by key."""
    tags = _tags(world.ecs, params["resourceArn"])
    tags[:] = [tag for tag in tags if tag["key"] not in params["tagKeys"]]
    return {}


@handles("ecs", "ListTagsForResource")
def list_tags_for_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """The tags of a cluster, service, task or task definition."""
    return {"tags": _tags(world.ecs, params["resourceArn"])}
