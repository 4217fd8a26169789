"""A service's records: revisions (what to run, by digest), deployments (bringing a revision out), the service itself.

A deployment is two things on AWS: the member `deployments[]` of a service, and a service deployment with an ARN, a
history and a way back. Here it is one record, shown in both ways. They are read and written under the world's lock.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.aws.ecs_model import TaskDefinition
from lab.aws.names import arn, new_hex
from lab.settings import CLUSTER

EVENTS_KEPT = 100  # as DescribeServices
IN_PROGRESS, COMPLETED, FAILED = "IN_PROGRESS", "COMPLETED", "FAILED"  # rolloutState
UNDER_WAY = frozenset({"PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"})


def new_number() -> str:
    """Return nineteen fresh digits, as ECS numbers deployments and revisions."""
    return f"{int(new_hex(), 16) % 10**19:019d}"


@dataclass(frozen=True, slots=True)
class Revision:
    """A service revision: never changes. `digests` are those its tags meant when it was made, by container."""

    service: str
    definition: TaskDefinition
    digests: Mapping[str, str]
    body: Mapping[str, Any]  # the service's members at that time
    created_at: float
    number: str = field(default_factory=new_number)

    @property
    def arn(self) -> str:
        """Its ARN."""
        return arn("ecs", f"service-revision/{CLUSTER}/{self.service}/{self.number}")


@dataclass(frozen=True, slots=True)
class Rollback:
    """A way back that was begun: why, when, to which revision."""

    reason: str
    started_at: float
    revision: Revision


@dataclass(slots=True)
class Deployment:
    """One revision being brought out; the first of a service's list is its PRIMARY. Times are epoch seconds."""

    revision: Revision
    created_at: float
    configuration: Mapping[str, Any] = field(default_factory=dict)
    sources: tuple[Revision, ...] = ()
    id: str = field(default_factory=lambda: f"ecs-svc/{new_number()}")
    key: str = field(default_factory=lambda: new_hex(22)[:21])
    rollout: str = IN_PROGRESS
    reason: str = ""
    outcome: str = "PENDING"  # as DescribeServiceDeployments words it
    outcome_reason: str = ""
    kept: int = 0  # tasks that it keeps while its successor comes; those lost are replaced by its own revision
    failures: int = 0  # tasks in a row that never ran or never became healthy
    failed: set[str] = field(default_factory=set)  # every such task
    tripped: bool = False  # the circuit breaker has opened
    watched: tuple[str, ...] = ()  # alarms
    triggered: tuple[str, ...] = ()  # those that went into ALARM
    rollback: Rollback | None = None
    next_start_at: float = 0.0
    stable_at: float | None = None  # since when all of its tasks serve
    started_at: float | None = None
    finished_at: float | None = None
    stopped_at: float | None = None
    updated_at: float = 0.0

    @property
    def definition(self) -> TaskDefinition:
        """Its task definition."""
        return self.revision.definition

    @property
    def arn(self) -> str:
        """The ARN of the service deployment."""
        return arn("ecs", f"service-deployment/{CLUSTER}/{self.revision.service}/{self.key}")

    def end(self, outcome: str, reason: str, at: float) -> None:
        """Close the service deployment."""
        self.outcome, self.outcome_reason = outcome, reason
        self.finished_at = self.updated_at = at
        if outcome in ("STOPPED", "ROLLBACK_FAILED", "ROLLBACK_SUCCESSFUL"):
            self.stopped_at = self.stopped_at or at


@dataclass(frozen=True, slots=True)
class ServiceEvent:
    """One line of a service's log."""

    at: float
    message: str
    id: str = field(default_factory=new_hex)


@dataclass(slots=True)
class Service:
    """A service; `body` holds the members of CreateService that only need to be told back."""

    name: str
    desired: int
    deployments: list[Deployment]
    created_at: float
    body: dict[str, Any] = field(default_factory=dict)
    target_groups: list[str] = field(default_factory=list)
    tags: list[dict[str, str]] = field(default_factory=list)
    status: str = "ACTIVE"
    steady: bool = False
    extra: str | None = None  # the task that balances the zones, until it serves
    rebalancing: bool = False
    events: deque[ServiceEvent] = field(default_factory=lambda: deque(maxlen=EVENTS_KEPT))
    history: list[Deployment] = field(default_factory=list)  # newest first, for ListServiceDeployments

    @property
    def arn(self) -> str:
        """The service's ARN, with its cluster."""
        return arn("ecs", f"service/{CLUSTER}/{self.name}")

    @property
    def group(self) -> str:
        """The group that its tasks carry."""
        return f"service:{self.name}"

    @property
    def primary(self) -> Deployment:
        """The deployment that new tasks come from."""
        return self.deployments[0]

    @property
    def last_completed(self) -> Deployment | None:
        """The newest deployment beside the primary that was completed: the way back."""
        return next((d for d in self.deployments[1:] if d.outcome == "SUCCESSFUL"), None)

    @property
    def configuration(self) -> Mapping[str, Any]:
        """The deployment configuration as it was given."""
        given: Mapping[str, Any] = self.body.get("deploymentConfiguration", {})
        return given

    def bounds(self) -> tuple[int, int]:
        """Return how many healthy tasks there must be, rounded up, and how many tasks there may be, rounded down."""
        low, high = self.configuration.get("minimumHealthyPercent"), self.configuration.get("maximumPercent")
        least = math.ceil(self.desired * (100 if low is None else low) / 100)
        return least, self.desired * (200 if high is None else high) // 100

    def tell(self, message: str, at: float) -> None:
        """Put a line in the service's log, newest first."""
        self.events.appendleft(ServiceEvent(at, f"(service {self.name}) {message}"))
