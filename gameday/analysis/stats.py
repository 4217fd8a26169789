"""Figures of requests: exact percentiles, error ratios, and the closed-loop p99 beside the honest one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from gameday.model import Json, Sample, iso


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
