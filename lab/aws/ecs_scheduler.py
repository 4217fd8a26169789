"""The service scheduler: brings every service closer to what it should be, one small step at a time.

Never fewer healthy tasks than minimumHealthyPercent (rounded up), never more tasks than maximumPercent (rounded down).
A task that fails its health checks gets its replacement first where there is room; tasks are spread over the zones.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from lab.aws import ecs_zones
from lab.aws.ecs_events import EcsEvents
from lab.aws.ecs_model import Status, Task
from lab.aws.ecs_rollout import Rollouts
from lab.aws.ecs_service import FAILED, Deployment, Service
from lab.aws.ecs_tasks import Tasks
from lab.aws.names import new_hex
from lab.aws.target_groups import TargetGroups

TOLD_EVERY_S = 60.0
NO_QUOTA = (
    "was unable to place a task. Reason: You've reached the limit on the number of vCPUs you can run concurrently."
)


@dataclass(slots=True)
class Crew:
    """A service's tasks that should run: those of its primary, best first, and all others, worst first."""

    new: list[Task]
    old: list[Task]
    ready: frozenset[str]  # identifiers of those that serve

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.new) + len(self.old)


@dataclass(slots=True)
class Scheduler:
    """Starts and stops the tasks of services. Call it under the world's lock."""

    tasks: Tasks
    elbv2: TargetGroups
    rollouts: Rollouts
    events: EcsEvents
    start_delay_s: float
    most: int  # tasks at once, of all services

    def step(self, service: Service, now: float) -> None:
        """Compare what is with what should be, and start or stop what is too little or too much."""
        every = self.tasks.of(service.group)
        live = [task for task in every if task.wanted]
        if service.status != "ACTIVE":
            self._stop(service, live, f"Service {service.name} was deleted")
            if all(task.last is Status.STOPPED for task in every):
                service.status = "INACTIVE"
            return
        self.rollouts.follow(service, now)
        self._judge(service, live, now)
        self.rollouts.count(service, every, now)
        crew = self._crew(service, live)
        started = self._start_missing(service, crew, now)
        stopped = self._stop_surplus(service, crew, now)
        whole = len(crew.new) == service.desired and all(task.id in crew.ready for task in crew.new)
        still = not started and not stopped and not any(task.last is Status.DEACTIVATING for task in every)
        self.rollouts.settle(service, whole and still and not crew.old, now)
        self._rebalance(service, crew, now)

    def launch(self, service: Service, deployment: Deployment, zone: str, now: float) -> Task:
        """Put one new task of a deployment on the list, in a zone."""
        tags = service.tags if service.body.get("propagateTags") == "SERVICE" else []
        task = Task(
            id=new_hex(),
            definition=deployment.definition,
            group=service.group,
            zone=zone,
            created_at=now,
            start_at=now + self.start_delay_s,
            started_by=deployment.id,
            tags=list(tags),
            target_groups=list(service.target_groups),
            digests=dict(deployment.revision.digests),
            exec_enabled=bool(service.body.get("enableExecuteCommand")),
        )
        return self.tasks.add(task)

    def is_ready(self, task: Task) -> bool:
        """Does it run, and is it healthy in its target group?"""
        return task.last is Status.RUNNING and (not task.target_groups or self._health(task) == "healthy")

    def _health(self, task: Task) -> str:
        """Return the task's state in its target group, `unused` before it has an address."""
        return self.elbv2.worst_of(task.target_groups, task.place.interface) if task.place else "unused"

    def _crew(self, service: Service, live: Iterable[Task]) -> Crew:
        listed = list(live)
        ready = frozenset(task.id for task in listed if self.is_ready(task))
        for task in listed:
            if task.id in ready and not task.was_ready:
                self.rollouts.served(service, task)

        def worth(task: Task) -> tuple[bool, bool, float]:
            return task.id not in ready, task.last is not Status.RUNNING, task.created_at

        primary = service.primary.id
        new = sorted((t for t in listed if t.started_by == primary and not t.doomed), key=worth)
        old = sorted((t for t in listed if t.started_by != primary or t.doomed), key=worth, reverse=True)
        return Crew(new, old, ready)

    def _judge(self, service: Service, live: Iterable[Task], now: float) -> None:
        """Doom tasks that have failed their health checks for long."""
        grace_s = float(service.body.get("healthCheckGracePeriodSeconds", 0))
        for task in live:
            if task.doomed or task.started_at is None or not task.target_groups:
                continue
            if self._health(task) != "unhealthy" or now - task.started_at < grace_s:
                task.unhealthy_since = None
                continue
            task.unhealthy_since = task.unhealthy_since or now
            if now - task.unhealthy_since >= self.tasks.settings.simulated.unhealthy_task_s:
                self._doom(service, task, now)

    def _doom(self, service: Service, task: Task, now: float) -> None:
        assert task.place is not None
        task.doomed = True
        where, port = f"(target-group {task.target_groups[0]})", task.place.interface[1]
        words = f"(port {port}) is unhealthy in {where} due to (reason Health checks failed)"
        service.tell(f"(task {task.id}) {words}", now)
        for deployment in service.deployments:
            if deployment.id == task.started_by:
                self.rollouts.failed(service, deployment, task, now)

    def _start_missing(self, service: Service, crew: Crew, now: float) -> int:
        """Start what the primary lacks, then what an older deployment has lost; return how many were started."""
        primary = service.primary
        _, high = service.bounds()
        wanted = max(0, (high if crew.old else service.desired) - crew.size)
        room = self._within_quota(service, wanted, now)
        missing = 0 if primary.rollout == FAILED else max(0, service.desired - len(crew.new))
        started = min(missing, room) if now >= primary.next_start_at else 0
        self._start(service, primary, started, now)
        room -= started
        for deployment in service.deployments[1:]:
            mine = sum(task.started_by == deployment.id and not task.doomed for task in crew.old)
            may = deployment.outcome == "SUCCESSFUL" and now >= deployment.next_start_at
            lost = min(deployment.kept - mine, room) if may else 0
            if lost > 0:
                self._start(service, deployment, lost, now)
                room, started = room - lost, started + lost
        return started

    def _within_quota(self, service: Service, wanted: int, now: float) -> int:
        """Return how many of so many tasks may be started: AWS's vCPU quota, here what a machine can bear."""
        if not wanted:
            return 0
        left = max(0, self.most - sum(task.last is not Status.STOPPED for task in self.tasks.records.values()))
        if left < wanted and not any(NO_QUOTA in e.message and now - e.at < TOLD_EVERY_S for e in service.events):
            service.tell(NO_QUOTA, now)
            self.events.action(service, "SERVICE_TASK_PLACEMENT_FAILURE", now, reason="RESOURCE:CPU")
        return min(wanted, left)

    def _stop_surplus(self, service: Service, crew: Crew, now: float) -> int:
        """Stop old tasks as fast as new ones serve, or as room is needed; scale in. Return how many were stopped."""
        low, high = service.bounds()
        serving = sum(task.id in crew.ready for task in crew.new)
        surplus = max(0, serving + len(crew.old) - service.desired)
        missing = 0 if service.primary.rollout == FAILED else max(0, service.desired - len(crew.new))
        idle = sum(task.id not in crew.ready for task in crew.old)
        spare = idle + max(0, len(crew.ready) - low)  # what may go before anything has come
        needed = max(0, missing - max(0, high - crew.size)) if crew.old else 0
        open_ones = [task for task in crew.old if task.doomed or not ecs_zones.is_protected(task, now)]
        leaving = open_ones[: max(surplus, min(needed, spare))]
        for deployment in service.deployments[1:]:
            deployment.kept -= sum(task.started_by == deployment.id and not task.doomed for task in leaving)
        excess = len(crew.new) - service.desired - self._balancing(service, crew)
        scaled = ecs_zones.to_scale_in(crew.new, crew.ready, excess, now)
        why = f"Scaling activity initiated by (deployment {service.primary.id})"
        self._stop(service, leaving + scaled, why)
        return len(leaving) + len(scaled)

    def _rebalance(self, service: Service, crew: Crew, now: float) -> None:
        """In a steady service with lopsided zones, start a task where there are fewest; one of the fullest follows."""
        zones = ecs_zones.zones_of(service.body)
        if not service.steady or service.extra is not None:
            return
        shown = ", ".join(f"{number} tasks in {zone}" for zone, number in ecs_zones.count(crew.new, zones).items())
        if ecs_zones.is_balanced(crew.new, zones):
            if service.rebalancing:
                service.rebalancing = False
                service.tell(f"is AZ balanced with {shown}.", now)
                self.events.action(service, "SERVICE_REBALANCING_COMPLETED", now)
        elif self._may_rebalance(service, crew, now):
            service.rebalancing = True
            service.tell(f"is not AZ balanced with {shown}. AZ Rebalancing in progress.", now)
            self.events.action(service, "SERVICE_REBALANCING_STARTED", now)
            [extra] = self._start(service, service.primary, 1, now)
            service.extra = extra.id

    @staticmethod
    def _may_rebalance(service: Service, crew: Crew, now: float) -> bool:
        """Is it wanted, is there room for one more, and could any task be the one that goes?"""
        enabled = service.body.get("availabilityZoneRebalancing", "ENABLED") == "ENABLED"
        room = service.bounds()[1] > service.desired
        return enabled and room and not any(ecs_zones.is_protected(task, now) for task in crew.new)

    def _balancing(self, service: Service, crew: Crew) -> int:
        """Return 1 while the task that balances the zones is on its way."""
        extra = next((task for task in crew.new if task.id == service.extra), None)
        if extra is None or extra.id in crew.ready:
            service.extra = None
            return 0
        return 1

    def _start(self, service: Service, deployment: Deployment, count: int, now: float) -> list[Task]:
        zones = ecs_zones.zones_of(deployment.revision.body)
        started: list[Task] = []
        for _ in range(count):
            every = [task for task in self.tasks.of(service.group) if task.wanted]
            own = (task for task in every if task.started_by == deployment.id)
            started.append(self.launch(service, deployment, ecs_zones.emptiest(zones, own, every), now))
        if started:
            service.tell(f"has started {count} tasks: {' '.join(f'(task {task.id})' for task in started)}.", now)
        return started

    def _stop(self, service: Service, tasks: list[Task], why: str) -> None:
        for task in tasks:
            reason = f"Task failed ELB health checks in (target-group {task.target_groups[0]})" if task.doomed else why
            self.tasks.stop(task, reason, "ServiceSchedulerInitiated")
        if tasks:
            names = " ".join(f"(task {task.id})" for task in tasks)
            service.tell(f"has stopped {len(tasks)} running tasks: {names}.", time.time())
            self.events.action(service, "TASKS_STOPPED", time.time(), taskArns=[task.arn for task in tasks])
