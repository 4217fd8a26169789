"""Releases of the backend, by image: brought out, stopped, rolled back by hand, by an alarm, by the circuit breaker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.aws.ecr_images import REPOSITORY, digest_of, manifest_of
from lab.settings import CLUSTER, ERROR_ALARM, SERVICE
from tests.lab.bench import wait_until
from tests.lab.twin import Twin

GOOD, BAD, NOWHERE = digest_of(manifest_of("default")), digest_of(manifest_of("no-retry")), "sha256:" + "0" * 64
ROLLOUT: Any = {"minimumHealthyPercent": 100, "maximumPercent": 200}


@pytest.fixture(autouse=True)
def _first_release(lab: Twin) -> Iterator[None]:
    """Afterwards the service is on its seeded release again, with the seeded percentages."""
    yield
    if (
        running_digests(lab) != {GOOD}
        or lab.service()["taskDefinition"].partition(":task-definition/")[2] != f"{SERVICE}:1"
    ):
        lab.ecs.update_service(
            cluster=CLUSTER, service=SERVICE, taskDefinition=f"{SERVICE}:1", deploymentConfiguration=ROLLOUT
        )
        wait_until(lab.is_well, 30, "the first release is back")


def release(lab: Twin, image: str) -> str:
    """Register a revision of the backend with this image; return its ARN."""
    [container] = lab.ecs.describe_task_definition(taskDefinition=f"{SERVICE}:1")["taskDefinition"][
        "containerDefinitions"
    ]
    answer = lab.ecs.register_task_definition(family="release", containerDefinitions=[{**container, "image": image}])
    return answer["taskDefinition"]["taskDefinitionArn"]


def deploy(lab: Twin, **changes: Any) -> str:
    """Begin a deployment; return the ARN of the service deployment."""
    lab.ecs.update_service(cluster=CLUSTER, service=SERVICE, **changes)
    return str(deployments(lab)[0]["serviceDeploymentArn"])


def deployments(lab: Twin, **filters: Any) -> list[Any]:
    """Return the service's deployments, newest first."""
    return list(lab.ecs.list_service_deployments(cluster=CLUSTER, service=SERVICE, **filters)["serviceDeployments"])


def described(lab: Twin, arn: str) -> Any:
    """Return one service deployment."""
    return lab.ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]


def running_digests(lab: Twin) -> set[str]:
    """Return the digests that the service's tasks run now."""
    arns = lab.task_arns()
    tasks = lab.ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"] if arns else []
    return {task["containers"][0].get("imageDigest", "") for task in tasks if task["lastStatus"] == "RUNNING"}


def revision(lab: Twin, arn: str) -> Any:
    """Return a service revision."""
    return lab.ecs.describe_service_revisions(serviceRevisionArns=[arn])["serviceRevisions"][0]


def test_bad_release_by_digest_is_rolled_back_by_hand(lab: Twin) -> None:
    """A release of another build, by digest, serves; StopServiceDeployment brings the old digest back."""
    arn = deploy(lab, taskDefinition=release(lab, f"{REPOSITORY}@{BAD}"))
    target = described(lab, arn)["targetServiceRevision"]["arn"]
    assert revision(lab, target)["containerImages"] == [
        {"containerName": "app", "image": f"{REPOSITORY}@{BAD}", "imageDigest": BAD}
    ]
    wait_until(lambda: BAD in running_digests(lab), 15, "the bad release runs")
    assert lab.ecs.stop_service_deployment(serviceDeploymentArn=arn)["serviceDeploymentArn"] == arn
    assert described(lab, arn)["status"] in ("ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")
    wait_until(lab.is_well, 20, "rolled back")
    done = described(lab, arn)
    assert (done["status"], done["rollback"]["reason"]) == (
        "ROLLBACK_SUCCESSFUL",
        "Service deployment stopped by user.",
    )
    assert done["createdAt"] <= done["startedAt"] <= done["rollback"]["startedAt"] <= done["finishedAt"]
    back = revision(lab, done["rollback"]["serviceRevisionArn"])
    assert back["containerImages"][0]["imageDigest"] == GOOD
    assert running_digests(lab) == {GOOD}
    with pytest.raises(ClientError, match="ConflictException"):
        lab.ecs.stop_service_deployment(serviceDeploymentArn=arn)


def test_alarm_during_a_deployment_rolls_it_back(lab: Twin) -> None:
    """A deployment whose alarm goes into ALARM has failed: it says why, and the old digest is back."""
    arn = deploy(lab, taskDefinition=release(lab, f"{REPOSITORY}@{BAD}"))
    assert described(lab, arn)["alarms"]["status"] == "MONITORING"
    try:
        lab.cloudwatch.set_alarm_state(AlarmName=ERROR_ALARM, StateValue="ALARM", StateReason="the release is bad")
        wait_until(lambda: described(lab, arn)["alarms"]["status"] == "TRIGGERED", 5, "noticed")
    finally:
        lab.cloudwatch.set_alarm_state(AlarmName=ERROR_ALARM, StateValue="OK", StateReason="it is over")
    wait_until(lab.is_well, 20, "rolled back")
    done = described(lab, arn)
    assert (done["status"], done["alarms"]["triggeredAlarmNames"]) == ("ROLLBACK_SUCCESSFUL", [ERROR_ALARM])
    assert running_digests(lab) == {GOOD}
    assert any("deployment failed: alarm detected." in event["message"] for event in lab.service()["events"])


def test_alarm_that_rings_already_is_not_watched(lab: Twin) -> None:
    """While the alarm rings a fix can still be brought out: its deployment is not failed by that alarm."""
    lab.cloudwatch.set_alarm_state(AlarmName=ERROR_ALARM, StateValue="ALARM", StateReason="before the deployment")
    try:
        arn = deploy(lab, forceNewDeployment=True)
        assert described(lab, arn)["alarms"]["status"] == "DISABLED"
    finally:
        lab.cloudwatch.set_alarm_state(AlarmName=ERROR_ALARM, StateValue="OK", StateReason="it is over")
    wait_until(lab.is_well, 20, "deployed")
    assert described(lab, arn)["status"] == "SUCCESSFUL"


def test_unknown_digest_trips_the_breaker(lab: Twin) -> None:
    """Three tasks that cannot pull their image: the breaker opens, and the service goes back without losing a task."""
    before = set(lab.task_arns())
    arn = deploy(lab, taskDefinition=release(lab, f"{REPOSITORY}@{NOWHERE}"))
    wait_until(lambda: described(lab, arn)["status"] == "ROLLBACK_SUCCESSFUL", 20, "rolled back")
    done = described(lab, arn)
    breaker = done["deploymentCircuitBreaker"]
    assert (breaker["status"], breaker["failureCount"], breaker["threshold"]) == ("TRIGGERED", 3, 3)
    assert done["statusReason"].startswith("ECS deployment circuit breaker: tasks failed to start")
    stopped = lab.ecs.list_tasks(cluster=CLUSTER, family="release", desiredStatus="STOPPED")["taskArns"]
    task = lab.task(stopped[-1])
    assert task["stopCode"] == "TaskFailedToStart"
    assert NOWHERE in task["stoppedReason"]
    assert task["containers"][0]["reason"] == task["stoppedReason"]
    assert set(lab.task_arns()) == before


def test_moved_tag_does_not_change_what_a_rollback_brings(lab: Twin) -> None:
    """A tag is resolved once a deployment: a forced one takes what it means now, a rollback what it meant then."""
    ecr = lab.client("ecr")
    for build in ("default", "no-retry"):
        ecr.put_image(repositoryName=SERVICE, imageManifest=manifest_of(build), imageTag="moving")
        if build == "default":
            deploy(lab, taskDefinition=release(lab, f"{REPOSITORY}:moving"))
            wait_until(lab.is_well, 30, "the tag's first image is out")
    assert running_digests(lab) == {GOOD}
    stopped = lab.task_arns()[0]
    lab.ecs.stop_task(cluster=CLUSTER, task=stopped)
    wait_until(lambda: stopped not in lab.task_arns() and lab.is_well(), 15, "replaced")
    assert running_digests(lab) == {GOOD}, "a replacement runs its deployment's digest"
    everything_first = {"minimumHealthyPercent": 0, "maximumPercent": 100}
    arn = deploy(lab, forceNewDeployment=True, deploymentConfiguration=everything_first)
    wait_until(lambda: running_digests(lab) == {BAD}, 20, "no task of the old image is left")
    lab.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
    wait_until(lab.is_well, 30, "rolled back")
    assert described(lab, arn)["status"] == "ROLLBACK_SUCCESSFUL"
    assert running_digests(lab) == {GOOD}
    ecr.batch_delete_image(repositoryName=SERVICE, imageIds=[{"imageTag": "moving"}])


def test_newer_deployment_supersedes_the_one_under_way(lab: Twin) -> None:
    """Two deployments at once: the first is STOPPED, three are seen, and the second is brought to its end."""
    first, second = (deploy(lab, forceNewDeployment=True) for _ in range(2))
    assert [each["status"] for each in lab.service()["deployments"]] == ["PRIMARY", "ACTIVE", "ACTIVE"]
    assert described(lab, first)["status"] == "STOPPED"
    wait_until(lab.is_well, 30, "deployed")
    assert described(lab, second)["status"] == "SUCCESSFUL"
    after = described(lab, first)["createdAt"]
    assert deployments(lab, status=["SUCCESSFUL"])[0]["serviceDeploymentArn"] == second
    assert [each["serviceDeploymentArn"] for each in deployments(lab, createdAt={"after": after})] == [second]
    page = lab.ecs.list_service_deployments(cluster=CLUSTER, service=SERVICE, maxResults=1)
    assert page["serviceDeployments"][0]["serviceDeploymentArn"] == second
    rest = deployments(lab, maxResults=1, nextToken=page["nextToken"])
    assert [each["serviceDeploymentArn"] for each in rest] == [first]


def test_aborted_deployment_stops_where_it_is(lab: Twin) -> None:
    """ABORT: STOPPED and FAILED; no more tasks of it start, and a lost old task is replaced by its own revision."""
    before = set(lab.task_arns())
    arn = deploy(lab, taskDefinition=release(lab, f"{REPOSITORY}@{BAD}"))
    lab.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ABORT")
    wait_until(lambda: described(lab, arn)["status"] == "STOPPED", 5, "stopped")
    primary = lab.service()["deployments"][0]
    assert (primary["status"], primary["rolloutState"]) == ("PRIMARY", "FAILED")
    assert "rollback" not in described(lab, arn)
    lost, *kept = sorted(before & set(lab.task_arns()))
    known = set(lab.task_arns())
    lab.ecs.stop_task(cluster=CLUSTER, task=lost)
    wait_until(lambda: len(set(lab.task_arns()) - known) == 1, 5, "replaced")
    [new] = set(lab.task_arns()) - known
    assert lab.task(new)["taskDefinitionArn"] == lab.task(lost)["taskDefinitionArn"]
    assert len(kept) == 2


def test_what_is_no_deployment_cannot_be_stopped(lab: Twin) -> None:
    """Unknown deployments and revisions: AWS's error to stop them, MISSING to describe them."""
    unknown = deployments(lab)[0]["serviceDeploymentArn"][:-21] + "x" * 21
    with pytest.raises(ClientError, match="ServiceDeploymentNotFoundException"):
        lab.ecs.stop_service_deployment(serviceDeploymentArn=unknown)
    assert lab.ecs.describe_service_deployments(serviceDeploymentArns=[unknown])["failures"][0]["reason"] == "MISSING"
    assert lab.ecs.describe_service_revisions(serviceRevisionArns=[unknown])["failures"][0]["reason"] == "MISSING"


def test_rollout_keeps_within_its_bounds(lab: Twin) -> None:
    """50 % and 100 % of three tasks: never fewer than two healthy ones, never more than three."""
    healthy: list[int] = []
    wanted: list[int] = []
    before = set(lab.task_arns())

    def done() -> bool:
        healthy.append(list(lab.health().values()).count("healthy"))
        wanted.append(len(lab.task_arns()))
        return not before & set(lab.task_arns()) and lab.is_well()

    deploy(lab, forceNewDeployment=True, deploymentConfiguration={"minimumHealthyPercent": 50, "maximumPercent": 100})
    wait_until(done, 40, "deployed")
    assert min(healthy) >= 2
    assert max(wanted) == 3
    lab.ecs.update_service(cluster=CLUSTER, service=SERVICE, deploymentConfiguration=ROLLOUT)
