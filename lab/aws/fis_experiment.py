"""FIS's records: templates, experiments and their actions. Read and written under the world's lock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.aws.fis_faults import Undo
from lab.aws.fis_targets import Resource
from lab.aws.names import arn, new_hex

OPEN = ("pending", "initiating", "running", "stopping")
OVER = ("completed", "skipped")  # an action that others may start after
State = tuple[str, str]  # status and reason


@dataclass(slots=True)
class ActionRun:
    """One action of an experiment; times are epoch seconds."""

    body: Mapping[str, Any]
    status: str = "pending"
    reason: str = "Initial state"
    started_at: float | None = None
    ended_at: float | None = None
    due_at: float = 0.0
    undo: Undo | None = None

    def to(self, status: str, reason: str) -> None:
        """Move on to a status that is not the end."""
        self.status, self.reason = status, reason
        if status == "initiating":
            self.started_at = time.time()

    def end(self, status: str, reason: str) -> None:
        """Note how it ended."""
        self.status, self.reason = status, reason
        self.ended_at = time.time() if self.started_at is not None else None


@dataclass(frozen=True, slots=True)
class Template:
    """An experiment template; `body` holds the members of CreateExperimentTemplate."""

    body: Mapping[str, Any]
    created_at: float
    updated_at: float
    tags: dict[str, str]
    id: str = field(default_factory=lambda: f"EXT{new_hex(14)}")

    @property
    def arn(self) -> str:
        """The template's ARN."""
        return arn("fis", f"experiment-template/{self.id}")


@dataclass(slots=True)
class Experiment:
    """One run of a template; `stop` is set by anybody, `changed` is called with the state before at every change."""

    template: Template
    skip_all: bool
    tags: dict[str, str]
    actions: dict[str, ActionRun]
    changed: Callable[[Experiment, State], None] = lambda experiment, before: None
    created_at: float = field(default_factory=time.time)
    id: str = field(default_factory=lambda: f"EXP{new_hex(14)}")
    status: str = "pending"
    reason: str = "Experiment is pending."
    error: State | None = None  # code, where
    started_at: float | None = None
    ended_at: float | None = None
    resolved: dict[str, list[Resource]] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    stop_reason: str = ""

    @property
    def arn(self) -> str:
        """The experiment's ARN."""
        return arn("fis", f"experiment/{self.id}")

    @property
    def is_open(self) -> bool:
        """Has it not ended yet?"""
        return self.status in OPEN

    def to(self, status: str, reason: str) -> None:
        """Move on to a status, and tell."""
        before = self.status, self.reason
        self.status, self.reason = status, reason
        if not self.is_open:
            self.ended_at = time.time()
        self.changed(self, before)

    def halt(self, reason: str) -> None:
        """Ask it to stop; the first reason counts."""
        if self.is_open and not self.stop.is_set():
            self.stop_reason = reason
            self.to("stopping", "Experiment is stopping.")
            self.stop.set()

    def cancel(self, reason: str) -> None:
        """End it before it began."""
        for run in self.actions.values():
            run.end("cancelled", "Action was cancelled.")
        self.to("cancelled", reason)
