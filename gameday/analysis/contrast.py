"""What differs between two runs, or two sets of runs, and how sure that is: pure, from their findings.

Each measure is judged by an exact test of ranks: of all ways to deal the same figures into two sets of these sizes, how
many lie as far apart as these do. No distribution is assumed, and too few runs are said to be too few: with three in
each set even the clearest difference has a chance of one in ten.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from statistics import median
from typing import Any

from gameday.analysis.compare import measures, shown
from gameday.model import Json

CHANCE = 0.05  # a difference that chance gives less often counts as one
MOST_DEALS = 20_000  # of which all are looked at; of more, so many are drawn
FACTS = (("experiment", "file"), ("experiment", "sha256"), ("environment", "name"), ("environment", "build"))


@dataclass(frozen=True, slots=True)
class Contrast:
    """One measure of both sets: the medians, and the probability that chance sets them as far apart."""

    name: str
    unit: str
    first: tuple[float, ...]
    second: tuple[float, ...]
    p: float | None  # None: one set has no value

    @property
    def says(self) -> str:
        """What may be concluded."""
        if self.p is None:
            return "not measured on one side"
        if 1 / comb(len(self.first) + len(self.second), len(self.first)) * 2 > CHANCE:
            return "too few runs to tell"
        return "differs" if self.p <= CHANCE else "no difference shown"

    @property
    def sentence(self) -> str:
        """The contrast in words."""
        before, after = (shown(_middle(each), self.unit) for each in (self.first, self.second))
        chance = "" if self.p is None or self.says == "too few runs to tell" else f" (p = {self.p:.3f})"
        return f"{before} and {after}: {self.says}{chance}"

    def as_json(self) -> dict[str, Json]:
        """Return it for programs."""
        return {
            "name": self.name, "unit": self.unit, "first": list(self.first), "second": list(self.second),
            "first_median": _middle(self.first), "second_median": _middle(self.second), "p": self.p,
            "says": self.says,
        }  # fmt: skip


def contrasts(first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]) -> list[Contrast]:
    """Return every measure that either set of findings has."""
    before, after = _by_name(first), _by_name(second)
    units = {measure.name: measure.unit for run in (*first, *second) for measure in measures(run)}
    found = []
    for name, unit in units.items():
        mine, theirs = before.get(name, ()), after.get(name, ())
        p = chance_of(mine, theirs) if mine and theirs else None
        found.append(Contrast(name, unit, tuple(mine), tuple(theirs), p))
    return found


def _by_name(runs: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for run in runs:
        for measure in measures(run):
            if measure.value is not None:
                found.setdefault(measure.name, []).append(measure.value)
    return found


def chance_of(first: Sequence[float], second: Sequence[float]) -> float:
    """Return how often chance deals these figures into sets whose ranks lie as far apart, from 0 to 1, two-sided."""
    ranks = _ranks([*first, *second])
    size, total = len(first), sum(ranks)
    expected = total * size / len(ranks)
    seen = abs(sum(ranks[:size]) - expected) - 1e-9
    deals = list(_deals(ranks, size))
    return sum(abs(sum(deal) - expected) >= seen for deal in deals) / len(deals)


def _deals(ranks: Sequence[float], size: int) -> Iterator[Sequence[float]]:
    """Yield the ways to deal *size* of the ranks: all, or many drawn ones, always the same."""
    if comb(len(ranks), size) <= MOST_DEALS:
        yield from combinations(ranks, size)
        return
    draw = random.Random(len(ranks))
    yield ranks[:size]  # the one that was seen: a probability is never 0
    for _ in range(MOST_DEALS):
        yield draw.sample(ranks, size)


def _ranks(values: Sequence[float]) -> list[float]:
    """Return the rank of each value; equal ones share theirs."""
    ordered = sorted(values)
    return [ordered.index(value) + (ordered.count(value) - 1) / 2 for value in values]


def changes(first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each circumstance that is not the same in both sets: a figure may differ because of it."""
    names = sorted({name for run in (*first, *second) for name in run.get("versions") or {}})
    said = []
    for part, name in (*FACTS, *(("versions", name) for name in names)):
        before, after = (_facts(runs, part, name) for runs in (first, second))
        if before != after or len(before) > 1:
            said.append(f"{part} {name}: {' and '.join(before)} in the first, {' and '.join(after)} in the second")
    return said


def _facts(runs: Sequence[Mapping[str, Any]], part: str, name: str) -> list[str]:
    return sorted({str((run.get(part) or {}).get(name) or "unknown")[:60] for run in runs})


def _middle(values: Sequence[float]) -> float | None:
    return median(values) if values else None
