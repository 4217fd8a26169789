"""What ECS knows of the service: its newest deployment, what ran well before it, and which tasks die.

Reads only. Answers of AWS become values here; dictionaries go no further.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast

from gameday.aws import Aws
from gameday.errors import UsageError
from gameday.watch.values import Crash, Deployment, Good

BY_ITSELF = "EssentialContainerExited"
UNHEALTHY = "failed ELB health checks"
AT_ONCE = 100  # tasks in one DescribeTasks, deployments in one answer


class Service:
    """One ECS service, read through *aws*. Every method raises botocore's errors."""

    def __init__(self, aws: Aws, cluster: str, name: str) -> None:
        self.aws = aws
        self.cluster = cluster
        self.name = name

    def described(self) -> Mapping[str, Any]:
        """Return the service as DescribeServices has it. Raises UsageError: there is none."""
        found = self.aws.ecs.describe_services(cluster=self.cluster, services=[self.name])["services"]
        if not found or found[0]["status"] == "INACTIVE":
            raise UsageError(
                f"no service {self.name!r} in cluster {self.cluster!r}; `aws ecs list-services` lists them"
            )
        return cast("Mapping[str, Any]", found[0])

    def newest(self) -> Deployment | None:
        """Return the newest service deployment; None: it has none that ECS remembers."""
        listed = self._listed()
        return self.deployment(listed[0]["serviceDeploymentArn"]) if listed else None

    def deployment(self, arn: str) -> Deployment:
        """Return one service deployment, with the digests that it brings."""
        found = self.aws.ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"]
        if not found:
            raise LookupError(f"ECS no longer knows the deployment {arn}")
        told = cast("Mapping[str, Any]", found[0])
        target = told["targetServiceRevision"]["arn"]
        good, back = self.revision(target), told.get("rollback", {})
        return Deployment(
            arn=arn,
            status=told["status"],
            created_at=told["createdAt"].timestamp(),
            started_at=_epoch(told.get("startedAt")),
            finished_at=_epoch(told.get("finishedAt")),
            revision=target,
            task_definition=good.task_definition,
            digests=good.digests,
            scheduler_id=self._scheduler_id(good.task_definition, told["createdAt"]),
            reason=told.get("statusReason", ""),
            back_to=back.get("serviceRevisionArn", ""),
            back_reason=back.get("reason", ""),
            back_at=_epoch(back.get("startedAt")),
        )

    def revision(self, arn: str) -> Good:
        """Return a service revision: its task definition, and its images with their digests."""
        found = self.aws.ecs.describe_service_revisions(serviceRevisionArns=[arn])["serviceRevisions"]
        if not found:
            raise LookupError(f"ECS no longer knows the service revision {arn}")
        images = cast("list[dict[str, str]]", found[0].get("containerImages", []))
        named = {each["containerName"]: each["image"] for each in images}
        digests = {each["containerName"]: each["imageDigest"] for each in images if each.get("imageDigest")}
        return Good(arn, found[0].get("taskDefinition", ""), named, digests)

    def last_good(self, bad: Deployment) -> Good | None:
        """Return the last release that was brought out whole before *bad*, and is not the same; None: there is none."""
        for each in self._listed(status=["SUCCESSFUL"]):
            if each["serviceDeploymentArn"] == bad.arn or each["createdAt"].timestamp() >= bad.created_at:
                continue
            found = self.revision(each["targetServiceRevisionArn"])
            if found.digests and (found.digests != bad.digests or found.task_definition != bad.task_definition):
                return found
            return None  # the last good release is this one: going back would change nothing
        return None

    def running_digests(self) -> dict[str, dict[str, str]]:
        """Return {task: {container: digest}} of the tasks that run."""
        arns = self.aws.running_tasks(self.cluster, self.name)
        running = [each for each in self._tasks(arns) if each["lastStatus"] == "RUNNING"]
        return {
            each["taskArn"]: {one["name"]: one.get("imageDigest", "") for one in each["containers"]} for each in running
        }

    def crashes(self, release: Deployment) -> list[Crash]:
        """Return the tasks that ended by themselves, as far back as ECS remembers (about an hour)."""
        pages = self.aws.ecs.get_paginator("list_tasks").paginate(
            cluster=self.cluster, serviceName=self.name, desiredStatus="STOPPED"
        )
        stopped = self._tasks([arn for page in pages for arn in page["taskArns"]])
        return [crash for each in stopped if (crash := crash_of(each, release))]

    def _tasks(self, arns: list[str]) -> Iterable[Mapping[str, Any]]:
        for first in range(0, len(arns), AT_ONCE):
            some = arns[first : first + AT_ONCE]
            yield from self.aws.ecs.describe_tasks(cluster=self.cluster, tasks=some)["tasks"]

    def _listed(self, **filters: Any) -> list[Mapping[str, Any]]:
        """Return service deployments, newest first: the API promises no order."""
        answer = self.aws.ecs.list_service_deployments(
            cluster=self.cluster, service=self.name, maxResults=AT_ONCE, **filters
        )
        listed = cast("list[Mapping[str, Any]]", answer["serviceDeployments"])
        return sorted(listed, key=lambda each: each["createdAt"], reverse=True)

    def _scheduler_id(self, task_definition: str, created_at: datetime) -> str:
        """Return the `ecs-svc/...` of a deployment: nearest in time of those of its task definition."""
        found = [each for each in self.described()["deployments"] if each["taskDefinition"] == task_definition]
        near = min(found, key=lambda each: abs(each["createdAt"] - created_at), default=None)
        return str(near["id"]) if near and abs((near["createdAt"] - created_at).total_seconds()) < 5 else ""


def crash_of(task: Mapping[str, Any], release: Deployment) -> Crash | None:
    """Return a stopped task as a crash; None where it was stopped by somebody, or by a deployment."""
    at, code, reason = task.get("stoppedAt"), task.get("stopCode", ""), task.get("stoppedReason", "")
    if at is None or (code != BY_ITSELF and UNHEALTHY not in reason):
        return None
    exits = [each["exitCode"] for each in task["containers"] if each.get("exitCode")]
    why = f"{reason or code}{f', exit code {exits[0]}' if exits else ''}"
    mine = bool(release.scheduler_id) and task.get("startedBy") == release.scheduler_id
    return Crash(task["taskArn"], at.timestamp(), why, mine)


def _epoch(when: datetime | None) -> float | None:
    return when.timestamp() if when else None
