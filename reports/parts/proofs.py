"""The three proofs that a verdict stands on: the fault happened, the load was delivered, the data was fresh."""

from __future__ import annotations

from dataclasses import dataclass

from gameday.analysis.proofs import DELIVERED_MIN, SEND_LAG_MAX_MS
from gameday.model import Answer, Json
from reports.parts.dig import answer, number, table, texts
from reports.parts.words import count, milliseconds, percent, plain, readable, seconds


@dataclass(frozen=True, slots=True)
class Proof:
    """`title` is the question; `sentences` are the evidence."""

    title: str
    proven: Answer
    sentences: tuple[str, ...]


def proofs(known: Json) -> tuple[Proof, ...]:
    """Return the proofs of *known* (findings); what is missing is unknown."""
    found = table(known, "proofs")
    return (
        Proof("The fault happened", answer(found, "fault", "proven"), _fault(table(found, "fault"))),
        Proof("The load was delivered", _delivered(table(found, "load")), _load(table(found, "load"))),
        Proof("The data was fresh", answer(found, "data", "fresh"), _data(table(found, "data"))),
    )


def _fault(fault: dict[str, Json]) -> tuple[str, ...]:
    return tuple(map(readable, texts(fault, "evidence"))) or ("no evidence was recorded",)


def _delivered(load: dict[str, Json]) -> Answer:
    """Enough of the planned requests were sent, and on time."""
    ratio, lag = number(load, "delivered"), number(load, "send_lag_p99_ms")
    if ratio is None or not number(load, "planned"):
        return Answer.UNKNOWN
    late = lag is not None and lag > SEND_LAG_MAX_MS
    return Answer.YES if ratio >= DELIVERED_MIN and not late else Answer.NO


def _load(load: dict[str, Json]) -> tuple[str, ...]:
    sent, planned = number(load, "sent"), number(load, "planned")
    if not planned or sent is None:
        return ("no load was recorded",)
    ratio, lag = number(load, "delivered"), number(load, "send_lag_p99_ms")
    share = "" if ratio is None else f" ({percent(ratio)})"
    late = () if lag is None else (f"99% of them were sent within {milliseconds(lag)} of when they were due",)
    return (f"{count(sent)} of {count(planned)} planned requests were sent{share}", *late)


def _data(data: dict[str, Json]) -> tuple[str, ...]:
    gaps = table(data, "gaps_s")
    said = tuple(f"{plain(name)}: longest gap {seconds(number(gaps, name))}" for name in gaps)
    return said or ("no metric was sampled",)
