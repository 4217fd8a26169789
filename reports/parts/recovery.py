"""Recovery layer by layer: what came back when, and how much of the time each step took."""

from __future__ import annotations

from dataclasses import dataclass

from gameday.model import Answer, Json
from reports.parts.dig import answer, listing, number, text
from reports.parts.words import UNKNOWN, after, headline, seconds


@dataclass(frozen=True, slots=True)
class Layer:
    """One step. `from_share` and `to_share` (0 to 1 of the ladder's width) span from the step before to this one."""

    name: str
    at: str
    step: str
    from_share: float | None
    to_share: float | None


@dataclass(frozen=True, slots=True)
class Recovery:
    """`summary` says whether and when the system was well again; `short` is the time alone."""

    recovered: Answer
    short: str
    summary: str
    layers: tuple[Layer, ...]


def recovery(known: Json) -> Recovery:
    """Return the recovery of *known* (findings)."""
    recovered, took = answer(known, "recovery", "recovered"), number(known, "recovery", "recovery_s")
    return Recovery(recovered, _short(recovered, took), _summary(known, recovered, took), _layers(known))


def _short(recovered: Answer, took: float | None) -> str:
    if recovered is Answer.NO:
        return "not recovered"
    return "not measured" if took is None else seconds(took)


def _summary(known: Json, recovered: Answer, took: float | None) -> str:
    if recovered is Answer.NO:
        return "the system did not recover while it was watched"
    if took is None:
        return "whether the system recovered is not known"
    if took == 0:
        return "users were well throughout: there was nothing to recover from"
    counted = text(known, "recovery", "counted_from")
    since = f", counted from the {counted.removeprefix('the ')}" if counted else ""
    return f"the system was well again after {seconds(took)}{_bounds(known)}{since}"


def _bounds(known: Json) -> str:
    """How exactly the time is known: metrics are sampled, so the truth lies between two samples."""
    ends = [end for end in listing(known, "recovery", "bounds_s") if isinstance(end, int | float)]
    if len(ends) != 2 or ends[0] == ends[1]:
        return ""
    return f" (between {seconds(ends[0])} and {seconds(ends[1])}, as exactly as it was sampled)"


def _layers(known: Json) -> tuple[Layer, ...]:
    rows = [(headline(text(row, "name")), number(row, "after_fault_s")) for row in listing(known, "recovery", "layers")]
    timed = sorted([(name, at) for name, at in rows if at is not None], key=lambda row: row[1])
    scale = max([abs(at) for _, at in timed] + [1e-9])
    layers: list[Layer] = []
    before = 0.0
    for name, at in timed:
        step = f"+{seconds(at - before)}" if layers else ""
        layers.append(Layer(name, after(at), step, max(before, 0.0) / scale, max(at, 0.0) / scale))
        before = at
    return (*layers, *(Layer(name, UNKNOWN, "", None, None) for name, at in rows if at is None))
