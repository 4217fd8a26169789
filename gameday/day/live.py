"""What the run that goes on says of itself: its phase, its figures, its guards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class GuardLine:
    """A guard: what it answers, its reading and limit, and the share of the limit that is left."""

    title: str
    answer: str
    reading: float | None
    limit: float | None
    left: float | None


@dataclass(frozen=True, slots=True)
class Live:
    """The run that goes on."""

    run: str
    phase: str
    since: float
    figures: Mapping[str, float | None] = field(default_factory=dict)
    guards: Sequence[GuardLine] = ()
