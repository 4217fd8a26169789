"""The three proofs without which nothing "held": the fault happened, load was delivered, the data was fresh."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from gameday.analysis.stats import Span, percentile, rounded
from gameday.analysis.timeline import cut_short
from gameday.model import Json, Mark, Point, Pulse, Sample

DELIVERED_MIN = 0.95
SEND_LAG_MAX_MS = 500.0  # above this the generator, not the system, is the limit


@dataclass(frozen=True, slots=True)
class FaultProof:
    """Whether the fault is proven; None: it cannot be said."""

    proven: bool | None
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Repair:
    """Whether a repair by others has come, and when; seen is None when it cannot be said."""

    seen: bool | None
    at: float | None  # epoch seconds
    evidence: tuple[str, ...]


def repair_proof(marks: list[Mark], name: str | None) -> Repair | None:
    """Return what became of the repair that the experiment names: it is done at the last of its instants."""
    if not name:
        return None
    mark = next((one for one in reversed(marks) if one.name == "proof" and one.details.get("proof") == name), None)
    if mark is None:
        return Repair(None, None, ("was not reached",))
    seen = cast("bool | None", mark.details.get("proven"))
    times = cast("Mapping[str, float]", mark.details.get("instants") or {}).values()
    evidence = tuple(cast("list[str]", mark.details.get("sentences", [])))
    at = max(times, default=None) if seen else None
    return Repair(seen if at is not None or not seen else None, at, evidence)


def fault_proof(marks: list[Mark], names: list[str]) -> FaultProof:
    """Return what the proofs saw; every named proof must have seen its part."""
    seen = {str(mark.details.get("proof")): mark for mark in marks if mark.name == "proof"}
    evidence = []
    answers: list[bool | None] = []
    for name in names:
        mark = seen.get(name)
        unseen = None if cut_short(marks) else False
        answers.append(cast("bool | None", mark.details.get("proven")) if mark else unseen)
        sentences = cast("list[str]", mark.details.get("sentences", [])) if mark else ["was not reached"]
        evidence += [f"{name}: {sentence}" for sentence in sentences]
    failed = [mark for mark in marks if mark.name == "action.ended" and mark.details.get("status") != "succeeded"]
    evidence += [f"action {mark.details.get('name')} {_how(mark)}" for mark in failed]
    if not names:
        return FaultProof(None, tuple(evidence) or ("the experiment names no proof of its fault",))
    proven = False if False in answers else None if None in answers else True
    return FaultProof(proven, tuple(evidence))


def _how(mark: Mark) -> str:
    error, status = mark.details.get("error"), mark.details.get("status")
    return f"failed: {error}" if error else f"was {status}"


def load_proof(samples: list[Sample], pulses: list[Pulse], rate: float | None, end: float | None) -> dict[str, Json]:
    """Return planned and sent arrivals; planned is counted from rate and time, not from the generator's word."""
    if rate is None or end is None or not samples:
        return {"planned": 0, "sent": 0, "delivered": 0.0, "send_lag_p99_ms": None}
    planned = max(1, int(rate * (end - samples[0].due)))
    sent = sum(sample.due < end for sample in samples)
    beats = [pulse.sent for pulse in pulses if pulse.at <= end]
    sent = min(planned, max([sent, *beats]))
    lag = percentile(sorted((sample.sent - sample.due) * 1e3 for sample in samples), 0.99)
    return {"planned": planned, "sent": sent, "delivered": round(sent / planned, 4), "send_lag_p99_ms": rounded(lag)}


def data_proof(
    points: list[Point], names: list[str], span: Span | None, max_gap_s: float, period_s: float
) -> dict[str, Json]:
    """Return whether every metric had points throughout *span*, and the longest gap of each in seconds."""
    if span is None or not names:
        return {"fresh": None, "gaps_s": {}}
    times: Mapping[str, set[float]] = defaultdict(set)
    for point in points:
        times[point.name].add(point.at)
    gaps: dict[str, float] = {}
    for name in names:
        inside = sorted(at for at in times[name] if span.start - period_s <= at <= span.end)
        edges = [span.start, *inside, span.end]
        gaps[name] = round(max(b - a for a, b in pairwise(edges)), 3)
    return {"fresh": all(gap <= max_gap_s + period_s for gap in gaps.values()), "gaps_s": cast("Json", gaps)}
