"""The blast radius: how much of a service a fault may hit. Every decision is a sentence with figures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from gameday.errors import Refusal
from gameday.model import Blast

N = TypeVar("N", int, float)
ZONES_LEFT = 2  # with a healthy task, when the last one of a zone goes


def how_many(of: int, count: int | None, percent: float | None) -> int:
    """Return how many of *of* targets are meant.

    Raises Refusal: a percent that rounds to none, more than there are, or neither or both given.
    """
    if (count is None) == (percent is None):
        raise Refusal("give either `count` or `percent`, not both and not neither")
    if of == 0:
        raise Refusal("0 tasks are running, so there is nothing to hit; at least 1 must run")
    if percent is not None:
        found = math.floor(of * percent / 100)
        if found == 0:
            raise Refusal(f"{percent:g} % of {of} tasks rounds down to 0, so nothing would happen; raise it")
        if found <= of:
            return found
        raise Refusal(f"{percent:g} % of {of} tasks cannot be hit; the limit is 100 %")
    assert count is not None
    if not 1 <= count <= of:
        raise Refusal(f"{count} of {of} running tasks cannot be hit; give 1 to {of}")
    return count


def smaller(one: Blast, other: Blast) -> Blast:
    """Return what both allow."""
    return Blast(_least(one.tasks, other.tasks), _least(one.percent, other.percent))


def over(blast: Blast, hit: int, of: int, what: str = "tasks") -> list[str]:
    """Return a sentence for each limit of *blast* that hitting *hit* of *of* would break."""
    found = []
    if blast.tasks is not None and hit > blast.tasks:
        found.append(f"{hit} of {of} {what} would be hit, the limit is {blast.tasks}")
    share = 100 * hit / of if of else 100.0
    if blast.percent is not None and share > blast.percent:
        found.append(f"{hit} of {of} {what} are {share:.0f} %, the limit is {blast.percent:g} %")
    return found


def within(blast: Blast, hit: int, of: int, what: str) -> None:
    """Raise Refusal when *hit* of *of* is more than *blast* allows."""
    if reasons := over(blast, hit, of, what):
        raise Refusal("; ".join(reasons))


def last_healthy(zones: Sequence[str], hit: int, service: str) -> list[str]:
    """Return why taking *hit* tasks away would leave too few; *zones* are those of the healthy tasks, one each.

    Which tasks go is drawn, so the worst draw counts: it empties the zones with the fewest healthy tasks first.
    """
    healthy = len(zones)
    if hit >= healthy:
        most = max(0, healthy - 1)
        return [f"{hit} of {healthy} healthy tasks of {service} would go, the limit is {most}: one must stay healthy"]
    left, emptied = hit, []
    for zone, tasks in sorted(Counter(zones).items(), key=lambda item: (item[1], item[0])):
        if tasks <= left:
            left -= tasks
            emptied.append(zone)
    remaining = len(set(zones)) - len(emptied)
    if emptied and remaining < ZONES_LEFT:
        return [
            f"{service} could lose its last healthy task in {', '.join(emptied)}: {remaining} zone would be left with "
            f"one, the limit is {ZONES_LEFT}"
        ]
    return []


def _least(one: N | None, other: N | None) -> N | None:
    known = [value for value in (one, other) if value is not None]
    return min(known, default=None)
