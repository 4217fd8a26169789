"""EventBridge's buses and tags over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.aws.event_rules import DEFAULT, Bus, Rule
from lab.aws.paging import aware, page
from lab.aws.registry import AwsError, Call, Params, handles

if TYPE_CHECKING:
    from lab.aws.world import World


@handles("events", "CreateEventBus")
def create_event_bus(world: World, params: Params, call: Call) -> dict[str, object]:
    """Create a bus of one's own; the services speak on the default one only.

    Missing: encryption, dead-letter queue and log configuration are not kept.
    """
    name = params["Name"]
    if name in world.rules.buses:
        raise AwsError("ResourceAlreadyExistsException", f"Event bus {name} already exists.")
    if "/" in name:
        raise AwsError("ValidationException", "Event bus name cannot contain '/': there are no partner buses in a lab.")
    if params.get("EventSourceName"):
        raise AwsError("ResourceNotFoundException", f"Event source {params['EventSourceName']} does not exist.")
    bus = Bus(name, params.get("Description"), {each["Key"]: each["Value"] for each in params.get("Tags") or ()})
    world.rules.buses[name] = bus
    described = {"Description": bus.description} if bus.description else {}
    return {"EventBusArn": bus.arn, **described}


@handles("events", "DeleteEventBus")
def delete_event_bus(world: World, params: Params, call: Call) -> dict[str, object]:
    """Delete a bus without rules, never the default one; there need not be one."""
    name = params["Name"]
    if name == DEFAULT:
        raise AwsError("ValidationException", "Cannot delete event bus default.")
    if name in world.rules.buses and world.rules.of(name):
        raise AwsError("ValidationException", f"Event bus {name} cannot be deleted since it has rules.")
    world.rules.buses.pop(name, None)
    return {}


@handles("events", "DescribeEventBus")
def describe_event_bus(world: World, params: Params, call: Call) -> dict[str, object]:
    """Describe a bus, the default one if none is named."""
    return _view(world.rules.bus(params.get("Name")))


@handles("events", "ListEventBuses")
def list_event_buses(world: World, params: Params, call: Call) -> dict[str, object]:
    """List buses in order of name."""
    prefix = params.get("NamePrefix") or ""
    found = [bus for name, bus in sorted(world.rules.buses.items()) if name.startswith(prefix)]
    try:
        shown, token = page(found, params.get("NextToken"), params.get("Limit") or 100)
    except AwsError:
        raise AwsError("ValidationException", "The token is not valid.") from None
    return {"EventBuses": [_view(bus) for bus in shown], **token}


def _view(bus: Bus) -> dict[str, object]:
    described = {"Description": bus.description} if bus.description else {}
    made = aware(bus.created_at)
    return {"Name": bus.name, "Arn": bus.arn, "CreationTime": made, "LastModifiedTime": made, **described}


@handles("events", "TagResource")
def tag_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """Tag a rule or a bus."""
    _tagged(world, params["ResourceARN"]).tags.update({each["Key"]: each["Value"] for each in params["Tags"]})
    return {}


@handles("events", "UntagResource")
def untag_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """Take tags off a rule or a bus."""
    tags = _tagged(world, params["ResourceARN"]).tags
    for key in params["TagKeys"]:
        tags.pop(key, None)
    return {}


@handles("events", "ListTagsForResource")
def list_tags_for_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """List the tags of a rule or a bus."""
    tags = _tagged(world, params["ResourceARN"]).tags
    return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}


def _tagged(world: World, arn: str) -> Rule | Bus:
    known: list[Rule | Bus] = [*world.rules.rules.values(), *world.rules.buses.values()]
    for each in known:
        if each.arn == arn:
            return each
    raise AwsError("ResourceNotFoundException", f"The resource {arn} does not exist.")
