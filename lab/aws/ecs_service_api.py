"""Amazon ECS: services. Reading never changes anything."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lab.aws.ecs_cluster import Ecs, groups_of
from lab.aws.ecs_model import TaskDefinition
from lab.aws.ecs_requests import PAGE, invalid, missing, page
from lab.aws.ecs_service import UNDER_WAY
from lab.aws.ecs_view import DEFAULT_ROLLOUT, service_view
from lab.aws.ecs_zones import ZONE_OF
from lab.aws.registry import AwsError, Call, Params, handles
from lab.aws.unplayed import refuse_unplayed

if TYPE_CHECKING:
    from lab.aws.world import World


KEPT = (  # members of UpdateService that change a service without a new deployment
    "availabilityZoneRebalancing",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "healthCheckGracePeriodSeconds",
    "propagateTags",
)
UNPLAYED = (
    *("capacityProviderStrategy", "serviceRegistries", "serviceConnectConfiguration", "volumeConfigurations"),
    *("vpcLatticeConfigurations", "gatewayConnectors", "monitoring"),
)
REDEPLOYED = ("loadBalancers", "networkConfiguration", "platformVersion")  # those that need one


def _active(ecs: Ecs, name: str) -> TaskDefinition:
    definition = ecs.definition(name)
    if definition.status != "ACTIVE":
        raise AwsError("ClientException", "TaskDefinition is inactive")
    return definition


def _check_kind(params: Params) -> None:
    """Refuse what the lab has no part for; it would be told back, and nothing would come of it."""
    refuse_unplayed("InvalidParameterException", params, UNPLAYED)
    refuse_unplayed("InvalidParameterException", params.get("deploymentConfiguration") or {}, ("lifecycleHooks",))
    controller = params.get("deploymentController") or {}
    for member, asked, only in (
        ("launchType", params.get("launchType"), "FARGATE"),
        ("schedulingStrategy", params.get("schedulingStrategy"), "REPLICA"),
        ("deploymentController", controller.get("type"), "ECS"),
    ):
        if asked not in (None, only):
            raise invalid(f"The lab's services have the {member} {only} only, not {asked}.")


def _check(world: World, params: Params, current: Mapping[str, object]) -> None:
    """Refuse subnets and target groups that do not exist, placement, bounds that leave no way, counts below zero."""
    _check_kind(params)
    network = (params.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    for subnet in network.get("subnets", ()):
        if subnet not in ZONE_OF:
            message = f"The subnet ID '{subnet}' does not exist (ErrorCode: InvalidSubnetID.NotFound)"
            raise invalid(f"Error retrieving subnet information for [{subnet}]: {message}")
    for balancer in params.get("loadBalancers") or ():
        world.elbv2.find(balancer.get("targetGroupArn", ""))
    for member, what in (("placementStrategy", "strategies"), ("placementConstraints", "constraints")):
        if params.get(member):
            raise invalid(f"Task placement {what} are not supported with FARGATE launch type.")
    rollout = {**DEFAULT_ROLLOUT, **current, **(params.get("deploymentConfiguration") or {})}
    if rollout["maximumPercent"] == rollout["minimumHealthyPercent"] == 100:
        raise invalid("Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.")
    if rollout["strategy"] != "ROLLING":
        raise invalid(f"The lab plays the deployment strategy ROLLING only, not {rollout['strategy']}.")
    if int(params.get("desiredCount") or 0) < 0:
        raise invalid("desiredCount must not be negative.")


@handles("ecs", "CreateService")
def create_service(world: World, params: Params, call: Call) -> dict[str, object]:
    """A service whose tasks start in the next steps of the scheduler.

    Missing: placement, EC2, capacity provider strategies, discovery, Service Connect, volumes, lifecycle hooks and
    deployments other than ROLLING are refused. Security groups, clientToken and enableECSManagedTags change nothing.
    """
    world.ecs.check_cluster(params.get("cluster"))
    _check(world, params, {})
    definition = _active(world.ecs, params.get("taskDefinition") or "")
    body = {name: value for name, value in params.items() if name not in ("cluster", "clientToken")}
    service = world.ecs.create_service(params["serviceName"], definition, int(params.get("desiredCount") or 0), body)
    return {"service": service_view(service, world.ecs.tasks, tags=True)}


@handles("ecs", "UpdateService")
def update_service(world: World, params: Params, call: Call) -> dict[str, object]:
    """A new task definition, network, load balancer or forceNewDeployment rolls; a desired count alone scales.

    Missing: what CreateService refuses is refused here too.
    """
    ecs = world.ecs
    ecs.check_cluster(params.get("cluster"))
    service = ecs.service(params["service"])
    _check(world, params, service.configuration)
    newest = service.primary.definition
    definition = _active(ecs, params.get("taskDefinition") or newest.arn)
    if params.get("desiredCount") is not None:
        ecs.scale(service, int(params["desiredCount"]))
    changed = {name: params[name] for name in REDEPLOYED if params.get(name) is not None}
    service.body |= changed | {name: params[name] for name in KEPT if params.get(name) is not None}
    if params.get("deploymentConfiguration"):
        service.body["deploymentConfiguration"] = {**service.configuration, **params["deploymentConfiguration"]}
    if "loadBalancers" in changed:
        service.target_groups = groups_of(service.body)
    if definition is not newest or changed or params.get("forceNewDeployment"):
        ecs.redeploy(service, definition)
    return {"service": service_view(service, ecs.tasks)}


@handles("ecs", "DescribeServices")
def describe_services(world: World, params: Params, call: Call) -> dict[str, object]:
    """Counts, deployments and the last hundred events of up to ten services.

    Missing: placement, service registries and Service Connect are always empty; platformVersion is always LATEST.
    """
    world.ecs.check_cluster(params.get("cluster"))
    names = list(params["services"])
    if len(names) > 10:
        raise invalid("Too many services specified, maximum is 10.")
    found = [(name, world.ecs.find_service(name)) for name in names]
    tags = "TAGS" in params.get("include", [])
    return {
        "services": [service_view(service, world.ecs.tasks, tags=tags) for _, service in found if service],
        "failures": [missing(name, "service") for name, service in found if service is None],
    }


@handles("ecs", "ListServices")
def list_services(world: World, params: Params, call: Call) -> dict[str, object]:
    """ARNs of the services that are not deleted."""
    world.ecs.check_cluster(params.get("cluster"))
    elsewhere = (
        params.get("launchType") not in (None, "FARGATE")
        or params.get("schedulingStrategy") == "DAEMON"
        or params.get("resourceManagementType") == "ECS"  # those of Express Mode
    )
    services = [] if elsewhere else list(world.ecs.services.values())
    live = [service.arn for service in services if service.status != "INACTIVE"]
    arns, more = page(live, params, PAGE)
    return {"serviceArns": arns, **more}


@handles("ecs", "DeleteService")
def delete_service(world: World, params: Params, call: Call) -> dict[str, object]:
    """DRAINING until its tasks are gone, then INACTIVE; without `force` its desired count must be 0.

    Missing: an INACTIVE service stays visible until the lab ends.
    """
    world.ecs.check_cluster(params.get("cluster"))
    service = world.ecs.service(params["service"])
    if service.desired > 0 and not params.get("force"):
        raise invalid("The service cannot be stopped while it is scaled above 0.")
    service.desired, service.status = 0, "DRAINING"
    for deployment in service.deployments:
        if deployment.outcome in UNDER_WAY:
            deployment.end("STOPPED", "The service was deleted.", time.time())
    world.ecs.tasks.wake.set()
    return {"service": service_view(service, world.ecs.tasks)}
