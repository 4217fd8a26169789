"""The life of a task: PROVISIONING, PENDING, ACTIVATING, RUNNING, DEACTIVATING, STOPPING, DEPROVISIONING, STOPPED.

`step` decides under the world's lock and returns what takes time as a chore for the loop to do without it. A stop
leaves the target group first, waits for connections to drain, then sends SIGTERM, and SIGKILL after the stop timeout.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Event, RLock
from typing import TypeAlias

from lab.aws.ecr_images import CannotPull
from lab.aws.ecs_model import STARTING, Status, Task
from lab.aws.ecs_runner import Runner
from lab.aws.target_groups import TargetGroups
from lab.links import LinksGone
from lab.settings import LabError, Settings
from lab.truth import Truth

Chore: TypeAlias = Callable[[], None]
STOPPED_KEPT_S = 3600.0  # AWS shows a stopped task for at least an hour
BY_ITSELF = "Essential container in task exited"


@dataclass(slots=True)
class Tasks:
    """Every task of the cluster, and what moves it along."""

    settings: Settings
    lock: RLock
    truth: Truth
    elbv2: TargetGroups
    runner: Runner
    tell: Callable[[Task, str], None] = lambda task, message: None  # a line for the log of the task's service
    changed: Callable[[Task], None] = lambda task: None  # told of every change of a status
    wake: Event = field(default_factory=Event)  # set when there is something to do at once
    records: dict[str, Task] = field(default_factory=dict)

    def add(self, task: Task) -> Task:
        """Put a new task on the list; the loop takes it from there."""
        self.records[task.id] = task
        self.wake.set()
        self.truth.note("task.created", task=task.id, group=task.group, definition=task.definition.name)
        self.changed(task)
        return task

    def to(self, task: Task, status: Status) -> None:
        """Move a task on to a status, and tell so."""
        task.to(status)
        self.changed(task)

    def of(self, group: str) -> list[Task]:
        """Return the tasks of a group, oldest first."""
        return [task for task in self.records.values() if task.group == group]

    def stop(self, task: Task, reason: str, code: str) -> None:
        """Begin to stop a task; one that is stopping already is left as it is."""
        if not task.wanted:
            return
        now = time.time()
        task.desired, task.stop_code, task.stopped_reason, task.stopping_at = "STOPPED", code, reason, now
        task.version += 1
        self.truth.note("task.stop_requested", at=now, task=task.id, code=code, reason=reason)
        if task.process is None:
            if task.launching:  # its process comes any moment, and is ended then
                self.changed(task)
            else:
                self.to(task, Status.DEPROVISIONING)
            return
        drains = self._leave_target_groups(task)
        task.term_at = now + (self.elbv2.delay_of(task.target_groups) if drains else 0.0)
        self.to(task, Status.DEACTIVATING)
        self.wake.set()

    def step(self, task: Task, now: float) -> Chore | None:
        """Move one task on; return what has to be done outside the lock."""
        if task.process is not None and task.last not in (Status.DEPROVISIONING, Status.STOPPED):
            code = task.process.poll()
            if code is not None:
                return self._ended(task, code, now)
        match task.last:
            case Status.PROVISIONING:
                self._provision(task, now)
            case Status.PENDING:
                return self._start(task, now)
            case Status.ACTIVATING:
                self._run(task, now)
            case Status.DEACTIVATING | Status.STOPPING:
                self._signal(task, now)
            case Status.DEPROVISIONING:
                self._over(task, now)
        return None

    def kill_all(self) -> None:
        """Kill every process: the lab goes down, and nobody waits for connections to drain."""
        for task in self.records.values():
            if task.process is not None:
                task.process.kill()

    def forget_old(self, now: float) -> None:
        """Drop tasks that stopped more than an hour ago."""
        for task in list(self.records.values()):
            if task.stopped_at is not None and now - task.stopped_at > STOPPED_KEPT_S:
                del self.records[task.id]

    def _provision(self, task: Task, now: float) -> None:
        if now >= (task.created_at + task.start_at) / 2:
            task.pull_started_at = now
            self.to(task, Status.PENDING)
            self.wake.set()

    def _start(self, task: Task, now: float) -> Chore | None:
        if task.process is None:
            if now < task.start_at or task.launching:
                return None
            task.launching = True
            return lambda: self._launch(task)
        if task.answers:
            for group in task.target_groups:
                self.elbv2.register(group, self._target(task), owner=task.id, zone=task.zone)
                self.tell(task, f"registered 1 targets in (target-group {group})")
            self.to(task, Status.ACTIVATING)
            self.wake.set()
        return None

    def _launch(self, task: Task) -> None:
        try:
            self.runner.launch(task, lambda: self._note_answer(task), lambda code: self._note_exit(task, code))
        except LinksGone:  # no fault of the task's: it waits until they are back
            with self.lock:
                task.launching = False
            return
        except (CannotPull, LabError, OSError) as error:
            self.runner.release(task)
            with self.lock:
                task.launching = False
                self._failed(task, str(error))
            return
        self.truth.note("task.started", task=task.id, pid=task.process.pid if task.process else None)
        with self.lock:
            task.launching = False
            if not task.wanted and task.last is Status.PENDING:  # stopped in the meantime
                task.term_at = time.time()
                self.to(task, Status.DEACTIVATING)

    def _failed(self, task: Task, reason: str) -> None:
        if task.wanted:
            task.stop_code, task.stopped_reason, task.desired = "TaskFailedToStart", reason, "STOPPED"
        task.container_reason = reason
        task.stopping_at = task.stopping_at or time.time()
        self.to(task, Status.DEPROVISIONING)

    def _note_answer(self, task: Task) -> None:
        task.answers = True
        self.wake.set()

    def _note_exit(self, task: Task, code: int) -> None:
        task.execution_stopped_at = self.truth.note("task.exited", task=task.id, code=code, asked=not task.wanted)
        self.wake.set()

    def _run(self, task: Task, now: float) -> None:
        task.started_at = now
        self.to(task, Status.RUNNING)
        self.truth.note("task.running", at=now, task=task.id)

    def _signal(self, task: Task, now: float) -> None:
        assert task.process is not None and task.term_at is not None
        if task.last is Status.DEACTIVATING and now >= task.term_at:
            task.process.send_signal(signal.SIGTERM)
            self.truth.note("task.sigterm", task=task.id)
            task.kill_at = now + self.settings.stop_timeout_s
            self.to(task, Status.STOPPING)
        elif task.kill_at is not None and now >= task.kill_at:
            task.process.kill()
            self.truth.note("task.sigkill", task=task.id)
            task.kill_at = None

    def _ended(self, task: Task, code: int, now: float) -> Chore:
        """The process is gone, by our signal or by itself."""
        if task.wanted:
            task.desired, task.stop_code, task.stopped_reason = "STOPPED", "EssentialContainerExited", BY_ITSELF
            task.stopping_at = now
            self._leave_target_groups(task)
        task.exit_code = code if code >= 0 else 128 - code
        task.execution_stopped_at = task.execution_stopped_at or now
        self.to(task, Status.DEPROVISIONING)
        return lambda: self.runner.release(task)

    def _over(self, task: Task, now: float) -> None:
        task.stopped_at = now
        self.to(task, Status.STOPPED)
        self.truth.note("task.stopped", at=now, task=task.id, code=task.stop_code, exit_code=task.exit_code)

    def _leave_target_groups(self, task: Task) -> bool:
        """Deregister the task where it is registered; True if it was anywhere."""
        left = [group for group in task.target_groups if self.elbv2.deregister(group, self._target(task))]
        for group in left:
            self.tell(task, f"deregistered 1 targets in (target-group {group})")
            self.tell(task, "has begun draining connections on 1 tasks.")
        if left:
            self.truth.note("task.deregistered", task=task.id)
        return bool(left)

    @staticmethod
    def _target(task: Task) -> tuple[str, int]:
        assert task.place is not None
        return task.place.interface


def running(tasks: Iterable[Task]) -> list[Task]:
    """Return the tasks whose lastStatus is RUNNING."""
    return [task for task in tasks if task.last is Status.RUNNING]


def pending(tasks: Iterable[Task]) -> list[Task]:
    """Return the tasks that are on their way to RUNNING."""
    return [task for task in tasks if task.last in STARTING]
