"""The day's key figures, each with how many cases it stands on and its target; what was not measured says why.

How fast people were comes from their clocks, what users had to bear from the experiments' own records. Nothing
measured is never met.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean, median
from typing import cast

from gameday.day.clock.steps import BY_ITSELF
from gameday.day.report.clocks import STEPS, Hit
from gameday.day.report.facts import BROKE, HELD
from gameday.day.report.told import Played, Told
from gameday.model import Json
from reports.parts.dig import listing, number, table, text, texts

MTTR_S = 1800.0
AVAILABILITY = 0.999
PEOPLE = {
    "page": "Time to page",
    "acknowledge": "Time to acknowledge",
    "diagnose": "Time to diagnose",
    "mitigate": "Time to mitigate",
    "communicate": "Time to communicate",
}
FAILOVER = "rds.failed_over"


@dataclass(frozen=True, slots=True)
class Part:
    """One case of a figure: an experiment or a hit."""

    name: str
    value: float | None
    target: float | None = None
    why: str = ""  # it was not measured


@dataclass(frozen=True, slots=True)
class Figure:
    """One key figure. `value` is the median of its parts, their mean or a total, as `of` says; `worst` the worst."""

    name: str
    title: str
    unit: str  # `s`, `share`, `requests`, `writes`
    of: str
    n: int = 0
    missing: int = 0
    value: float | None = None
    worst: float | None = None
    target: float | None = None
    more: bool = False  # better is more than the target
    met: bool | None = None  # None: unknown, or there is no target
    why: str = ""
    parts: tuple[Part, ...] = ()


def figures(told: Told, hits: Sequence[Hit]) -> list[Figure]:
    """Return all key figures of a day."""
    return [
        *(_people(told, hits, step) for step in PEOPLE),
        _recovery(told),
        *_users(told),
        *_failover(told),
    ]


def as_json(found: Sequence[Figure]) -> dict[str, Json]:
    """Return them as `day.json` has them: by name."""
    return {each.name: {key: value for key, value in cast("dict[str, Json]", asdict(each)).items() if key != "name"}
            for each in found}  # fmt: skip


def _people(told: Told, hits: Sequence[Hit], step_name: str) -> Figure:
    """Return how fast people were at one step, by all clocks on which it was asked for or seen."""
    parts, unmet, whys = [], False, []
    for hit in hits:
        for step in hit.steps:
            if step.name == step_name and (step.band_s is not None or step.after_s is not None):
                parts.append(Part(hit.name, step.after_s, step.band_s, step.why))
                unmet = unmet or step.met is False
            elif step.name == step_name and step.why:
                whys.append(step.why)
    band = getattr(told.plan.bands, f"{step_name}_s")
    base = Figure(f"time_to_{step_name}", PEOPLE[step_name], "s", f"median; {STEPS[step_name]}", target=band)
    if not hits:
        return replace(base, why="no clock of people ran: nothing hit users, or nobody had to be paged")
    if not parts:
        return replace(base, why=f"not measured: {whys[0]}" if whys else "not measured: it was not asked for")
    limits = {part.target for part in parts}
    base = replace(base, target=limits.pop() if len(limits) == 1 else band)
    known = [part.value for part in parts if part.value is not None]
    met = False if unmet else True if all(step_met(hit, step_name) for hit in hits) else None
    found = _measured(base, parts, median(known) if known else None, max(known, default=None), met)
    by_itself = [f"{part.name}: {BY_ITSELF}" for part in parts if part.why == BY_ITSELF]
    return replace(found, why="; ".join(filter(None, (found.why, *by_itself))))


def step_met(hit: Hit, name: str) -> bool:
    """Return whether a step is known to be in its band, or was not asked for."""
    return all(step.met is True or step.band_s is None for step in hit.steps if step.name == name)


def _measured(
    base: Figure, parts: Sequence[Part], value: float | None, worst: float | None, met: bool | None
) -> Figure:
    n = sum(part.value is not None for part in parts)
    missing = [f"{part.name}: {part.why or 'not seen'}" for part in parts if part.value is None]
    return replace(base, n=n, missing=len(missing), value=value, worst=worst, met=met, why="; ".join(missing),
                   parts=tuple(parts))  # fmt: skip


def _recovery(told: Told) -> Figure:
    """Return the mean time to recovery of the experiments whose fault happened, each beside its own limit; missed, and
    no figure, where users of one were never well again.
    """
    base = Figure("time_to_recover", "Mean time to recovery (MTTR)", "s", "mean; users were well again", target=MTTR_S)
    hurt = [played for played in told.played if played.verdict in (HELD, BROKE)]
    if not hurt:
        return replace(base, why="not measured: no experiment came to a fault that is proven")
    parts = [_recovered(played) for played in hurt]
    known = [part.value for part in parts if part.value is not None]
    never = any(part.why.startswith("users were not well") for part in parts)
    mean = fmean(known) if known and not never else None  # of those alone that did recover it would only look good
    met = False if never else mean <= MTTR_S if mean is not None and len(known) == len(parts) else None
    return _measured(base, parts, mean, max(known, default=None), met)


def _recovered(played: Played) -> Part:
    recovery = table(played.findings, "recovery")
    value = number(recovery, "recovery_s")
    never = recovery.get("recovered") is False
    why = "" if value is not None else "users were not well again within the run" if never else "it was not measured"
    return Part(played.name, value, limit_of(played, "recover_within_s"), why)


def limit_of(played: Played, objective: str) -> float | None:
    """Return the limit of an experiment's objective; None: it names none."""
    rows = [row for row in listing(played.findings, "objectives") if text(row, "name") == objective]
    return number(rows[0], "limit") if rows else None


def _users(told: Told) -> list[Figure]:
    """Return what the day cost its users, of all requests that were made during its experiments."""
    counted = [played for played in told.played if played.requests]
    requests, errors = sum(each.requests for each in counted), sum(each.errors for each in counted)
    budget = told.plan.budget
    figures_ = [
        Figure("failed_requests", "Failed requests", "requests", "total", target=budget.failed_requests),
        Figure("failed_share", "Failed requests, share", "share", "of all requests", target=budget.error_ratio),
        Figure("availability", "Availability", "share", "of all requests", target=AVAILABILITY, more=True),
    ]
    if not requests:
        return [replace(each, why="not measured: no experiment made requests") for each in figures_]
    ratio = errors / requests
    values = (float(errors), ratio, 1 - ratio)
    return [_judged(each, value, requests, counted) for each, value in zip(figures_, values, strict=True)]


def _judged(base: Figure, value: float, n: int, counted: Sequence[Played]) -> Figure:
    met = None if base.target is None else value >= base.target if base.more else value <= base.target
    parts = tuple(Part(each.name, _share(base, each)) for each in counted)
    why = "the plan names no budget" if base.target is None else ""
    return replace(base, value=value, n=n, met=met, parts=parts, why=why)


def _share(base: Figure, played: Played) -> float:
    if base.unit == "requests":
        return float(played.errors)
    ratio = played.errors / played.requests
    return 1 - ratio if base.more else ratio


def _failover(told: Told) -> list[Figure]:
    """Return the recovery time and the recovery point of the days that played a failover; none of the others."""
    played = [each for each in told.played if any(line.startswith(FAILOVER) for line in _evidence(each))]
    if not played:
        return []
    times, lost = [_recovered(each) for each in played], [_lost(each) for each in played]
    limits = [part.target for part in times if part.target is not None]
    rto = Figure("rto", "Recovery time in a failover (RTO)", "s", "worst", target=min(limits, default=None))
    rpo = Figure("rpo", "Acknowledged writes lost in a failover (RPO)", "writes", "total", target=0.0)
    return [_all(rto, times, max), _all(rpo, lost, sum)]


def _all(base: Figure, parts: Sequence[Part], fold: Callable[[list[float]], float]) -> Figure:
    """Return a figure that is met only when each of its parts is."""
    known = [part.value for part in parts if part.value is not None]
    value = fold(known) if known else None
    late = any(part.value is not None and base.target is not None and part.value > base.target for part in parts)
    met = False if late else True if base.target is not None and len(known) == len(parts) else None
    return _measured(base, parts, value, max(known, default=None), met)


def _evidence(played: Played) -> tuple[str, ...]:
    proven = table(played.findings, "proofs", "fault").get("proven") is True
    return texts(played.findings, "proofs", "fault", "evidence") if proven else ()


def _lost(played: Played) -> Part:
    lost = number(played.findings, "writes", "lost")
    return Part(played.name, lost, 0.0, "" if lost is not None else "no writes were followed")
