"""Elastic Load Balancing v2: the one application load balancer (Envoy), its attributes, and everybody's tags.

Its listener and rules stand in `elbv2_rules`, its target groups in `elbv2_groups`, their targets in `elbv2_targets`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

# imported for their handlers, which come onto the list with this service's name
from lab.aws import elbv2_groups, elbv2_rules, elbv2_targets  # noqa: F401
from lab.aws.elbv2_page import check_balancer, page
from lab.aws.names import LISTENER_ARN, LOAD_BALANCER_ARN, SECURITY_GROUP, VPC, instant, subnet_of
from lab.aws.registry import AwsError, Call, Params, handles
from lab.settings import LOAD_BALANCER, ZONES

if TYPE_CHECKING:
    from lab.aws.world import World

IDLE_TIMEOUT = "idle_timeout.timeout_seconds"
BALANCER_ATTRIBUTES = {  # these have no effect and cannot be changed
    "routing.http2.enabled": "true",
    "deletion_protection.enabled": "true",
    "access_logs.s3.enabled": "false",
    "connection_logs.s3.enabled": "false",
    "load_balancing.cross_zone.enabled": "true",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http.desync_mitigation_mode": "defensive",
    "waf.fail_open.enabled": "false",
    "zonal_shift.config.enabled": "false",
}
LONGEST_IDLE_S = 4000


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
    """The one load balancer; LoadBalancerNotFound for any other name or ARN.

    Missing: the nodes in the zones; one Envoy on loopback is the load balancer, its DNS name 127.0.0.1.
    """
    for arn in params.get("LoadBalancerArns", []):
        check_balancer(arn)
    for name in params.get("Names", []):
        if name != LOAD_BALANCER:
            raise AwsError("LoadBalancerNotFound", f"Load balancers '[{name}]' not found")
    found, more = page([_load_balancer(world)], params)
    return {"LoadBalancers": found, **more}


def _attributes(world: World) -> dict[str, object]:
    attributes = {IDLE_TIMEOUT: f"{world.balancer.timeout_s:g}", **BALANCER_ATTRIBUTES}
    return {"Attributes": [{"Key": key, "Value": value} for key, value in attributes.items()]}


@handles("elbv2", "DescribeLoadBalancerAttributes")
def describe_load_balancer_attributes(world: World, params: Params, call: Call) -> dict[str, object]:
    """The attributes of the load balancer, its idle timeout as it is in force.

    Missing: AWS has more attributes than these ten.
    """
    check_balancer(params["LoadBalancerArn"])
    return _attributes(world)


@handles("elbv2", "ModifyLoadBalancerAttributes")
def modify_load_balancer_attributes(world: World, params: Params, call: Call) -> dict[str, object]:
    """Change the idle timeout: how long a target may be silent before the answer is 504.

    Missing: every other attribute keeps its value, and another one is refused.
    """
    check_balancer(params["LoadBalancerArn"])
    given = {attribute["Key"]: attribute["Value"] for attribute in params["Attributes"]}
    for key, value in given.items():
        if key not in (IDLE_TIMEOUT, *BALANCER_ATTRIBUTES):
            raise AwsError("ValidationError", f"Load balancer attribute key '{key}' is not recognized")
        if key != IDLE_TIMEOUT and value != BALANCER_ATTRIBUTES[key]:
            raise AwsError("InvalidConfigurationRequest", f"The lab does not play '{key}' = '{value}'")
    seconds = given.get(IDLE_TIMEOUT, "1")
    if not (seconds.isdigit() and 1 <= int(seconds) <= LONGEST_IDLE_S):
        raise AwsError("ValidationError", f"'{IDLE_TIMEOUT}' must be between 1 and {LONGEST_IDLE_S} inclusive")
    if IDLE_TIMEOUT in given:
        world.balancer.timeout_s = float(seconds)
        world.elbv2.apply()
    return _attributes(world)


def _check_resource(world: World, arn: str) -> None:
    kind = arn.partition(":elasticloadbalancing:")[2].rpartition(":")[2].partition("/")[0]
    match kind:
        case "loadbalancer":
            check_balancer(arn)
        case "targetgroup":
            world.elbv2.find(arn)
        case "listener-rule":
            world.elbv2.listener.find(arn)
        case "listener" if arn == LISTENER_ARN:
            pass
        case "listener":
            raise AwsError("ListenerNotFound", f"One or more listeners not found: '{arn}'")
        case _:
            raise AwsError("ValidationError", f"'{arn}' is not a valid resource ARN")


@handles("elbv2", "DescribeTags")
def describe_tags(world: World, params: Params, call: Call) -> dict[str, object]:
    """The tags that every part of the staging carries, and those that were added."""
    staging = {tag["key"]: tag["value"] for tag in world.ecs.tags}
    described = []
    for arn in params["ResourceArns"]:
        _check_resource(world, arn)
        tags = world.elbv2.tags.get(arn, staging)
        described.append({"ResourceArn": arn, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]})
    return {"TagDescriptions": described}


@handles("elbv2", "AddTags")
def add_tags(world: World, params: Params, call: Call) -> dict[str, object]:
    """Add or overwrite tags."""
    staging = {tag["key"]: tag["value"] for tag in world.ecs.tags}
    for arn in params["ResourceArns"]:
        _check_resource(world, arn)
        added = {tag["Key"]: tag.get("Value", "") for tag in params["Tags"]}
        world.elbv2.tags[arn] = {**world.elbv2.tags.get(arn, staging), **added}
    return {}


@handles("elbv2", "RemoveTags")
def remove_tags(world: World, params: Params, call: Call) -> dict[str, object]:
    """Remove tags by key."""
    staging = {tag["key"]: tag["value"] for tag in world.ecs.tags}
    for arn in params["ResourceArns"]:
        _check_resource(world, arn)
        kept = world.elbv2.tags.get(arn, staging).items()
        world.elbv2.tags[arn] = {key: value for key, value in kept if key not in params["TagKeys"]}
    return {}


@handles("elbv2", "DeleteLoadBalancer")
def delete_load_balancer(world: World, params: Params, call: Call) -> dict[str, object]:
    """Refused: deletion protection is on, as FoodConnect has it."""
    check_balancer(params["LoadBalancerArn"])
    words = f"Load balancer '{LOAD_BALANCER_ARN}' cannot be deleted because deletion protection is enabled"
    raise AwsError("OperationNotPermitted", words)
