"""Elastic Load Balancing v2: target groups, their health checks and attributes, all of which the balancer plays.

What CreateTargetGroup does not say about the health check is the lab's own: one check a second, two for a change, where
AWS has 30 s, five and two. What it says is played as it is, and must be within AWS's limits.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from lab.aws.alb_attributes import attributes_of, checked_attributes
from lab.aws.alb_group import TargetGroup
from lab.aws.elbv2_page import check_balancer, page
from lab.aws.names import LOAD_BALANCER_ARN, VPC
from lab.aws.registry import AwsError, Call, Params, handles
from lab.aws.unplayed import refuse_unplayed
from lab.cluster import HealthCheck, code_ranges

if TYPE_CHECKING:
    from lab.aws.world import World

NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,32}(?<!-)")
NEW_CHECK = HealthCheck(path="/")


def _target_group(group: TargetGroup) -> dict[str, object]:
    check = group.check
    return {
        "TargetGroupArn": group.arn,
        "TargetGroupName": group.name,
        "Protocol": "HTTP",
        "ProtocolVersion": "HTTP1",
        "Port": group.port,
        "VpcId": group.vpc,
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": str(check.port or "traffic-port"),
        "HealthCheckEnabled": True,
        "HealthCheckIntervalSeconds": max(1, round(check.interval_s)),
        "HealthCheckTimeoutSeconds": max(1, round(check.timeout_s)),
        "HealthyThresholdCount": check.healthy,
        "UnhealthyThresholdCount": check.unhealthy,
        "HealthCheckPath": check.path,
        "Matcher": {"HttpCode": check.codes},
        "LoadBalancerArns": [LOAD_BALANCER_ARN] if group.in_use else [],
        "TargetType": "ip",
        "IpAddressType": "ipv4",
    }


@handles("elbv2", "DescribeTargetGroups")
def describe_target_groups(world: World, params: Params, call: Call) -> dict[str, object]:
    """The target groups, with the health checks that the balancer really makes."""
    groups = list(world.elbv2.groups.values())
    if params.get("LoadBalancerArn"):
        check_balancer(params["LoadBalancerArn"])
        groups = [group for group in groups if group.in_use]
    if params.get("TargetGroupArns"):
        groups = [world.elbv2.find(arn) for arn in params["TargetGroupArns"]]
    if params.get("Names"):
        groups = [_named(world, name) for name in params["Names"]]
    found, more = page([_target_group(group) for group in groups], params)
    return {"TargetGroups": found, **more}


def _named(world: World, name: str) -> TargetGroup:
    group = world.elbv2.named(name)
    if group is None:
        raise AwsError("TargetGroupNotFound", f"Target groups '[{name}]' not found")
    return group


@handles("elbv2", "CreateTargetGroup")
def create_target_group(world: World, params: Params, call: Call) -> dict[str, object]:
    """Create a target group; with the same settings as a known one, that one is told.

    Missing: instance, lambda and ALB targets, HTTPS, HTTP/2, gRPC and IPv6 are refused; a VpcId is not looked up.
    Simulated: without settings a check is made each second, where AWS makes it each 30 s.
    """
    name, port = params["Name"], params.get("Port")
    if not NAME.fullmatch(name):
        raise AwsError("ValidationError", f"Target group name '{name}' can only contain letters, digits and hyphens")
    _check_kind(params)
    if port is None:
        raise AwsError("ValidationError", "A port must be specified")
    check = _checked(NEW_CHECK, params)
    known = world.elbv2.named(name)
    if known is None:
        known = world.elbv2.add(name, port, check, vpc=params.get("VpcId", VPC))
        world.elbv2.tags[known.arn] = {tag["Key"]: tag.get("Value", "") for tag in params.get("Tags", [])}
    elif (known.port, known.check) != (port, check):
        raise AwsError("DuplicateTargetGroupName", f"A target group with the same name '{name}' exists, but differs")
    return {"TargetGroups": [_target_group(known)]}


def _check_kind(params: Params) -> None:
    """ValidationError for what the lab does not have."""
    refuse_unplayed("ValidationError", params, ("TargetControlPort",))
    kinds = (("TargetType", "ip"), ("Protocol", "HTTP"), ("ProtocolVersion", "HTTP1"), ("IpAddressType", "ipv4"))
    for member, only in kinds:
        given = params.get(member, None if member == "TargetType" else only)
        if given != only:
            raise AwsError("ValidationError", f"The lab's target groups have {member} '{only}', not '{given}'")


@handles("elbv2", "DeleteTargetGroup")
def delete_target_group(world: World, params: Params, call: Call) -> dict[str, object]:
    """Delete a target group; ResourceInUse while a rule leads to it. An unknown one is deleted already."""
    arn = params["TargetGroupArn"]
    group = world.elbv2.groups.get(arn)
    if group is not None and group.in_use:
        raise AwsError("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")
    world.elbv2.remove(arn)
    return {}


@handles("elbv2", "ModifyTargetGroup")
def modify_target_group(world: World, params: Params, call: Call) -> dict[str, object]:
    """Change the health check; the old one decides until the new one has been made once.

    Missing: gRPC codes and HTTPS checks are refused.
    """
    group = world.elbv2.find(params["TargetGroupArn"])
    group.check = _checked(group.check, params)
    world.truth.note("target_group.check", group=group.name, path=group.check.path, codes=group.check.codes)
    world.elbv2.apply()
    return {"TargetGroups": [_target_group(group)]}


def _checked(check: HealthCheck, params: Params) -> HealthCheck:
    """Return the health check with the members that were given; ValidationError when one is out of its range."""
    if params.get("HealthCheckEnabled") is False:
        raise AwsError("ValidationError", "Health check enabled must be true for target groups with target type 'ip'")
    refuse_unplayed("ValidationError", params.get("Matcher") or {}, ("GrpcCode",))
    if params.get("HealthCheckProtocol", "HTTP") != "HTTP":
        raise AwsError("ValidationError", "The lab checks health with HTTP only")
    interval_s = _within(params, "HealthCheckIntervalSeconds", check.interval_s, 300)
    timeout_s = _within(params, "HealthCheckTimeoutSeconds", check.timeout_s, 120)
    if timeout_s > interval_s:
        raise AwsError("ValidationError", "Health check timeout must be smaller than or equal to the interval")
    path = params.get("HealthCheckPath", check.path)
    if not path.startswith("/") or len(path) > 1024:
        raise AwsError("ValidationError", f"Health check path '{path}' must begin with a '/' character")
    return replace(
        check,
        path=path,
        interval_s=interval_s,
        timeout_s=timeout_s,
        healthy=int(_within(params, "HealthyThresholdCount", check.healthy, 10, 2)),
        unhealthy=int(_within(params, "UnhealthyThresholdCount", check.unhealthy, 10, 2)),
        codes=_codes(params.get("Matcher", {}).get("HttpCode", check.codes)),
        port=_port(params, check.port),
    )


def _within(params: Params, member: str, default: float, most: int, least: int = 1) -> float:
    value = params.get(member, default)
    if member in params and not least <= value <= most:
        raise AwsError("ValidationError", f"{member} '{value}' must be between {least} and {most} inclusive")
    return float(value)


def _codes(given: str) -> str:
    try:
        code_ranges(given)
    except ValueError:
        raise AwsError(
            "ValidationError", f"Health check matcher HTTP code '{given}' must be within 200 to 499"
        ) from None
    return given


def _port(params: Params, default: int | None) -> int | None:
    given = params.get("HealthCheckPort")
    if given is None:
        return default
    if given == "traffic-port":
        return None
    if not (given.isdigit() and 1 <= int(given) <= 65535):
        raise AwsError("ValidationError", f"Health check port '{given}' must be 'traffic-port' or a number")
    return int(given)


def _told_attributes(group: TargetGroup) -> dict[str, object]:
    return {"Attributes": [{"Key": key, "Value": value} for key, value in attributes_of(group).items()]}


@handles("elbv2", "DescribeTargetGroupAttributes")
def describe_target_group_attributes(world: World, params: Params, call: Call) -> dict[str, object]:
    """Among them the deregistration delay and the way a target is chosen."""
    return _told_attributes(world.elbv2.find(params["TargetGroupArn"]))


@handles("elbv2", "ModifyTargetGroupAttributes")
def modify_target_group_attributes(world: World, params: Params, call: Call) -> dict[str, object]:
    """Change attributes, in force at once; what the lab does not play is refused.

    Missing: stickiness, anomaly mitigation, cross-zone and DNS failover settings are refused.
    Simulated: the first deregistration delay (`deregistration_s`).
    """
    group = world.elbv2.find(params["TargetGroupArn"])
    given = {attribute["Key"]: attribute["Value"] for attribute in params["Attributes"]}
    group.attributes.update(checked_attributes(group, given))
    world.truth.note("target_group.attributes", group=group.name, changed=given)
    world.elbv2.apply()
    return _told_attributes(group)
