"""The scheduler's arithmetic, without a lab: bounds, the breaker's threshold, zones, who goes first."""

from __future__ import annotations

from typing import Any

import pytest

from lab.aws import ecs_zones
from lab.aws.ecs_model import Status, Task, TaskDefinition
from lab.aws.ecs_rollout import threshold
from lab.aws.ecs_service import Service
from lab.aws.names import subnet_of
from lab.settings import ZONES

A, B, C = ZONES
DEFINITION = TaskDefinition("family", 1, {"containerDefinitions": []}, 0.0)


def service(desired: int, **configuration: int) -> Service:
    """Return a service with these percentages."""
    return Service("s", desired, [], 0.0, {"deploymentConfiguration": configuration})


def task(name: str, zone: str, created_at: float = 0.0, *, protected_until: float | None = None) -> Task:
    """Return a running task."""
    made = Task(name, DEFINITION, "service:s", zone, created_at, created_at, protected_until=protected_until)
    made.last = Status.RUNNING
    return made


@pytest.mark.parametrize(
    ("desired", "low", "high", "bounds"),
    [(3, 50, 150, (2, 4)), (3, 100, 200, (3, 6)), (5, 33, 130, (2, 6)), (1, 0, 100, (0, 1)), (0, 100, 200, (0, 0))],
)
def test_minimum_is_rounded_up_and_maximum_down(desired: int, low: int, high: int, bounds: tuple[int, int]) -> None:
    """minimumHealthyPercent of the desired tasks, rounded up; maximumPercent, rounded down."""
    assert service(desired, minimumHealthyPercent=low, maximumPercent=high).bounds() == bounds


@pytest.mark.parametrize(
    ("desired", "given", "failures"),
    [
        (3, None, 3),
        (25, None, 13),
        (1000, None, 200),
        (3, {"type": "COUNT", "value": 1}, 1),
        (10, {"type": "UNBOUNDED_PERCENT", "value": 10}, 1),
        (10, {"type": "BOUNDED_PERCENT", "value": 10}, 3),
    ],
)
def test_breaker_opens_at_its_threshold(desired: int, given: Any, failures: int) -> None:
    """Half the desired tasks from 3 to 200 by default; a share or a number where one is given."""
    breaker = {"enable": True, **({"thresholdConfiguration": given} if given else {})}
    assert threshold(service(desired), breaker) == failures


def test_next_task_goes_to_the_emptiest_zone() -> None:
    """The zone with the fewest of the deployment's own tasks; among equals the one with the fewest at all."""
    old = [task("1", A), task("2", B)]
    assert ecs_zones.emptiest(ZONES, [], old) == C
    assert ecs_zones.emptiest(ZONES, [task("3", C)], [*old, task("3", C)]) == A
    assert ecs_zones.zones_of({"networkConfiguration": {"awsvpcConfiguration": {"subnets": [subnet_of(B)]}}}) == (B,)
    assert ecs_zones.zones_of({}) == ZONES


def test_scale_in_takes_the_idle_then_the_fullest_zone_then_the_newest() -> None:
    """Tasks that do not serve go first, a protected one never; what is left is balanced."""
    tasks = [task("a1", A, 1), task("a2", A, 2), task("b1", B, 1), task("c1", C, 9), task("a3", A, 0)]
    ready = ["a1", "a2", "b1", "a3"]
    assert [each.id for each in ecs_zones.to_scale_in(tasks, ready, 3, 0.0)] == ["c1", "a2", "a1"]
    guarded = [task("a1", A, protected_until=5.0), task("b1", B)]
    assert [each.id for each in ecs_zones.to_scale_in(guarded, ["a1", "b1"], 2, 4.0)] == ["b1"]
    assert len(ecs_zones.to_scale_in(guarded, ["a1", "b1"], 2, 6.0)) == 2
    assert ecs_zones.to_scale_in(tasks, ready, -1, 0.0) == []


def test_zones_that_differ_by_two_are_not_balanced() -> None:
    """One more in a zone is balanced, two more are not."""
    assert ecs_zones.is_balanced([task("1", A), task("2", B)], ZONES)
    assert not ecs_zones.is_balanced([task("1", A), task("2", A)], ZONES)
