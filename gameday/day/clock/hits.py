"""What hit the system on a day, and when: the faults that a page is expected of, and what injects put in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from gameday.day.events import Event
from gameday.day.plan import Expect, Inject, Item, Plan
from gameday.model import Json, Mark, from_iso, iso

ACCEPTED = "fault accepted"  # as `gameday.analysis.recovery.layers` calls it
Findings = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Hit:
    """A fault or an inject, at the instant from which people are timed. *at* is None where nothing was hit (yet)."""

    item: str
    inject: str
    at: float | None
    alarm: str
    page_s: float  # the page is to come within so many seconds
    broke: bool  # something really is broken: an alarm that was only put into ALARM needs no mitigation
    over: bool = False  # the item, or the run of the inject, has ended
    findings: Findings = field(default_factory=dict)


def hits(plan: Plan, events: Sequence[Event], runs: Mapping[str, Findings]) -> list[Hit]:
    """Return what is expected to page and has begun, in order of the instants; those without one last."""
    found = [*_items(plan, events, runs), *_injects(plan, events, runs)]
    return sorted(found, key=lambda hit: (hit.at is None, hit.at or 0.0))


def going_on(marks: Sequence[Mark]) -> dict[str, Json]:
    """Return as much of the findings of a run that still goes on as the clock needs."""
    touched = next((mark for mark in marks if mark.name == "fault"), None)
    layers: list[Json] = [{"name": ACCEPTED, "at": iso(touched.at), "after_fault_s": 0.0}] if touched else []
    return {"recovery": {"layers": layers, "recovered": None}}


def accepted(findings: Findings) -> float | None:
    """Return when the fault was accepted; None: it was not, or not yet."""
    recovery = cast("dict[str, Any]", findings.get("recovery") or {})
    told = (one.get("at") for one in recovery.get("layers") or [] if one.get("name") == ACCEPTED)
    return next((from_iso(at) for at in told if isinstance(at, str)), None)


def recovered(findings: Findings) -> tuple[bool | None, float | None]:
    """Return (users were well again, when); None: not known."""
    recovery = cast("dict[str, Any]", findings.get("recovery") or {})
    origin, seconds = recovery.get("origin"), recovery.get("recovery_s")
    at = from_iso(origin) + seconds if isinstance(origin, str) and isinstance(seconds, int | float) else None
    known = recovery.get("recovered")
    return (known if isinstance(known, bool) else None), at


def _items(plan: Plan, events: Sequence[Event], runs: Mapping[str, Findings]) -> Iterator[Hit]:
    begun = {event.item for event in events if event.kind == "item.begun"}
    ended = {event.item for event in events if event.kind == "item.ended"}
    for item in plan.agenda:
        if item.expect is not None and item.name in begun:
            yield _of_item(item, item.expect, runs.get(item.name, {}), item.name in ended)


def _of_item(item: Item, expect: Expect, findings: Findings, over: bool) -> Hit:
    return Hit(item.name, "", accepted(findings), expect.page, expect.within_s, True, over, findings)


def _injects(plan: Plan, events: Sequence[Event], runs: Mapping[str, Findings]) -> Iterator[Hit]:
    fired = {str(event.data.get("name")): event.at for event in reversed(events) if event.kind == "inject.fired"}
    ended = {str(event.data.get("inject")) for event in events if event.kind == "run.ended"}
    for inject in plan.injects:
        if (inject.expect is not None or inject.alarm) and inject.name in fired:
            yield _of_inject(inject, fired[inject.name], plan.bands.page_s, runs, inject.name in ended)


def _of_inject(inject: Inject, at: float, page_s: float, runs: Mapping[str, Findings], over: bool) -> Hit:
    findings = runs.get(inject.name, {})
    alarm = (inject.expect.page if inject.expect else "") or inject.alarm
    limit = inject.expect.within_s if inject.expect else page_s
    played = bool(inject.experiment)
    hit_at = accepted(findings) if played else at
    return Hit(inject.during, inject.name, hit_at, alarm, limit, played, over or not played, findings)
