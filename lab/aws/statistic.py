"""What the name of a statistic means: from the samples of one period to one number, as CloudWatch defines it.

`statistic("p99.9")` returns a function of `Samples`; it answers None where CloudWatch gives no data point,
which is a percentile of statistic sets whose single values are unknown.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeAlias

SIMPLE_STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_PERCENTILE = re.compile(r"p(100|\d{1,2}(?:\.\d{1,10})?)")
_SHORT = re.compile(r"(tm|wm|tc|ts)(100|\d{1,2}(?:\.\d{1,10})?)")
_NUMBER = r"(\d+(?:\.\d+)?)?"
_RANGE = re.compile(rf"(TM|WM|TC|TS|PR)\({_NUMBER}(%?):{_NUMBER}(%?)\)")


@dataclass(frozen=True, slots=True)
class Samples:
    """Parallel columns, one row a sample; a row whose minimum equals its maximum is `counts[i]` equal values."""

    totals: Sequence[float]
    counts: Sequence[float]
    minima: Sequence[float]
    maxima: Sequence[float]

    def values(self) -> list[tuple[float, float]] | None:
        """Return (value, count) in order of value, or None if a statistic set hides its values."""
        rows = sorted(zip(self.minima, self.maxima, self.counts, strict=True))
        if any(low != high for low, high, _ in rows):
            return None
        return [(low, count) for low, _, count in rows]


Statistic: TypeAlias = Callable[[Samples], float | None]
Measure: TypeAlias = Callable[[list[tuple[float, float]]], float | None]


class UnknownStatisticError(ValueError):
    """No statistic of CloudWatch, or none that the lab computes."""


def statistic(name: str) -> Statistic:
    """Return the function behind a name: `Average` and its like, pNN, tmNN wmNN tcNN tsNN, TM WM TC TS PR(a:b), IQM."""
    simple = _SIMPLE.get(name)
    if simple is not None:
        return simple
    return _of_values(_measure(name))


def percentile(values: list[tuple[float, float]], percent: float) -> float:
    """Return the percentile of (value, count) rows in order, with linear interpolation between neighbours."""
    ends = list(accumulate(count for _, count in values))
    rank = max(ends[-1] - 1, 0) * percent / 100
    last = len(values) - 1
    low = values[min(bisect_right(ends, int(rank)), last)][0]
    high = values[min(bisect_right(ends, int(rank) + 1), last)][0]
    return low + (high - low) * (rank - int(rank))


def _measure(name: str) -> Measure:
    if match := _PERCENTILE.fullmatch(name):
        percent = float(match[1])
        return lambda values: percentile(values, percent)
    if match := _SHORT.fullmatch(name):
        return _of_share(match[1].upper(), 0.0, float(match[2]))
    if name == "IQM":
        return _of_share("TM", 25.0, 75.0)
    if match := _RANGE.fullmatch(name):
        return _of_range(name, *match.groups())
    raise UnknownStatisticError(f"The value {name} for parameter Stat is not supported.")


def _of_range(name: str, kind: str, low: str | None, low_sign: str, high: str | None, high_sign: str) -> Measure:
    signs = {sign for bound, sign in ((low, low_sign), (high, high_sign)) if bound is not None}
    if len(signs) != 1 or (kind == "PR" and signs == {"%"}):
        raise UnknownStatisticError(f"The value {name} for parameter Stat is not supported.")
    if signs == {"%"}:
        return _of_share(kind, float(low or 0), float(high or 100))
    floor = float(low) if low is not None else float("-inf")
    ceiling = float(high) if high is not None else float("inf")
    if kind == "WM":
        return lambda values: _mean([(min(max(value, floor), ceiling), count) for value, count in values])
    return lambda values: _finish(kind, [row for row in values if floor < row[0] <= ceiling], values)


def _of_share(kind: str, low: float, high: float) -> Measure:
    if kind == "WM":
        return lambda values: _mean(_drawn_in(values, low, high))
    return lambda values: _finish(kind, _between(values, low, high), values)


def _drawn_in(values: list[tuple[float, float]], low: float, high: float) -> list[tuple[float, float]]:
    """Give what lies outside of two percentiles the value at the border."""
    kept, size = _between(values, low, high), sum(count for _, count in values)
    if not kept:
        return []
    return [(kept[0][0], size * low / 100), *kept, (kept[-1][0], size * (100 - high) / 100)]


def _mean(values: list[tuple[float, float]]) -> float | None:
    count = sum(count for _, count in values)
    return sum(value * count for value, count in values) / count if count else None


def _between(values: list[tuple[float, float]], low: float, high: float) -> list[tuple[float, float]]:
    """Keep what lies between two percentiles; a row across a border keeps its part."""
    size = sum(count for _, count in values)
    floor, ceiling, end, kept = size * low / 100, size * high / 100, 0.0, []
    for value, count in values:
        part = min(end + count, ceiling) - max(end, floor)
        end += count
        if part > 0:
            kept.append((value, part))
    return kept


def _finish(kind: str, kept: list[tuple[float, float]], values: list[tuple[float, float]]) -> float | None:
    count = sum(count for _, count in kept)
    if kind == "TC":
        return count
    if kind == "PR":
        return 100 * count / sum(count for _, count in values)
    return sum(value * count for value, count in kept) if kind == "TS" else _mean(kept)


def _of_values(measure: Measure) -> Statistic:
    def compute(samples: Samples) -> float | None:
        values = samples.values()
        return None if values is None else measure(values)

    return compute


_SIMPLE: dict[str, Statistic] = {
    "SampleCount": lambda samples: float(sum(samples.counts)),
    "Average": lambda samples: sum(samples.totals) / sum(samples.counts),
    "Sum": lambda samples: float(sum(samples.totals)),
    "Minimum": lambda samples: float(min(samples.minima)),
    "Maximum": lambda samples: float(max(samples.maxima)),
}
