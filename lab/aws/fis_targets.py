"""Which resources a FIS target means: by ARN, tags, filters or parameters, then ALL, COUNT or PERCENT of them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.aws.ecs_cluster import Ecs
from lab.aws.ecs_model import Status, Task
from lab.aws.ecs_view import task_view
from lab.aws.fis_catalogue import SELECTION
from lab.aws.names import arn, last_part
from lab.aws.rds_instance import Rds
from lab.settings import CLUSTER, DATABASE

DATABASE_ARN = arn("rds", f"db:{DATABASE}")


class InvalidTarget(Exception):
    """A target means nothing, or something that is not there."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resolved resource; `task` is None for the database."""

    target: str
    kind: str
    arn: str
    task: Task | None = None

    @property
    def information(self) -> dict[str, str]:
        """The member `targetInformation` of ListExperimentResolvedTargets."""
        words = self.kind.split(":")
        return {f"{words[1]}{''.join(word.capitalize() for word in words[2:])}Arn": self.arn}


@dataclass(slots=True)
class Resolver:
    """Finds resources. Call it under the world's lock."""

    ecs: Ecs
    rds: Rds
    chance: random.Random = field(default_factory=lambda: random.Random(42))  # the same choices in every lab

    def resolve(self, name: str, target: Mapping[str, Any]) -> list[Resource]:
        """Return what a target means now, an empty list for nothing; InvalidTarget for an ARN that is not there."""
        tasks = target["resourceType"] == "aws:ecs:task"
        found = self._tasks(name, target) if tasks else self._databases(name, target)
        match = SELECTION.fullmatch(target["selectionMode"])
        assert match is not None, "templates are checked"
        count, percent = match.groups()
        if count:
            return self.chance.sample(found, min(int(count), len(found)))
        if percent:
            return self.chance.sample(found, len(found) * int(percent) // 100)
        return found

    def _tasks(self, name: str, target: Mapping[str, Any]) -> list[Resource]:
        arns = target.get("resourceArns") or []
        if arns:
            tasks = [self._task(arn_) for arn_ in arns]
        else:
            running = (t for t in self.ecs.tasks.records.values() if t.last is Status.RUNNING)
            tasks = [task for task in running if self._wanted(task, target)]
        return [Resource(name, "aws:ecs:task", task.arn, task) for task in tasks]

    def _task(self, task_arn: str) -> Task:
        task = self.ecs.find_task(task_arn)
        if task is None or task.last is not Status.RUNNING:
            raise InvalidTarget(f"The task {task_arn} was not found or is not running.")
        return task

    @staticmethod
    def _wanted(task: Task, target: Mapping[str, Any]) -> bool:
        scope = target.get("parameters") or {}
        if "cluster" in scope and last_part(scope["cluster"]) != CLUSTER:
            return False
        if "service" in scope and task.group != f"service:{last_part(scope['service'])}":
            return False
        return _tagged(task.tags, target) and _filtered(task_view(task), target.get("filters") or [])

    def _databases(self, name: str, target: Mapping[str, Any]) -> list[Resource]:
        arns = target.get("resourceArns") or []
        if strange := [given for given in arns if given != DATABASE_ARN]:
            raise InvalidTarget(f"The DB instance {strange[0]} was not found.")
        zones = (target.get("parameters") or {}).get("availabilityZoneIdentifiers")
        hit = (not zones or self.rds.zone in zones.split(",")) and _tagged(self.rds.tags, target)
        return [Resource(name, "aws:rds:db", DATABASE_ARN)] if hit else []


def _tagged(tags: Iterable[Mapping[str, str]], target: Mapping[str, Any]) -> bool:
    """Does the resource carry all the tags that the target asks for?"""
    return set((target.get("resourceTags") or {}).items()) <= {(tag["key"], tag["value"]) for tag in tags}


def _filtered(view: Mapping[str, object], filters: Iterable[Mapping[str, Any]]) -> bool:
    """Does every filter find one of its values at its path (`AvailabilityZone`, `LastStatus` ...)?"""
    for wanted in filters:
        first, *rest = wanted["path"].split(".")
        value = view.get(first[:1].lower() + first[1:])
        if rest or str(value) not in wanted["values"]:
            return False
    return True
