"""Services over the API: task protection, zones, waiters, refusals, and what the tasks are said to use."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.aws.ecr_images import REPOSITORY, manifest_of
from lab.aws.ecs_view import NETWORK
from lab.aws.names import subnet_of
from lab.settings import CLUSTER, SERVICE, ZONES
from tests.lab.bench import wait_until
from tests.lab.twin import Twin

WORKER = "guarded"
QUICK = {"Delay": 0.2, "MaxAttempts": 100}


@pytest.fixture
def worker(lab: Twin) -> Iterator[str]:
    """A service of two tasks without a load balancer; it is deleted afterwards, and a waiter sees that it is gone."""
    lab.ecs.create_service(cluster=CLUSTER, serviceName=WORKER, taskDefinition=SERVICE, desiredCount=2)
    lab.ecs.get_waiter("services_stable").wait(cluster=CLUSTER, services=[WORKER], WaiterConfig=QUICK)  # type: ignore[arg-type]
    yield WORKER
    lab.ecs.delete_service(cluster=CLUSTER, service=WORKER, force=True)
    lab.ecs.get_waiter("services_inactive").wait(cluster=CLUSTER, services=[WORKER], WaiterConfig=QUICK)  # type: ignore[arg-type]


def zones(lab: Twin, service: str) -> Counter[str]:
    """Return how many tasks of a service each zone has."""
    arns = lab.task_arns(service)
    tasks = lab.ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"] if arns else []
    return Counter(task["availabilityZone"] for task in tasks)


def protect(lab: Twin, tasks: list[str], *, enabled: bool) -> Any:
    """Switch the protection of tasks."""
    return lab.ecs.update_task_protection(cluster=CLUSTER, tasks=tasks, protectionEnabled=enabled, expiresInMinutes=5)


def test_protected_task_outlives_scale_in_and_rollout(lab: Twin, worker: str) -> None:
    """A protected task stays when its service shrinks to none and is deployed anew; without protection it goes."""
    guarded, other = lab.task_arns(worker)
    answer = protect(lab, [guarded, "x"], enabled=True)
    [protected] = answer["protectedTasks"]
    assert timedelta(minutes=4) < protected["expirationDate"] - datetime.now(UTC) <= timedelta(minutes=5)
    assert answer["failures"][0]["reason"] == "MISSING"
    shown = lab.ecs.get_task_protection(cluster=CLUSTER)["protectedTasks"]
    assert [each["taskArn"] for each in shown if each["protectionEnabled"]] == [guarded]
    lab.ecs.update_service(cluster=CLUSTER, service=worker, desiredCount=0, forceNewDeployment=True)
    lab.ecs.get_waiter("tasks_stopped").wait(cluster=CLUSTER, tasks=[other], WaiterConfig=QUICK)  # type: ignore[arg-type]
    assert lab.task_arns(worker) == [guarded]
    assert lab.service(worker)["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    protect(lab, [guarded], enabled=False)
    wait_until(lambda: lab.task_arns(worker) == [], 5, "the last task goes")


def test_rollback_to_an_image_that_is_gone_fails(lab: Twin, worker: str) -> None:
    """The last completed revision cannot be pulled any more: ROLLBACK_FAILED, and the service says so."""
    ecr, note = lab.client("ecr"), manifest_of("default", note="soon gone")
    ecr.put_image(repositoryName=SERVICE, imageManifest=note, imageTag="gone")
    [container] = lab.ecs.describe_task_definition(taskDefinition=SERVICE)["taskDefinition"]["containerDefinitions"]
    breaker = {"enable": True, "rollback": True, "thresholdConfiguration": {"type": "COUNT", "value": 1}}
    rollout: Any = {"minimumHealthyPercent": 0, "maximumPercent": 100, "deploymentCircuitBreaker": breaker}
    for tag in ("gone", "no-retry"):
        containers: Any = [{**container, "image": f"{REPOSITORY}:{tag}"}]
        lab.ecs.register_task_definition(family=WORKER, containerDefinitions=containers)
        lab.ecs.update_service(
            cluster=CLUSTER, service=worker, taskDefinition=WORKER, desiredCount=1, deploymentConfiguration=rollout
        )
        if tag == "gone":
            lab.ecs.get_waiter("services_stable").wait(cluster=CLUSTER, services=[worker], WaiterConfig=QUICK)  # type: ignore[arg-type]
            ecr.batch_delete_image(repositoryName=SERVICE, imageIds=[{"imageTag": tag}])

    def newest() -> Any:
        return lab.ecs.list_service_deployments(cluster=CLUSTER, service=worker)["serviceDeployments"][0]

    lab.ecs.stop_service_deployment(serviceDeploymentArn=newest()["serviceDeploymentArn"])
    wait_until(lambda: newest()["status"] == "ROLLBACK_FAILED", 15, "the rollback fails")
    primary = lab.service(worker)["deployments"][0]
    assert (primary["rolloutState"], primary["failedTasks"]) == ("FAILED", 1)


def test_lopsided_zones_are_balanced_again(lab: Twin, worker: str) -> None:
    """Two tasks left in one zone by protection: one starts in another zone, then one of the two is stopped."""
    lab.ecs.update_service(cluster=CLUSTER, service=worker, desiredCount=4)
    wait_until(lambda: lab.service(worker)["runningCount"] == 4, 15, "four tasks run")
    assert sorted(zones(lab, worker).values()) == [1, 1, 2]
    [(full, _)] = zones(lab, worker).most_common(1)
    tasks = lab.ecs.describe_tasks(cluster=CLUSTER, tasks=lab.task_arns(worker))["tasks"]
    guarded = [task["taskArn"] for task in tasks if task["availabilityZone"] == full]
    protect(lab, guarded, enabled=True)
    lab.ecs.update_service(cluster=CLUSTER, service=worker, desiredCount=2)
    wait_until(lambda: set(lab.task_arns(worker)) == set(guarded), 5, "one zone is left")
    protect(lab, guarded, enabled=False)
    wait_until(lambda: sorted(zones(lab, worker).values()) == [1, 1], 15, "balanced")
    wait_until(lambda: "is AZ balanced with" in lab.service(worker)["events"][0]["message"], 5, "and told")
    assert any("is not AZ balanced with" in event["message"] for event in lab.service(worker)["events"])


def test_tasks_start_in_the_zones_of_their_subnets(lab: Twin, worker: str) -> None:
    """Without a zone's subnet no task starts there; with it again a new deployment spreads over all zones."""
    for allowed in (ZONES[:1], ZONES):
        subnets = [subnet_of(zone) for zone in allowed]
        network: Any = {"awsvpcConfiguration": {**NETWORK["awsvpcConfiguration"], "subnets": subnets}}
        lab.ecs.update_service(
            cluster=CLUSTER,
            service=worker,
            desiredCount=3,
            networkConfiguration=network,
        )
        lab.ecs.get_waiter("services_stable").wait(cluster=CLUSTER, services=[worker], WaiterConfig=QUICK)  # type: ignore[arg-type]
        assert set(zones(lab, worker)) == set(allowed)


def test_tasks_running_waiter_sees_a_task_run(lab: Twin) -> None:
    """The waiter for running tasks ends with the task's start; commands into the task are refused as AWS refuses."""
    arn = lab.ecs.run_task(cluster=CLUSTER, taskDefinition=SERVICE)["tasks"][0]["taskArn"]
    lab.ecs.get_waiter("tasks_running").wait(cluster=CLUSTER, tasks=[arn], WaiterConfig=QUICK)  # type: ignore[arg-type]
    task = lab.task(arn)
    names = ("createdAt", "pullStartedAt", "pullStoppedAt", "startedAt")
    times = [task[name] for name in names]  # type: ignore[literal-required]
    assert times == sorted(times)
    assert task["pullStartedAt"] <= task["connectivityAt"] <= task["startedAt"]
    with pytest.raises(ClientError, match="execute command was not enabled"):
        lab.ecs.execute_command(cluster=CLUSTER, task=arn, command="sh", interactive=True)
    assert protect(lab, [arn], enabled=True)["failures"][0]["reason"] == "TASK_NOT_VALID"
    lab.ecs.stop_task(cluster=CLUSTER, task=arn)


def test_unhealthy_task_is_replaced_first_after_its_grace(lab: Twin) -> None:
    """In its grace period a frozen task stays; after it a replacement comes, and only then the task is stopped."""
    began = time.time()
    lab.ecs.stop_task(cluster=CLUSTER, task=lab.task_arns()[0])
    fresh = str(lab.wait_truth("task.healthy", since=began)["task"])
    [arn] = [arn for arn in lab.task_arns() if arn.endswith(f"/{fresh}")]
    update(lab, healthCheckGracePeriodSeconds=600)
    os.kill(lab.pid_of(arn), signal.SIGSTOP)
    lab.wait_truth("task.unhealthy", since=began, task=fresh)
    time.sleep(lab.settings.simulated.unhealthy_task_s + 0.3)
    assert arn in lab.task_arns()
    update(lab, healthCheckGracePeriodSeconds=0)
    asked = lab.wait_truth("task.stop_requested", since=began, task=fresh)
    _, replacement = lab.truth("task.healthy", since=began)
    assert replacement["t"] <= asked["t"]
    assert lab.task(arn)["stoppedReason"].startswith("Task failed ELB health checks in (target-group arn:")
    assert any("is unhealthy in (target-group" in event["message"] for event in lab.service()["events"])


def test_impossible_services_are_refused(lab: Twin) -> None:
    """Bounds that block a rollout, subnets and target groups that are not there: refused, and nothing has changed."""
    before = lab.service()["deploymentConfiguration"]
    network: Any = {"awsvpcConfiguration": {"subnets": ["subnet-0"]}}
    cases: list[tuple[str, Callable[[], object]]] = [
        ("InvalidParameterException", lambda: update(lab, deploymentConfiguration={"maximumPercent": 100})),
        ("InvalidParameterException", lambda: update(lab, deploymentConfiguration={"strategy": "CANARY"})),
        ("InvalidParameterException", lambda: update(lab, networkConfiguration=network)),
        ("InvalidParameterException", lambda: update(lab, desiredCount=-1)),
        ("ClientException", lambda: update(lab, taskDefinition="no-such-family")),
    ]
    for code, work in cases:
        with pytest.raises(ClientError) as refused:
            work()
        assert refused.value.response["Error"]["Code"] == code
    assert lab.service()["deploymentConfiguration"] == before
    assert before["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}


def update(lab: Twin, **changes: Any) -> None:
    """Change the backend's service."""
    lab.ecs.update_service(cluster=CLUSTER, service=SERVICE, **changes)


def test_families_and_clusters_are_listed(lab: Twin) -> None:
    """Paginators of ECS give the one cluster, the seeded family, and the service."""
    listed = {
        name: [each for page in lab.ecs.get_paginator(name).paginate(**more) for each in page[member]]  # type: ignore[call-overload]
        for name, member, more in (
            ("list_clusters", "clusterArns", {}),
            ("list_task_definition_families", "families", {"familyPrefix": SERVICE}),
            ("list_task_definitions", "taskDefinitionArns", {"familyPrefix": SERVICE}),
            ("list_services", "serviceArns", {"cluster": CLUSTER}),
        )
    }
    assert listed["list_task_definition_families"] == [SERVICE]
    assert [each.rpartition("/")[2] for each in listed["list_clusters"]] == [CLUSTER]
    assert listed["list_task_definitions"][0].endswith(f"/{SERVICE}:1")
    assert lab.service()["serviceArn"] in listed["list_services"]


def newest(lab: Twin, namespace: str, name: str, unit: str, **dimensions: str) -> float:
    """Return the newest average of a metric with this unit, -1 if there is none."""
    found = lab.cloudwatch.get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=datetime.now(UTC) - timedelta(seconds=60),
        EndTime=datetime.now(UTC) + timedelta(seconds=5),
        Period=1,
        Statistics=["Average"],
        Unit=unit,  # type: ignore[arg-type]
    )["Datapoints"]
    return max(found, key=lambda point: point["Timestamp"])["Average"] if found else -1.0


def test_use_of_the_real_processes_is_measured(lab: Twin) -> None:
    """CPU and memory are real shares of what tasks reserve; Container Insights has AWS's names, units and counts."""
    of_service = {"ClusterName": CLUSTER, "ServiceName": SERVICE}
    wait_until(lambda: newest(lab, "AWS/ECS", "CPUUtilization", "Percent", **of_service) >= 0, 5, "measured")

    def is_used() -> bool:
        lab.get()
        return newest(lab, "AWS/ECS", "CPUUtilization", "Percent", **of_service) > 2

    wait_until(is_used, 5, "the processor is used")
    assert 5 < newest(lab, "AWS/ECS", "MemoryUtilization", "Percent", **of_service) < 60
    insights = {
        ("CpuReserved", "None"): 768,
        ("MemoryReserved", "Megabytes"): 1536,
        ("RunningTaskCount", "Count"): 3,
        ("DesiredTaskCount", "Count"): 3,
        ("PendingTaskCount", "Count"): 0,
        ("DeploymentCount", "Count"): 1,
    }

    def seen() -> dict[tuple[str, str], float]:
        return {each: newest(lab, "ECS/ContainerInsights", *each, **of_service) for each in insights}

    wait_until(lambda: seen() == insights, 10, f"Container Insights say {insights}")
    for name, unit in (("CpuUtilized", "None"), ("MemoryUtilized", "Megabytes")):
        assert newest(lab, "ECS/ContainerInsights", name, unit, ClusterName=CLUSTER) > 0
    assert newest(lab, "ECS/ContainerInsights", "TaskCount", "Count", ClusterName=CLUSTER) >= 3


def test_container_insights_can_be_switched_off(lab: Twin) -> None:
    """With the setting `disabled` no more points of ECS/ContainerInsights come; AWS/ECS goes on."""

    def switch(value: str) -> None:
        lab.ecs.update_cluster_settings(cluster=CLUSTER, settings=[{"name": "containerInsights", "value": value}])

    def points(namespace: str, name: str) -> int:
        dimensions: Any = [{"Name": "ClusterName", "Value": CLUSTER}, {"Name": "ServiceName", "Value": SERVICE}]
        window = {"StartTime": began, "EndTime": datetime.now(UTC) + timedelta(seconds=5), "Period": 1}
        return len(
            lab.cloudwatch.get_metric_statistics(
                Namespace=namespace,
                MetricName=name,
                Dimensions=dimensions,
                Statistics=["Sum"],
                **window,  # type: ignore[arg-type]
            )["Datapoints"]
        )

    switch("disabled")
    try:
        began = datetime.now(UTC) + timedelta(seconds=1)
        wait_until(lambda: points("AWS/ECS", "LiveTaskCount") >= 2, 6, "AWS/ECS goes on")
        assert points("ECS/ContainerInsights", "RunningTaskCount") == 0
    finally:
        switch("enhanced")
