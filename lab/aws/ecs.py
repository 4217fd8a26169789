"""Amazon ECS over its API: the cluster, and every handler of the service. Reading never changes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lab.aws.ecs_definition_api
import lab.aws.ecs_deployment_api
import lab.aws.ecs_service_api
import lab.aws.ecs_tag_api
import lab.aws.ecs_task_api  # noqa: F401
from lab.aws.ecs_cluster import Ecs
from lab.aws.ecs_requests import PAGE, page
from lab.aws.ecs_tasks import pending, running
from lab.aws.names import CLUSTER_ARN, arn, last_part
from lab.aws.registry import AwsError, Call, Params, handles
from lab.settings import CLUSTER

if TYPE_CHECKING:
    from lab.aws.world import World


def _cluster(ecs: Ecs) -> dict[str, object]:
    tasks = list(ecs.tasks.records.values())
    active = [service for service in ecs.services.values() if service.status == "ACTIVE"]
    counts = {"runningTasksCount": len(running(tasks)), "pendingTasksCount": len(pending(tasks))}
    fargate = {
        "runningFargateTasksCount": counts["runningTasksCount"],
        "pendingFargateTasksCount": counts["pendingTasksCount"],
        "activeFargateServiceCount": len(active),
    }
    return {
        "clusterArn": CLUSTER_ARN,
        "clusterName": CLUSTER,
        "status": "ACTIVE",
        "registeredContainerInstancesCount": 0,
        "activeServicesCount": len(active),
        "statistics": [{"name": name, "value": str(value)} for name, value in fargate.items()],
        "settings": [{"name": "containerInsights", "value": ecs.insights}],
        "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
        "defaultCapacityProviderStrategy": [],
        "tags": ecs.tags,
        **counts,
    }


@handles("ecs", "DescribeClusters")
def describe_clusters(world: World, params: Params, call: Call) -> dict[str, object]:
    """Real counts of the one cluster; others are MISSING.

    Missing: `include` is not read: settings, statistics and tags are always told. The capacity providers are in name
    only.
    """
    wanted = params.get("clusters") or ["default"]
    known = [name for name in wanted if last_part(name) == CLUSTER]
    failures = [{"arn": arn("ecs", f"cluster/{last_part(n)}"), "reason": "MISSING"} for n in wanted if n not in known]
    return {"clusters": [_cluster(world.ecs) for _ in known[:1]], "failures": failures}


@handles("ecs", "ListClusters")
def list_clusters(world: World, params: Params, call: Call) -> dict[str, object]:
    """The one cluster."""
    arns, more = page([CLUSTER_ARN], params, PAGE)
    return {"clusterArns": arns, **more}


@handles("ecs", "UpdateClusterSettings")
def update_cluster_settings(world: World, params: Params, call: Call) -> dict[str, object]:
    """The setting `containerInsights`; `disabled` ends the metrics of ECS/ContainerInsights.

    Missing: `enhanced` and `enabled` make the same metrics.
    """
    if last_part(params["cluster"]) != CLUSTER:
        raise AwsError("ClusterNotFoundException", "Cluster not found.")
    for setting in params["settings"]:
        if setting.get("value") not in ("enhanced", "enabled", "disabled"):
            raise AwsError("InvalidParameterException", "The value of containerInsights is not valid.")
        world.ecs.insights = setting["value"]
    return {"cluster": _cluster(world.ecs)}


@handles("ecs", "UpdateCluster")
def update_cluster(world: World, params: Params, call: Call) -> dict[str, object]:
    """The settings; a configuration for ExecuteCommand has nothing to act on here.

    Missing: `configuration` and `serviceConnectDefaults` are not kept.
    """
    return update_cluster_settings(world, {"settings": [], **params}, call)


@handles("ecs", "DeleteCluster")
def delete_cluster(world: World, params: Params, call: Call) -> dict[str, object]:
    """Refused while the cluster has services, which is always."""
    world.ecs.check_cluster(params["cluster"])
    raise AwsError("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.")


@handles("ecs", "DeregisterContainerInstance")
def deregister_container_instance(world: World, params: Params, call: Call) -> dict[str, object]:
    """Refused: on Fargate a cluster has no container instances."""
    world.ecs.check_cluster(params.get("cluster"))
    raise AwsError("InvalidParameterException", "The referenced container instance was not found.")
