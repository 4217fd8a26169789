"""ECR and Application Auto Scaling, operation by operation."""

from __future__ import annotations

from typing import Any

from lab.aws.ecr_images import manifest_of
from lab.settings import CLUSTER, SERVICE
from tests.conformance.seen import Seen, all_refused, refused

HERE, ECS = {"repositoryName": SERVICE}, {"ServiceNamespace": "ecs"}
COUNT = {**ECS, "ResourceId": f"service/{CLUSTER}/{SERVICE}", "ScalableDimension": "ecs:service:DesiredCount"}
POLICY = {
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 95.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageMemoryUtilization"},
    },
}


def play(seen: Seen) -> None:
    """Call every operation of both, with a refusal where AWS has one."""
    _images(seen.client("ecr"))
    _scaling(seen.client("application-autoscaling"))


def _images(ecr: Any) -> None:
    ecr.describe_repositories()
    assert ecr.describe_images(**HERE)["imageDetails"]
    assert ecr.list_images(**HERE)["imageIds"]
    assert ecr.batch_get_image(**HERE, imageIds=[{"imageTag": "default"}, {"imageTag": "nothing"}])["failures"]
    ecr.put_image(**HERE, imageManifest=manifest_of("default", note="conformance"), imageTag="conformance")
    ecr.put_image_tag_mutability(**HERE, imageTagMutability="IMMUTABLE")
    with refused("ImageTagAlreadyExistsException"):
        ecr.put_image(**HERE, imageManifest=manifest_of("no-retry", note="x"), imageTag="conformance")
    ecr.put_image_tag_mutability(**HERE, imageTagMutability="MUTABLE")
    ecr.batch_delete_image(**HERE, imageIds=[{"imageTag": "conformance"}])
    nothing = {"repositoryName": "nothing"}
    all_refused(
        "RepositoryNotFoundException",
        lambda: ecr.describe_repositories(repositoryNames=["nothing"]),
        lambda: ecr.describe_images(**nothing),
        lambda: ecr.list_images(**nothing),
        lambda: ecr.batch_get_image(**nothing, imageIds=[{"imageTag": "x"}]),
        lambda: ecr.put_image(**nothing, imageManifest="{}"),
        lambda: ecr.put_image_tag_mutability(**nothing, imageTagMutability="MUTABLE"),
        lambda: ecr.batch_delete_image(**nothing, imageIds=[{"imageTag": "x"}]),
    )


def _scaling(scaling: Any) -> None:
    with refused("ObjectNotFoundException"):
        scaling.put_scaling_policy(**COUNT, PolicyName="memory", **POLICY)
    scaling.register_scalable_target(**COUNT, MinCapacity=3, MaxCapacity=3)
    with refused("ValidationException"):
        scaling.register_scalable_target(**COUNT, MinCapacity=4, MaxCapacity=3)
    scaling.put_scaling_policy(**COUNT, PolicyName="memory", **POLICY)
    assert scaling.describe_scalable_targets(**ECS)["ScalableTargets"]
    assert scaling.describe_scaling_policies(**ECS)["ScalingPolicies"]
    scaling.describe_scaling_activities(**ECS)
    scaling.delete_scaling_policy(**COUNT, PolicyName="memory")
    scaling.deregister_scalable_target(**COUNT)
    all_refused(
        "ObjectNotFoundException",
        lambda: scaling.delete_scaling_policy(**COUNT, PolicyName="memory"),
        lambda: scaling.deregister_scalable_target(**COUNT),
    )
