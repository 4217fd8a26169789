"""The people's clock as values: what came when after one hit, and whether that was in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

StepName = Literal["alarm", "page", "acknowledge", "diagnose", "mitigate", "communicate", "resolve"]


@dataclass(frozen=True, slots=True)
class Step:
    """One instant of the clock. *met* is None where it is not known, or not asked (*band_s* is None)."""

    name: StepName
    at: float | None = None  # seconds since the epoch
    after_s: float | None = None  # from the hit
    band_s: float | None = None  # the limit of `after_s`
    met: bool | None = None
    why: str = ""  # a sentence: what it is known from, or why it is not met or not known
    within_s: float = 0.0  # `at` is the earliest it can have been, and at most so much too early


@dataclass(frozen=True, slots=True)
class Clock:
    """What people did about one hit: a fault of the item *item*, or what the inject *inject* put into it."""

    item: str
    hit_at: float | None  # the fault was accepted, or the inject fired; None: nothing was hit
    steps: tuple[Step, ...]
    inject: str = ""  # its name; empty: the item itself
    alarm: str = ""  # the alarm that is to page
    silence_s: float | None = None  # the longest time without a word to others, from the hit until it was over

    @property
    def name(self) -> str:
        """The inject's name, or the item's."""
        return self.inject or self.item

    def step(self, name: StepName) -> Step:
        """Return the step called *name*; one of which nothing is known where there is none."""
        return next((step for step in self.steps if step.name == name), Step(name))
