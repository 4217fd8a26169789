"""Parameters for the operations of ECS's deployments, ECR and Application Auto Scaling; see `test_shapes`."""

from __future__ import annotations

from lab.aws.ecr_images import manifest_of
from lab.aws.registry import Params
from lab.aws.world import World
from lab.settings import CLUSTER, SERVICE

REFUSED = {("ecs", "ExecuteCommand")}  # never answers: the lab's tasks have no agent for it


def ecs_parameters(world: World) -> dict[tuple[str, str], Params]:
    """Return parameters by service and operation; those that change things come after those that read."""
    ecs, in_cluster = world.ecs, {"cluster": CLUSTER}
    service, task = ecs.services[SERVICE], next(iter(ecs.tasks.records.values())).arn
    ecs.redeploy(service, service.primary.definition)
    deployment = service.primary
    return {
        ("ecs", "ListTaskDefinitionFamilies"): {},
        ("ecs", "DescribeServiceDeployments"): {"serviceDeploymentArns": [deployment.arn, "x"]},
        ("ecs", "DescribeServiceRevisions"): {"serviceRevisionArns": [deployment.revision.arn, "x"]},
        ("ecs", "GetTaskProtection"): {**in_cluster, "tasks": [task, "x"]},
        ("ecs", "UpdateTaskProtection"): {**in_cluster, "tasks": [task], "protectionEnabled": True},
        ("ecs", "StopServiceDeployment"): {"serviceDeploymentArn": deployment.arn, "stopType": "ABORT"},
        ("ecs", "UpdateCluster"): in_cluster,
        ("ecs", "UpdateClusterSettings"): {
            **in_cluster,
            "settings": [{"name": "containerInsights", "value": "enabled"}],
        },
        **_images(),
        **_scaling(),
    }


def _images() -> dict[tuple[str, str], Params]:
    in_repository = {"repositoryName": SERVICE}
    ids = {**in_repository, "imageIds": [{"imageTag": "default"}]}
    return {
        ("ecr", "DescribeRepositories"): {},
        ("ecr", "DescribeImages"): in_repository,
        ("ecr", "ListImages"): in_repository,
        ("ecr", "BatchGetImage"): {**in_repository, "imageIds": [{"imageTag": "default"}, {}]},
        ("ecr", "PutImage"): {**in_repository, "imageManifest": manifest_of("default", n="1"), "imageTag": "n"},
        ("ecr", "PutImageTagMutability"): {**in_repository, "imageTagMutability": "MUTABLE"},
        ("ecr", "BatchDeleteImage"): ids,
    }


def _scaling() -> dict[tuple[str, str], Params]:
    service, namespace = "application-autoscaling", {"ServiceNamespace": "ecs"}
    named = {
        **namespace,
        "ResourceId": f"service/{CLUSTER}/{SERVICE}",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    metric = {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}
    policy = {
        **named,
        "PolicyName": "cpu",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 50.0, "PredefinedMetricSpecification": metric},
    }
    return {
        (service, "RegisterScalableTarget"): {**named, "MinCapacity": 1, "MaxCapacity": 5},
        (service, "PutScalingPolicy"): policy,
        (service, "DescribeScalableTargets"): namespace,
        (service, "DescribeScalingPolicies"): namespace,
        (service, "DescribeScalingActivities"): namespace,
        (service, "DeleteScalingPolicy"): {**named, "PolicyName": "cpu"},
        (service, "DeregisterScalableTarget"): named,
    }
