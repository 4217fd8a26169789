"""Amazon ECS: the tags of clusters, services, tasks and task definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.aws.ecs_cluster import Ecs
from lab.aws.ecs_model import Status, Task
from lab.aws.ecs_requests import invalid
from lab.aws.ecs_service import Service
from lab.aws.names import last_part
from lab.aws.registry import Call, Params, handles
from lab.settings import CLUSTER

if TYPE_CHECKING:
    from lab.aws.world import World


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
