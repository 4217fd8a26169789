"""Tags of CloudWatch's own resources: alarms, mute rules and dashboards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.aws.registry import AwsError, Call, Params, handles

if TYPE_CHECKING:
    from lab.aws.world import World

MOST = 50


@dataclass(slots=True)
class Tags:
    """{ARN: {key: value}} of everything that exists. Call it under the world's lock."""

    known: dict[str, dict[str, str]] = field(default_factory=dict)

    def create(self, arn: str, tags: Sequence[Mapping[str, str]] | None) -> None:
        """Take in a new resource with its tags; those of one that is known are left alone, as AWS does."""
        if arn not in self.known:
            self.known[arn] = {}
            self.add(arn, tags or ())

    def add(self, arn: str, tags: Sequence[Mapping[str, str]]) -> None:
        """Set tags of a resource; ResourceNotFoundException if there is none, InvalidParameterValue for too many."""
        merged = {**self.of(arn), **{tag["Key"]: tag["Value"] for tag in tags}}
        if len(merged) > MOST:
            raise AwsError("InvalidParameterValue", f"A resource has at most {MOST} tags.")
        self.known[arn] = merged

    def of(self, arn: str) -> dict[str, str]:
        """Return the tags of a resource; ResourceNotFoundException if there is none."""
        if arn not in self.known:
            raise AwsError("ResourceNotFoundException", f"The resource {arn} does not exist.")
        return self.known[arn]

    def delete(self, arn: str) -> None:
        """Forget a resource."""
        self.known.pop(arn, None)


@handles("cloudwatch", "TagResource")
def tag_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """Set tags."""
    world.cloudwatch.tags.add(params["ResourceARN"], params["Tags"])
    return {}


@handles("cloudwatch", "UntagResource")
def untag_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """Remove tags by key."""
    tags = world.cloudwatch.tags.of(params["ResourceARN"])
    for key in params["TagKeys"]:
        tags.pop(key, None)
    return {}


@handles("cloudwatch", "ListTagsForResource")
def list_tags_for_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """Return the tags of a resource, in order of key."""
    tags = world.cloudwatch.tags.of(params["ResourceARN"])
    return {"Tags": [{"Key": key, "Value": tags[key]} for key in sorted(tags)]}
