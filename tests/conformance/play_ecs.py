"""ECS, operation by operation, in an order that leaves the service as it was."""

from __future__ import annotations

from typing import Any

from lab.settings import CLUSTER, SERVICE
from tests.conformance.seen import Seen, all_refused, refused

IN = {"cluster": CLUSTER}


def play(seen: Seen) -> None:
    """Call every operation of ECS, with a refusal where AWS has one."""
    ecs = seen.client("ecs")
    _definitions(ecs)
    _services(ecs)
    _tasks(ecs)
    _tags(ecs)


def _definitions(ecs: Any) -> None:
    ecs.list_clusters()
    ecs.update_cluster(**IN)
    ecs.update_cluster_settings(**IN, settings=[{"name": "containerInsights", "value": "enhanced"}])
    all_refused(
        "ClusterNotFoundException",
        lambda: ecs.update_cluster(cluster="nowhere"),
        lambda: ecs.update_cluster_settings(cluster="nowhere", settings=[]),
    )
    with refused("ClusterContainsServicesException"):
        ecs.delete_cluster(cluster=CLUSTER)
    with refused("InvalidParameterException"):
        ecs.deregister_container_instance(**IN, containerInstance="0" * 32)
    ecs.list_task_definition_families()
    assert ecs.describe_clusters(clusters=["nowhere"])["failures"][0]["reason"] == "MISSING"
    known = ecs.describe_task_definition(taskDefinition=SERVICE, include=["TAGS"])["taskDefinition"]
    with refused("ClientException"):
        ecs.describe_task_definition(taskDefinition="nothing")
    with refused("ClientException"):
        ecs.register_task_definition(family="empty", containerDefinitions=[])
    ecs.register_task_definition(family="other", containerDefinitions=known["containerDefinitions"])
    ecs.list_task_definitions(familyPrefix="other", sort="DESC")
    with refused("InvalidParameterException"):
        ecs.list_task_definitions(maxResults=1000)


def _services(ecs: Any) -> None:
    ecs.list_services(**IN)
    with refused("ClusterNotFoundException"):
        ecs.list_services(cluster="nowhere")
    ecs.create_service(**IN, serviceName="other", taskDefinition="other", desiredCount=1)
    with refused("InvalidParameterException"):
        ecs.create_service(**IN, serviceName="other", taskDefinition="other", desiredCount=1)
    assert ecs.describe_services(**IN, services=[SERVICE, "nothing"], include=["TAGS"])["failures"]
    with refused("InvalidParameterException"):
        ecs.describe_services(**IN, services=[str(n) for n in range(11)])
    ecs.list_service_deployments(**IN, service=SERVICE)
    with refused("ServiceNotFoundException"):
        ecs.list_service_deployments(**IN, service="nothing")
    _deployments(ecs)
    ecs.update_service(**IN, service="other", desiredCount=0)
    with refused("ServiceNotFoundException"):
        ecs.update_service(**IN, service="nothing", desiredCount=0)
    ecs.delete_service(**IN, service="other", force=True)
    with refused("ServiceNotFoundException"):
        ecs.delete_service(**IN, service="nothing")
    ecs.deregister_task_definition(taskDefinition="other:1")
    with refused("ClientException"):
        ecs.deregister_task_definition(taskDefinition="nothing:1")


def _deployments(ecs: Any) -> None:
    ecs.update_service(**IN, service="other", forceNewDeployment=True)
    newest = ecs.list_service_deployments(**IN, service="other")["serviceDeployments"][0]
    known = ecs.describe_service_deployments(serviceDeploymentArns=[newest["serviceDeploymentArn"]])
    ecs.describe_service_revisions(serviceRevisionArns=[newest["targetServiceRevisionArn"]])
    ecs.stop_service_deployment(serviceDeploymentArn=newest["serviceDeploymentArn"], stopType="ABORT")
    arn = known["serviceDeployments"][0]["serviceDeploymentArn"]
    with refused("ServiceDeploymentNotFoundException"):
        ecs.stop_service_deployment(serviceDeploymentArn=f"{arn}x")


def _tasks(ecs: Any) -> None:
    [started] = ecs.run_task(**IN, taskDefinition=SERVICE, count=1)["tasks"]
    with refused("InvalidParameterException"):
        ecs.run_task(**IN, taskDefinition=SERVICE, count=11)
    ecs.list_tasks(**IN, family=SERVICE)
    with refused("ServiceNotFoundException"):
        ecs.list_tasks(**IN, serviceName="nothing")
    assert ecs.describe_tasks(**IN, tasks=[started["taskArn"], "0" * 32])["failures"]
    with refused("ClusterNotFoundException"):
        ecs.describe_tasks(cluster="nowhere", tasks=[started["taskArn"]])
    mine = {**IN, "tasks": [started["taskArn"]]}
    ecs.update_task_protection(**mine, protectionEnabled=True)
    ecs.get_task_protection(**mine)
    all_refused(
        "ClusterNotFoundException",
        lambda: ecs.update_task_protection(cluster="nowhere", tasks=["x"], protectionEnabled=True),
        lambda: ecs.get_task_protection(cluster="nowhere", tasks=["x"]),
    )
    with refused("InvalidParameterException", "TargetNotConnectedException"):
        ecs.execute_command(**IN, task=started["taskArn"], command="ls", interactive=True)
    ecs.stop_task(**IN, task=started["taskArn"], reason="over")
    with refused("InvalidParameterException"):
        ecs.stop_task(**IN, task="0" * 32)


def _tags(ecs: Any) -> None:
    service = ecs.describe_services(**IN, services=[SERVICE])["services"][0]["serviceArn"]
    ecs.tag_resource(resourceArn=service, tags=[{"key": "k", "value": "v"}])
    ecs.list_tags_for_resource(resourceArn=service)
    ecs.untag_resource(resourceArn=service, tagKeys=["k"])
    nothing = service.replace(SERVICE, "nothing")
    all_refused(
        "InvalidParameterException",
        lambda: ecs.tag_resource(resourceArn=nothing, tags=[]),
        lambda: ecs.list_tags_for_resource(resourceArn=nothing),
        lambda: ecs.untag_resource(resourceArn=nothing, tagKeys=["k"]),
    )
