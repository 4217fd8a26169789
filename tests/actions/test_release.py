"""A bad release on a real lab whose service names its image by a tag that moves: brought out, told apart, put back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from actions import release
from gameday.aws import Aws
from gameday.config import Environment, Rules
from gameday.errors import Refusal
from gameday.model import Answer, Blast, Evidence, Mark
from gameday.record import Record, Recorder
from gameday.safety import armed, images
from gameday.safety.armed import Run
from gameday.safety.promises import Promises
from lab.aws.ecr_images import REPOSITORY, digest_of, manifest_of
from lab.seed import alarm
from lab.settings import ACCOUNT, CLUSTER, ERROR_ALARM, LOAD_BALANCER, REGION, SERVICE, TARGET_GROUP
from probes import release as probes
from tests.lab.bench import wait_until
from tests.lab.twin import Twin, twin

GOOD, BAD = digest_of(manifest_of("default")), digest_of(manifest_of("errors-10-percent"))
NAMES = {"cluster": CLUSTER, "service": SERVICE, "load_balancer": LOAD_BALANCER, "target_group": TARGET_GROUP}


@pytest.fixture(scope="module")
def shop() -> Iterator[Twin]:
    """One lab for this file, with one task: a deployment of it is the quickest."""
    with twin(build="rollback-to-tag", tasks=1) as lab:
        yield lab


def at_rest(lab: Twin) -> bool:
    """Is there one deployment, which is done, and is its task healthy?"""
    service = lab.service()
    states = [each["rolloutState"] for each in service["deployments"]]
    return states == ["COMPLETED"] and service["runningCount"] == 1 and list(lab.health().values()) == ["healthy"]


@dataclass
class Drill:
    """An armed run on the lab, and what the lab says."""

    lab: Twin
    run: Run
    before: dict[str, Any]

    def mark(self) -> Mark:
        """The mark of the fault."""
        return next(mark for mark in Record(self.run.recorder.folder).marks() if mark.name == "fault")

    def seen(self, proof: Any) -> Evidence:
        """Ask a proof."""
        found: Evidence = proof(self.run, self.before, self.mark().at)
        return found

    def until(self, proof: Any, within_s: float = 30.0) -> Evidence:
        """Ask a proof until it is proven."""
        wait_until(lambda: self.seen(proof).proven, within_s, proof.__name__)
        return self.seen(proof)

    def running(self) -> set[str]:
        """The digests that run."""
        return {images.digest_in(task, "app") for task in images.tasks_of(self.run.aws, CLUSTER, SERVICE)}

    def deployments(self) -> int:
        """How many service deployments there have been."""
        return len(self.run.aws.ecs.list_service_deployments(cluster=CLUSTER, service=SERVICE)["serviceDeployments"])


@pytest.fixture
def drill(shop: Twin, tmp_path: Path) -> Iterator[Drill]:
    """A drill on the lab at rest; what it promised is kept afterwards."""
    wait_until(lambda: at_rest(shop), 30, "the lab is well")
    rules = Rules(actions=["release.deploy"], services=[f"{CLUSTER}/{SERVICE}"], tag="chaos=allowed")
    environment = Environment(
        "lab", REGION, ACCOUNT, endpoint=shop.state.endpoint, names={**NAMES, "moving_tag": "latest"}, rules=rules
    )
    run = Run(
        id=tmp_path.name, environment=environment, aws=Aws(environment), recorder=Recorder(tmp_path),
        promises=Promises(tmp_path / "promises.jsonl"), blast=Blast(), random=random.Random(1),
        steady=lambda: armed.Steady(Answer.YES),
    )  # fmt: skip
    armed.arm(run)
    yield Drill(shop, run, probes.snapshot(run))
    run.promises.settle_or_raise()
    armed.disarm()


def test_going_back_to_a_tag_that_moves_brings_the_bad_image_and_the_undo_does_not(drill: Drill) -> None:
    """The release moves the tag; the old task definition then means the bad image, and the finding says so."""
    release.deploy(image="errors-10-percent", automation="script")
    assert "the load balancer found tasks of it healthy" in drill.until(probes.bad_tasks_ran).sentences[1]
    wait_until(lambda: drill.running() == {BAD} and at_rest(drill.lab), 30, "the release is out")
    service = drill.lab.service()
    assert service["deploymentConfiguration"]["alarms"]["enable"] is False  # ECS's own would hide the script's weakness
    drill.lab.ecs.update_service(cluster=CLUSTER, service=SERVICE, taskDefinition=f"{SERVICE}:1")
    drill.run.recorder.mark("automation.started", kind="script")
    (drill.run.recorder.folder / "automation.jsonl").write_text('{"at": "2026-12-01T10:00:00Z", "what": "ended"}\n')
    wait_until(lambda: drill.seen(probes.rolled_back).over, 30, "the script's deployment is done")
    found = drill.seen(probes.rolled_back)
    assert found.proven is False
    assert f"script went back to {SERVICE}:1, and that is the bad image again" in found.sentences[0]
    [said] = drill.run.promises.settle_or_raise()
    assert drill.running() == {GOOD}
    assert "the tag latest means it again, the release's foodconnect-backend:2 is deregistered" in said
    assert images.resolve(drill.run.aws, images.ImageName.of(f"{REPOSITORY}:latest")) == GOOD
    assert drill.lab.service()["deploymentConfiguration"]["alarms"]["enable"] is True
    count = drill.deployments()
    assert drill.run.promises.made()[0].fulfil().startswith("1 of 1 tasks")
    assert drill.deployments() == count  # a second undo deploys nothing


def test_a_release_that_no_alarm_stopped_names_the_alarm_and_no_late_one_ends_the_undo(drill: Drill) -> None:
    """Dead: its metric has no data. Slow: it needs longer than ECS watched it; when it rings, it is about the past."""
    release.deploy(image=BAD)
    wait_until(lambda: drill.running() == {BAD} and at_rest(drill.lab), 30, "the release is out")
    cloudwatch: Any = drill.lab.cloudwatch
    why = {}
    for name, change in (("dead", {"MetricName": "Errors"}), ("slow", {"Period": 60, "EvaluationPeriods": 5})):
        cloudwatch.put_metric_alarm(**{**alarm(), **change})
        found = drill.seen(probes.rolled_back)
        assert (found.proven, found.over) == (False, True)
        why[name] = found.sentences[0]
        drill.lab.get()  # the metric ErrorRate has data
        wait_until(lambda: drill.run.aws.cloudwatch.list_metrics(MetricName="ErrorRate")["Metrics"], 10, "a metric")
    cloudwatch.put_metric_alarm(**alarm())
    assert why["dead"].startswith(f"alarm {ERROR_ALARM} is dead: its metric FoodConnect/Errors has no data")
    assert why["slow"].startswith(f"alarm {ERROR_ALARM} is too slow: it needs 300 s of errors")
    count = drill.deployments()
    undo = Thread(target=drill.run.promises.settle_or_raise)
    undo.start()
    wait_until(lambda: len(drill.lab.service()["deployments"]) > 1, 20, "the undo deploys")
    cloudwatch.set_alarm_state(AlarmName=ERROR_ALARM, StateValue="ALARM", StateReason="late")
    undo.join(60)
    cloudwatch.set_alarm_state(AlarmName=ERROR_ALARM, StateValue="OK", StateReason="it is over")
    service = drill.lab.service()
    assert (drill.running(), drill.run.promises.open()) == ({GOOD}, [])
    assert drill.deployments() == count + 1  # the first way back was the last one
    assert service["taskDefinition"].endswith(f"/{SERVICE}:1")
    assert service["deploymentConfiguration"]["alarms"]["enable"] is True


def test_an_undo_in_the_middle_stops_the_deployment(drill: Drill, monkeypatch: pytest.MonkeyPatch) -> None:
    """By digest: ECS itself goes back, the proof says by whom, and the revision is deregistered.

    Its tasks need seconds until they are healthy, so that the middle lasts on a busy machine too.
    """
    slow = digest_of(manifest_of("slow-start"))
    drill.run.environment.names["moving_tag"] = ""  # type: ignore[index]
    result = release.deploy(image=slow)
    definition = drill.lab.ecs.describe_task_definition(taskDefinition=result["task_definition"])["taskDefinition"]
    assert definition["containerDefinitions"][0]["image"] == f"{REPOSITORY}@{slow}"
    wait_until(lambda: slow in drill.running(), 20, "a task of it runs")
    drill.run.promises.settle_or_raise()
    found = drill.seen(probes.rolled_back)
    assert found.proven and found.sentences[0] == "rolled back by ECS: Service deployment stopped by user"
    assert list(found.instants) == ["rollback began", "rolled back"]
    of_another = replace(drill.mark(), details={**drill.mark().details, "was": "sha256:another"})
    monkeypatch.setattr(probes, "_fault", lambda run: of_another)
    found = drill.seen(probes.rolled_back)
    assert not found.proven  # some other image is not the one that ran before
    assert "1 of 1 running tasks run an image that is neither it nor sha256:another" in found.sentences
    after = drill.lab.ecs.describe_task_definition(taskDefinition=result["task_definition"])["taskDefinition"]
    assert (after["status"], drill.running()) == ("INACTIVE", {GOOD})


@pytest.mark.parametrize(
    ("image", "why"),
    [("nobody-pushed-this", "is not in its repository"), ("default", "is the image that runs already"),
     ("docker.io/library/nginx:1", "is not in Amazon ECR")],
)  # fmt: skip
def test_what_is_no_release_is_refused(drill: Drill, image: str, why: str) -> None:
    """Before anything is touched, in a sentence."""
    with pytest.raises(Refusal, match=why):
        release.deploy(image=image)
    assert drill.run.promises.made() == []


def test_a_release_whose_undo_would_need_a_deleted_image_is_refused(drill: Drill) -> None:
    """A task outlives its image in ECR (lifecycle rules delete untagged ones); what cannot be undone is not begun."""
    ecr, name = drill.run.aws.ecr, REPOSITORY.partition("/")[2]
    there = ecr.describe_images(repositoryName=name, imageIds=[{"imageDigest": GOOD}])["imageDetails"][0]["imageTags"]
    ecr.batch_delete_image(repositoryName=name, imageIds=[{"imageDigest": GOOD}])
    try:
        with pytest.raises(Refusal, match="the image that runs now could not be put back"):
            release.deploy(image=BAD)
    finally:
        for tag in there:
            ecr.put_image(repositoryName=name, imageTag=tag, imageManifest=manifest_of("default"))
    assert drill.run.promises.made() == []
