"""What all of FIS's actions share: what is asked of one, how it fails, and what its effect needs of a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lab.aws.ecs_model import Task
from lab.aws.ecs_view import task_view
from lab.aws.fis_catalogue import NETWORK_ACTIONS
from lab.aws.fis_targets import Resource

Undo = Callable[[], None]
IN_TASK_PIDS = NETWORK_ACTIONS | {"aws:ecs:task-kill-process"}


class ActionFailed(Exception):
    """An action could not do what it was asked; `code` is FIS's word for why."""

    def __init__(self, message: str, code: str = "DependentServiceFailure") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Asked:
    """One action of an experiment: its parameters with FIS's defaults, and the resources it is for."""

    action_id: str
    experiment: str
    parameters: Mapping[str, str]
    resources: list[Resource]

    @property
    def tasks(self) -> list[Task]:
        """The tasks among the resources."""
        return [resource.task for resource in self.resources if resource.task is not None]

    def flag(self, name: str) -> bool:
        """Is this parameter true?"""
        return self.parameters.get(name, "false").lower() == "true"

    def number(self, name: str) -> float:
        """Return a parameter that is a number."""
        return float(self.parameters[name])


def check_prerequisites(asked: Asked) -> None:
    """ActionFailed when a task is not set up for the fault, as AWS documents it. The lab needs no SSM agent.

    Process and network actions need `pidMode` task; network actions on Fargate need ECS's fault injection
    endpoints, and these `enableFaultInjection`.
    """
    network = asked.action_id in NETWORK_ACTIONS
    if network and not asked.flag("useEcsFaultInjectionEndpoints"):
        words = f"{asked.action_id} on AWS Fargate needs the parameter useEcsFaultInjectionEndpoints to be true."
        raise ActionFailed(words, "ConfigurationFailure")
    for task in asked.tasks:
        definition = task.definition
        if asked.action_id != "aws:ecs:stop-task" and task_view(task)["enableExecuteCommand"]:
            raise ActionFailed(f"ECS Exec must be disabled for {asked.action_id}.", "ConfigurationFailure")
        if asked.action_id in IN_TASK_PIDS and definition.body.get("pidMode") != "task":
            words = f"Task definition {definition.name} must set pidMode to task for {asked.action_id}."
            raise ActionFailed(words, "ConfigurationFailure")
        if network and not definition.body.get("enableFaultInjection"):
            words = f"Task definition {definition.name} must set enableFaultInjection to true for {asked.action_id}."
            raise ActionFailed(words, "ConfigurationFailure")
