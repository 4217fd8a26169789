"""The service scheduler: brings every service closer to what it should be, one small step at a time.

Replacements start at once; a rollout keeps the desired number of healthy tasks (100 % minimum, 200 % maximum); a task
that fails its target group's health checks for long gets its replacement first, as on ECS since 2023.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from lab.aws.ecs_model import Deployment, Service, Status, Task
from lab.aws.ecs_tasks import Tasks
from lab.aws.names import new_hex, subnet_of
from lab.aws.target_groups import TargetGroups
from lab.settings import ZONES

UNHEALTHY_FOR_S = 10.0  # how long a task may fail its health checks before it is replaced
BACK_OFF_S = (1.0, 60.0)  # first and longest pause after a task that failed to start
START_FAILURES = frozenset({"TaskFailedToStart", "EssentialContainerExited"})


@dataclass(slots=True)
class Scheduler:
    """Starts and stops the tasks of services. Call it under the world's lock."""

    tasks: Tasks
    elbv2: TargetGroups
    start_delay_s: float

    def step(self, service: Service, now: float) -> None:
        """Compare what is with what should be, and start or stop what is too little or too much."""
        live = [task for task in self.tasks.of(service.group) if task.wanted]
        if service.status != "ACTIVE":
            self._stop(service, live, f"Service {service.name} was deleted")
            if all(task.last is Status.STOPPED for task in self.tasks.of(service.group)):
                service.status = "INACTIVE"
            return
        self._judge(service, live, now)
        self._count_failures(service, now)
        primary, desired = service.primary, service.desired
        new = sorted((t for t in live if t.started_by == primary.id and not t.doomed), key=self._worth)
        old = sorted((t for t in live if t not in new), key=self._worth, reverse=True)
        room = desired * 2 if old else desired
        missing = min(desired - len(new), room - len(live))
        if missing > 0 and now >= primary.next_start_at:
            self._start(service, missing, now)
        ready = [task for task in new if self.is_ready(task)]
        surplus = max(0, len(ready) + len(old) - desired)  # old ones go only as fast as new ones serve
        why = f"Scaling activity initiated by (deployment {primary.id})"
        self._stop(service, old[:surplus] + new[desired:], why)
        self._settle(service, not old and len(ready) == len(new) == desired, now)

    def launch(self, service: Service, deployment: Deployment, now: float) -> Task:
        """Put one new task of a deployment on the list, in that zone of the service's subnets that has the fewest."""
        zones = zones_of(service)
        wanted = Counter(dict.fromkeys(zones, 0))
        wanted.update(task.zone for task in self.tasks.of(service.group) if task.wanted)
        tags = service.tags if service.body.get("propagateTags") == "SERVICE" else []
        task = Task(
            id=new_hex(),
            definition=deployment.definition,
            group=service.group,
            zone=min(zones, key=lambda zone: wanted[zone]),
            created_at=now,
            start_at=now + self.start_delay_s,
            started_by=deployment.id,
            tags=list(tags),
            target_groups=list(service.target_groups),
        )
        return self.tasks.add(task)

    def is_ready(self, task: Task) -> bool:
        """Does it run, and is it healthy in its target group?"""
        if task.last is not Status.RUNNING or task.place is None:
            return False
        return not task.target_groups or self.elbv2.state_of(task.place.interface).state == "healthy"

    def _worth(self, task: Task) -> tuple[bool, bool, float]:
        """Sort key: those that serve first, then those that run, then by age."""
        return not self.is_ready(task), task.last is not Status.RUNNING, task.created_at

    def _judge(self, service: Service, live: Iterable[Task], now: float) -> None:
        """Doom tasks that have failed their health checks for long."""
        grace_s = float(service.body.get("healthCheckGracePeriodSeconds", 0))
        for task in live:
            if task.doomed or task.place is None or task.started_at is None or not task.target_groups:
                continue
            failing = self.elbv2.state_of(task.place.interface).state == "unhealthy"
            if not failing or now - task.started_at < grace_s:
                task.unhealthy_since = None
                continue
            task.unhealthy_since = task.unhealthy_since or now
            if now - task.unhealthy_since >= UNHEALTHY_FOR_S:
                task.doomed = True
                service.primary.failed.add(task.id)
                where = f"(target-group {task.target_groups[0]})"
                port = task.place.interface[1]
                words = f"(port {port}) is unhealthy in {where} due to (reason Health checks failed)"
                service.tell(f"(task {task.id}) {words}", now)

    def _count_failures(self, service: Service, now: float) -> None:
        """Slow down for tasks that never ran, and trip the circuit breaker if the service has one."""
        primary = service.primary
        for task in self.tasks.of(service.group):
            never_ran = task.started_at is None and task.stop_code in START_FAILURES
            if never_ran and task.started_by == primary.id and task.id not in primary.failed:
                primary.failed.add(task.id)
                first, longest = BACK_OFF_S
                primary.next_start_at = now + min(longest, first * 2 ** (len(primary.failed) - 1))
                if len(primary.failed) == 3:
                    service.tell("is unable to consistently start tasks successfully.", now)
        breaker = service.body.get("deploymentConfiguration", {}).get("deploymentCircuitBreaker", {})
        threshold = min(max(3, math.ceil(service.desired / 2)), 200)
        if breaker.get("enable") and primary.rollout == "IN_PROGRESS" and len(primary.failed) >= threshold:
            self._fail(service, bool(breaker.get("rollback")), now)

    def _fail(self, service: Service, rollback: bool, now: float) -> None:
        """The circuit breaker: this rollout has failed; go back to the last one that completed."""
        failed = service.primary
        failed.rollout, failed.outcome = "FAILED", "STOPPED"
        failed.reason = f"ECS deployment circuit breaker: tasks failed to start (deployment {failed.id})."
        service.tell(f"(deployment {failed.id}) deployment failed: tasks failed to start.", now)
        good = next((d for d in service.deployments if d.rollout == "COMPLETED"), None)
        if rollback and good is not None:
            failed.outcome = "ROLLBACK_IN_PROGRESS"
            good.reason = f"ECS deployment circuit breaker: rolling back to deploymentId {good.id}."
            service.tell(f"rolling back to deployment {good.id}.", now)
            service.deployments.remove(good)
            service.deployments.insert(0, good)

    def _start(self, service: Service, count: int, now: float) -> None:
        started = [self.launch(service, service.primary, now) for _ in range(count)]
        service.tell(f"has started {count} tasks: {' '.join(f'(task {task.id})' for task in started)}.", now)

    def _stop(self, service: Service, tasks: list[Task], why: str) -> None:
        for task in tasks:
            self.tasks.stop(task, why, "ServiceSchedulerInitiated")
        if tasks:
            names = " ".join(f"(task {task.id})" for task in tasks)
            service.tell(f"has stopped {len(tasks)} running tasks: {names}.", time.time())

    def _settle(self, service: Service, settled: bool, now: float) -> None:
        primary = service.primary
        if not settled:
            service.steady = False
            return
        if primary.rollout == "IN_PROGRESS":
            primary.rollout, primary.outcome, primary.updated_at = "COMPLETED", "SUCCESSFUL", now
            primary.reason = f"ECS deployment {primary.id} completed."
            service.tell(f"(deployment {primary.id}) deployment completed.", now)
        for overtaken in service.deployments[1:]:
            if overtaken.outcome == "ROLLBACK_IN_PROGRESS":
                overtaken.outcome = "ROLLBACK_SUCCESSFUL"
        del service.deployments[1:]
        if not service.steady:
            service.steady = True
            service.tell("has reached a steady state.", now)
            self.tasks.truth.note("service.steady", at=now, service=service.name)


def zones_of(service: Service) -> tuple[str, ...]:
    """Return the zones that a service's subnets lie in; every zone for subnets that are none of the lab's."""
    network = service.body.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
    return tuple(zone for zone in ZONES if subnet_of(zone) in network.get("subnets", ())) or ZONES


def roll_out(service: Service, deployment: Deployment, now: float) -> None:
    """Make a deployment the service's primary; the tasks of the others go as its own come."""
    deployment.reason = f"ECS deployment {deployment.id} in progress."
    deployment.updated_at = now
    for overtaken in service.deployments:
        if overtaken.outcome == "IN_PROGRESS":
            overtaken.outcome = "STOPPED"
    service.deployments.insert(0, deployment)
    service.history.insert(0, deployment)
    del service.history[50:]
    service.steady = False
