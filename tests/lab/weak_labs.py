"""What is looked at to tell a weak staging from the default one: a whole lab, through AWS's API and HTTP alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
from botocore.exceptions import ClientError

from lab.builds import Build
from lab.seed import alarm, service, task_definition
from lab.settings import CLUSTER, DATABASE, SERVICE
from tests.lab.bench import call, wait_until
from tests.lab.twin import Twin

BETWEEN_FAILOVERS_S = 10.5


# -- a lab of the build: what a failover and a stopped task do to users --------------------------------


@dataclass
class Failover:
    """What a failover under writes came to."""

    accepted: bool
    lost: int = 0
    served_after: bool = False


@dataclass
class Writer:
    """Posts as quickly as it is answered, until told to end."""

    lab: Twin
    name: str
    ended: Event = field(default_factory=Event)
    acknowledged: list[str] = field(default_factory=list)

    def write(self) -> None:
        """Write, and remember what was acknowledged."""
        number = 0
        while not self.ended.is_set():
            number += 1
            title = f"{self.name}-{number}"
            body = {"author": 1, "title": title, "body": "good"}
            answer = self.lab.call("POST", "/posts", body, {"Idempotency-Key": title})
            if answer.status in (200, 201):
                self.acknowledged.append(title)


SEEN: dict[Path, Failover] = {}


def failover_of(lab: Twin) -> Failover:
    """Return what a failover of this lab came to: one is looked at from every side."""
    home = lab.settings.home
    if home not in SEEN:
        SEEN[home] = fail_over(lab)
    return SEEN[home]


def fail_over(lab: Twin) -> Failover:
    """Fail the database over while somebody posts; read back through the new primary."""
    last = max((event["t"] for event in lab.truth("endpoint.swapped")), default=0.0)
    time.sleep(max(0.0, last + BETWEEN_FAILOVERS_S - time.time()))
    began = time.time()
    writer = Writer(lab, f"failover-{began}")
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(writer.write)
        try:
            time.sleep(0.5)
            lab.rds.reboot_db_instance(DBInstanceIdentifier=DATABASE, ForceFailover=True)
            lab.wait_truth("primary.writable", since=began)
        except ClientError as refused:
            assert refused.response["Error"]["Code"] == "InvalidParameterCombination"
            return Failover(accepted=False)
        finally:
            writer.ended.set()
        writing.result()
    served = lab.get().status == 200  # the backend itself tries for 4 s
    return Failover(True, len(set(writer.acknowledged) - titles(lab, writer.name)), served)


def titles(lab: Twin, prefix: str) -> set[str]:
    """Return the titles that the primary has, asked directly."""
    with psycopg.connect(lab.state.dsn) as connection:
        rows = connection.execute("select title from posts where title ^@ %s", (prefix,)).fetchall()
    return {row[0] for row in rows}


def loses_acknowledged_posts(lab: Twin) -> bool:
    """Are posts gone after a failover that had been acknowledged?"""
    return failover_of(lab).lost > 0


def refuses_a_failover(lab: Twin) -> bool:
    """Is a failover refused, for want of a standby?"""
    return not failover_of(lab).accepted


def stays_down_after_a_failover(lab: Twin) -> bool:
    """Is the feed not served for the 4 s after the new primary takes writes?"""
    return not failover_of(lab).served_after


def is_down_without_one_task(lab: Twin) -> bool:
    """Are users answered 503 after one task was stopped?"""
    lab.ecs.stop_task(cluster=CLUSTER, task=lab.task_arns()[0])
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        if lab.get().status == 503:
            return True
    return False


OWN_LABS: dict[str, Callable[[Twin], bool]] = {
    "asynchronous-standby": loses_acknowledged_posts,
    "single-az": refuses_a_failover,
    "stale-endpoint": stays_down_after_a_failover,
    "single-task": is_down_without_one_task,
}


# -- what a build seeds, put beside the usual resources of a running lab -------------------------------


def runs_in_one_zone(lab: Twin, build: Build) -> bool:
    """Do three tasks of a service as this build makes it run in one zone?"""
    name = f"zones-{build.name}"
    members: dict[str, Any] = {**service(3, build.seeds), "serviceName": name, "loadBalancers": []}
    lab.ecs.create_service(**members)
    try:
        wait_until(lambda: len(lab.task_arns(name)) == 3, 5, "three tasks")
        tasks = lab.ecs.describe_tasks(cluster=CLUSTER, tasks=lab.task_arns(name))["tasks"]
        return len({task["availabilityZone"] for task in tasks}) == 1
    finally:
        lab.ecs.delete_service(cluster=CLUSTER, service=name, force=True)


def stays_silent(lab: Twin, build: Build) -> bool:
    """Does the alarm say OK on its first look, although half of the requests have failed for a minute and a half?"""
    name, service_name = f"alarm-{build.name}", f"service-{build.name}"
    dimensions = [{"Name": "Service", "Value": service_name}]
    now = datetime.now(UTC)
    data: list[Any] = [
        {"MetricName": "ErrorRate", "Dimensions": dimensions, "Timestamp": now - timedelta(seconds=ago), "Value": 50.0}
        | {"Unit": "Percent", "StorageResolution": 1}
        for ago in range(90)
    ]
    lab.cloudwatch.put_metric_data(Namespace="FoodConnect", MetricData=data)
    members: dict[str, Any] = {**alarm(build.seeds), "AlarmName": name, "Dimensions": dimensions}
    lab.cloudwatch.put_metric_alarm(**members)
    wait_until(lambda: state_of(lab, name) != "INSUFFICIENT_DATA", 10, f"{name} is evaluated")
    state = state_of(lab, name)
    lab.cloudwatch.delete_alarms(AlarmNames=[name])
    return state == "OK"


def state_of(lab: Twin, alarm_name: str) -> str:
    """Return an alarm's state."""
    return lab.cloudwatch.describe_alarms(AlarmNames=[alarm_name])["MetricAlarms"][0]["StateValue"]


def sends_no_metrics(lab: Twin, build: Build) -> bool:
    """Is nothing of a task in the namespace FoodConnect 5 s after it answered requests?"""
    with running_task(lab, build) as (family, address):
        for _ in range(5):
            assert call(address, "GET", "/posts?limit=1").status == 200
        dimensions = [{"Name": "Service", "Value": family}]
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if lab.cloudwatch.list_metrics(Namespace="FoodConnect", Dimensions=dimensions)["Metrics"]:  # type: ignore[arg-type]
                return False
            time.sleep(0.1)
    return True


def rolls_back_to_the_bad_image(lab: Twin, build: Build) -> bool:
    """Does a service still run the bad release after it went back to the task definition from before it?

    A release moves the tag `latest` to its image, and registers a task definition that names it.
    """
    name, bad = f"release-{build.name}", "no-retry"
    before = registered(lab, name, build, build.name)
    lab.ecs.create_service(cluster=CLUSTER, serviceName=name, taskDefinition=before, desiredCount=1)
    wait_until(lambda: digests(lab, name), 15, "the first release runs")
    with latest(lab, bad) as bad_digest:
        try:
            for definition, number in ((registered(lab, name, build, bad), 2), (before, 3)):
                lab.ecs.update_service(cluster=CLUSTER, service=name, taskDefinition=definition)
                wait_until(lambda: has_completed(lab, name), 20, f"deployment {number}")
            return digests(lab, name) == {bad_digest}
        finally:
            lab.ecs.delete_service(cluster=CLUSTER, service=name, force=True)


def registered(lab: Twin, family: str, build: Build, release: str) -> str:
    """Register a release's image as a build of this kind names it; return the ARN."""
    members: dict[str, Any] = {**task_definition(release, build.seeds), "family": family}
    return lab.ecs.register_task_definition(**members)["taskDefinition"]["taskDefinitionArn"]


def digests(lab: Twin, name: str) -> set[str]:
    """Return the images that a service's tasks run, by digest; empty while none runs."""
    arns = lab.task_arns(name)
    tasks = lab.ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"] if arns else []
    return {task["containers"][0]["imageDigest"] for task in tasks if task["lastStatus"] == "RUNNING"}


def has_completed(lab: Twin, name: str) -> bool:
    """Has a service one deployment, which is done?"""
    [*deployments] = lab.service(name)["deployments"]
    return [each.get("rolloutState") for each in deployments] == ["COMPLETED"]


@contextmanager
def latest(lab: Twin, build: str) -> Iterator[str]:
    """Let the tag `latest` name a build's image for a while; yield its digest."""
    ecr = lab.client("ecr")

    def push(tag: str) -> str:
        [image] = ecr.batch_get_image(repositoryName=SERVICE, imageIds=[{"imageTag": tag}])["images"]
        ecr.put_image(repositoryName=SERVICE, imageManifest=image["imageManifest"], imageTag="latest")
        return str(image["imageId"]["imageDigest"])

    try:
        yield push(build)
    finally:
        push("default")


@contextmanager
def running_task(lab: Twin, build: Build) -> Iterator[tuple[str, tuple[str, int]]]:
    """Yield the family and the address of one task of a build that answers."""
    family = f"task-{build.name}"
    members: dict[str, Any] = {**task_definition(build.name), "family": family}
    lab.ecs.register_task_definition(**members)
    [task] = lab.ecs.run_task(cluster=CLUSTER, taskDefinition=family)["tasks"]
    arn = task["taskArn"]
    try:
        wait_until(lambda: lab.task(arn)["lastStatus"] == "RUNNING", 10, f"a task of {build.name}")
        link = lab.links()[f"eni-{arn.rpartition('/')[2][:12]}"]
        yield family, link.listen
    finally:
        lab.ecs.stop_task(cluster=CLUSTER, task=arn)


BESIDE: dict[str, Callable[[Twin, Build], bool]] = {
    "one-zone": runs_in_one_zone,
    "dead-alarm": stays_silent,
    "slow-alarm": stays_silent,
    "no-metrics": sends_no_metrics,
    "rollback-to-tag": rolls_back_to_the_bad_image,
}
