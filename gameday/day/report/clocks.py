"""People's clocks as `day.json` has them: one for each hit, its steps, and how word of it travelled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import cast

from gameday.day import clock
from gameday.day.clock import Step
from gameday.day.clock.order import causal, coarse
from gameday.day.clock.steps import EARLY_S
from gameday.day.events import Event
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


HOPS: Mapping[str, str] = {
    "alarm.fired": "alarm in CloudWatch",
    "alarm.told": "SNS topic told",
    "page.triggered": "incident in PagerDuty",
    "page.notified": "somebody notified",
    "page.acknowledged": "acknowledged",
    "chat.said": "said in Slack",
    "status-page.changed": "on the status page",
}


@dataclass(frozen=True, slots=True)
class Hop:
    """The first time that word of a hit came so far; `at` is the earliest it can have been (`within_s` too early)."""

    kind: str
    name: str
    at: float
    who: str
    within_s: float = 0.0


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
    hops: tuple[Hop, ...] = ()  # from the alarm to the status page


def hits(told: Told) -> list[Hit]:
    """Return the clocks of a day, oldest hit first."""
    findings = {played.name: played.findings for played in told.played}
    found, events = clock.clocks(told.plan, told.events, findings), causal(told.events)
    begins = [each.hit_at for each in found if each.hit_at is not None]
    made = []
    for each in found:
        later = min((at for at in begins if each.hit_at is not None and at > each.hit_at), default=float("inf"))
        made.append(_hit(told, each, tuple(_hops(each, events, later))))
    return made


def _hops(hit: clock.Clock, events: Sequence[Event], until: float) -> Iterator[Hop]:
    """Yield the first of each kind, from the hit until the next one; of alarms and pages those of this hit's alarm."""
    if hit.hit_at is None:
        return
    seen: set[str] = set()
    incidents: set[str] = set()
    for event in events:
        early = 0.0 if event.kind in ("chat.said", "status-page.changed") else EARLY_S
        if event.kind not in HOPS or event.kind in seen or not hit.hit_at - early <= event.at < until:
            continue
        incident = str(event.data.get("incident"))
        if event.kind in ("alarm.fired", "alarm.told", "page.triggered"):
            if (hit.alarm and event.data.get("alarm") != hit.alarm) or event.data.get("opens") is False:
                continue
            incidents.add(incident)
        elif event.kind.startswith("page.") and incident not in incidents:
            continue
        seen.add(event.kind)
        yield Hop(event.kind, HOPS[event.kind], event.at, event.who, coarse(event))


def _hit(told: Told, found: clock.Clock, hops: tuple[Hop, ...]) -> Hit:
    """Return one clock as this report takes it."""
    file = experiment_of(told, found.name)
    return Hit(found.name, found.item, found.hit_at, found.steps, file, found.alarm, found.silence_s, hops)


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
    hops = [{**asdict(hop), "at": iso(hop.at)} for hop in hit.hops]
    return {**asdict(hit), "hit_at": at, "steps": cast("Json", steps), "hops": cast("Json", hops)}
