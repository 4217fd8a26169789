"""The thread that plays one FIS experiment: targets once, actions by `startAfter`, undo at the end in any case.

Stop requests and alarms set an event, so that nothing is polled and a short ALARM is not missed.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.aws.fis_actions import Actions
from lab.aws.fis_catalogue import ACTIONS
from lab.aws.fis_experiment import OVER, ActionRun, Experiment, State
from lab.aws.fis_faults import ActionFailed, Asked
from lab.aws.fis_log import ExperimentLog
from lab.aws.fis_parameters import seconds
from lab.aws.fis_targets import InvalidTarget, Resolver
from lab.truth import Truth

MOST_PARALLEL = 10
EMPTY = "Target resolution returned empty set"


@dataclass(slots=True)
class Player:
    """Plays one experiment from start to end."""

    experiment: Experiment
    lock: threading.RLock
    truth: Truth
    resolver: Resolver
    actions: Actions
    log: ExperimentLog
    failed_in: str = "experiment"  # the target or action at work

    def play(self) -> None:
        """Run on the experiment's thread."""
        try:
            self.log.began()
            self._initiate()
            if self.experiment.skip_all:
                self._skip_all()
            else:
                self._run()
        except (InvalidTarget, ActionFailed) as error:
            code = "InvalidTarget" if isinstance(error, InvalidTarget) else error.code
            self._finish("failed", str(error), (code, self.failed_in))
        except Exception as error:  # noqa: BLE001 - a bug of ours: the faults must be undone and the caller must see it
            traceback.print_exc()
            self._finish("failed", f"{type(error).__name__}: {error}", ("InternalFailure", self.failed_in))

    def _initiate(self) -> None:
        experiment, body = self.experiment, self.experiment.template.body
        skips = (body.get("experimentOptions") or {}).get("emptyTargetResolutionMode") == "skip"
        with self.lock:
            for name, target in (body.get("targets") or {}).items():
                self.failed_in = name
                self._resolve(name, target, may_be_empty=skips and not target.get("resourceArns"))
            self.failed_in = "experiment"
            experiment.started_at = time.time()
            if experiment.status == "initiating":
                experiment.to("running", "Experiment is running.")
        self.truth.note("experiment.running", experiment=experiment.id)

    def _resolve(self, name: str, target: Mapping[str, Any], *, may_be_empty: bool) -> None:
        self.log.resolving(name)
        try:
            found = self.resolver.resolve(name, target)
            if not found and not may_be_empty:
                raise InvalidTarget(EMPTY)
        except InvalidTarget as error:
            self.log.resolved(name, [], str(error))
            raise
        self.experiment.resolved[name] = found
        self.log.resolved(name, found)

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
            if all(run.status in OVER for run in runs):
                self._finish("completed", "Experiment completed.")
                return
            next_due = min((run.due_at for run in runs if run.status == "running"), default=time.time())
            experiment.stop.wait(max(0.0, next_due - time.time()))
        self._finish("stopped", experiment.stop_reason)

    def _end_due(self) -> None:
        for name, run in self.experiment.actions.items():
            if run.status == "running" and time.time() >= run.due_at:
                self.failed_in = name
                self._undo(run)
                self._end(name, run, "completed", "Action was completed.")

    def _start_ready(self) -> None:
        runs = self.experiment.actions
        for name, run in runs.items():
            before = run.body.get("startAfter") or []
            if run.status == "pending" and all(runs[other].status in OVER for other in before):
                if self.experiment.stop.is_set():
                    return
                self.failed_in = name
                self._start(name, run)

    def _start(self, name: str, run: ActionRun) -> None:
        experiment, identifier = self.experiment, run.body["actionId"]
        targets = (run.body.get("targets") or {}).values()
        resources = [resource for target in targets for resource in experiment.resolved[target]]
        if targets and not resources:
            run.end("skipped", EMPTY)
            return
        if sum(other.status == "running" for other in experiment.actions.values()) >= MOST_PARALLEL:
            self._end(name, run, "failed", f"More than {MOST_PARALLEL} actions would run in parallel.")
            raise ActionFailed(run.reason, "QuotaExceededFailure")
        parameters = ACTIONS[identifier].read(run.body.get("parameters") or {})
        run.to("initiating", "Action is initiating.")
        self.log.action_began(name, run)
        try:
            run.undo = self.actions.start(Asked(identifier, experiment.id, parameters, resources))
        except (ActionFailed, InvalidTarget) as error:
            self._end(name, run, "failed", str(error))
            raise
        run.due_at = time.time() + (seconds(parameters["duration"]) if "duration" in parameters else 0)
        run.to("running", "Action is running.")

    def _end(self, name: str, run: ActionRun, status: str, reason: str) -> None:
        run.end(status, reason)
        self.log.action_ended(name, run)

    @staticmethod
    def _undo(run: ActionRun) -> None:
        undo, run.undo = run.undo, None
        if undo is not None:
            undo()

    def _finish(self, status: str, reason: str, error: State | None = None) -> None:
        """Undo what is still in force, then say how it ended."""
        experiment = self.experiment
        for name, run in experiment.actions.items():
            if run.status in ("initiating", "running"):
                run.to("stopping", "Action is stopping.")
            try:
                self._undo(run)
            except Exception as failed:  # noqa: BLE001 - every other undo must still be tried
                traceback.print_exc()
                status, reason, error = "failed", f"Not undone: {failed}", ("InternalFailure", name)
                self._end(name, run, "failed", reason)
            if run.status == "stopping":
                self._end(name, run, "stopped", "Action was stopped.")
            elif run.status == "pending":
                run.end("cancelled", "Action was cancelled.")
        self.log.ended(status, reason)
        self.truth.note(f"experiment.{status}", experiment=experiment.id, reason=reason)
        with self.lock:
            experiment.error = error
            experiment.to(status, reason)
