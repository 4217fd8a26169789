"""FIS's templates, experiments and safety lever."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from threading import RLock, Thread
from typing import Any

from lab.aws.cloudwatch import CloudWatch
from lab.aws.events import Events
from lab.aws.fis_actions import Actions
from lab.aws.fis_check import check_template
from lab.aws.fis_experiment import ActionRun, Experiment, State, Template
from lab.aws.fis_log import ExperimentLog
from lab.aws.fis_player import Player
from lab.aws.fis_targets import Resolver
from lab.aws.registry import AwsError
from lab.truth import Truth

MOST_EXPERIMENTS, MOST_TEMPLATES = 5, 500  # experiments that are open at the same time
BY_USER = "Experiment stopped by user."
BY_ALARM = "Experiment halted by stop condition."
BY_LEVER = "Experiment halted by safety lever."
BY_LAB = "Experiment stopped: the lab goes down."
UNDONE_S = 5.0
ENGAGED = "Experiment cancelled: the safety lever is engaged."
TOLD = ("completed", "failed", "initiating", "running", "stopped", "stopping")  # the states that events are about
Token = tuple[str, str]  # operation and client token


@dataclass(slots=True)
class Fis:
    """Call it under the world's lock; experiments run on threads of their own."""

    lock: RLock
    truth: Truth
    resolver: Resolver
    actions: Actions
    cloudwatch: CloudWatch
    events: Events
    templates: dict[str, Template] = field(default_factory=dict)
    experiments: dict[str, Experiment] = field(default_factory=dict)
    tokens: dict[Token, tuple[str, str]] = field(default_factory=dict)  # what it made, and what was asked
    lever: State = ("disengaged", "Initial state")
    threads: list[Thread] = field(default_factory=list)  # of the experiments that are being played

    def listen(self) -> None:
        """Let alarms stop experiments."""
        self.cloudwatch.alarms.listeners.append(self.on_alarm)

    # -- templates -----------------------------------------------------------------------------------------

    def create(self, body: Mapping[str, Any], token: str) -> Template:
        """Check and keep a template; the same client token gives the same one."""
        if made := self._made("template", token, body):
            return self.template(made)
        check_template(body)
        if len(self.templates) >= MOST_TEMPLATES:
            words = f"You have reached the maximum of {MOST_TEMPLATES} experiment templates."
            raise AwsError("ServiceQuotaExceededException", words)
        now = time.time()
        template = Template(body, now, now, dict(body.get("tags") or {}))
        self.templates[template.id] = template
        self.tokens["template", token] = template.id, fingerprint(body)
        return template

    def update(self, template: Template, changes: Mapping[str, Any]) -> Template:
        """Replace members of a template; what runs goes on as it was begun."""
        options = {**(template.body.get("experimentOptions") or {}), **(changes.get("experimentOptions") or {})}
        whole = {**template.body, **changes, "experimentOptions": options}
        body = {name: value for name, value in whole.items() if value != {} or name == "targets"}  # {}: taken out
        check_template(body)
        self.templates[template.id] = replace(template, body=body, updated_at=time.time())
        return self.templates[template.id]

    def delete(self, template: Template) -> None:
        """Forget a template and its token; its experiments go on."""
        del self.templates[template.id]
        self.tokens = {token: made for token, made in self.tokens.items() if made[0] != template.id}

    def template(self, identifier: str) -> Template:
        """Return a template; ResourceNotFoundException if there is none."""
        if identifier not in self.templates:
            raise AwsError("ResourceNotFoundException", f"Experiment template {identifier} was not found.")
        return self.templates[identifier]

    def _made(self, what: str, token: str, asked: object) -> str | None:
        """Return what this token made; ConflictException when it was used to ask for something else."""
        made, before = self.tokens.get((what, token), (None, ""))
        if made and before != fingerprint(asked):
            words = f"The client token {token} was used before with other parameters."
            raise AwsError("ConflictException", words)
        return made

    # -- experiments ---------------------------------------------------------------------------------------

    def experiment(self, identifier: str) -> Experiment:
        """Return an experiment; ResourceNotFoundException if there is none."""
        if identifier not in self.experiments:
            raise AwsError("ResourceNotFoundException", f"Experiment {identifier} was not found.")
        return self.experiments[identifier]

    def start(self, template: Template, token: str, *, skip_all: bool, tags: Mapping[str, str]) -> Experiment:
        """Start an experiment on a thread of its own; the same client token gives the same one."""
        asked = [template.id, skip_all, tags]
        if made := self._made("experiment", token, asked):
            return self.experiment(made)
        if sum(experiment.is_open for experiment in self.experiments.values()) >= MOST_EXPERIMENTS:
            words = f"You have reached the maximum of {MOST_EXPERIMENTS} active experiments."
            raise AwsError("ServiceQuotaExceededException", words)
        actions = {name: ActionRun(body) for name, body in template.body["actions"].items()}
        experiment = Experiment(template, skip_all, dict(tags), actions, self._tell)
        self.experiments[experiment.id] = experiment
        self.tokens["experiment", token] = experiment.id, fingerprint(asked)
        if self.lever[0] == "engaged":
            experiment.cancel(ENGAGED)
            return experiment
        experiment.to("initiating", "Experiment is initiating.")
        if any(self._rings(name) for name in stop_alarms(experiment)):
            experiment.halt(BY_ALARM)
        log = ExperimentLog(self.actions.api, self.truth, experiment)
        player = Player(experiment, self.lock, self.truth, self.resolver, self.actions, log)
        thread = Thread(target=player.play, daemon=True, name=experiment.id)
        self.threads = [*filter(Thread.is_alive, self.threads), thread]
        thread.start()
        return experiment

    def close(self) -> None:
        """Stop what runs because the lab goes down, and wait until it is undone; called without the world's lock."""
        with self.lock:
            playing = self.threads
            for experiment in self.experiments.values():
                experiment.halt(BY_LAB)
        for thread in playing:
            thread.join(UNDONE_S)

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

    def _rings(self, alarm: str) -> bool:
        record = self.cloudwatch.alarms.get(alarm)
        return record is not None and record.state.value == "ALARM"

    def _tell(self, experiment: Experiment, before: State) -> None:
        """Put a change of state on EventBridge's bus."""
        if experiment.status not in TOLD:
            return
        detail = {
            "experiment-id": experiment.id,
            "experiment-template-id": experiment.template.id,
            "new-state": {"status": experiment.status, "reason": experiment.reason},
            "old-state": {"status": before[0], "reason": before[1]},
        }
        self.events.put("aws.fis", "FIS Experiment State Change", detail, resources=[experiment.arn])


def stop_alarms(experiment: Experiment) -> list[str]:
    """Return the names of the alarms that stop an experiment."""
    values = [condition.get("value") or "" for condition in experiment.template.body["stopConditions"]]
    return [value.rpartition(":alarm:")[2] for value in values if ":alarm:" in value]


def fingerprint(asked: object) -> str:
    """Return the same words for the same request."""
    return json.dumps(asked, sort_keys=True, default=str)
