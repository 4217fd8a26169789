"""Which resources a FIS target means: by ARN, tags, filters or parameters, then ALL, COUNT or PERCENT of them.

Resources are looked for as AWS's services describe them, so filters' paths are those of DescribeTasks and so on.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.aws.ecs_cluster import Ecs
from lab.aws.ecs_model import Status, Task
from lab.aws.ecs_view import task_view
from lab.aws.fis_catalogue import CLUSTER, INSTANCE, TASK
from lab.aws.fis_check import SELECTION
from lab.aws.names import last_part
from lab.aws.own_api import OwnApi
from lab.settings import CLUSTER as CLUSTER_NAME
from lab.settings import ZONES

ZONE_IDS = {
    "eu-west-1a": "euw1-az3",
    "eu-west-1b": "euw1-az1",
    "eu-west-1c": "euw1-az2",
}  # as DescribeAvailabilityZones


class InvalidTarget(Exception):
    """A target means nothing, or something that is not there."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resolved resource; `task` is None for all but tasks."""

    target: str
    kind: str
    arn: str
    task: Task | None = None

    @property
    def information(self) -> dict[str, str]:
        """The member `targetInformation` of ListExperimentResolvedTargets."""
        words = self.kind.split(":")
        return {f"{words[1]}{''.join(word.capitalize() for word in words[2:])}Arn": self.arn}


@dataclass(frozen=True, slots=True)
class Found:
    """A resource that a target may mean: its ARN, its tags, its zone, and how AWS describes it."""

    arn: str
    tags: frozenset[tuple[str, str]]
    zone: str
    view: Mapping[str, Any]
    task: Task | None = None


@dataclass(slots=True)
class Resolver:
    """Finds resources. Call it under the world's lock."""

    ecs: Ecs
    api: OwnApi
    chance: random.Random = field(default_factory=lambda: random.Random(42))  # the same choices in every lab

    def resolve(self, name: str, target: Mapping[str, Any]) -> list[Resource]:
        """Return what a target means now, an empty list for nothing; InvalidTarget for an ARN that is not there."""
        kind, there = target["resourceType"], list(self._there(target["resourceType"]))
        arns = target.get("resourceArns") or []
        if missing := set(arns) - {found.arn for found in there}:
            raise InvalidTarget(f"The {kind} {min(missing)} was not found, or is in no state to be a target.")
        hit = [f for f in there if f.arn in arns] if arns else [f for f in there if _wanted(f, target)]
        return [Resource(name, kind, found.arn, found.task) for found in self._chosen(hit, target["selectionMode"])]

    def databases(self) -> list[dict[str, Any]]:
        """Return the instances as DescribeDBInstances has them."""
        return list(self.api.call("rds", "DescribeDBInstances")["DBInstances"])

    def _chosen(self, found: list[Found], mode: str) -> list[Found]:
        match = SELECTION.fullmatch(mode)
        assert match is not None, "templates are checked"
        count, percent = match.groups()
        if count:
            return self.chance.sample(found, min(int(count), len(found)))
        if percent:
            return self.chance.sample(found, len(found) * int(percent) // 100)
        return found

    def _there(self, kind: str) -> Iterator[Found]:
        if kind == TASK:
            for task in self.ecs.tasks.records.values():
                if task.last is Status.RUNNING:
                    yield Found(task.arn, _tags(task.tags, "key", "value"), task.zone, task_view(task), task)
        elif kind == CLUSTER:
            described = self.api.call("ecs", "DescribeClusters", clusters=[CLUSTER_NAME], include=["TAGS"])
            for view in described["clusters"]:
                yield Found(view["clusterArn"], _tags(view.get("tags", []), "key", "value"), "", view)
        elif kind == INSTANCE:
            for view in self.databases():
                tags = _tags(view.get("TagList", []), "Key", "Value")
                yield Found(view["DBInstanceArn"], tags, view.get("AvailabilityZone", ""), view)


def in_zone(zone: str, words: Iterable[str]) -> bool:
    """Is the zone among these names or identifiers of zones?"""
    return not {zone, ZONE_IDS.get(zone, zone)}.isdisjoint(words)


def zones_among(words: Iterable[str]) -> list[str]:
    """Return the zones that these words name, by name or identifier."""
    known = list(words)
    return [zone for zone in ZONES if in_zone(zone, known)]


def _tags(tags: Iterable[Mapping[str, str]], key: str, value: str) -> frozenset[tuple[str, str]]:
    return frozenset((tag[key], tag.get(value, "")) for tag in tags)


def _wanted(found: Found, target: Mapping[str, Any]) -> bool:
    """Has it all tags, does it pass all filters, and does it lie in the scope of the parameters?"""
    tagged = set((target.get("resourceTags") or {}).items()) <= found.tags
    filters = target.get("filters") or []
    return tagged and all(_passes(found.view, each) for each in filters) and _in_scope(found, target)


def _in_scope(found: Found, target: Mapping[str, Any]) -> bool:
    scope = target.get("parameters") or {}
    if "cluster" in scope and last_part(scope["cluster"]) != CLUSTER_NAME:
        return False
    if "service" in scope and (found.task is None or found.task.group != f"service:{last_part(scope['service'])}"):
        return False
    zones = scope.get("availabilityZoneIdentifiers")
    return zones is None or in_zone(found.zone, zones.split(","))


def _passes(view: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return not wanted["values"] or not set(wanted["values"]).isdisjoint(_values(view, wanted["path"].split(".")))


def _values(here: object, path: list[str]) -> Iterator[str]:
    """Yield what stands at a path of PascalCase members; of a list, what stands there in each."""
    if isinstance(here, list | tuple):
        for each in here:
            yield from _values(each, path)
    elif not path:
        yield str(here).lower() if isinstance(here, bool) else str(here)
    elif isinstance(here, Mapping):
        first, *rest = path
        member = first if first in here else first[:1].lower() + first[1:]
        if member in here:
            yield from _values(here[member], rest)
