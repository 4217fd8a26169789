"""What CloudWatch remembers: samples by namespace, name and exact set of dimensions, each unit apart.

A sample keeps its total, count, minimum and maximum (40 bytes), so that a statistic set loses nothing and
raw values give percentiles. Memory is bounded: the oldest samples go first.
"""

from __future__ import annotations

import math
import threading
import time
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from lab.aws.statistic import Samples, Statistic

Points: TypeAlias = dict[int, float]  # start of the period, in epoch seconds, oldest first


@dataclass(frozen=True, slots=True)
class Metric:
    """The identity of a metric; the order of dimensions means nothing."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str]) -> Metric:
        """Make one from a mapping of dimensions."""
        return cls(namespace, name, frozenset(dimensions.items()))


@dataclass(frozen=True, slots=True)
class Window:
    """Periods that follow each other from `start`; those that begin before `end` belong to it.

    `start` is rounded down to the whole minute, or to the period where that is shorter than a minute, and
    is *not* aligned to the period beyond that: five-minute periods asked for from 12:07 begin at 12:07.
    """

    start: int
    end: float
    period: int

    @classmethod
    def of(cls, start: float, end: float, period: int) -> Window:
        """Make the window of a request, in epoch seconds."""
        step = min(period, 60)
        return cls(math.floor(start / step) * step, end, period)

    @property
    def size(self) -> int:
        """How many periods it has."""
        return max(0, math.ceil((self.end - self.start) / self.period))

    def times(self) -> range:
        """Return the start of every period."""
        return range(self.start, self.start + self.size * self.period, self.period)


class _Series:
    """The samples of one metric and unit, in order of time."""

    __slots__ = ("at", "counts", "maxima", "minima", "totals")

    def __init__(self) -> None:
        self.at = array("d")
        self.totals = array("d")
        self.counts = array("d")
        self.minima = array("d")
        self.maxima = array("d")

    def __len__(self) -> int:
        return len(self.at)

    def add(self, at: float, total: float, count: float, low: float, high: float) -> None:
        index = bisect_right(self.at, at)
        self.at.insert(index, at)
        self.totals.insert(index, total)
        self.counts.insert(index, count)
        self.minima.insert(index, low)
        self.maxima.insert(index, high)

    def drop(self, count: int) -> None:
        for column in (self.at, self.totals, self.counts, self.minima, self.maxima):
            del column[:count]

    def samples(self, first: int, last: int) -> Samples:
        window = slice(first, last)
        return Samples(self.totals[window], self.counts[window], self.minima[window], self.maxima[window])

    def cut(self, window: Window) -> _Series:
        """Copy what lies in the window."""
        rows = slice(*(bisect_left(self.at, at) for at in (window.start, window.start + window.size * window.period)))
        copy = _Series()
        copy.at, copy.totals, copy.counts = self.at[rows], self.totals[rows], self.counts[rows]
        copy.minima, copy.maxima = self.minima[rows], self.maxima[rows]
        return copy


class MetricStore:
    """All samples. Its methods may be called from any thread."""

    def __init__(self, *, series_samples: int = 250_000, all_samples: int = 3_000_000, series: int = 5_000) -> None:
        self._lock = threading.Lock()
        self._limits = series_samples, all_samples, series
        self._series: dict[Metric, dict[str, _Series]] = {}
        self._samples = 0

    def put(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        value: float,
        at: float | None = None,
        count: float = 1,
        unit: str = "None",
    ) -> None:
        """Remember `count` equal values at one instant (epoch seconds; now if None)."""
        self.put_set(Metric.of(namespace, name, dimensions), value * count, count, value, value, at, unit)

    def put_set(
        self,
        metric: Metric,
        total: float,
        count: float,
        low: float,
        high: float,
        at: float | None = None,
        unit: str = "None",
    ) -> None:
        """Remember a statistic set: the sum, number, minimum and maximum of values that nobody kept."""
        with self._lock:
            series = self._series.setdefault(metric, {}).setdefault(unit, _Series())
            series.add(time.time() if at is None else at, total, count, low, high)
            self._samples += 1
            self._bound(series)

    def query(self, metric: Metric, compute: Statistic, window: Window, unit: str | None = None) -> Points:
        """Return one point for each period that has data; `unit` None takes all units together."""
        return self.query_all([metric], compute, window, unit)

    def query_all(
        self, metrics: Iterable[Metric], compute: Statistic, window: Window, unit: str | None = None
    ) -> Points:
        """Return the same of the samples of several metrics taken together."""
        with self._lock:
            known = [pair for metric in metrics for pair in self._series.get(metric, {}).items()]
            cuts = [series.cut(window) for name, series in known if unit in (None, name)]
        return _points(_merge([cut for cut in cuts if len(cut)]), compute, window)

    def metrics(self, since: float = float("-inf")) -> list[Metric]:
        """Return every metric that has samples of an instant or after it."""
        with self._lock:
            return [metric for metric in self._series if self._newest(metric) >= since]

    def units(self, metric: Metric) -> list[str]:
        """Return the units that a metric was put with."""
        with self._lock:
            return sorted(self._series.get(metric, {}))

    def __len__(self) -> int:
        return self._samples

    def _bound(self, series: _Series) -> None:
        """Make room: the oldest tenth of a series, the older half of the longest, the series longest silent."""
        series_samples, all_samples, most = self._limits
        if len(series) > series_samples:
            self._drop(series, max(1, series_samples // 10))
        if self._samples > all_samples:
            longest = max(self._each(), key=len)
            self._drop(longest, max(1, len(longest) // 2))
        if len(self._series) > most:
            silent = min(self._series, key=self._newest)
            self._samples -= sum(len(one) for one in self._series.pop(silent).values())

    def _newest(self, metric: Metric) -> float:
        return max((series.at[-1] for series in self._series[metric].values() if len(series)), default=0.0)

    def _drop(self, series: _Series, count: int) -> None:
        series.drop(count)
        self._samples -= count

    def _each(self) -> Iterable[_Series]:
        return (series for units in self._series.values() for series in units.values())


def _merge(cuts: list[_Series]) -> _Series:
    """Make one series of several, in order of time."""
    if len(cuts) == 1:
        return cuts[0]
    merged = _Series()
    for cut in cuts:
        for row in zip(cut.at, cut.totals, cut.counts, cut.minima, cut.maxima, strict=True):
            merged.add(*row)
    return merged


def _points(series: _Series, compute: Statistic, window: Window) -> Points:
    points: Points = {}
    index, length = 0, len(series)
    while index < length:
        start = window.start + int((series.at[index] - window.start) // window.period) * window.period
        after = bisect_left(series.at, start + window.period, index)
        value = compute(series.samples(index, after))
        if value is not None and math.isfinite(value):
            points[start] = value
        index = after
    return points
