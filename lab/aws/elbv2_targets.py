"""Elastic Load Balancing v2: who is registered in a target group, and how well each is."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lab.aws.alb_group import NOWHERE, TargetGroup, TargetState
from lab.aws.registry import AwsError, Call, Params, handles
from lab.links import Address
from lab.settings import ZONES

if TYPE_CHECKING:
    from lab.aws.world import World


def _address(target: Mapping[str, object], group: TargetGroup) -> Address:
    """Return a target's id and port; ValidationError for what is no address, InvalidTarget for one outside the lab."""
    host, port = str(target["Id"]), int(str(target.get("Port") or group.port))
    try:
        inside = ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        raise AwsError("ValidationError", f"The IP address '{host}' is not a valid IPv4 address") from None
    if not inside:
        raise AwsError("InvalidTarget", f"The IP address '{host}' is not within the lab's network, 127.0.0.0/8")
    if not 1 <= port <= 65535:
        raise AwsError("ValidationError", f"Port '{port}' must be between 1 and 65535")
    return host, port


@handles("elbv2", "DescribeTargetHealth")
def describe_target_health(world: World, params: Params, call: Call) -> dict[str, object]:
    """The balancer's own health checks in AWS's words; named targets that are not registered are `unused`.

    Missing: `Include`: anomaly detection and administrative overrides are never told.
    """
    group = world.elbv2.find(params["TargetGroupArn"])
    addresses = [_address(target, group) for target in params.get("Targets", [])] or list(group.targets)
    return {"TargetHealthDescriptions": [_health(group, address) for address in addresses]}


def _health(group: TargetGroup, address: Address) -> dict[str, object]:
    known = group.targets.get(address)
    target: dict[str, object] = {"Id": address[0], "Port": address[1]}
    if known is not None:
        target["AvailabilityZone"] = known.zone
    port = str(group.check.port or address[1])
    return {"Target": target, "HealthCheckPort": port, "TargetHealth": _words(group.state_of(address))}


def _words(state: TargetState) -> dict[str, str]:
    members = {"State": state.state, "Reason": state.reason, "Description": state.description}
    return {name: value for name, value in members.items() if value is not None}


@handles("elbv2", "RegisterTargets")
def register_targets(world: World, params: Params, call: Call) -> dict[str, object]:
    """Put addresses into rotation, keyed by id and port.

    Missing: security groups and routes are not checked; a target may be any address of 127.0.0.0/8.
    """
    group = world.elbv2.find(params["TargetGroupArn"])
    for target in params["Targets"]:
        address, zone = _address(target, group), target.get("AvailabilityZone")
        if zone not in (None, NOWHERE, *ZONES):
            raise AwsError("ValidationError", f"The Availability Zone '{zone}' is not valid for the load balancer")
        owner = _owner(world, address)
        world.elbv2.register(group.arn, address, owner=owner[0], zone=zone or owner[1])
    return {}


def _owner(world: World, address: Address) -> tuple[str | None, str]:
    """Return the task behind an address and its zone."""
    for task in world.ecs.tasks.records.values():
        if task.place is not None and task.wanted and task.place.interface == address:
            return task.id, task.zone
    return None, NOWHERE


@handles("elbv2", "DeregisterTargets")
def deregister_targets(world: World, params: Params, call: Call) -> dict[str, object]:
    """Take addresses out of rotation; they are `draining` for the deregistration delay."""
    group = world.elbv2.find(params["TargetGroupArn"])
    for target in params["Targets"]:
        world.elbv2.deregister(group.arn, _address(target, group))
    return {}
