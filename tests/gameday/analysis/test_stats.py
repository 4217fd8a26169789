"""Figures of requests."""

from __future__ import annotations

import math
import random
from functools import cache

import pytest

from gameday.analysis.stats import (
    Span,
    common_failures,
    count_interval,
    exact_share,
    figures,
    median_interval,
    percentile,
    wilson,
)
from gameday.model import Sample


def test_percentile_interpolates_between_neighbours() -> None:
    """Half-way between two values stands their mean, and nothing has no percentile."""
    assert percentile([10.0, 20.0], 0.5) == 15.0
    assert percentile([1.0, 2.0, 3.0, 4.0, 5.0], 0.99) == pytest.approx(4.96)
    assert percentile([], 0.5) is None


def test_a_request_belongs_to_the_phase_in_which_it_was_due() -> None:
    """Latency counts from the due time, and the closed-loop figure from the send."""
    samples = [Sample(10.0, 12.0, 12.5, 200, "read"), Sample(20.0, 20.0, 20.1, 200, "read")]
    found = figures(samples, Span(9.0, 11.0))
    assert found["requests"] == 1
    assert found["p99_ms"] == pytest.approx(2500)
    assert found["closed_loop_p99_ms"] == pytest.approx(500)


def test_a_request_in_flight_at_the_end_is_an_error() -> None:
    """An answer that never came is not a success."""
    assert figures([Sample(1.0, 1.0, None, 0, "read")], Span(0.0, 2.0))["errors"] == 1


def test_failures_are_named_by_step_and_answer() -> None:
    """The most frequent first, and nothing when nothing failed."""
    bad = [Sample(1.0, 1.0, 1.1, 503, "read_feed", "HTTP 503")] * 3 + [Sample(1.0, 1.0, None, 0, "log_in")]
    good = Sample(1.0, 1.0, 1.1, 200, "read_feed")
    assert common_failures([*bad, good]) == "failed requests: 3 x read_feed HTTP 503, 1 x log_in no answer"
    assert common_failures([good]) == ""


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (1, 20, 0.0089, 0.2361), (0, 0, 0.0, 1.0)],
)
def test_share_has_wilson_s_interval(hits: int, n: int, low: float, high: float) -> None:
    """The published values; none of nothing may be anything."""
    assert wilson(hits, n) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(0, 10, 0.0, 0.3085), (1, 1, 0.025, 1.0), (1, 2, 0.0126, 0.9874), (5, 10, 0.1871, 0.8129), (0, 0, 0.0, 1.0)],
)
def test_share_has_an_exact_interval_too(hits: int, n: int, low: float, high: float) -> None:
    """Clopper and Pearson's, by the published values."""
    assert exact_share(hits, n) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    ("count", "low", "high"), [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.39), (100, 81.36, 121.63)]
)
def test_count_has_the_exact_interval(count: int, low: float, high: float) -> None:
    """The values of the published tables for a Poisson mean."""
    assert count_interval(count) == pytest.approx((low, high), rel=1e-3)


def test_median_s_interval_is_made_of_two_values() -> None:
    """The ranks of the published tables: all of six, the 2nd and 9th of ten, the 6th and 15th of twenty."""
    for n, rank in ((6, 1), (10, 2), (20, 6), (100, 40)):
        assert median_interval([float(value) for value in range(n, 0, -1)]) == (rank, n + 1 - rank)
    assert median_interval([1.0] * 5) is None
    assert median_interval([]) is None


def test_missing_values_widen_the_median_s_interval() -> None:
    """Whatever value the missing ones have, the interval with them lies within the one without knowing them."""
    dice = random.Random(3)
    for _ in range(300):
        known = [dice.uniform(0, 100) for _ in range(dice.randrange(0, 30))]
        rest = [dice.choice((0.0, 50.0, 1e9)) for _ in range(dice.randrange(0, 8))]
        honest, informed = median_interval(known, len(rest)), median_interval([*known, *rest])
        if informed is None:
            assert honest is None
        else:
            assert honest is not None
            assert honest[0] <= informed[0] <= informed[1] <= honest[1]
    assert median_interval([], 8) == (0.0, math.inf)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """In simulations of known shares, medians and counts at least about 95 in 100 intervals hold it."""
    dice = random.Random(11)
    held = {"share": 0, "median": 0, "count": 0}
    times, counted = 1000, cache(count_interval)
    for _ in range(times):
        low, high = wilson(sum(dice.random() < 0.1 for _ in range(40)), 40)
        held["share"] += low <= 0.1 <= high
        between = median_interval([dice.expovariate(1.0) for _ in range(15)])
        assert between is not None
        held["median"] += between[0] <= math.log(2) <= between[1]
        low, high = counted(sum(dice.random() < 0.01 for _ in range(400)))
        held["count"] += low <= 4 <= high
    assert all(times * 0.93 <= count for count in held.values()), held
