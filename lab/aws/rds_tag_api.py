"""Tags of RDS's resources: instances, snapshots and parameter groups, by ARN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.aws.names import arn
from lab.aws.rds_view import kept_tags, tag_list
from lab.aws.registry import AwsError, Call, Params, handles

if TYPE_CHECKING:
    from lab.aws.world import World


def _tags_of(world: World, name: str) -> list[dict[str, str]]:
    """Return the tags of a resource, to read or to change."""
    if not name.startswith(arn("rds", "")):
        raise AwsError("InvalidParameterValue", f"Invalid resource name: {name}")
    kind, _, identifier = name.removeprefix(arn("rds", "")).partition(":")
    match kind:
        case "db":
            return world.databases.find(identifier).tags
        case "snapshot":
            return world.databases.find_snapshot(identifier).tags
        case "pg":
            return world.databases.groups.get(identifier).tags
    raise AwsError("InvalidParameterValue", f"The lab keeps no tags of {name}.")


@handles("rds", "ListTagsForResource")
def list_tags_for_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """The tags of a resource."""
    return {"TagList": tag_list(_tags_of(world, params["ResourceName"]))}


@handles("rds", "AddTagsToResource")
def add_tags_to_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """Add tags, or change their values."""
    tags = _tags_of(world, params["ResourceName"])
    merged = {tag["key"]: tag["value"] for tag in (*tags, *kept_tags(params["Tags"]))}
    tags[:] = [{"key": key, "value": value} for key, value in merged.items()]
    return {}


@handles("rds", "RemoveTagsFromResource")
def remove_tags_from_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """Remove tags by key."""
    tags = _tags_of(world, params["ResourceName"])
    tags[:] = [tag for tag in tags if tag["key"] not in params["TagKeys"]]
    return {}
