"""DB parameter groups and the subnet group over the API.

A dynamic parameter that is to be applied at once reaches the running servers of every instance that has the group;
everything else waits for the next restart in place of each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.aws.rds_databases import check_name
from lab.aws.rds_parameters import MAX_CONNECTIONS, Group, memory_of
from lab.aws.rds_view import SUBNET_GROUP, filtered, group_view, kept_tags, page, parameter_view, subnet_group
from lab.aws.registry import AwsError, Call, Params, handles

if TYPE_CHECKING:
    from lab.aws.world import World

MOST_AT_ONCE = 20
METHODS = ("immediate", "pending-reboot")
SOURCES = ("user", "system", "engine-default")


@handles("rds", "CreateDBParameterGroup")
def create_group(world: World, params: Params, call: Call) -> dict[str, object]:
    """A group without values of its own.

    Missing: families other than the running PostgreSQL's are refused.
    """
    groups, family = world.databases.groups, params["DBParameterGroupFamily"]
    if family != groups.family:
        words = f"ParameterGroupFamily {family} is not a valid parameter group family; the lab has {groups.family}."
        raise AwsError("InvalidParameterValue", words)
    name = check_name(params["DBParameterGroupName"], "DBParameterGroupName", longest=255)
    group = Group(name, family, params["Description"], tags=kept_tags(params.get("Tags")))
    groups.add(group)
    return {"DBParameterGroup": group_view(group)}


@handles("rds", "DescribeDBParameterGroups")
def describe_groups(world: World, params: Params, call: Call) -> dict[str, object]:
    """The groups, or the one of a name."""
    groups, name = world.databases.groups, params.get("DBParameterGroupName")
    found = [groups.get(name)] if name else sorted(groups.by_name.values(), key=lambda group: group.name)
    some, more = page(filtered(found, params, {}), params)
    return {"DBParameterGroups": [group_view(group) for group in some], **more}


@handles("rds", "DeleteDBParameterGroup")
def delete_group(world: World, params: Params, call: Call) -> dict[str, object]:
    """A group that no instance has goes."""
    group = world.databases.groups.get(params["DBParameterGroupName"])
    _check_own(group)
    if users := [rds.identifier for rds in world.databases.instances.values() if rds.group is group]:
        words = f"One or more database instances are still members of this parameter group: {', '.join(users)}"
        raise AwsError("InvalidDBParameterGroupState", words)
    del world.databases.groups.by_name[group.name]
    return {}


@handles("rds", "DescribeDBParameters")
def describe_parameters(world: World, params: Params, call: Call) -> dict[str, object]:
    """What the running PostgreSQL can be told, with the group's values and the lab's own.

    Missing: parameters of RDS's own (rds.*), which PostgreSQL does not know.
    """
    groups, source = world.databases.groups, params.get("Source")
    if source and source not in SOURCES:
        raise AwsError("InvalidParameterValue", f"Invalid source: {source}")
    group = groups.get(params["DBParameterGroupName"])
    views = []
    for parameter in groups.parameters.values():
        own = MAX_CONNECTIONS if parameter.name == "max_connections" else parameter.setting
        origin = "user" if parameter.name in group.values else "system" if own else "engine-default"
        if source in (None, origin):
            views.append(parameter_view(parameter, group.values.get(parameter.name, own), origin))
    some, more = page(filtered(views, params, {}), params)
    return {"Parameters": some, **more}


@handles("rds", "ModifyDBParameterGroup")
def modify_group(world: World, params: Params, call: Call) -> dict[str, object]:
    """Set values; `immediate` reaches the running servers, and is refused for a static parameter."""
    group = world.databases.groups.get(params["DBParameterGroupName"])
    _check_own(group)
    given = params["Parameters"]
    if not 0 < len(given) <= MOST_AT_ONCE:
        raise AwsError("InvalidParameterValue", f"Between 1 and {MOST_AT_ONCE} parameters can be modified at once.")
    for one in given:
        _check(world, group, one)
    for one in given:
        name, value, method = one["ParameterName"], one["ParameterValue"], one["ApplyMethod"]
        group.values[name] = value
        words = {"name": name, "value": value, "method": method}
        world.databases.log.put("0037", "db-parameter-group", group.name, group.tags, **words)
    _apply(world, group, [one["ParameterName"] for one in given if one["ApplyMethod"] == "immediate"])
    return {"DBParameterGroupName": group.name}


@handles("rds", "ResetDBParameterGroup")
def reset_group(world: World, params: Params, call: Call) -> dict[str, object]:
    """Give values back: all of them, or those that are named."""
    groups = world.databases.groups
    group, given = groups.get(params["DBParameterGroupName"]), params.get("Parameters") or []
    _check_own(group)
    if bool(params.get("ResetAllParameters")) == bool(given):
        words = "Either ResetAllParameters or a list of parameters must be given."
        raise AwsError("InvalidParameterCombination", words)
    wanted = {one["ParameterName"]: one.get("ApplyMethod") for one in given} or dict.fromkeys(group.values)
    at_once = []
    for name, method in wanted.items():
        parameter = groups.parameter(name)
        group.values.pop(name, None)
        if method != "pending-reboot" and not parameter.static:
            at_once.append(name)
    _apply(world, group, at_once)
    return {"DBParameterGroupName": group.name}


@handles("rds", "DescribeDBSubnetGroups")
def describe_subnet_groups(world: World, params: Params, call: Call) -> dict[str, object]:
    """The one subnet group.

    Missing: others cannot be created; its subnets are names.
    """
    if params.get("DBSubnetGroupName", SUBNET_GROUP).lower() != SUBNET_GROUP:
        words = f"DB subnet group '{params['DBSubnetGroupName']}' does not exist."
        raise AwsError("DBSubnetGroupNotFoundFault", words)
    some, more = page(filtered([subnet_group()], params, {}), params)
    return {"DBSubnetGroups": some, **more}


def _check_own(group: Group) -> None:
    if group.is_default:
        raise AwsError("InvalidDBParameterGroupState", f"The parameter group {group.name} cannot be modified.")


def _check(world: World, group: Group, given: dict[str, Any]) -> None:
    """Refuse one member of `Parameters` that cannot be taken in, for the smallest instance that has the group."""
    name, value, method = (given.get(key) for key in ("ParameterName", "ParameterValue", "ApplyMethod"))
    if not name or value is None or method not in METHODS:
        words = "Each parameter needs ParameterName, ParameterValue and ApplyMethod (immediate or pending-reboot)."
        raise AwsError("InvalidParameterValue", words)
    parameter = world.databases.groups.parameter(name)
    if method == "immediate" and parameter.static:
        words = "cannot use immediate apply method for static parameter"
        raise AwsError("InvalidParameterCombination", words)
    for memory in _memories(world, group):
        parameter.check(value, memory)


def _memories(world: World, group: Group) -> set[int]:
    users = [rds for rds in world.databases.instances.values() if rds.group is group] or [world.rds]
    return {memory_of(rds.instance_class) for rds in users}


def _apply(world: World, group: Group, names: list[str]) -> None:
    if not names:
        return
    for rds in world.databases.instances.values():
        if rds.group is group:
            rds.apply_group(names)
