"""The blast radius: how much of a service a fault may hit. Every decision is a sentence with figures."""

from __future__ import annotations

import math

from gameday.errors import Refusal
from gameday.model import Blast


def how_many(of: int, count: int | None, percent: float | None) -> int:
    """Return how many of *of* targets are meant.

    Raises Refusal: a percent that rounds to none, more than there are, or neither or both given.
    """
    if (count is None) == (percent is None):
        raise Refusal("give either `count` or `percent`, not both and not neither")
    if of == 0:
        raise Refusal("refused: there is nothing running to hit")
    if percent is not None:
        found = math.floor(of * percent / 100)
        if found == 0:
            raise Refusal(f"refused: {percent:g} % of {of} tasks rounds down to 0, so nothing would happen; raise it")
        return found
    assert count is not None
    if not 1 <= count <= of:
        raise Refusal(f"refused: {count} of {of} running tasks cannot be hit; give 1 to {of}")
    return count


def within(blast: Blast, hit: int, of: int, what: str) -> None:
    """Raise Refusal when *hit* of *of* is more than *blast* allows."""
    if blast.tasks is not None and hit > blast.tasks:
        raise Refusal(f"refused: {hit} of {of} {what} would be hit, the limit is {blast.tasks}")
    share = 100 * hit / of
    if blast.percent is not None and share > blast.percent:
        raise Refusal(f"refused: {hit} of {of} {what} are {share:.0f} %, the limit is {blast.percent:g} %")
