"""Watchers of a real lab's releases under real load: a good one, bad ones, one who is second, and the Lambda's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gameday.config import Channel, Environment, Watch, load_settings
from gameday.errors import Refusal
from gameday.watch.aws_lambda import Options, handle
from gameday.watch.session import Asked, opened
from gameday.watch.story import Story
from gameday.watch.watcher import Manner
from lab.aws.ecr_images import REPOSITORY, digest_of, manifest_of
from lab.settings import ACCOUNT, CLUSTER, ERROR_ALARM, REGION, SERVICE
from tests.api_proxy import ApiProxy
from tests.lab.bench import wait_until
from tests.lab.endpoint import endpoint
from tests.lab.twin import Twin

ROOT = Path(__file__).parents[2]
GOOD, LEAK = digest_of(manifest_of("default")), digest_of(manifest_of("memory-leak"))
DYING = {"MEMORY_LIMIT_MB": "1"}  # a task of the build that leaks is killed by its first request
ALARMS: Any = {"alarmNames": [ERROR_ALARM], "enable": True, "rollback": True}
WRITES = ("ecs:StopServiceDeployment", "ecs:UpdateService")
FAST = Watch(observe_s=3, min_requests=20, verify_within_s=90, deploy_within_s=60)


@pytest.fixture(scope="module", autouse=True)
def _calm(running_lab: Twin) -> Iterator[None]:
    """The service is under load and rolls nothing back by its own alarm: that is the watcher's work here."""
    wait_until(running_lab.is_well, 30, "the lab is well")
    set_alarms(running_lab, enable=False)
    with load(running_lab):
        yield
    set_alarms(running_lab, enable=True)
    running_lab.ecs.update_service(cluster=CLUSTER, service=SERVICE, taskDefinition=f"{SERVICE}:1")
    wait_until(running_lab.is_well, 60, "the first release is back")


def set_alarms(lab: Twin, *, enable: bool) -> None:
    """Let the service's deployments watch the error alarm, or not."""
    rollout: Any = {"minimumHealthyPercent": 100, "maximumPercent": 200, "alarms": {**ALARMS, "enable": enable}}
    lab.ecs.update_service(cluster=CLUSTER, service=SERVICE, deploymentConfiguration=rollout)


@contextmanager
def load(lab: Twin) -> Iterator[None]:
    """Ask for a page some fifty times a second."""
    over = threading.Event()

    def user() -> None:
        while not over.wait(0.04):
            try:
                lab.get()
            except OSError:
                continue

    users = [threading.Thread(target=user, daemon=True) for _ in range(2)]
    for each in users:
        each.start()
    try:
        yield
    finally:
        over.set()
        for each in users:
            each.join()


def environment(lab: Twin, endpoint: str = "") -> Environment:
    """Return the suite's own lab environment, at this lab."""
    found = load_settings(ROOT).environment("lab")
    return replace(found, endpoint=endpoint or lab.state.endpoint, url=lab.state.url, watch=FAST)


def release(lab: Twin, image: str, **variables: str) -> str:
    """Register a revision of the backend with this image; return its ARN."""
    found = lab.ecs.describe_task_definition(taskDefinition=f"{SERVICE}:1")["taskDefinition"]
    [container] = found["containerDefinitions"]
    more: Any = [{"name": name, "value": value} for name, value in variables.items()]
    changed: Any = {**container, "image": image, "environment": [*container.get("environment", []), *more]}
    made = lab.ecs.register_task_definition(family="release", containerDefinitions=[changed])
    return str(made["taskDefinition"]["taskDefinitionArn"])


def deploy(lab: Twin, **changes: Any) -> str:
    """Begin a deployment; return its ARN."""
    lab.ecs.update_service(cluster=CLUSTER, service=SERVICE, **changes)
    return str(deployments(lab)[0]["serviceDeploymentArn"])


def deployments(lab: Twin) -> list[Any]:
    """Return the service's deployments, newest first."""
    return list(lab.ecs.list_service_deployments(cluster=CLUSTER, service=SERVICE)["serviceDeployments"])


def digests(lab: Twin) -> set[str]:
    """Return what the service's tasks run."""
    tasks = lab.ecs.describe_tasks(cluster=CLUSTER, tasks=lab.task_arns())["tasks"]
    return {each["containers"][0].get("imageDigest", "") for each in tasks if each["lastStatus"] == "RUNNING"}


def watched(where: Environment, runs: Path, **how: Any) -> Story:
    """Watch to the end."""
    with opened(where, Asked(manner=Manner(**how)), runs) as watcher:
        watcher.watch()
        return watcher.story


def test_a_good_release_is_watched_quietly_through_an_api_that_throttles(lab: Twin, tmp_path: Path) -> None:
    """Well, nothing changed; meanwhile a second watcher is refused, and names the first; `gameday watch` exits 3."""
    arn = deploy(lab, taskDefinition=release(lab, f"{REPOSITORY}@{GOOD}"))
    with ApiProxy(lab.state.endpoint) as proxy:
        proxy.fault("throttle", name="cloudwatch:GetMetricData", nth=2, times=3)
        with opened(environment(lab, proxy.url), Asked(), tmp_path) as watcher:
            with pytest.raises(Refusal, match=f"1 watcher has {SERVICE} already.*process {os.getpid()}"):
                watched(environment(lab), tmp_path)
            assert refused_at_the_desk(lab, tmp_path) == 3
            watcher.watch()
        assert len(proxy.failed) == 3
        assert not set(WRITES) & set(proxy.calls)
    story = watcher.story
    assert (story.outcome, story.rollback) == ("well", None), story.why
    assert deployments(lab)[0]["serviceDeploymentArn"] == arn


def refused_at_the_desk(lab: Twin, runs: Path) -> int:
    """Run the command while a watcher of another process has the service; return its exit code."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GAMEDAY_"))}
    variables |= {"GAMEDAY_LAB_HOME": str(lab.settings.home), "GAMEDAY_STATE": str(runs / "elsewhere")}
    command = [sys.executable, "-m", "gameday", "watch", "--runs", str(runs)]
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, timeout=120).returncode


def test_a_bad_release_is_rolled_back_once_though_the_answer_is_lost(lab: Twin, tmp_path: Path) -> None:
    """ECS is asked once, to stop the deployment or for another where it has ended; the lost answer is read back.

    Every task runs the good digest then, and users are well.
    """
    arn = deploy(lab, taskDefinition=release(lab, f"{REPOSITORY}@{LEAK}", **DYING))
    with ApiProxy(lab.state.endpoint) as proxy:
        for name in WRITES:
            proxy.fault("drop", name=name)
        story = watched(environment(lab, proxy.url), tmp_path)
        assert len([call for call in proxy.calls if call in WRITES]) == 1
    assert story.outcome == "rolled back", story.why
    assert digests(lab) == {GOOD}
    found = lab.ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]
    assert story.rollback
    assert found["status"] == ("ROLLBACK_SUCCESSFUL" if story.rollback.how == "stop deployment" else "SUCCESSFUL")
    times = [story.times[name] for name in ("deployed_at", "detected_at", "rollback_started_at", "rolled_back_at")]
    assert times == sorted(times)  # type: ignore[type-var]
    written = json.loads((story.recorder.folder / "watch.json").read_text())
    assert (written["exit"], written["rollback"]["verified"], written["schema"]) == (1, True, 1)


class Time:
    """Lambda's context: plenty of time."""

    def get_remaining_time_in_millis(self) -> int:
        return 600_000


@contextmanager
def heard(lab: Twin) -> Iterator[list[dict[str, Any]]]:
    """Yield what a topic that the error alarm and EventBridge tell delivers, as it comes."""
    sns, events = lab.client("sns"), lab.client("events")
    got: list[dict[str, Any]] = []
    with endpoint() as hook:
        topic = sns.create_topic(Name="watch")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=hook.url)
        sns.confirm_subscription(TopicArn=topic, Token=json.loads(hook.wait(1)[0].body)["Token"])
        kinds = ["ECS Deployment State Change", "CloudWatch Alarm State Change"]
        events.put_rule(Name="watch", EventPattern=json.dumps({"detail-type": kinds}))
        events.put_targets(Rule="watch", Targets=[{"Id": "topic", "Arn": topic}])
        lab.cloudwatch.put_metric_alarm(
            AlarmName="drill", Namespace="N", MetricName="m", Statistic="Sum", Period=10, EvaluationPeriods=1,
            Threshold=1, ComparisonOperator="GreaterThanThreshold", AlarmActions=[topic],
        )  # fmt: skip
        yield got
        lab.cloudwatch.set_alarm_state(AlarmName="drill", StateValue="ALARM", StateReason="a drill")

        def all_came() -> bool:
            got[:] = [json.loads(each.body) for each in hook.posted[1:]]
            texts = [each["Message"] for each in got]
            return all(any(word in text for text in texts) for word in ("NewStateValue", *kinds))

        wait_until(all_came, 30, "the alarm's message and both events came")


def test_a_moved_tag_is_rolled_back_by_digest_by_the_lambda(lab: Twin, tmp_path: Path) -> None:
    """The good release's tag means the bad image by now: real events wake the function, which goes back by digest,
    once, though the answer is lost; woken again, it changes nothing.
    """
    ecr = lab.client("ecr")
    ecr.put_image(repositoryName=SERVICE, imageManifest=manifest_of("memory-leak"), imageTag="default")
    try:
        with heard(lab) as came:
            deploy(lab, taskDefinition=release(lab, f"{REPOSITORY}:default", **DYING))
        with ApiProxy(lab.state.endpoint) as proxy:
            proxy.fault("drop", name="ecs:UpdateService")
            told_of = {"topic": Channel(kind="sns", topic=f"arn:aws:sns:{REGION}:{ACCOUNT}:foodconnect-game-day")}
            where = replace(environment(lab, proxy.url), channels=told_of)
            wanted = Options(where, Asked(CLUSTER, SERVICE, manner=Manner("digest")), tmp_path)
            message = next(each for each in came if "NewStateValue" in each["Message"])
            told = handle({"Records": [{"EventSource": "aws:sns", "Sns": message}]}, Time(), wanted)
            assert told.get("outcome") == "rolled back", told
            said = told["notified"]
            assert isinstance(said, list) and {each["channel"] for each in said} == {"topic", "lambda log"}  # type: ignore[call-overload,index]
            assert all(each["ok"] for each in said), said  # type: ignore[call-overload,index]
            newest = deployments(lab)[0]["serviceDeploymentArn"]
            for kind in ("ECS Deployment State Change", "CloudWatch Alarm State Change"):
                event = next(each for each in came if f'"{kind}"' in each["Message"])
                again = handle(json.loads(event["Message"]), Time(), wanted)
                assert again.get("outcome", "well") == "well"
            assert proxy.calls.count("ecs:UpdateService") == 1
        assert digests(lab) == {GOOD}
        assert deployments(lab)[0]["serviceDeploymentArn"] == newest
        definition = lab.ecs.describe_task_definition(taskDefinition=lab.service()["taskDefinition"])["taskDefinition"]
        assert definition["containerDefinitions"][0]["image"] == f"{REPOSITORY}@{GOOD}"
    finally:
        ecr.put_image(repositoryName=SERVICE, imageManifest=manifest_of("default"), imageTag="default")
