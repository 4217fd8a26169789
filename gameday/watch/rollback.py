"""The way back: one step at a time, each decided from what ECS says now, so that a second caller only follows.

A deployment under way is stopped with ROLLBACK. One that has ended is followed by a deployment of the last good
release by image digest: its task definition is used as it is only where that names its images by digest, because a
tag may mean another image by now. A call that failed, or whose answer was lost, is read back before it is sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from gameday.aws import Aws
from gameday.watch.service import Service
from gameday.watch.story import Story
from gameday.watch.values import GOING_BACK, UNDER_WAY, WENT_BACK, Deployment, Good

By = Literal["auto", "digest", "stop"]
STOP, DIGEST = "stop deployment", "by digest"


class CannotRollBack(Exception):
    """There is no way back that may be taken; the sentence says why."""


class Overtaken(Exception):
    """Somebody has begun a newer deployment; the sentence names it."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done next: a call to ECS, or only to follow a deployment."""

    kind: Literal["stop", "update", "follow"]
    deployment: str = ""  # to follow


def next_step(bad: Deployment, newest: Deployment, good: Good | None, by: By) -> Step:
    """Return the step. Raises CannotRollBack, Overtaken."""
    if newest.arn != bad.arn:
        if not (good and newest.created_at > bad.created_at and _brings(newest, good, bad)):
            raise Overtaken(f"a newer deployment has begun: {newest.arn}")
        if was_undone(newest, good):
            return Step("update")
        return Step("follow", newest.arn)  # this watcher's own before a crash, or somebody who was faster
    if bad.status in (*GOING_BACK, *WENT_BACK):
        return Step("follow", bad.arn)
    if bad.status in UNDER_WAY and by != "digest":
        return Step("stop")
    if by == "stop":
        raise CannotRollBack(f"the deployment is {bad.status} and cannot be stopped any more; use --by digest")
    if good is None:
        raise CannotRollBack("no other release was brought out whole before this one, so there is none to go back to")
    return Step("update")


def was_undone(way_back: Deployment, good: Good | None) -> bool:
    """Whether ECS has rolled the way back itself back: an alarm of the deployment rang for the bad release's errors.

    Harmless where that ended on the good release all the same.
    """
    return way_back.status in WENT_BACK and (good is None or way_back.back_to != good.revision)


def _brings(newest: Deployment, good: Good, bad: Deployment) -> bool:
    """Whether a newer deployment brings the good release: by its digests where they tell it from the bad one."""
    if good.digests == bad.digests:
        return newest.task_definition == good.task_definition
    return newest.digests == good.digests


class Hands:
    """What a watcher changes in ECS. Reads through *service*; writes without retries."""

    def __init__(self, service: Service, aws: Aws) -> None:
        self.service = service
        self.ecs = aws.client("ecs", retries=0)

    def last_good(self, bad: Deployment) -> Good | None:
        """Return what to go back to."""
        return self.service.last_good(bad)

    def stop(self, deployment: str) -> str:
        """Ask ECS to roll a deployment back; return the call."""
        self.ecs.stop_service_deployment(serviceDeploymentArn=deployment, stopType="ROLLBACK")
        return f"ecs:StopServiceDeployment(serviceDeploymentArn={deployment}, stopType=ROLLBACK)"

    def is_on(self, task_definition: str) -> bool:
        """Return whether the service is on this task definition: a lost answer's call was heard."""
        return bool(self.service.described()["taskDefinition"] == task_definition)

    def update(self, task_definition: str) -> str:
        """Bring a task definition out; return the call."""
        cluster, name = self.service.cluster, self.service.name
        self.ecs.update_service(cluster=cluster, service=name, taskDefinition=task_definition)
        return f"ecs:UpdateService(cluster={cluster}, service={name}, taskDefinition={task_definition})"

    def by_digest(self, good: Good, story: Story) -> str:
        """Return the ARN of a task definition that is the good one with every image named by its digest."""
        answer = self.service.aws.ecs.describe_task_definition(taskDefinition=good.task_definition, include=["TAGS"])
        found = cast("Mapping[str, Any]", answer["taskDefinition"])
        if found.get("status") == "ACTIVE" and _is_by_digest(found, good):
            return good.task_definition
        newest = self._newest_of(found["family"])
        if newest and _same(newest, found, good):  # registered before an answer was lost, or by an earlier rollback
            return str(newest["taskDefinitionArn"])
        body = registration(found, good, answer.get("tags", []), _members(self.ecs))
        story.mark("rollback: registers", family=found["family"], images=good.by_digest)
        made = self.ecs.register_task_definition(**body)["taskDefinition"]["taskDefinitionArn"]
        assert story.rollback is not None
        story.rollback.registered = made
        story.rollback.calls.append(f"ecs:RegisterTaskDefinition(family={found['family']}) -> {made}")
        return str(made)

    def _newest_of(self, family: str) -> Mapping[str, Any] | None:
        arns = self.service.aws.ecs.list_task_definitions(familyPrefix=family, sort="DESC", maxResults=1)
        if not arns["taskDefinitionArns"]:
            return None
        answer = self.service.aws.ecs.describe_task_definition(taskDefinition=arns["taskDefinitionArns"][0])
        return cast("Mapping[str, Any]", answer["taskDefinition"])


def registration(found: Mapping[str, Any], good: Good, tags: list[Any], members: frozenset[str]) -> dict[str, Any]:
    """Return the parameters of RegisterTaskDefinition: the definition as it was, its images named by digest."""
    body = {name: value for name, value in found.items() if name in members and value not in (None, [], {})}
    body["containerDefinitions"] = [
        {**each, "image": good.by_digest.get(each["name"], each["image"])} for each in found["containerDefinitions"]
    ]
    return {**body, "tags": tags} if tags else body


def by_hand(cluster: str, service: str, bad: Deployment, good: Good | None) -> str:
    """Return the command that does what the watcher could not."""
    if bad.status in UNDER_WAY:
        return f"aws ecs stop-service-deployment --service-deployment-arn {bad.arn} --stop-type ROLLBACK"
    target = good.task_definition if good else "TASK_DEFINITION"
    images = f" (its images must be {', '.join(good.by_digest.values())})" if good else ""
    return f"aws ecs update-service --cluster {cluster} --service {service} --task-definition {target}{images}"


def all_run(good: Mapping[str, str], tasks: Mapping[str, Mapping[str, str]]) -> str:
    """Return why not every running task is on the good digests, or ""."""
    if not tasks:
        return "no task runs"
    wrong = [task for task, found in tasks.items() if any(found.get(name) != digest for name, digest in good.items())]
    return f"{len(wrong)} of {len(tasks)} running tasks are not on the good image" if wrong else ""


def _is_by_digest(definition: Mapping[str, Any], good: Good) -> bool:
    images = {each["name"]: each["image"] for each in definition["containerDefinitions"]}
    return all(images.get(name, "").endswith(f"@{digest}") for name, digest in good.digests.items())


def _same(newest: Mapping[str, Any], found: Mapping[str, Any], good: Good) -> bool:
    def bare(definition: Mapping[str, Any]) -> dict[str, Any]:
        differs = {"taskDefinitionArn", "revision", "registeredAt", "registeredBy", "containerDefinitions", "status"}
        kept = {name: value for name, value in definition.items() if name not in differs}
        return {**kept, "containers": [{**each, "image": ""} for each in definition["containerDefinitions"]]}

    return newest.get("status") == "ACTIVE" and _is_by_digest(newest, good) and bare(newest) == bare(found)


def _members(ecs: Any) -> frozenset[str]:
    return frozenset(ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members)
