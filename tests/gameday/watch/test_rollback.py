"""The way back, step by step: what is done in which state, and what a task definition by digest looks like."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.validate import validate_parameters

from gameday.watch.eyes import is_final
from gameday.watch.rollback import By, CannotRollBack, Overtaken, Step, all_run, by_hand, next_step, registration
from gameday.watch.service import crash_of
from gameday.watch.values import Deployment, repository
from tests.gameday.watch.stage import BAD, GOOD, NEW, NOW, OLD

BACK = Deployment("deployment/3", "IN_PROGRESS", NOW + 9, "revision/3", "family:3", GOOD)
UNDONE = replace(BACK, status="ROLLBACK_SUCCESSFUL")
OTHER = replace(BACK, digests={"app": "sha256:c"})


@pytest.mark.parametrize(
    ("status", "newest", "by", "step"),
    [
        ("IN_PROGRESS", None, "auto", Step("stop")),
        ("IN_PROGRESS", None, "digest", Step("update")),
        ("SUCCESSFUL", None, "auto", Step("update")),
        ("STOPPED", None, "auto", Step("update")),
        ("ROLLBACK_REQUESTED", None, "auto", Step("follow", NEW.arn)),
        ("ROLLBACK_SUCCESSFUL", None, "digest", Step("follow", NEW.arn)),
        ("SUCCESSFUL", BACK, "auto", Step("follow", BACK.arn)),
        ("SUCCESSFUL", replace(UNDONE, back_to=OLD.revision), "auto", Step("follow", BACK.arn)),
        ("SUCCESSFUL", replace(UNDONE, back_to=NEW.revision), "auto", Step("update")),
    ],
)  # fmt: skip
def test_each_state_has_its_step(status: str, newest: Deployment | None, by: By, step: Step) -> None:
    """What has begun is followed, whoever began it; what ECS undid is begun again."""
    bad = replace(NEW, status=status)
    assert next_step(bad, newest or bad, OLD, by) == step


def test_where_no_step_may_be_taken_it_is_said() -> None:
    """Somebody's newer release is not touched; a deployment that has ended cannot be stopped; nothing is guessed."""
    ended = replace(NEW, status="SUCCESSFUL")
    with pytest.raises(Overtaken):
        next_step(ended, OTHER, OLD, "auto")
    with pytest.raises(CannotRollBack, match="--by digest"):
        next_step(ended, ended, OLD, "stop")
    with pytest.raises(CannotRollBack, match="none to go back to"):
        next_step(ended, ended, None, "auto")
    same = replace(OLD, digests=BAD)
    with pytest.raises(Overtaken):  # the same image in another task definition: not the way back
        next_step(ended, replace(BACK, digests=BAD, task_definition="family:9"), same, "auto")


def test_a_task_definition_by_digest_keeps_everything_else() -> None:
    """What RegisterTaskDefinition takes, by botocore's own model; only the image's name is another."""
    container = {"name": "app", "image": "registry:5000/app:latest", "essential": True, "portMappings": []}
    sidecar = {"name": "proxy", "image": "proxy:1", "essential": False}
    found: dict[str, Any] = {
        "family": "app", "revision": 7, "status": "ACTIVE", "taskDefinitionArn": "arn", "cpu": "256", "volumes": [],
        "requiresAttributes": [{"name": "x"}], "compatibilities": ["FARGATE"], "registeredBy": "me", "pidMode": "task",
        "containerDefinitions": [container, sidecar],
    }  # fmt: skip
    model = botocore.session.get_session().get_service_model("ecs").operation_model("RegisterTaskDefinition")
    shape = model.input_shape
    assert shape
    body = registration(found, OLD, [{"key": "k", "value": "v"}], frozenset(shape.members))
    validate_parameters(body, shape)
    assert body["containerDefinitions"] == [{**container, "image": f"registry:5000/app@{GOOD['app']}"}, sidecar]
    assert (body["pidMode"], body["tags"]) == ("task", [{"key": "k", "value": "v"}])
    assert not {"revision", "status", "taskDefinitionArn", "requiresAttributes"} & set(body)


@pytest.mark.parametrize(
    ("image", "bare"),
    [
        ("app", "app"),
        ("app:1", "app"),
        ("host:5000/a/b:1", "host:5000/a/b"),
        ("host:5000/a@sha256:0", "host:5000/a"),
        ("h/a:1@sha256:0", "h/a"),
    ],
)
def test_a_repository_is_an_images_name_without_tag_and_digest(image: str, bare: str) -> None:
    """The port of the registry is no tag."""
    assert repository(image) == bare


def test_every_task_must_run_the_good_image() -> None:
    """One of two on the bad one, or none at all, is not rolled back; a sidecar without digest does not matter."""
    assert all_run(GOOD, {}) == "no task runs"
    assert all_run(GOOD, {"1": GOOD, "2": BAD}) == "1 of 2 running tasks are not on the good image"
    assert all_run(GOOD, {"1": {**GOOD, "proxy": ""}}) == ""


def test_the_command_by_hand_fits_the_state() -> None:
    """A deployment under way is stopped; else the digests are named."""
    assert by_hand("c", "s", NEW, OLD).startswith("aws ecs stop-service-deployment")
    ended = by_hand("c", "s", replace(NEW, status="SUCCESSFUL"), OLD)
    assert f"--task-definition family:1 (its images must be registry:5000/app@{GOOD['app']})" in ended


def test_which_tasks_ended_by_themselves() -> None:
    """Who was stopped by somebody, or by a deployment, did not; who failed the load balancer's checks did."""
    at = datetime.fromtimestamp(NOW, UTC)
    task = {"taskArn": "t", "stoppedAt": at, "startedBy": "ecs-svc/2", "containers": [{"exitCode": 137}]}
    crash = crash_of({**task, "stopCode": "EssentialContainerExited", "stoppedReason": "Essential container"}, NEW)
    assert crash
    assert (crash.of_release, crash.why) == (True, "Essential container, exit code 137")
    unhealthy = {**task, "stopCode": "ServiceSchedulerInitiated", "stoppedReason": "Task failed ELB health checks in x"}
    assert crash_of(unhealthy, NEW)
    assert crash_of({**task, "stopCode": "UserInitiated", "stoppedReason": "by me"}, NEW) is None
    assert crash_of({**task, "stopCode": "ServiceSchedulerInitiated", "stoppedReason": "Scaling"}, NEW) is None
    other = crash_of({**task, "stopCode": "EssentialContainerExited", "startedBy": "ecs-svc/1"}, NEW)
    assert other
    assert not other.of_release


@pytest.mark.parametrize(
    ("error", "final"),
    [
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "UpdateService"), True),
        (ClientError({"Error": {"Code": "ClusterNotFoundException"}}, "DescribeServices"), True),
        (ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateService"), False),
        (ConnectionClosedError(endpoint_url="http://127.0.0.1"), False),  # it has a response, which is None
        (LookupError("CloudWatch says InternalError"), False),
    ],
)
def test_what_asking_again_would_not_change(error: Exception, final: bool) -> None:
    """Not allowed, or not there; a throttled call, and one whose answer was lost, may be asked again."""
    assert is_final(error) is final
