"""Elastic Load Balancing v2: one application load balancer (Envoy), one listener, one target group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lab.aws.names import (
    LISTENER_ARN,
    LOAD_BALANCER_ARN,
    SECURITY_GROUP,
    TARGET_GROUP_ARN,
    VPC,
    instant,
    subnet_of,
)
from lab.aws.registry import AwsError, Call, Params, handles
from lab.aws.target_groups import TargetGroups, TargetState
from lab.links import Address
from lab.settings import LOAD_BALANCER, TARGET_GROUP, ZONES

if TYPE_CHECKING:
    from lab.aws.world import World

PORT = 8080
GROUP_ATTRIBUTES = {
    "stickiness.enabled": "false",
    "load_balancing.algorithm.type": "round_robin",
    "slow_start.duration_seconds": "0",
}
BALANCER_ATTRIBUTES = {
    "idle_timeout.timeout_seconds": "60",
    "routing.http2.enabled": "true",
    "deletion_protection.enabled": "false",
    "access_logs.s3.enabled": "false",
}


def _seconds(value: float) -> str:
    """Write seconds as ELB attributes do: "1", but "0.5" where the lab is faster than AWS can be."""
    return f"{value:g}"


def _load_balancer(world: World) -> dict[str, object]:
    return {
        "LoadBalancerArn": LOAD_BALANCER_ARN,
        "LoadBalancerName": LOAD_BALANCER,
        "DNSName": "127.0.0.1",
        "CanonicalHostedZoneId": "Z32O12XQLNTSW2",
        "CreatedTime": instant(world.ecs.started_at),
        "Scheme": "internet-facing",
        "VpcId": VPC,
        "State": {"Code": "active"},
        "Type": "application",
        "AvailabilityZones": [{"ZoneName": zone, "SubnetId": subnet_of(zone)} for zone in ZONES],
        "SecurityGroups": [SECURITY_GROUP],
        "IpAddressType": "ipv4",
    }


@handles("elbv2", "DescribeLoadBalancers")
def describe_load_balancers(world: World, params: Params, call: Call) -> dict[str, object]:
    """The one load balancer; LoadBalancerNotFound for any other name or ARN."""
    for arn in params.get("LoadBalancerArns", []):
        _check_balancer(arn)
    for name in params.get("Names", []):
        if name != LOAD_BALANCER:
            raise AwsError("LoadBalancerNotFound", f"Load balancers '[{name}]' not found")
    return {"LoadBalancers": [_load_balancer(world)]}


def _check_balancer(arn: str) -> None:
    if arn != LOAD_BALANCER_ARN:
        raise AwsError("LoadBalancerNotFound", f"Load balancers '[{arn}]' not found")


def _target_group(group: TargetGroups) -> dict[str, object]:
    check = group.check
    return {
        "TargetGroupArn": TARGET_GROUP_ARN,
        "TargetGroupName": TARGET_GROUP,
        "Protocol": "HTTP",
        "ProtocolVersion": "HTTP1",
        "Port": PORT,
        "VpcId": VPC,
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": "traffic-port",
        "HealthCheckEnabled": True,
        "HealthCheckIntervalSeconds": max(1, round(check.interval_s)),
        "HealthCheckTimeoutSeconds": max(1, round(check.timeout_s)),
        "HealthyThresholdCount": check.healthy,
        "UnhealthyThresholdCount": check.unhealthy,
        "HealthCheckPath": check.path,
        "Matcher": {"HttpCode": "200"},
        "LoadBalancerArns": [LOAD_BALANCER_ARN],
        "TargetType": "ip",
        "IpAddressType": "ipv4",
    }


@handles("elbv2", "DescribeTargetGroups")
def describe_target_groups(world: World, params: Params, call: Call) -> dict[str, object]:
    """The one target group, with the health check that Envoy really makes."""
    for arn in params.get("TargetGroupArns", []):
        world.elbv2.find(arn)
    for name in params.get("Names", []):
        if name != TARGET_GROUP:
            raise AwsError("TargetGroupNotFound", f"Target groups '[{name}]' not found")
    if params.get("LoadBalancerArn"):
        _check_balancer(params["LoadBalancerArn"])
    return {"TargetGroups": [_target_group(world.elbv2)]}


@handles("elbv2", "DescribeListeners")
def describe_listeners(world: World, params: Params, call: Call) -> dict[str, object]:
    """The one listener, on the lab's port, which forwards to the target group."""
    if params.get("LoadBalancerArn"):
        _check_balancer(params["LoadBalancerArn"])
    for arn in params.get("ListenerArns", []):
        if arn != LISTENER_ARN:
            raise AwsError("ListenerNotFound", f"Listeners '[{arn}]' not found")
    forward = {"TargetGroups": [{"TargetGroupArn": TARGET_GROUP_ARN, "Weight": 1}]}
    listener = {
        "ListenerArn": LISTENER_ARN,
        "LoadBalancerArn": LOAD_BALANCER_ARN,
        "Port": world.settings.alb_port,
        "Protocol": "HTTP",
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": TARGET_GROUP_ARN, "ForwardConfig": forward}],
    }
    return {"Listeners": [listener]}


def _health(group: TargetGroups, address: Address) -> dict[str, object]:
    state = group.state_of(address)
    known = group.targets.get(address)
    target: dict[str, object] = {"Id": address[0], "Port": address[1]}
    if known is not None and known.zone != "all":
        target["AvailabilityZone"] = known.zone
    return {"Target": target, "HealthCheckPort": str(address[1]), "TargetHealth": _words(state)}


def _words(state: TargetState) -> dict[str, str]:
    members = {"State": state.state, "Reason": state.reason, "Description": state.description}
    return {name: value for name, value in members.items() if value is not None}


@handles("elbv2", "DescribeTargetHealth")
def describe_target_health(world: World, params: Params, call: Call) -> dict[str, object]:
    """Envoy's own health checks in AWS's words; named targets that are not registered are `unused`."""
    group = world.elbv2.find(params["TargetGroupArn"])
    addresses = [_address(target) for target in params.get("Targets", [])] or list(group.targets)
    return {"TargetHealthDescriptions": [_health(group, address) for address in addresses]}


def _address(target: Mapping[str, object]) -> Address:
    return str(target["Id"]), int(str(target.get("Port") or PORT))


@handles("elbv2", "RegisterTargets")
def register_targets(world: World, params: Params, call: Call) -> dict[str, object]:
    """Put addresses into rotation, keyed by id and port."""
    for address in map(_address, params["Targets"]):
        tasks = (task for task in world.ecs.tasks.records.values() if task.place and task.wanted)
        owner = next((task for task in tasks if task.place and task.place.interface == address), None)
        zone = owner.zone if owner else "all"
        world.elbv2.register(params["TargetGroupArn"], address, owner=owner.id if owner else None, zone=zone)
    return {}


@handles("elbv2", "DeregisterTargets")
def deregister_targets(world: World, params: Params, call: Call) -> dict[str, object]:
    """Take addresses out of rotation; they are `draining` for the deregistration delay."""
    for target in params["Targets"]:
        world.elbv2.deregister(params["TargetGroupArn"], _address(target))
    return {}


def _group_attributes(group: TargetGroups) -> dict[str, object]:
    delay = {"deregistration_delay.timeout_seconds": _seconds(group.deregistration_delay_s)}
    attributes = {**GROUP_ATTRIBUTES, **delay, **group.attributes}
    return {"Attributes": [{"Key": key, "Value": value} for key, value in attributes.items()]}


@handles("elbv2", "DescribeTargetGroupAttributes")
def describe_target_group_attributes(world: World, params: Params, call: Call) -> dict[str, object]:
    """Among them the deregistration delay."""
    return _group_attributes(world.elbv2.find(params["TargetGroupArn"]))


@handles("elbv2", "ModifyTargetGroupAttributes")
def modify_target_group_attributes(world: World, params: Params, call: Call) -> dict[str, object]:
    """Change attributes; only the deregistration delay has an effect."""
    group = world.elbv2.find(params["TargetGroupArn"])
    given = {attribute["Key"]: attribute["Value"] for attribute in params["Attributes"]}
    known = {*GROUP_ATTRIBUTES, "deregistration_delay.timeout_seconds"}
    if unknown := sorted(given.keys() - known):
        raise AwsError("ValidationError", f"Target group attribute key '{unknown[0]}' is not recognized")
    group.attributes.update(given)
    return _group_attributes(group)


@handles("elbv2", "DescribeLoadBalancerAttributes")
def describe_load_balancer_attributes(world: World, params: Params, call: Call) -> dict[str, object]:
    """Fixed attributes of the load balancer."""
    _check_balancer(params["LoadBalancerArn"])
    return {"Attributes": [{"Key": key, "Value": value} for key, value in BALANCER_ATTRIBUTES.items()]}


@handles("elbv2", "DescribeTags")
def describe_tags(world: World, params: Params, call: Call) -> dict[str, object]:
    """The tags that every part of the staging carries."""
    tags = [{"Key": tag["key"], "Value": tag["value"]} for tag in world.ecs.tags]
    return {"TagDescriptions": [{"ResourceArn": arn, "Tags": tags} for arn in params["ResourceArns"]]}
