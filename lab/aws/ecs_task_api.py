"""Amazon ECS: tasks, their protection, and the door into them that is closed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from lab.aws.ecs_model import Task
from lab.aws.ecs_requests import PAGE, environment_of, invalid, missing, page
from lab.aws.ecs_view import task_view
from lab.aws.ecs_zones import is_protected
from lab.aws.names import instant, last_part
from lab.aws.registry import AwsError, Call, Params, handles
from lab.aws.unplayed import given, refuse_unplayed

if TYPE_CHECKING:
    from lab.aws.world import World


UNPLAYED = ("capacityProviderStrategy", "placementConstraints", "placementStrategy", "volumeConfigurations")
OVERRIDDEN = ("name", "environment")  # of a container; the rest of its definition stays


def _check_run(params: Params) -> None:
    """Refuse what the lab has no part for: its tasks run on Fargate, as their definition says but for variables."""
    refuse_unplayed("InvalidParameterException", params, UNPLAYED)
    if params.get("launchType") not in (None, "FARGATE"):
        raise invalid(f"The lab's tasks have the launchType FARGATE only, not {params['launchType']}.")
    overrides = params.get("overrides") or {}
    others = given(overrides, overrides.keys() - {"containerOverrides"})
    for container in overrides.get("containerOverrides") or ():
        others += given(container, container.keys() - set(OVERRIDDEN))
    if others:
        raise invalid(f"The lab overrides the environment of a container only, not {', '.join(sorted(others))}.")


@handles("ecs", "RunTask")
def run_task(world: World, params: Params, call: Call) -> dict[str, object]:
    """Start tasks outside any service.

    Missing: overrides other than environment, placement, EC2, volumes and capacity provider strategies are refused;
    networkConfiguration, propagateTags and clientToken are not read, tasks go round the zones.
    """
    world.ecs.check_cluster(params.get("cluster"))
    count = int(params.get("count") or 1)
    if not 1 <= count <= 10:
        raise invalid("Count should be between 1 and 10.")
    _check_run(params)
    definition = world.ecs.definition(params["taskDefinition"])
    if definition.status != "ACTIVE":
        raise AwsError("ClientException", "TaskDefinition is inactive")
    more: dict[str, Any] = {"environment": environment_of(params.get("overrides") or {})}
    more["tags"], more["exec_enabled"] = list(params.get("tags", [])), bool(params.get("enableExecuteCommand"))
    for name, member in (("group", "group"), ("started_by", "startedBy")):
        if params.get(member):
            more[name] = params[member]
    tasks = world.ecs.run(definition, count, **more)
    return {"tasks": [task_view(task, tags=True) for task in tasks], "failures": []}


@handles("ecs", "StopTask")
def stop_task(world: World, params: Params, call: Call) -> dict[str, object]:
    """Deregister, drain, SIGTERM, SIGKILL; `reason` becomes stoppedReason.

    Simulated: the draining (`deregistration_s`).
    Missing: stopTimeout of the container; all tasks of a lab have the same.
    """
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
        and not given(params, ("containerInstance", "daemonName"))  # of which Fargate has none
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
    """Up to a hundred tasks; stopped ones stay visible for an hour.

    Missing: the health of containers is always UNKNOWN, as no container health check is made; managed agents are none.
    """
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


# -- protection ----------------------------------------------------------------------------------------

PROTECTED_MIN = 120  # by default
LONGEST_MIN = 2880


def _protection(task: Task, now: float) -> dict[str, object]:
    until = task.protected_until if is_protected(task, now) else None
    view: dict[str, object] = {"taskArn": task.arn, "protectionEnabled": until is not None}
    return view if until is None else {**view, "expirationDate": instant(until)}


def _protectable(world: World, names: list[str]) -> tuple[list[Task], list[dict[str, object]]]:
    """Return the running tasks of services among those that are named, and failures for the others."""
    found = [(name, world.ecs.find_task(name)) for name in names]
    tasks = [task for _, task in found if task is not None and task.wanted and task.group.startswith("service:")]
    failures = [missing(name, "task") for name, task in found if task is None]
    failures += [
        {"arn": task.arn, "reason": "TASK_NOT_VALID"} for _, task in found if task is not None and task not in tasks
    ]
    return tasks, failures


@handles("ecs", "UpdateTaskProtection")
def update_task_protection(world: World, params: Params, call: Call) -> dict[str, object]:
    """Protect up to ten tasks of services from scale-in and rollouts for some minutes, or end that."""
    world.ecs.check_cluster(params["cluster"])
    names, minutes = list(params["tasks"]), int(params.get("expiresInMinutes") or PROTECTED_MIN)
    if not 1 <= len(names) <= 10:
        raise invalid("tasks must have from 1 to 10 elements.")
    if not 1 <= minutes <= LONGEST_MIN:
        raise invalid(f"expiresInMinutes must be between 1 and {LONGEST_MIN}.")
    now = time.time()
    tasks, failures = _protectable(world, names)
    for task in tasks:
        task.protected_until = now + minutes * 60 if params["protectionEnabled"] else None
    return {"protectedTasks": [_protection(task, now) for task in tasks], "failures": failures}


@handles("ecs", "GetTaskProtection")
def get_task_protection(world: World, params: Params, call: Call) -> dict[str, object]:
    """The protection of the tasks that are named, or of all tasks of services."""
    world.ecs.check_cluster(params["cluster"])
    every = [task.id for task in world.ecs.tasks.records.values() if task.wanted and task.group.startswith("service:")]
    tasks, failures = _protectable(world, list(params.get("tasks") or every))
    return {"protectedTasks": [_protection(task, time.time()) for task in tasks], "failures": failures}


@handles("ecs", "ExecuteCommand")
def execute_command(world: World, params: Params, call: Call) -> dict[str, object]:
    """Refused: the tasks of the lab have no agent for commands; a task that was run without it says so first."""
    world.ecs.check_cluster(params.get("cluster"))
    task = world.ecs.find_task(params["task"])
    if task is None or not task.wanted:
        raise invalid("The referenced task was not found.")
    if not task.exec_enabled:
        message = "The execute command failed because execute command was not enabled when the task was run"
        advice = "Wait and try again or run a new task with execute command enabled and try again."
        raise invalid(f"{message} or the execute command agent isn't running. {advice}")
    message = "The execute command failed due to an internal error: the task has no execute command agent."
    raise AwsError("TargetNotConnectedException", message)
