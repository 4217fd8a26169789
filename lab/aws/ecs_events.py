"""What ECS tells EventBridge: task state changes, deployment state changes and service actions, in AWS's shapes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lab.aws.ecs_model import Task
from lab.aws.ecs_service import Deployment, Service
from lab.aws.events import Events
from lab.aws.names import CLUSTER_ARN, instant

SOURCE = "aws.ecs"
LEVELS = {  # of events that are not INFO
    "SERVICE_DEPLOYMENT_FAILED": "ERROR",
    "SERVICE_TASK_PLACEMENT_FAILURE": "ERROR",
    "SERVICE_TASK_START_IMPAIRED": "WARN",
}


@dataclass(frozen=True, slots=True)
class EcsEvents:
    """Puts ECS's events on the bus at the step itself. `show` gives a task as DescribeTasks does."""

    bus: Events
    show: Callable[[Task], Mapping[str, object]]

    def task(self, task: Task) -> None:
        """A task's lastStatus or desiredStatus has changed."""
        detail = {**self.show(task), "updatedAt": instant(time.time())}
        self.bus.put(SOURCE, "ECS Task State Change", _as_json(detail), resources=[task.arn])

    def deployment(self, service: Service, deployment: Deployment, name: str, reason: str) -> None:
        """A deployment began, was completed or has failed: SERVICE_DEPLOYMENT_IN_PROGRESS, _COMPLETED, _FAILED."""
        detail = {
            "eventType": LEVELS.get(name, "INFO"),
            "eventName": name,
            "deploymentId": deployment.id,
            "updatedAt": _zulu(instant(deployment.updated_at)),
            "reason": reason,
        }
        self.bus.put(SOURCE, "ECS Deployment State Change", detail, resources=[service.arn])

    def action(self, service: Service, name: str, at: float, **more: object) -> None:
        """The service's scheduler did or noticed something, such as SERVICE_STEADY_STATE."""
        kind = LEVELS.get(name, "INFO")
        detail = {"eventType": kind, "eventName": name, "clusterArn": CLUSTER_ARN, "createdAt": _zulu(instant(at))}
        self.bus.put(SOURCE, "ECS Service Action", {**detail, **more}, resources=[service.arn], at=at)


def _zulu(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03d}Z"


def _as_json(value: Any) -> Any:
    """Return a copy that JSON can hold: times as EventBridge writes them."""
    if isinstance(value, Mapping):
        return {name: _as_json(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(each) for each in value]
    return _zulu(value) if isinstance(value, datetime) else value
