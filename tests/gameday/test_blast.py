"""The blast radius in figures: how many, how much of all, and what must stay healthy."""

from __future__ import annotations

import pytest

from gameday.errors import Refusal
from gameday.model import Blast
from gameday.safety.blast import how_many, last_healthy, over, smaller

SERVICE = "cluster/service"


def test_the_smaller_of_two_limits_counts() -> None:
    """The experiment's own and the environment's, each where it is stated."""
    assert smaller(Blast(tasks=2, percent=50), Blast(tasks=None, percent=34)) == Blast(2, 34)
    assert smaller(Blast(), Blast()) == Blast()


def test_both_limits_are_told_at_once() -> None:
    """Each with its figure and its limit."""
    found = over(Blast(tasks=1, percent=34), 2, 3)
    assert found == ["2 of 3 tasks would be hit, the limit is 1", "2 of 3 tasks are 67 %, the limit is 34 %"]
    assert over(Blast(tasks=1, percent=34), 1, 3) == []


def test_more_than_all_is_refused() -> None:
    """A percent above a hundred is a mistake."""
    with pytest.raises(Refusal, match="the limit is 100 %"):
        how_many(3, None, 150)


@pytest.mark.parametrize("hit", [1, 2, 3])
def test_the_last_healthy_task_stays(hit: int) -> None:
    """Whatever the zones are, one healthy task is left."""
    zones = ["a"] * hit
    (sentence,) = last_healthy(zones, hit, SERVICE)
    assert f"{hit} of {hit} healthy tasks of {SERVICE} would go, the limit is {hit - 1}" in sentence


def test_no_healthy_task_means_none_may_go() -> None:
    """Also when tasks run that are not healthy."""
    assert "1 of 0 healthy tasks" in last_healthy([], 1, SERVICE)[0]


@pytest.mark.parametrize(
    ("zones", "hit", "allowed"),
    [
        ("abc", 1, True),  # two zones are left
        ("abc", 2, False),
        ("ab", 1, False),  # one zone would be left
        ("aab", 1, False),  # the draw may be the one in b
        ("aabb", 1, True),
        ("aabb", 2, False),
        ("aabbc", 1, True),  # c may be lost: a and b are left
        ("aabbc", 3, False),
        ("aaa", 2, True),  # one zone only: it keeps a task
        ("aabbcc", 3, True),
    ],
)
def test_the_last_healthy_task_of_a_zone_stays_unless_two_zones_are_left(zones: str, hit: int, allowed: bool) -> None:
    """The worst draw counts, so the answer does not depend on the seed."""
    assert (last_healthy(list(zones), hit, SERVICE) == []) is allowed
