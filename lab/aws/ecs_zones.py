"""Availability zones: where the next task goes, which tasks go first, whether a service is balanced. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lab.aws.ecs_model import Status, Task
from lab.aws.names import subnet_of
from lab.settings import ZONES

ZONE_OF = {subnet_of(zone): zone for zone in ZONES}


def zones_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the zones of a service's subnets, all zones if it names none."""
    network = (body.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    found = tuple(ZONE_OF[subnet] for subnet in network.get("subnets", ()) if subnet in ZONE_OF)
    return tuple(dict.fromkeys(found)) or ZONES


def count(tasks: Iterable[Task], zones: Sequence[str]) -> dict[str, int]:
    """Return how many of the tasks each zone has."""
    found = Counter(task.zone for task in tasks)
    return {zone: found[zone] for zone in zones}


def emptiest(zones: Sequence[str], own: Iterable[Task], every: Iterable[Task]) -> str:
    """Return the zone with the fewest of the deployment's own tasks; among equals that with the fewest at all."""
    mine, total = count(own, zones), count(every, zones)
    return min(zones, key=lambda zone: (mine[zone], total[zone]))


def is_balanced(tasks: Iterable[Task], zones: Sequence[str]) -> bool:
    """Do the zones differ by one task at most?"""
    counts = count(tasks, zones).values()
    return max(counts) - min(counts) <= 1


def to_scale_in(tasks: Sequence[Task], ready: Iterable[str], surplus: int, now: float) -> list[Task]:
    """Choose tasks to stop: those that do not serve, then from the fullest zone, the newest; never a protected one."""
    serving = set(ready)
    left = list(tasks)
    chosen: list[Task] = []
    while len(chosen) < surplus:
        full = Counter(task.zone for task in left)
        open_ones = [task for task in left if not is_protected(task, now)]
        if not open_ones:
            break
        victim = max(
            open_ones,
            key=lambda t: (t.id not in serving, t.last is not Status.RUNNING, full[t.zone], t.created_at),
        )
        left.remove(victim)
        chosen.append(victim)
    return chosen


def is_protected(task: Task, now: float) -> bool:
    """Is it under task scale-in protection?"""
    return task.protected_until is not None and now < task.protected_until
