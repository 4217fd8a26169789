"""People's clocks as `day.json` has them: one for each hit, its steps, and whose experiment they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import cast

from gameday.day import clock
from gameday.day.report.told import Told
from gameday.model import Json, iso

STEPS: Mapping[str, str] = {
    "alarm": "alarm fired",
    "page": "somebody was paged",
    "acknowledge": "somebody acknowledged",
    "diagnose": "the cause was named",
    "mitigate": "it was mitigated",
    "communicate": "others were told",
    "resolve": "it was resolved",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a clock. `met` None: not known, or not asked for; `why` says which."""

    name: str
    at: float | None
    after_s: float | None
    band_s: float | None
    met: bool | None
    why: str = ""
    within_s: float = 0.0  # `at` and `after_s` are the earliest they can be, and at most so much too early


@dataclass(frozen=True, slots=True)
class Hit:
    """The clock of one hit, from the instant at which users were hit."""

    name: str  # of the item, or of the inject
    item: str
    hit_at: float | None  # None: nothing was hit
    steps: tuple[Step, ...]
    experiment: str = ""  # its file; of what has none, the name of the item or inject
    alarm: str = ""
    silence_s: float | None = None  # the longest time without a word to others


def hits(told: Told) -> list[Hit]:
    """Return the clocks of a day, oldest hit first."""
    findings = {played.name: played.findings for played in told.played}
    return [_hit(told, each) for each in clock.clocks(told.plan, told.events, findings)]


def _hit(told: Told, found: clock.Clock) -> Hit:
    """Return one clock as this report takes it."""
    steps = tuple(Step(each.name, each.at, each.after_s, each.band_s, each.met, each.why, each.within_s)
                  for each in found.steps)  # fmt: skip
    file = experiment_of(told, found.name)
    return Hit(found.name, found.item, found.hit_at, steps, file, found.alarm, found.silence_s)


def experiment_of(told: Told, name: str) -> str:
    """Return the file of the experiment that an item or an inject plays, else its own name."""
    played = next((each for each in told.played if each.name == name and each.file), None)
    if played:
        return played.file
    item, inject = told.item(name), told.inject(name)
    return (item.experiment if item else inject.experiment if inject else "") or name


def as_json(hit: Hit) -> dict[str, Json]:
    """Return it as `day.json` has it: instants in ISO 8601."""
    steps = [{**asdict(step), "at": None if step.at is None else iso(step.at)} for step in hit.steps]
    at = None if hit.hit_at is None else iso(hit.hit_at)
    return {**asdict(hit), "hit_at": at, "steps": cast("Json", steps)}
