"""Application Auto Scaling: a service follows a metric under real load, and its bounds, cooldowns and suspensions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Event, Thread
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.aws.scaling_targets import alarm_periods
from lab.settings import CLUSTER, SERVICE
from tests.lab.bench import wait_until
from tests.lab.twin import Twin

RESOURCE: dict[str, Any] = {
    "ServiceNamespace": "ecs",
    "ResourceId": f"service/{CLUSTER}/{SERVICE}",
    "ScalableDimension": "ecs:service:DesiredCount",
}
DEMAND = {"MetricName": "Demand", "Namespace": "Test", "Statistic": "Average", "Dimensions": []}


@pytest.fixture
def scaling(lab: Twin) -> Iterator[Any]:
    """A client; afterwards nothing scales the service any more, and it has three tasks."""
    client = lab.client("application-autoscaling")
    yield client
    for target in client.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]:
        client.deregister_scalable_target(**{name: target[name] for name in RESOURCE})
    lab.ecs.update_service(cluster=CLUSTER, service=SERVICE, desiredCount=3)


def register(scaling: Any, least: int, most: int, **more: Any) -> str:
    """Register the service; return the target's ARN."""
    answer = scaling.register_scalable_target(**RESOURCE, MinCapacity=least, MaxCapacity=most, **more)
    return str(answer["ScalableTargetARN"])


def track(scaling: Any, target: float, name: str = "policy", **more: Any) -> Any:
    """Put a target tracking policy without pauses; return the answer."""
    if not {"CustomizedMetricSpecification", "PredefinedMetricSpecification"} & set(more):
        more["PredefinedMetricSpecification"] = {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}
    configuration = {"TargetValue": target, "ScaleOutCooldown": 0, "ScaleInCooldown": 0, **more}
    return scaling.put_scaling_policy(
        **RESOURCE,
        PolicyName=name,
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=configuration,
    )


def activities(scaling: Any, **more: Any) -> list[Any]:
    """Return the service's scaling activities, newest first."""
    named = {"ServiceNamespace": "ecs", "ResourceId": RESOURCE["ResourceId"], **more}
    return list(scaling.describe_scaling_activities(**named)["ScalingActivities"])


def put_demand(lab: Twin, value: float) -> None:
    """Say how much is asked for."""
    lab.cloudwatch.put_metric_data(
        Namespace="Test", MetricData=[{"MetricName": "Demand", "Value": value, "StorageResolution": 1}]
    )


def test_service_grows_under_real_load_and_shrinks_after_it(lab: Twin, scaling: Any) -> None:
    """Requests keep the processor above its target: a fourth task comes; without them three are left."""
    over = Event()
    register(scaling, 3, 4)
    track(scaling, 20.0)

    def load() -> None:
        while not over.is_set():
            lab.get()

    threads = [Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: lab.service()["desiredCount"] == 4, 20, "it grows")
        wait_until(lambda: activities(scaling)[0]["StatusCode"] == "Successful", 15, "the fourth task runs")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    grown = activities(scaling)[0]
    assert grown["Description"] == "Setting desired count to 4."
    assert grown["Cause"].startswith(f"monitor alarm TargetTracking-{RESOURCE['ResourceId']}-AlarmHigh-")
    assert grown["StatusMessage"].endswith("Change successfully fulfilled by ecs.")
    wait_until(lambda: lab.service()["desiredCount"] == 3, 25, "it shrinks")
    assert "-AlarmLow-" in activities(scaling)[0]["Cause"]
    assert lab.truth("scaling.activity", since=grown["StartTime"].timestamp() - 1)


def test_policy_owns_two_alarms(lab: Twin, scaling: Any) -> None:
    """Above the target, and below 90 % of it; they go with the policy, as the policy goes with its target."""
    arn = register(scaling, 1, 5)
    answer = track(scaling, 50.0)
    names = [each["AlarmName"] for each in answer["Alarms"]]
    high, low = (lab.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0] for name in names)
    assert (high["Threshold"], high["ComparisonOperator"]) == (50.0, "GreaterThanThreshold")
    assert (low["Threshold"], low["ComparisonOperator"]) == (45.0, "LessThanThreshold")
    assert high["AlarmActions"] == [answer["PolicyARN"]]
    [policy] = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    assert (policy["PolicyARN"], len(policy["Alarms"])) == (answer["PolicyARN"], 2)
    assert scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"][0]["ScalableTargetARN"] == arn
    only_out = track(scaling, 50.0, DisableScaleIn=True)
    assert (len(only_out["Alarms"]), only_out["PolicyARN"]) == (1, answer["PolicyARN"])
    scaling.deregister_scalable_target(**RESOURCE)
    left = lab.cloudwatch.describe_alarms(AlarmNamePrefix="TargetTracking-")["MetricAlarms"]
    assert left == []
    assert scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"] == []


def test_suspension_cooldown_and_bounds_hold(lab: Twin, scaling: Any) -> None:
    """A suspended target does not grow; a growing one waits out its cooldown; a full one says why nothing was done."""
    register(scaling, 1, 9, SuspendedState={"DynamicScalingOutSuspended": True})
    track(scaling, 10.0, CustomizedMetricSpecification=DEMAND, DisableScaleIn=True, ScaleOutCooldown=300)
    over = Event()

    def ask() -> None:
        while not over.wait(0.3):
            put_demand(lab, 15.0)

    def rings() -> bool:
        found = lab.cloudwatch.describe_alarms(AlarmNamePrefix="TargetTracking-")["MetricAlarms"]
        return [alarm["StateValue"] for alarm in found] == ["ALARM"]

    before = len(activities(scaling, IncludeNotScaledActivities=True))
    thread = Thread(target=ask)
    thread.start()
    try:
        wait_until(rings, 15, "the alarm rings")
        time.sleep(1.1)  # a step of the scaling, which must do nothing
        assert len(activities(scaling, IncludeNotScaledActivities=True)) == before
        scaling.register_scalable_target(**RESOURCE, SuspendedState={"DynamicScalingOutSuspended": False})
        wait_until(lambda: lab.service()["desiredCount"] == 5, 5, "half as many more")
        time.sleep(2.2)  # two steps with a ringing alarm: without the cooldown they would ask for eight tasks
        assert lab.service()["desiredCount"] == 5
        scaling.register_scalable_target(**RESOURCE, MaxCapacity=5)
        wait_until(lambda: len(activities(scaling, IncludeNotScaledActivities=True)) > before + 1, 5, "told why")
    finally:
        over.set()
        thread.join()
    newest = activities(scaling, IncludeNotScaledActivities=True)[0]
    assert newest["NotScaledReasons"] == [{"Code": "AlreadyAtMaxCapacity", "MaxCapacity": 5, "CurrentCapacity": 5}]


def test_impossible_targets_and_policies_are_refused(scaling: Any) -> None:
    """AWS's errors: a service that is not there, bounds upside down, a policy without a target or a metric."""
    with pytest.raises(ClientError, match="ObjectNotFoundException"):
        track(scaling, 50.0)
    with pytest.raises(ClientError, match="ECS service doesn't exist"):
        scaling.register_scalable_target(
            **{**RESOURCE, "ResourceId": f"service/{CLUSTER}/x"}, MinCapacity=1, MaxCapacity=2
        )
    with pytest.raises(ClientError, match="ValidationException"):
        register(scaling, 3, 2)
    register(scaling, 3, 3)
    with pytest.raises(ClientError, match="ResourceLabel"):
        track(
            scaling,
            1.0,
            PredefinedMetricSpecification={"PredefinedMetricType": "ALBRequestCountPerTarget"},
        )
    with pytest.raises(ClientError, match="No scaling policy found"):
        scaling.delete_scaling_policy(**RESOURCE, PolicyName="x")


def test_alarm_periods_span_the_simulated_time() -> None:
    """Three and fifteen periods as on AWS; a short time is divided into whole seconds."""
    assert [alarm_periods(30.0, 3), alarm_periods(150.0, 15)] == [(10, 3), (10, 15)]
    assert [alarm_periods(2.0, 3), alarm_periods(3.0, 15)] == [(1, 2), (1, 3)]
