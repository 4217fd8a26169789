"""One FIS experiment and the thread that plays it: targets once, actions by `startAfter`, undo at the end in any case.

Stop requests and alarms set an event, so that nothing is polled and a short ALARM is not missed.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.aws.fis_actions import ActionFailed, Actions, Undo
from lab.aws.fis_catalogue import seconds
from lab.aws.fis_targets import InvalidTarget, Resolver, Resource
from lab.aws.names import arn, new_hex
from lab.truth import Truth

OPEN = ("pending", "initiating", "running", "stopping")


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

    def end(self, status: str, reason: str) -> None:
        """Note how it ended."""
        self.status, self.reason = status, reason
        self.ended_at = time.time() if self.started_at is not None else None


@dataclass(frozen=True, slots=True)
class Template:
    """An experiment template; `body` holds the members of CreateExperimentTemplate."""

    body: Mapping[str, Any]
    created_at: float
    tags: dict[str, str]
    id: str = field(default_factory=lambda: f"EXT{new_hex(14)}")

    @property
    def arn(self) -> str:
        """The template's ARN."""
        return arn("fis", f"experiment-template/{self.id}")


@dataclass(slots=True)
class Experiment:
    """One run of a template. Records are read and written under the world's lock; `stop` is set by anybody."""

    template: Template
    skip_all: bool
    tags: dict[str, str]
    actions: dict[str, ActionRun]
    created_at: float = field(default_factory=time.time)
    id: str = field(default_factory=lambda: f"EXP{new_hex(14)}")
    status: str = "initiating"
    reason: str = "Experiment is initiating."
    error: tuple[str, str] | None = None  # code, where
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

    def halt(self, reason: str) -> None:
        """Ask it to stop; the first reason counts."""
        if self.is_open and not self.stop.is_set():
            self.stop_reason = reason
            self.status, self.reason = "stopping", "Experiment is stopping."
            self.stop.set()


@dataclass(slots=True)
class Player:
    """Plays one experiment from start to end."""

    experiment: Experiment
    lock: threading.RLock
    truth: Truth
    resolver: Resolver
    actions: Actions

    def play(self) -> None:
        """Run on the experiment's thread."""
        experiment = self.experiment
        try:
            self._initiate()
            if experiment.skip_all:
                self._skip_all()
            else:
                self._run()
        except (InvalidTarget, ActionFailed) as error:
            code = "InvalidTarget" if isinstance(error, InvalidTarget) else "DependentServiceFailure"
            self._finish("failed", str(error), (code, "experiment"))
        except Exception as error:  # noqa: BLE001 - a bug of ours: the faults must be undone and the caller must see it
            traceback.print_exc()
            self._finish("failed", f"{type(error).__name__}: {error}", ("InternalFailure", "experiment"))

    def _initiate(self) -> None:
        experiment, body = self.experiment, self.experiment.template.body
        skips = (body.get("experimentOptions") or {}).get("emptyTargetResolutionMode") == "skip"
        with self.lock:
            for name, target in (body.get("targets") or {}).items():
                experiment.resolved[name] = self.resolver.resolve(name, target)
                if not experiment.resolved[name] and not (skips and not target.get("resourceArns")):
                    raise InvalidTarget("Target resolution returned empty set")
            experiment.started_at = time.time()
            if experiment.status == "initiating":
                experiment.status, experiment.reason = "running", "Experiment is running."
        self.truth.note("experiment.running", experiment=experiment.id)

    def _skip_all(self) -> None:
        for run in self.experiment.actions.values():
            run.end("skipped", "Action was skipped.")
        self._finish("completed", "Experiment completed.")

    def _run(self) -> None:
        experiment = self.experiment
        while not experiment.stop.is_set():
            self._end_due()
            self._start_ready()
            runs = experiment.actions.values()
            if all(run.status in ("completed", "skipped") for run in runs):
                self._finish("completed", "Experiment completed.")
                return
            next_due = min((run.due_at for run in runs if run.status == "running"), default=time.time())
            experiment.stop.wait(max(0.0, next_due - time.time()))
        self._finish("stopped", experiment.stop_reason)

    def _end_due(self) -> None:
        for run in self.experiment.actions.values():
            if run.status == "running" and time.time() >= run.due_at:
                self._undo(run)
                run.end("completed", "Action was completed.")

    def _start_ready(self) -> None:
        runs = self.experiment.actions
        for run in runs.values():
            before = run.body.get("startAfter") or []
            if run.status == "pending" and all(runs[name].status in ("completed", "skipped") for name in before):
                self._start(run)

    def _start(self, run: ActionRun) -> None:
        experiment, parameters = self.experiment, run.body.get("parameters") or {}
        targets = (run.body.get("targets") or {}).values()
        resources = [resource for target in targets for resource in experiment.resolved[target]]
        if targets and not resources:
            run.end("skipped", "Target resolution returned empty set")
            return
        run.started_at = time.time()
        try:
            run.undo = self.actions.start(run.body["actionId"], experiment.id, parameters, resources)
        except ActionFailed as error:
            run.end("failed", str(error))
            raise
        run.status, run.reason = "running", "Action is running."
        run.due_at = time.time() + (seconds(parameters["duration"]) if "duration" in parameters else 0)

    @staticmethod
    def _undo(run: ActionRun) -> None:
        undo, run.undo = run.undo, None
        if undo is not None:
            undo()

    def _finish(self, status: str, reason: str, error: tuple[str, str] | None = None) -> None:
        """Undo what is still in force, then say how it ended."""
        experiment = self.experiment
        for run in experiment.actions.values():
            try:
                self._undo(run)
            except Exception as failed:  # noqa: BLE001 - every other undo must still be tried
                traceback.print_exc()
                status, reason, error = "failed", f"Not undone: {failed}", ("InternalFailure", "action")
            if run.status == "running":
                run.end("stopped", "Action was stopped.")
            elif run.status == "pending":
                run.end("cancelled", "Action was cancelled.")
        with self.lock:
            experiment.status, experiment.reason, experiment.error = status, reason, error
            experiment.ended_at = time.time()
        self.truth.note(f"experiment.{status}", experiment=experiment.id, reason=reason)
