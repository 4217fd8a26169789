"""Figures of requests."""

from __future__ import annotations

import pytest

from gameday.analysis.stats import Span, common_failures, figures, percentile
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
