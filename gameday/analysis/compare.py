"""Whether a run got worse than the good ones before it: pure, from findings and the measures of earlier gates.

What is compared: how long users and the control plane took to be well again, the share of failed requests, and the
99th percentile before and during the fault. One good run is a weak witness, several show how much the figures vary
by themselves: the limit is their median and what a measure may exceed it by, at least a few times their spread. A
measure that is missing on either side is not compared: `worse` is None, which is not "fine".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from gameday.model import Json, from_iso

SPREADS = 4.0  # of the good runs; a normal one is beyond it once in 30 000 times
LEAST_FOR_SPREAD = 3  # of two values one may be an outlier, and nobody can say which
MAD_TO_SIGMA = 1.4826  # of the median absolute deviation, for normal values
SHOWN = {"s": (" s", 1.0, 1), "": (" %", 100.0, 2), "ms": (" ms", 1.0, 0)}  # what follows, factor, digits


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a measure may exceed the good runs by: the larger of a percentage and an absolute amount in its unit."""

    percent: float = 30.0
    floor: float = 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """The allowances by kind of measure. `recovery_s` counts for users and for the layers of the control plane."""

    recovery_s: Allowance = field(default_factory=lambda: Allowance(30.0, 4.0))
    error_ratio: Allowance = field(default_factory=lambda: Allowance(100.0, 0.005))
    p99_ms: Allowance = field(default_factory=lambda: Allowance(100.0, 250.0))

    def of(self, unit: str) -> Allowance:
        """Return the allowance of measures in *unit*."""
        return {"s": self.recovery_s, "": self.error_ratio, "ms": self.p99_ms}[unit]


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of a run; `value` None: it could not be measured. Units: "s", "ms", "" for a ratio from 0 to 1."""

    name: str
    value: float | None
    unit: str


@dataclass(frozen=True, slots=True)
class Compared:
    """One measure beside the good ones: `was` is their median, `limit` the most that is not worse."""

    name: str
    was: float | None
    now: float | None
    limit: float | None
    unit: str
    worse: bool | None

    def as_json(self) -> dict[str, Json]:
        """Return it as `gate.json` has it."""
        return {
            "name": self.name,
            "was": _rounded(self.was),
            "now": _rounded(self.now),
            "limit": _rounded(self.limit),
            "unit": self.unit,
            "worse": self.worse,
        }

    @property
    def sentence(self) -> str:
        """The comparison in words."""
        if self.now is None:
            return f"{self.name} could not be measured; it was {shown(self.was, self.unit)}"
        if self.was is None:
            return f"{self.name} is {shown(self.now, self.unit)}; no good release has it to compare with"
        word = "worse than" if self.worse else "no worse than"
        was, limit = shown(self.was, self.unit), shown(self.limit, self.unit)
        return f"{self.name} is {shown(self.now, self.unit)}, {word} the good releases: {was}, at most {limit}"


def measures(findings: Mapping[str, Any]) -> list[Measure]:
    """Return the figures of a run that are compared, in a fixed order; what it has not measured has no value."""
    phases, told = findings.get("phases") or {}, findings.get("recovery") or {}
    fault, baseline = phases.get("fault") or {}, phases.get("baseline") or {}
    return [
        Measure("recovery", told.get("recovery_s"), "s"),
        *_layers(told, fault),
        Measure("error ratio in the fault", fault.get("error_ratio"), ""),
        Measure("p99 in the baseline", baseline.get("p99_ms"), "ms"),
        Measure("p99 in the fault", fault.get("p99_ms"), "ms"),
    ]


def _layers(told: Mapping[str, Any], fault: Mapping[str, Any]) -> Iterator[Measure]:
    """Yield what the control plane took, which users need not have felt: a weaker system is hurt by the next loss."""
    for layer in told.get("layers") or []:
        if str(layer["name"]).startswith(("ECS:", "RDS:")):
            yield Measure(str(layer["name"]), layer["after_fault_s"], "s")
    if told.get("counted_from") == "fault start" and fault.get("from") and fault.get("to"):
        yield Measure("repair by the control plane", from_iso(fault["to"]) - from_iso(fault["from"]), "s")


def compare(now: Sequence[Measure], good: Sequence[Mapping[str, float | None]], limits: Limits) -> list[Compared]:
    """Return each measure beside the *good* runs' {name: value}; what only they have is there too, with no value."""
    names = {measure.name for measure in now}
    lost = {name: None for run in good for name, value in run.items() if value is not None and name not in names}
    rows = [*now, *(Measure(name, None, _unit_of(name)) for name in lost)]
    return [_compared(row, [value for run in good if (value := run.get(row.name)) is not None], limits) for row in rows]


def _compared(row: Measure, good: list[float], limits: Limits) -> Compared:
    if not good:
        return Compared(row.name, None, row.value, None, row.unit, None)
    middle = median(good)
    limit = middle + _allowed(good, middle, limits.of(row.unit))
    return Compared(row.name, middle, row.value, limit, row.unit, None if row.value is None else row.value > limit)


def _allowed(good: list[float], middle: float, allowance: Allowance) -> float:
    """Return how far above the median of the good runs is no worse."""
    spread = MAD_TO_SIGMA * median(abs(value - middle) for value in good) if len(good) >= LEAST_FOR_SPREAD else 0.0
    return max(allowance.floor, abs(middle) * allowance.percent / 100.0, SPREADS * spread)


def _unit_of(name: str) -> str:
    if name.startswith("p99"):
        return "ms"
    return "" if name.startswith("error ratio") else "s"


def shown(value: float | None, unit: str) -> str:
    """Return a value with its unit for people."""
    if value is None:
        return "unknown"
    after, factor, digits = SHOWN[unit]
    return f"{value * factor:.{digits}f}{after}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
