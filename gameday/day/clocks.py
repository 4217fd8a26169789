"""People's clocks as `day.json` has them: one for each hit, its steps, and whose experiment they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

from gameday.day.told import Told
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


@dataclass(frozen=True, slots=True)
class Hit:
    """The clock of one hit, from the instant at which users were hit."""

    item: str
    hit_at: float
    steps: tuple[Step, ...]
    experiment: str = ""  # its file; of what has none, the name of the item or inject
    silence_s: float | None = None  # the longest while nobody told others anything


def hits(told: Told) -> list[Hit]:
    """Return the clocks of a day, oldest hit first."""
    clock = import_module("gameday.day.clock")
    findings = {played.name: played.findings for played in told.played}
    return [hit(told, each) for each in clock.clocks(told.plan, told.events, findings)]


def hit(told: Told, clock: Any) -> Hit:
    """Return one clock of `gameday.day.clock` as this report takes it."""
    steps = tuple(Step(*(getattr(step, name) for name in Step.__slots__)) for step in clock.steps)
    silence = getattr(clock, "silence_s", None)
    return Hit(clock.item, clock.hit_at, steps, experiment_of(told, clock.item), silence)


def experiment_of(told: Told, name: str) -> str:
    """Return the file of the experiment that an item or an inject plays, else its own name."""
    played = next((each.file for each in told.played if name in (each.name, each.item) and each.file), "")
    item, inject = told.item(name), told.inject(name)
    return played or (item.experiment if item else "") or (inject.experiment if inject else "") or name


def as_json(hit_: Hit) -> dict[str, Json]:
    """Return it as `day.json` has it: instants in ISO 8601."""
    steps = [
        {**{name: getattr(step, name) for name in Step.__slots__}, "at": None if step.at is None else iso(step.at)}
        for step in hit_.steps
    ]
    return {
        "item": hit_.item,
        "experiment": hit_.experiment,
        "hit_at": iso(hit_.hit_at),
        "silence_s": hit_.silence_s,
        "steps": cast("Json", steps),
    }
