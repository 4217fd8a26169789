"""Amazon ECS: task definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.aws.ecs_requests import PAGE, page
from lab.aws.ecs_view import definition_view
from lab.aws.registry import AwsError, Call, Params, handles

if TYPE_CHECKING:
    from lab.aws.world import World


@handles("ecs", "RegisterTaskDefinition")
def register_task_definition(world: World, params: Params, call: Call) -> dict[str, object]:
    """A new revision; its first container's image is the application, by tag or digest.

    Missing: all else is kept and told back without effect: further containers, command, health checks, secrets,
    volumes, roles, ulimits, CPU and memory limits, stopTimeout (the lab has one for all tasks).
    """
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
    """INACTIVE: tasks go on, new ones do not start from it.

    Missing: DeleteTaskDefinitions is not played, so INACTIVE is the end.
    """
    definition = world.ecs.definition(params["taskDefinition"])
    definition.status = "INACTIVE"
    return {"taskDefinition": definition_view(definition)}


@handles("ecs", "ListTaskDefinitions")
def list_task_definitions(world: World, params: Params, call: Call) -> dict[str, object]:
    """ARNs by family and revision.

    Missing: the status DELETE_IN_PROGRESS, as no task definition can be deleted.
    """
    family, status = params.get("familyPrefix"), params.get("status") or "ACTIVE"
    every = [d for revisions in world.ecs.definitions.values() for d in revisions if d.status == status]
    chosen = sorted((d for d in every if family in (None, d.family)), key=lambda d: (d.family, d.revision))
    if params.get("sort") == "DESC":
        chosen.reverse()
    arns, more = page([definition.arn for definition in chosen], params, PAGE)
    return {"taskDefinitionArns": arns, **more}


@handles("ecs", "ListTaskDefinitionFamilies")
def list_task_definition_families(world: World, params: Params, call: Call) -> dict[str, object]:
    """Names of families that have an active revision, or none, or any."""
    prefix, status = params.get("familyPrefix") or "", params.get("status") or "ACTIVE"
    chosen = []
    for family, revisions in sorted(world.ecs.definitions.items()):
        active = any(definition.status == "ACTIVE" for definition in revisions)
        if family.startswith(prefix) and (status == "ALL" or (status == "ACTIVE") == active):
            chosen.append(family)
    families, more = page(chosen, params, PAGE)
    return {"families": families, **more}
