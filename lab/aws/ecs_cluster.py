"""The cluster: task definitions, services and tasks by name, with the errors AWS gives for names it does not know."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.aws.ecs_model import Task, TaskDefinition
from lab.aws.ecs_rollout import revision_of
from lab.aws.ecs_scheduler import Scheduler
from lab.aws.ecs_service import Deployment, Revision, Service
from lab.aws.ecs_tasks import Chore, Tasks
from lab.aws.names import last_part, new_hex
from lab.aws.registry import AwsError
from lab.settings import CLUSTER, ZONES


@dataclass(slots=True)
class Ecs:
    """The one cluster of the lab. Call it under the world's lock."""

    tasks: Tasks
    scheduler: Scheduler
    definitions: dict[str, list[TaskDefinition]] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    revisions: dict[str, Revision] = field(default_factory=dict)  # by ARN; they outlive their services
    tags: list[dict[str, str]] = field(default_factory=list)
    insights: str = "enhanced"  # the cluster's setting containerInsights
    started_at: float = field(default_factory=time.time)

    def tell(self, task: Task, message: str) -> None:
        """Put a line in the log of the task's service, if it has one."""
        service = self.services.get(task.group.removeprefix("service:"))
        if service is not None:
            service.tell(message, time.time())

    def step(self, now: float) -> list[Chore]:
        """Follow every task, then schedule every service; return what has to be done without the lock."""
        chores = [chore for task in list(self.tasks.records.values()) if (chore := self.tasks.step(task, now))]
        for service in self.services.values():
            if service.status != "INACTIVE":
                self.scheduler.step(service, now)
        self.tasks.forget_old(now)
        return chores

    def check_cluster(self, name_or_arn: str | None) -> None:
        """ClusterNotFoundException unless it is the lab's cluster."""
        if last_part(name_or_arn or "default") != CLUSTER:
            raise AwsError("ClusterNotFoundException", "Cluster not found.")

    def register(self, family: str, body: Mapping[str, Any], tags: list[dict[str, str]]) -> TaskDefinition:
        """Add a revision to a family."""
        revisions = self.definitions.setdefault(family, [])
        revisions.append(TaskDefinition(family, len(revisions) + 1, body, time.time(), tags))
        return revisions[-1]

    def definition(self, name_or_arn: str) -> TaskDefinition:
        """Return `family:revision`, or the newest active revision of `family`; ClientException if there is none."""
        family, _, revision = last_part(name_or_arn).partition(":")
        active = [d for d in self.definitions.get(family, []) if d.status == "ACTIVE"]
        every = self.definitions.get(family, [])
        if revision.isdigit() and 1 <= int(revision) <= len(every):
            return every[int(revision) - 1]
        if not revision and active:
            return active[-1]
        raise AwsError("ClientException", "Unable to describe task definition.")

    def find_service(self, name_or_arn: str) -> Service | None:
        """Return a service by name or ARN."""
        return self.services.get(last_part(name_or_arn))

    def service(self, name_or_arn: str) -> Service:
        """Return a service that is not deleted; ServiceNotFoundException or ServiceNotActiveException otherwise."""
        found = self.find_service(name_or_arn)
        if found is None:
            raise AwsError("ServiceNotFoundException", "Service not found.")
        if found.status == "INACTIVE":
            raise AwsError("ServiceNotActiveException", "Service was not ACTIVE.")
        return found

    def create_service(self, name: str, definition: TaskDefinition, desired: int, body: dict[str, Any]) -> Service:
        """Add a service; its tasks follow in the next steps."""
        known = self.services.get(name)
        if known is not None and known.status != "INACTIVE":
            raise AwsError("InvalidParameterException", "Creation of service was not idempotent.")
        now = time.time()
        service = Service(name, desired, [], now, body, tags=list(body.get("tags", [])))
        service.target_groups = groups_of(body)
        self.redeploy(service, definition)
        self.services[name] = service
        return service

    def redeploy(self, service: Service, definition: TaskDefinition) -> None:
        """Start a new deployment of a service: a revision with the digests that its tags mean now."""
        revision = revision_of(service, definition, self.tasks.runner.images.resolve)
        self.revisions[revision.arn] = revision
        live = (task for task in self.tasks.of(service.group) if task.wanted)
        self.scheduler.rollouts.begin(service, revision, live, revision.created_at)
        self.tasks.wake.set()

    def scale(self, service: Service, desired: int) -> None:
        """Change how many tasks a service should have."""
        if desired != service.desired:
            self.tasks.truth.note("service.scaled", service=service.name, before=service.desired, desired=desired)
            service.desired, service.steady = desired, False
            self.tasks.wake.set()

    def deployment(self, arn: str) -> tuple[Service, Deployment] | None:
        """Return a service deployment by its ARN, with its service."""
        every = ((service, each) for service in self.services.values() for each in service.history)
        return next(((service, each) for service, each in every if each.arn == arn), None)

    def run(self, definition: TaskDefinition, count: int, **more: Any) -> list[Task]:
        """Start tasks that belong to no service; `more` are fields of Task."""
        now, delay_s = time.time(), self.scheduler.start_delay_s
        more.setdefault("group", f"family:{definition.family}")
        fresh = (
            Task(id=new_hex(), definition=definition, zone=ZONES[n % 3], created_at=now, start_at=now + delay_s, **more)
            for n in range(count)
        )
        return [self.tasks.add(task) for task in fresh]

    def find_task(self, id_or_arn: str) -> Task | None:
        """Return a task by identifier or ARN."""
        return self.tasks.records.get(last_part(id_or_arn))


def groups_of(body: Mapping[str, Any]) -> list[str]:
    """Return the target groups of a service's load balancers."""
    return [each["targetGroupArn"] for each in body.get("loadBalancers", []) if "targetGroupArn" in each]
