"""Scales of a chart: from values to pixels, with ticks at round numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

STEPS_S = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)


class Scale(Protocol):
    """Maps a value to a distance from the top of a panel, in pixels."""

    def __call__(self, value: float) -> float:
        """Return the distance from the top."""

    def ticks(self) -> list[float]:
        """Return the values that get a line and a label."""


@dataclass(frozen=True, slots=True)
class Linear:
    """Equal distances for equal differences. `size` is the height in pixels."""

    low: float
    high: float
    size: float
    step: float

    def __call__(self, value: float) -> float:
        """Return the distance from the top."""
        return self.size * (1 - (value - self.low) / (self.high - self.low))

    def ticks(self) -> list[float]:
        """Return the multiples of the step."""
        first, last = round(self.low / self.step), round(self.high / self.step)
        return [index * self.step for index in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Log:
    """Equal distances for equal factors; whole decades. Values below the lowest decade sit on its line."""

    low: int  # exponents of ten
    high: int
    size: float

    def __call__(self, value: float) -> float:
        """Return the distance from the top."""
        exponent = min(max(math.log10(max(value, 1e-9)), self.low), self.high)
        return self.size * (1 - (exponent - self.low) / (self.high - self.low))

    def ticks(self) -> list[float]:
        """Return the decades."""
        return [10.0**exponent for exponent in range(self.low, self.high + 1)]


def linear(values: Iterable[float], size: float, most_ticks: int = 4) -> Linear:
    """Return a scale from zero (or the lowest negative value) over all *values*, with a little air above."""
    known = list(values)
    low, high = min([0.0, *known]), max([0.0, *known])
    spread = (high - low) or 1.0
    step = round_step(spread * 1.05 / most_ticks)
    return Linear(math.floor(low / step) * step, math.ceil((low + spread * 1.05) / step) * step, size, step)


def log(values: Iterable[float], size: float) -> Log:
    """Return a scale in whole decades around all *values* greater than zero."""
    known = [value for value in values if value > 0]
    low = math.floor(math.log10(max(min(known, default=1.0), 0.1)))
    high = math.ceil(math.log10(max(known, default=10.0)))
    return Log(low, max(high, low + 1), size)


def round_step(least: float) -> float:
    """Return 1, 2 or 5 times a power of ten, at least *least*."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * 0.999999)


def time_ticks(begin: float, end: float, most: int) -> list[float]:
    """Return round times between *begin* and *end* (seconds), always the multiples of one step."""
    step = next((step for step in STEPS_S if (end - begin) / step <= most), STEPS_S[-1])
    return [float(index * step) for index in range(math.ceil(begin / step), math.floor(end / step) + 1)]
