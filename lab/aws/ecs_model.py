"""ECS's records: task definitions and tasks. Plain data; what moves them stands elsewhere, services in `ecs_service`.

Records change as the real processes change, so they are mutable; they are read and written under the world's lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lab.aws.names import arn
from lab.links import Address
from lab.processes import Process
from lab.settings import CLUSTER


class Status(StrEnum):
    """A task's lastStatus, in the order of its life."""

    PROVISIONING = "PROVISIONING"  # waiting for its network interface
    PENDING = "PENDING"  # pulling and starting: ends when the process listens
    ACTIVATING = "ACTIVATING"  # entering its target group
    RUNNING = "RUNNING"
    DEACTIVATING = "DEACTIVATING"  # left its target group, connections drain
    STOPPING = "STOPPING"  # SIGTERM was sent
    DEPROVISIONING = "DEPROVISIONING"  # the process is gone
    STOPPED = "STOPPED"


STARTING = frozenset({Status.PROVISIONING, Status.PENDING, Status.ACTIVATING})


@dataclass(slots=True)
class TaskDefinition:
    """One revision of a family; `body` holds the members of RegisterTaskDefinition as they were given."""

    family: str
    revision: int
    body: Mapping[str, Any]
    registered_at: float
    tags: list[dict[str, str]] = field(default_factory=list)
    status: str = "ACTIVE"

    @property
    def name(self) -> str:
        """`family:revision`."""
        return f"{self.family}:{self.revision}"

    @property
    def arn(self) -> str:
        """The ARN with its revision."""
        return arn("ecs", f"task-definition/{self.name}")

    @property
    def containers(self) -> list[dict[str, Any]]:
        """The container definitions, the application first."""
        return list(self.body["containerDefinitions"])


@dataclass(slots=True)
class Place:
    """Where a task lives: its network interface, its process, its own way to the database."""

    interface: Address
    process: Address
    egress: Address


@dataclass(slots=True)
class Task:
    """One task: a process with its addresses; times are epoch seconds, None until they happen."""

    id: str
    definition: TaskDefinition
    group: str
    zone: str
    created_at: float
    start_at: float  # when the simulated start is over and the process starts
    started_by: str | None = None
    environment: dict[str, str] = field(default_factory=dict)  # container overrides
    tags: list[dict[str, str]] = field(default_factory=list)
    target_groups: list[str] = field(default_factory=list)
    digests: dict[str, str] = field(
        default_factory=dict
    )  # of containers, by name: settled by its deployment, or pulled
    exec_enabled: bool = False
    protected_until: float | None = None  # no scale-in and no rollout stops it before
    last: Status = Status.PROVISIONING
    desired: str = "RUNNING"
    place: Place | None = None
    process: Process | None = None
    answers: bool = False  # has its process answered a request yet?
    launching: bool = False  # its process is being started, without the lock
    pull_started_at: float | None = None
    pull_stopped_at: float | None = None
    started_at: float | None = None
    stopping_at: float | None = None
    term_at: float | None = None  # when SIGTERM is due
    kill_at: float | None = None  # when SIGKILL is due
    execution_stopped_at: float | None = None
    stopped_at: float | None = None
    exit_code: int | None = None
    stop_code: str | None = None
    stopped_reason: str | None = None
    container_reason: str | None = None
    unhealthy_since: float | None = None
    doomed: bool = False  # unhealthy for long: to be replaced first, then stopped
    was_ready: bool = False  # has it been healthy once?
    version: int = 1

    @property
    def arn(self) -> str:
        """The task's ARN, with its cluster."""
        return arn("ecs", f"task/{CLUSTER}/{self.id}")

    @property
    def short(self) -> str:
        """Enough of the identifier for names of links, processes and logs."""
        return self.id[:12]

    @property
    def wanted(self) -> bool:
        """Is it meant to run?"""
        return self.desired == "RUNNING"

    def to(self, status: Status) -> None:
        """Move on to a status."""
        self.last = status
        self.version += 1
