"""FIS for a test: it makes templates, starts experiments, and leaves none behind."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from tests.lab.bench import Address, call, wait_until
from tests.lab.fis_words import NO_STOP, ROLE
from tests.lab.twin import Twin


class Lease:
    """Makes templates and starts experiments; at the end all are stopped."""

    def __init__(self, lab: Twin) -> None:
        self.lab = lab
        self.started: list[str] = []

    def template(self, actions: Mapping[str, Any], targets: Mapping[str, Any] | None = None, **more: Any) -> str:
        """Make a template; return its identifier."""
        whole = {"description": "test", "roleArn": ROLE, "stopConditions": NO_STOP, **more}
        made = self.lab.fis.create_experiment_template(
            clientToken=uuid.uuid4().hex, actions=actions, targets=targets or {}, **whole
        )
        return made["experimentTemplate"]["id"]

    def start(self, template: str, **more: Any) -> str:
        """Start an experiment; return its identifier."""
        answer = self.lab.fis.start_experiment(
            **{"clientToken": uuid.uuid4().hex, **more}, experimentTemplateId=template
        )
        self.started.append(answer["experiment"]["id"])
        return self.started[-1]

    def play(self, actions: Mapping[str, Any], targets: Mapping[str, Any] | None = None, **more: Any) -> str:
        """Make a template and start it."""
        return self.start(self.template(actions, targets, **more))

    def get(self, experiment: str) -> Any:
        """Return an experiment."""
        return self.lab.fis.get_experiment(id=experiment)["experiment"]

    def status(self, experiment: str) -> str:
        """Return an experiment's status."""
        return str(self.get(experiment)["state"]["status"])

    def wait(self, experiment: str, status: str, within_s: float = 10) -> Any:
        """Wait for a status; return the experiment."""
        wait_until(
            lambda: self.status(experiment) == status, within_s, f"{status}, not {self.get(experiment)['state']}"
        )
        return self.get(experiment)

    def wait_slow(self, experiment: str) -> float:
        """Wait until a latency of this experiment is in force; return since when."""
        return float(self.lab.wait_truth("latency.on", since=0, experiment=experiment)["t"])

    def targets(self, experiment: str) -> list[str]:
        """Return the ARNs that the experiment's targets were resolved to."""
        found = self.lab.fis.list_experiment_resolved_targets(experimentId=experiment)["resolvedTargets"]
        return [value for each in found for value in each["targetInformation"].values()]

    def close(self) -> None:
        """Stop what still runs."""
        for experiment in self.started:
            if self.status(experiment) in ("initiating", "running"):
                self.lab.fis.stop_experiment(id=experiment)
        wait_until(
            lambda: all(self.status(each) in ("completed", "stopped", "failed", "cancelled") for each in self.started),
            10,
            "all ended",
        )


def address_of(lab: Twin, task_arn: str) -> Address:
    """Return where a task's interface listens."""
    details = lab.task(task_arn)["attachments"][0]["details"]
    return next(each["value"] for each in details if each["name"] == "privateIPv4Address"), 8080


def times_ms(lab: Twin) -> dict[str, float]:
    """Return how long each task takes to answer a request that asks the database; by the task's ARN."""
    found = {}
    for arn in lab.task_arns():
        found[arn] = min(call(address_of(lab, arn), "GET", "/posts?limit=1").ms for _ in range(3))
    return found
