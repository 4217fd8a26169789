"""A run over time, ready to draw: requests by the second at which they were due, phases, events and metrics.

All times are seconds since the fault (since the first thing recorded, when there was no fault). One pass over the
samples: a million of them take about half a second.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gameday.analysis import timeline as judged
from gameday.analysis.findings import findings_of
from gameday.analysis.stats import percentile
from gameday.model import Json, Mark, Point, Sample
from gameday.record import Record
from reports.parts.dig import dig, listing, number, table, text
from reports.parts.events import Event, events
from reports.parts.words import instant

BIN_WIDTHS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
MOST_BINS = 600
AFTER_THE_LOAD = ("load.stopped", "finished")


@dataclass(frozen=True, slots=True)
class Bin:
    """The requests that were due in one span of time. `good` and `failed` are counts."""

    begin: float
    end: float
    good: int
    failed: int
    p50_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class Span:
    """A phase."""

    name: str
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Series:
    """One sampled metric as (time, value), and the limits between which it is steady."""

    name: str
    points: tuple[tuple[float, float], ...]
    max: float | None = None
    min: float | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """What the chart shows. `zero` is in epoch seconds, all else counts from it; `bin_s` is the width of a bin."""

    zero: float
    since: str  # what the zero is: `the fault`, or `the start`
    begin: float
    end: float
    bin_s: int
    bins: tuple[Bin, ...]
    spans: tuple[Span, ...]
    events: tuple[Event, ...]
    series: tuple[Series, ...]
    p99_limit_ms: float | None

    @property
    def shown(self) -> tuple[float, float]:
        """The seconds that the chart spans: never nothing."""
        return self.begin, max(self.end, self.begin + 1)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not self.bins and not self.series


def timeline(record: Record) -> Timeline:
    """Read a run folder into a timeline; whatever is missing is left out."""
    points, marks = record.points(), record.marks()
    samples = judged.answered(record.samples(), marks)
    findings, plan = findings_of(record), record.document("plan.json")
    spans = _spans(marks)
    fault_at = next((span.begin for span in spans if span.name == "fault"), None)
    if fault_at is None:
        fault_at = instant(text(findings, "phases", "fault", "from"))
    first, last = _ends(samples, points, marks, spans)
    zero = first if fault_at is None else fault_at
    begin, end = min(first - zero, 0.0), last - zero
    width = bin_width(end - begin)
    return Timeline(
        zero=zero,
        since="the start" if fault_at is None else "the fault",
        begin=begin,
        end=end,
        bin_s=width,
        bins=tuple(bins(samples, zero, width)),
        spans=tuple(Span(span.name, span.begin - zero, span.end - zero) for span in spans),
        events=events(marks, findings, zero),
        series=_series(points, table(plan, "block", "steady"), zero, begin, end),
        p99_limit_ms=_p99_limit(plan, findings),
    )


def bin_width(span_s: float) -> int:
    """Return the width of a bin in seconds: one, unless the run is long."""
    return next((width for width in BIN_WIDTHS_S if span_s / width <= MOST_BINS), BIN_WIDTHS_S[-1])


def bins(samples: Sequence[Sample], zero: float, width: int) -> Iterator[Bin]:
    """Yield the requests by due time; *samples* are ordered by due time. A span without requests is an empty bin."""
    if not samples:
        return
    first, last = samples[0].due - zero, samples[-1].due - zero
    until = last + (last - first) / max(len(samples) - 1, 1)  # the last request stands for its share of time too
    start = 0
    for index in range(math.floor(first / width), math.floor(last / width) + 1):
        stop = bisect_left(samples, zero + (index + 1) * width, start, key=lambda sample: sample.due)
        part = samples[start:stop]
        start = stop
        took = sorted([(sample.done - sample.due) * 1e3 for sample in part if sample.done is not None])
        good = sum([sample.done is not None and 200 <= sample.status < 400 for sample in part])
        yield Bin(
            begin=max(first, index * width),
            end=min(until, (index + 1) * width),
            good=good,
            failed=len(part) - good,
            p50_ms=percentile(took, 0.5),
            p99_ms=percentile(took, 0.99),
        )


def _spans(marks: Sequence[Mark]) -> list[Span]:
    """The phases in epoch seconds, as the analysis judges them, and the warm-up before."""
    known = list(marks)
    found = [Span(name, span.start, span.end) for name, span in judged.timeline(known).spans().items()]
    warmup = judged.first(known, "warmup")
    if warmup:
        found.insert(0, Span("warm-up", warmup.at, found[0].begin if found else known[-1].at))
    return [span for span in found if span.end > span.begin or span.name == "fault"]


def _ends(
    samples: Sequence[Sample], points: Sequence[Point], marks: Sequence[Mark], spans: Sequence[Span]
) -> tuple[float, float]:
    """Where the chart begins and ends, in epoch seconds: with load and phases, not with the bookkeeping around them."""
    begins = [*(sample.due for sample in samples[:1]), *(span.begin for span in spans[:1])]
    ends = [*(sample.due for sample in samples[-1:]), *(mark.at for mark in marks if mark.name not in AFTER_THE_LOAD)]
    instants = [mark.at for mark in marks] or [point.at for point in points] or [0.0]
    return min(begins or instants), max(ends or instants)


def _series(
    points: Sequence[Point], specs: dict[str, Json], zero: float, begin: float, end: float
) -> tuple[Series, ...]:
    """The metrics, those of the plan first; a point that was seen twice counts once, with its last value."""
    values: dict[str, dict[float, float]] = {name: {} for name in specs}
    for point in points:
        at = point.at - zero
        if begin <= at <= end and math.isfinite(point.value):
            values.setdefault(point.name, {})[at] = point.value
    return tuple(
        Series(name, tuple(sorted(found.items())), number(specs.get(name), "max"), number(specs.get(name), "min"))
        for name, found in values.items()
        if found
    )


def _p99_limit(plan: dict[str, Json], findings: dict[str, Json]) -> float | None:
    """The objective for the 99th percentile, in milliseconds."""
    for objective in listing(findings, "objectives"):
        if text(objective, "name") == "p99_ms":
            return number(objective, "limit")
    return number(dig(plan, "block", "objectives"), "p99_ms")
