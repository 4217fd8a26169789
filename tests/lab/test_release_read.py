"""What the suite reads of the lab's deployments: the release that serves, and how each deployment ended."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from gameday.analysis.deliveries import Outcome
from gameday.aws import Aws
from gameday.cli._kpi_ecs import ask
from gameday.config import Environment
from gameday.errors import UsageError
from gameday.release import find
from lab.aws.ecr_images import REPOSITORY, digest_of, manifest_of
from lab.settings import CLUSTER, REGION, SERVICE
from tests.lab.bench import wait_until
from tests.lab.twin import Twin

GOOD, BAD = digest_of(manifest_of("default")), digest_of(manifest_of("no-retry"))


def environment(lab: Twin, **names: str) -> Environment:
    """Return the lab as an environment of the suite."""
    named = {"cluster": CLUSTER, "service": SERVICE, **names}
    return Environment(kind="lab", region=REGION, endpoint=lab.state.endpoint, names=named, name="lab")


@pytest.fixture(autouse=True)
def _as_it_was(lab: Twin) -> Iterator[None]:
    """Afterwards the service is on the task definition that it had."""
    had = lab.service()["taskDefinition"]
    yield
    if lab.service()["taskDefinition"] != had:
        lab.ecs.update_service(cluster=CLUSTER, service=SERVICE, taskDefinition=had)
        wait_until(lab.is_well, 60, "what was there before is back")


def deploy(lab: Twin, digest: str) -> str:
    """Bring an image out; return its task definition."""
    had = lab.ecs.describe_task_definition(taskDefinition=f"{SERVICE}:1")["taskDefinition"]["containerDefinitions"]
    made = lab.ecs.register_task_definition(
        family="read", containerDefinitions=[{**had[0], "image": f"{REPOSITORY}@{digest}"}]
    )["taskDefinition"]["taskDefinitionArn"]
    lab.ecs.update_service(cluster=CLUSTER, service=SERVICE, taskDefinition=made)
    return made


def test_release_is_that_of_the_newest_deployment(lab: Twin) -> None:
    """While a bad image is brought out it is the release, by digest; rolled back, its deployment is a failed one."""
    aws = Aws(environment(lab), read_only=True)
    deploy(lab, GOOD)
    before = find(aws, CLUSTER, SERVICE, id="v1")
    assert (before.id, before.digest) == ("v1", GOOD)
    wait_until(lab.is_well, 60, "the good one runs")
    bad = deploy(lab, BAD)
    during = find(aws, CLUSTER, SERVICE)
    assert (during.id, during.digest, during.task_definition) == (None, BAD, bad)
    assert during.pushed_at is not None
    newest = max(ask(environment(lab)).deployments, key=lambda each: each.created_at or 0.0)
    assert (newest.outcome, newest.ended_at, newest.release.digest) == (Outcome.GOING_ON, None, BAD)
    lab.ecs.stop_service_deployment(serviceDeploymentArn=newest.key)
    wait_until(lab.is_well, 60, "rolled back")
    told = ask(environment(lab))
    after = {each.key: each for each in told.deployments}[newest.key]
    assert after.outcome is Outcome.FAILED
    assert after.ended_at is not None and after.created_at is not None
    assert after.created_at < after.ended_at <= time.time() + 1
    assert told.known_from <= min(each.created_at or 0.0 for each in told.deployments) + 1


def test_service_that_is_not_there_is_told(lab: Twin) -> None:
    """A wrong name in gameday.toml is a mistake of the user's, named as such."""
    with pytest.raises(UsageError, match=r"there is no service foodconnect-cluster/nothing"):
        ask(environment(lab, service="nothing"))
    with pytest.raises(UsageError, match=r"names no cluster and service"):
        ask(environment(lab, cluster=""))
    with pytest.raises(UsageError, match=r"ECS does not tell its deployments: .*; allow ecs:DescribeServices"):
        ask(environment(lab, cluster="elsewhere"))
