"""A deployment's fate: begun, watched by circuit breaker and alarms, completed, stopped by hand or rolled back.

A rollback goes to the last completed service revision, which means its digests: a tag that was moved since does not
change what comes back. Records only; the scheduler starts and stops the tasks. Called under the world's lock.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lab.aws.ecs_events import EcsEvents
from lab.aws.ecs_model import Task, TaskDefinition
from lab.aws.ecs_service import COMPLETED, FAILED, IN_PROGRESS, UNDER_WAY, Deployment, Revision, Rollback, Service
from lab.truth import Truth

HISTORY = 50
BACK_OFF_S = (1.0, 60.0)  # first and longest pause after a task that failed to start
IMPAIRED = 3  # failures in a row after which the service says so
START_FAILURES = frozenset({"TaskFailedToStart", "EssentialContainerExited"})
STARTED, DONE, FAILURE = "SERVICE_DEPLOYMENT_IN_PROGRESS", "SERVICE_DEPLOYMENT_COMPLETED", "SERVICE_DEPLOYMENT_FAILED"


@dataclass(frozen=True, slots=True)
class Rollouts:
    """Moves deployments along. `alarm_state` returns an alarm's state value, None if there is no such alarm."""

    truth: Truth
    events: EcsEvents
    alarm_state: Callable[[str], str | None]
    bake_s: float

    def begin(self, service: Service, revision: Revision, live: Iterable[Task], now: float) -> Deployment:
        """Make a new deployment the service's primary; what was under way is overtaken."""
        sources = tuple(each.revision for each in service.deployments)
        configuration = dict(service.configuration)
        fresh = Deployment(revision, now, configuration, sources, watched=self._watched(configuration))
        fresh.reason, fresh.updated_at = f"ECS deployment {fresh.id} in progress.", now
        running = list(live)
        for old in service.deployments:
            old.kept = sum(task.started_by == old.id for task in running)
            if old.outcome in UNDER_WAY:
                old.end("STOPPED", f"Superseded by service deployment {fresh.arn}.", now)
        service.deployments.insert(0, fresh)
        service.history.insert(0, fresh)
        del service.history[HISTORY:]
        service.steady, service.extra = False, None
        self.truth.note("deployment.created", at=now, deployment=fresh.id, digests=dict(revision.digests))
        self.events.deployment(service, fresh, STARTED, fresh.reason)
        return fresh

    def _watched(self, configuration: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the alarms to watch: none if one of them rings already, or no fix could ever be brought out."""
        alarms = configuration.get("alarms") or {}
        names = tuple(alarms.get("alarmNames", ())) if alarms.get("enable") else ()
        return () if any(self.alarm_state(name) == "ALARM" for name in names) else names

    def follow(self, service: Service, now: float) -> None:
        """Do what was asked for, and fail the deployment whose alarm rings."""
        primary = service.primary
        match primary.outcome:
            case "PENDING":
                primary.outcome, primary.started_at, primary.updated_at = "IN_PROGRESS", now, now
            case "STOP_REQUESTED":
                primary.rollout, primary.stopped_at = FAILED, now
                primary.reason = f"ECS deployment {primary.id} stopped."
                primary.end("STOPPED", "Service deployment stopped by user.", now)
                self.truth.note("deployment.stopped", at=now, deployment=primary.id)
            case "ROLLBACK_REQUESTED":
                self._roll_back(service, "Service deployment stopped by user", now)
            case "IN_PROGRESS":
                primary.triggered = tuple(name for name in primary.watched if self.alarm_state(name) == "ALARM")
                if primary.triggered:
                    alarms = primary.configuration.get("alarms", {})
                    self._fail(service, "alarm detected", "ECS deployment alarms", alarms, now)

    def stop(self, service: Service, deployment: Deployment, *, rollback: bool, now: float) -> None:
        """Ask for a deployment to be stopped; the next step does it."""
        deployment.outcome = "ROLLBACK_REQUESTED" if rollback else "STOP_REQUESTED"
        deployment.stopped_at = deployment.updated_at = now
        self.truth.note("deployment.stop_requested", at=now, deployment=deployment.id, rollback=rollback)

    def count(self, service: Service, tasks: Iterable[Task], now: float) -> None:
        """Count tasks that never ran, slow down for them, and open the circuit breaker when they are too many."""
        primary, known = service.primary, {deployment.id: deployment for deployment in service.deployments}
        for task in tasks:
            never_ran = task.started_at is None and task.stop_code in START_FAILURES
            deployment = known.get(task.started_by or "")
            if never_ran and deployment is not None:
                self.failed(service, deployment, task, now)
        breaker = primary.configuration.get("deploymentCircuitBreaker") or {}
        if breaker.get("enable") and primary.rollout == IN_PROGRESS and primary.failures >= threshold(service, breaker):
            primary.tripped = True
            self._fail(service, "tasks failed to start", "ECS deployment circuit breaker", breaker, now)

    def failed(self, service: Service, deployment: Deployment, task: Task, now: float) -> None:
        """Note one failed task, once."""
        if task.id in deployment.failed:
            return
        deployment.failed.add(task.id)
        deployment.failures += 1
        if not task.was_ready and task.started_at is None:
            first, longest = BACK_OFF_S
            deployment.next_start_at = now + min(longest, first * 2 ** (deployment.failures - 1))
        if deployment.failures == IMPAIRED:
            service.tell("is unable to consistently start tasks successfully.", now)
            self.events.action(service, "SERVICE_TASK_START_IMPAIRED", now)

    def served(self, service: Service, task: Task) -> None:
        """A task has become healthy for the first time: the failures in a row are over."""
        task.was_ready = True
        deployment = next((each for each in service.deployments if each.id == task.started_by), None)
        if deployment is not None:
            breaker = deployment.configuration.get("deploymentCircuitBreaker") or {}
            if breaker.get("resetOnHealthyTask", True):
                deployment.failures = 0

    def _fail(self, service: Service, why: str, who: str, method: Mapping[str, Any], now: float) -> None:
        """The primary has failed: go back if `method` (breaker or alarms) says so and there is a way."""
        primary = service.primary
        primary.rollout, primary.updated_at = FAILED, now
        primary.reason = f"{who}: {why}."
        service.tell(f"(deployment {primary.id}) deployment failed: {why}.", now)
        self.events.deployment(service, primary, FAILURE, primary.reason)
        self.truth.note("deployment.failed", at=now, deployment=primary.id, why=why)
        returning = next((d for d in service.deployments[1:] if d.outcome == "ROLLBACK_IN_PROGRESS"), None)
        if returning is not None:  # the way back itself has failed
            returning.end("ROLLBACK_FAILED", f"The rollback failed: {why}.", now)
        elif method.get("rollback") and service.last_completed is not None:
            self._roll_back(service, f"{who}: {why}", now)
        else:
            primary.end("STOPPED", primary.reason, now)

    def _roll_back(self, service: Service, why: str, now: float) -> None:
        """Make the last completed deployment the primary again."""
        bad, good = service.primary, service.last_completed
        if good is None:
            bad.end("ROLLBACK_FAILED", f"{why}; there is no completed service revision to go back to.", now)
            return
        bad.rollout, bad.outcome, bad.outcome_reason = FAILED, "ROLLBACK_IN_PROGRESS", f"{why}."
        bad.reason = bad.reason if why.startswith("ECS") else f"{why}."
        bad.rollback, bad.updated_at, bad.kept = Rollback(why, now, good.revision), now, 0
        service.deployments.remove(good)
        service.deployments.insert(0, good)
        good.rollout, good.failures, good.next_start_at, good.stable_at = IN_PROGRESS, 0, 0.0, None
        good.updated_at = now
        who = why.partition(":")[0] if why.startswith("ECS") else "ECS deployment stopped"
        good.reason = f"{who}: rolling back to deploymentId {good.id}."
        service.steady, service.extra = False, None
        service.tell(f"rolling back to deployment {good.id}.", now)
        self.events.deployment(service, good, STARTED, good.reason)
        self.truth.note("deployment.rollback", at=now, deployment=bad.id, to=good.id, why=why)

    def settle(self, service: Service, settled: bool, now: float) -> None:
        """Complete the primary when all of its tasks serve, alone and for long enough."""
        primary = service.primary
        if not settled:
            service.steady, primary.stable_at = False, None
            return
        primary.stable_at = primary.stable_at or now
        bakes = primary.watched and primary.outcome == "IN_PROGRESS" and service.last_completed is not None
        if primary.rollout == IN_PROGRESS and now - primary.stable_at >= (self.bake_s if bakes else 0.0):
            self._complete(service, primary, now)
        if not service.steady:
            service.steady = True
            service.tell("has reached a steady state.", now)
            self.events.action(service, "SERVICE_STEADY_STATE", now)
            self.truth.note("service.steady", at=now, service=service.name)

    def _complete(self, service: Service, primary: Deployment, now: float) -> None:
        primary.rollout, primary.updated_at = COMPLETED, now
        primary.reason = f"ECS deployment {primary.id} completed."
        if primary.outcome == "IN_PROGRESS":
            primary.end("SUCCESSFUL", primary.reason, now)
        service.tell(f"(deployment {primary.id}) deployment completed.", now)
        for overtaken in service.deployments[1:]:
            if overtaken.outcome == "ROLLBACK_IN_PROGRESS":
                why = overtaken.rollback.reason if overtaken.rollback else "Rollback"
                overtaken.end("ROLLBACK_SUCCESSFUL", f"{why}; rolled back to {primary.revision.arn}.", now)
        del service.deployments[1:]
        self.events.deployment(service, primary, DONE, primary.reason)
        self.truth.note("deployment.completed", at=now, deployment=primary.id)


def threshold(service: Service, breaker: Mapping[str, Any]) -> int:
    """Return how many failures in a row open a circuit breaker: by default half the tasks, from 3 to 200."""
    given = breaker.get("thresholdConfiguration") or {"type": "BOUNDED_PERCENT", "value": 50}
    if given["type"] == "COUNT":
        return int(given["value"])
    share = math.ceil(service.desired * int(given["value"]) / 100)
    return max(1, share) if given["type"] == "UNBOUNDED_PERCENT" else min(max(3, share), 200)


def revision_of(service: Service, definition: TaskDefinition, resolve: Callable[[str], str | None]) -> Revision:
    """Return a new revision of a service: tags become digests here, once for all of its tasks."""
    consistent = (c for c in definition.containers if c.get("versionConsistency") != "disabled")
    found = {container["name"]: resolve(container["image"]) for container in consistent}
    digests = {name: digest for name, digest in found.items() if digest is not None}
    return Revision(service.name, definition, digests, dict(service.body), time.time())
