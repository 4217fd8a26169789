"""When was it well again: as the control plane says, and as users saw it, to the request.

A request is bad when it failed, or took much longer than in the baseline. A second is ill when more than a share of
its requests were bad. Users are well from the first request on that is due after the last bad one, once three
seconds in a row are not ill: whoever arrives then is served as usual. Where others repair the fault, as with a bad
release that is rolled back, only seconds after that repair count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from gameday.analysis.stats import Span, due_in, latencies, percentile
from gameday.analysis.timeline import Timeline
from gameday.model import Json, Mark, Sample, iso

WELL_SECONDS = 3
ILL_SHARE = 0.05
SLOW_FACTOR, SLOW_ADD_MS = 3.0, 100.0
OUTAGE_S = 0.3  # a shorter silence of answers is no outage


@dataclass(frozen=True, slots=True)
class Recovery:
    """When users were well again. Times are epoch seconds."""

    origin: float
    well_at: float | None  # None: not within the run
    earliest: float | None  # the last bad request was due then: the instant is not before it
    latest: float | None  # the last bad request was answered then: nobody waits any more
    first_bad: float | None
    outage: Span | None  # the longest silence of good answers

    @property
    def seconds(self) -> float | None:
        """From the origin until users were well."""
        return None if self.well_at is None else max(0.0, self.well_at - self.origin)


def slow_ms(baseline: list[Sample]) -> float | None:
    """Return the latency above which a request is bad; None without a baseline."""
    p99 = percentile(latencies(baseline), 0.99)
    return None if p99 is None else max(SLOW_FACTOR * p99, p99 + SLOW_ADD_MS)


def recovery(samples: list[Sample], line: Timeline, not_before: float | None = None) -> Recovery | None:
    """Return when users were well again; None when there was no fault, no baseline or no load.

    *not_before*: when what hurts them was gone, inf when it never was. It matters only if somebody was hurt.
    """
    origin, span = line.origin, line.after_fault
    if origin is None or span is None or line.baseline is None:
        return None
    limit_ms = slow_ms(due_in(samples, line.baseline))
    if limit_ms is None:
        return None
    # a request due just before the fault can be hurt by it too, so look a little further back
    hurt = Span(min(span.start, origin) - 5.0, span.end)
    bad = [s for s in due_in(samples, hurt) if is_bad(s, limit_ms) and (s.done or span.end) >= span.start]
    outage = longest_silence(samples, span)
    well = well_seconds(due_in(samples, Span(origin, span.end)), limit_ms, origin, span.end)
    well_bin = first_well_second(well, not_before - origin if not_before and not all(well) else 0.0)
    first_bad = min((s.due for s in bad), default=None)
    if well_bin is None:
        return Recovery(origin, None, None, None, first_bad, outage)
    before = [s for s in bad if s.due < origin + well_bin and (well_bin > 0 or s.due < origin)]
    if not before:
        return Recovery(origin, origin, origin, origin, first_bad, outage)
    last_due = max(s.due for s in before)
    answered = max(s.done or s.due for s in before)
    good = [s.due for s in samples if s.due > last_due and not is_bad(s, limit_ms)]
    return Recovery(origin, min(good, default=answered), last_due, answered, first_bad, outage)


def is_bad(sample: Sample, limit_ms: float) -> bool:
    """Whether a user was hurt by this request."""
    return sample.failed or (sample.latency_ms or 0.0) > limit_ms


def well_seconds(samples: list[Sample], limit_ms: float, origin: float, end: float) -> list[bool]:
    """Return of each whole second from *origin* to *end* whether it is not ill; an empty second is ill."""
    bins: dict[int, list[bool]] = defaultdict(list)
    for sample in samples:
        bins[int(sample.due - origin)].append(is_bad(sample, limit_ms))
    whole = int(end - origin)
    return [bool(bins[n]) and sum(bins[n]) <= ILL_SHARE * len(bins[n]) for n in range(whole)]


def first_well_second(well: list[bool], after_s: float = 0.0) -> int | None:
    """Return the first second, *after_s* or more from the origin, from which on three in a row are well."""
    rows = (n for n in range(len(well) - WELL_SECONDS + 1) if n >= after_s and all(well[n : n + WELL_SECONDS]))
    return next(rows, None)


def longest_silence(samples: list[Sample], span: Span) -> Span | None:
    """Return the longest time without a good answer around *span*, when it is long enough to be an outage."""
    answers = sorted(s.done for s in samples if s.done is not None and not s.failed)
    around = [at for at in answers if span.start - 2.0 <= at <= span.end + 10.0]
    gaps = [Span(a, b) for a, b in pairwise(around) if b >= span.start]
    longest = max(gaps, key=lambda gap: gap.end - gap.start, default=None)
    return longest if longest and longest.end - longest.start >= OUTAGE_S else None


def layers(marks: list[Mark], found: Recovery | None, fault_at: float) -> list[Json]:
    """Return `findings.recovery.layers`: each instant with the seconds since the fault, oldest first."""
    instants: dict[str, float] = {"fault accepted": fault_at}
    for mark in marks:
        if mark.name == "proof" and isinstance(mark.details.get("instants"), Mapping):
            seen = mark.details["instants"]
            assert isinstance(seen, Mapping)
            instants |= {name: float(at) for name, at in seen.items() if isinstance(at, int | float)}
    if found and found.first_bad is not None:
        instants["users: first bad request due"] = found.first_bad
    if found and found.outage:
        instants["users: first good answer after the longest silence"] = found.outage.end
    if found and found.well_at is not None and found.first_bad is not None:
        instants["users: well again"] = found.well_at
    if found and found.latest is not None and found.first_bad is not None:
        instants["users: last bad answer"] = found.latest
    if after := next((mark for mark in marks if mark.name == "hypothesis.after" and mark.details.get("met")), None):
        instants["steady state verified"] = after.at
    ordered = sorted(instants.items(), key=lambda item: item[1])
    return [{"name": name, "at": iso(at), "after_fault_s": round(at - fault_at, 3)} for name, at in ordered]
