"""FIS's templates, experiments and safety lever."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import RLock, Thread
from typing import Any

from lab.aws.cloudwatch import CloudWatch
from lab.aws.fis_actions import Actions
from lab.aws.fis_catalogue import check_template
from lab.aws.fis_experiment import ActionRun, Experiment, Player, Template
from lab.aws.fis_targets import Resolver
from lab.aws.registry import AwsError
from lab.truth import Truth

MOST_EXPERIMENTS = 5  # that are open at the same time
BY_USER = "Experiment stopped by user."
BY_ALARM = "Experiment halted by stop condition."
BY_LEVER = "Experiment halted by safety lever."


@dataclass(slots=True)
class Fis:
    """Call it under the world's lock; experiments run on threads of their own."""

    lock: RLock
    truth: Truth
    resolver: Resolver
    actions: Actions
    cloudwatch: CloudWatch
    templates: dict[str, Template] = field(default_factory=dict)
    experiments: dict[str, Experiment] = field(default_factory=dict)
    tokens: dict[tuple[str, str], str] = field(default_factory=dict)  # (operation, client token) -> what it made
    lever: tuple[str, str] = ("disengaged", "Initial state")

    def listen(self) -> None:
        """Let alarms stop experiments."""
        self.cloudwatch.alarms.listeners.append(self.on_alarm)

    def create(self, body: Mapping[str, Any], token: str) -> Template:
        """Check and keep a template; the same client token gives the same one."""
        if made := self.tokens.get(("template", token)):
            return self.template(made)
        check_template(body)
        template = Template(body, time.time(), dict(body.get("tags") or {}))
        self.templates[template.id] = template
        self.tokens["template", token] = template.id
        return template

    def template(self, identifier: str) -> Template:
        """Return a template; ResourceNotFoundException if there is none."""
        if identifier not in self.templates:
            raise AwsError("ResourceNotFoundException", f"Experiment template {identifier} was not found.")
        return self.templates[identifier]

    def experiment(self, identifier: str) -> Experiment:
        """Return an experiment; ResourceNotFoundException if there is none."""
        if identifier not in self.experiments:
            raise AwsError("ResourceNotFoundException", f"Experiment {identifier} was not found.")
        return self.experiments[identifier]

    def start(self, template: Template, token: str, *, skip_all: bool, tags: Mapping[str, str]) -> Experiment:
        """Start an experiment on a thread of its own; the same client token gives the same one."""
        if made := self.tokens.get(("experiment", token)):
            return self.experiment(made)
        if sum(experiment.is_open for experiment in self.experiments.values()) >= MOST_EXPERIMENTS:
            words = f"You have reached the maximum of {MOST_EXPERIMENTS} active experiments."
            raise AwsError("ServiceQuotaExceededException", words)
        actions = {name: ActionRun(body) for name, body in template.body["actions"].items()}
        experiment = Experiment(template, skip_all, dict(tags), actions)
        self.experiments[experiment.id] = experiment
        self.tokens["experiment", token] = experiment.id
        if self.lever[0] == "engaged":
            experiment.status, experiment.reason = "cancelled", "Experiment cancelled: the safety lever is engaged."
            experiment.ended_at = time.time()
            for run in actions.values():
                run.end("cancelled", "Action was cancelled.")
            return experiment
        for name in stop_alarms(experiment):
            record = self.cloudwatch.alarms.get(name)
            if record is not None and record.state.value == "ALARM":
                experiment.halt(BY_ALARM)
        player = Player(experiment, self.lock, self.truth, self.resolver, self.actions)
        Thread(target=player.play, daemon=True, name=experiment.id).start()
        return experiment

    def stop(self, experiment: Experiment) -> None:
        """Ask an experiment to stop; ValidationException if it has ended."""
        if not experiment.is_open:
            raise AwsError("ValidationException", f"Experiment {experiment.id} is already {experiment.status}.")
        experiment.halt(BY_USER)

    def set_lever(self, status: str, reason: str) -> None:
        """Engage or disengage the safety lever; engaged, it stops what runs and cancels what starts."""
        self.lever = status, reason
        if status == "engaged":
            for experiment in self.experiments.values():
                experiment.halt(BY_LEVER)

    def on_alarm(self, name: str, state: str) -> None:
        """Stop every experiment that has this alarm as a stop condition."""
        if state == "ALARM":
            for experiment in self.experiments.values():
                if name in stop_alarms(experiment):
                    experiment.halt(BY_ALARM)


def stop_alarms(experiment: Experiment) -> list[str]:
    """Return the names of the alarms that stop an experiment."""
    values = [condition.get("value") or "" for condition in experiment.template.body["stopConditions"]]
    return [value.rpartition(":alarm:")[2] for value in values if ":alarm:" in value]
