"""Figures of requests: exact percentiles, error ratios, and the closed-loop p99 beside the honest one.

Besides: 95 % intervals for a share, a median and a count, none of which assumes more than that cases are independent.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gameday.model import Json, Sample, iso

TAIL = 0.025  # what a 95 % interval leaves out on each side
Z = 1.959964  # of a normal distribution, the value with TAIL above
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, in epoch seconds."""

    start: float
    end: float

    def has(self, at: float) -> bool:
        """Whether *at* lies in it; the end does not."""
        return self.start <= at < self.end


def percentile(ordered: list[float], share: float) -> float | None:
    """Return the value at *share* (0 to 1) of a sorted list, interpolated between neighbours; None when empty."""
    if not ordered:
        return None
    rank = (len(ordered) - 1) * share
    low = int(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)


def due_in(samples: Iterable[Sample], span: Span) -> list[Sample]:
    """Return the requests that were due in *span*."""
    return [sample for sample in samples if span.has(sample.due)]


def error_ratio(samples: list[Sample]) -> float | None:
    """Return the share of failed requests, 0 to 1; None when there were none."""
    return sum(sample.failed for sample in samples) / len(samples) if samples else None


def common_failures(samples: list[Sample], most: int = 3) -> str:
    """Say how requests failed, the most frequent first: `failed requests: 91 x read_feed HTTP 503`; empty without."""
    kinds = Counter((sample.step, sample.error or "no answer") for sample in samples if sample.failed)
    told = ", ".join(f"{count} x {step} {error}" for (step, error), count in kinds.most_common(most))
    return f"failed requests: {told}" if told else ""


def latencies(samples: Iterable[Sample]) -> list[float]:
    """Return the sorted latencies in ms from the due times of the requests that were answered."""
    return sorted(ms for sample in samples if (ms := sample.latency_ms) is not None)


def figures(samples: list[Sample], span: Span) -> dict[str, Json]:
    """Return one entry of `findings.phases`: counts, latencies in ms, and the span as ISO times."""
    mine = due_in(samples, span)
    ordered = latencies(mine)
    closed = sorted(ms for sample in mine if (ms := sample.closed_loop_ms) is not None)
    return {
        "requests": len(mine),
        "errors": sum(sample.failed for sample in mine),
        "error_ratio": rounded(error_ratio(mine), 6),
        "p50_ms": rounded(percentile(ordered, 0.5)),
        "p95_ms": rounded(percentile(ordered, 0.95)),
        "p99_ms": rounded(percentile(ordered, 0.99)),
        "closed_loop_p99_ms": rounded(percentile(closed, 0.99)),
        "from": iso(span.start),
        "to": iso(span.end),
    }


def rounded(value: float | None, digits: int = 3) -> float | None:
    """Return *value* with *digits* after the point; None stays None."""
    return None if value is None else round(value, digits)


def wilson(hits: int, n: int) -> Interval:
    """Return Wilson's 95 % interval of a share of which *hits* of *n* were seen; of nothing, from 0 to 1."""
    if not n:
        return 0.0, 1.0
    share, weight = hits / n, Z * Z / n
    middle = share + weight / 2
    half = Z * math.sqrt(share * (1 - share) / n + weight / (4 * n))
    low, high = (middle - half) / (1 + weight), (middle + half) / (1 + weight)
    return (low if hits else 0.0), (high if hits < n else 1.0)


def exact_share(hits: int, n: int) -> Interval:
    """Return the exact 95 % interval (Clopper and Pearson's) of a share: wider than Wilson's, never too sure."""
    if not n:
        return 0.0, 1.0
    low = _crossing(0.0, 1.0, lambda share: 1 - _no_more_of(hits - 1, n, share) >= TAIL) if hits else 0.0
    return low, _crossing(0.0, 1.0, lambda share: _no_more_of(hits, n, share) <= TAIL) if hits < n else 1.0


def median_interval(values: list[float], missing: int = 0) -> Interval | None:
    """Return the 95 % interval of the median, from two of the sorted *values*; None below six, which are too few.

    *missing* more values are not known, only that they are not negative: the interval holds whatever they are, so its
    upper end may be infinite.
    """
    n = len(values) + missing
    all_ways, below, rank = 2**n, 0, 0
    while rank < n:  # the chance that no more than `rank` of n values lie below the median
        below += math.comb(n, rank)
        if below > TAIL * all_ways:
            break
        rank += 1
    if rank == 0:
        return None
    ordered = sorted(values)
    low = [0.0] * missing + ordered
    high = [*ordered, *[math.inf] * missing]
    return low[rank - 1], high[n - rank]


def count_interval(count: int) -> Interval:
    """Return the exact 95 % interval of the expected count, of events that happen by chance, when *count* happened."""
    most = count + 10 + 10 * math.sqrt(count + 1)
    low = _crossing(0.0, float(count), lambda mean: 1 - _no_more_than(count - 1, mean) >= TAIL) if count else 0.0
    return low, _crossing(float(count), most, lambda mean: _no_more_than(count, mean) <= TAIL)


def _no_more_of(hits: int, n: int, share: float) -> float:
    """Return the chance of at most *hits* among *n*, of which each is one with the chance *share*."""
    ways = math.lgamma(n + 1)
    return math.fsum(
        math.exp(
            ways - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * math.log(share) + (n - k) * math.log1p(-share)
        )
        for k in range(hits + 1)
    )


def _no_more_than(count: int, mean: float) -> float:
    """Return the chance of at most *count* events where *mean* are expected."""
    if mean <= 0:
        return 1.0
    return math.fsum(math.exp(each * math.log(mean) - mean - math.lgamma(each + 1)) for each in range(count + 1))


def _crossing(low: float, high: float, reached: Callable[[float], bool]) -> float:
    """Return where *reached* becomes true between *low* and *high*."""
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high
