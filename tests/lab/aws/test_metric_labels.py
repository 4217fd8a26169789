"""Dynamic labels: every name of the documentation, over a series of three points."""

from __future__ import annotations

from datetime import UTC

import pytest

from lab.aws.metric_labels import LabelError, fill, zone_of
from lab.aws.metric_math import Series
from lab.aws.metrics import Metric, Window

NOON = 1_764_072_000
METRIC = Metric.of("FoodConnect", "Latency", {"Service": "backend"})
SERIES = Series({NOON: 2.0, NOON + 60: 8.5, NOON + 120: 3.0}, Window(NOON, NOON + 180, 60), "mine", "m", METRIC, "p99")


@pytest.mark.parametrize(
    ("label", "filled"),
    [
        ("${AVG}", "4.5"),
        ("${DATAPOINT_COUNT} points", "3 points"),
        ("${FIRST} ${LAST} ${FIRST_LAST_RANGE}", "2 3 1"),
        ("${MIN} ${MAX} ${MIN_MAX_RANGE} ${SUM}", "2 8.5 6.5 13.5"),
        ("${MAX_TIME}", "2025-11-25T12:01:00+0000"),
        ("${MIN_TIME} ${FIRST_TIME} ${LAST_TIME}", "2025-11-25T12:00:00+0000 " * 2 + "2025-11-25T12:02:00+0000"),
        ("${LAST_TIME_RELATIVE} ${FIRST_TIME_RELATIVE}", "1h0m0s 1h2m0s"),
        ("${MAX_TIME_RELATIVE} ${MIN_TIME_RELATIVE}", "1h1m0s 1h2m0s"),
        ("${FIRST_LAST_TIME_RANGE} ${MIN_MAX_TIME_RANGE}", "2m0s 1m0s"),
        ("<${LABEL}>", "<mine>"),
        ("${PROP('MetricName')} ${PROP('Namespace')} ${PROP('Stat')} ${PROP('Period')}", "Latency FoodConnect p99 60"),
        ("${PROP('Dim.Service')}|${PROP('Dim.Nobody')}|${PROP('Region')}", "backend||eu-west-1"),
        ("${PROP('AccountId')}", "123456789012"),
    ],
)
def test_a_label_is_filled(label: str, filled: str) -> None:
    """Values, times, spans and properties."""
    assert fill(label, SERIES, UTC, NOON + 120 + 3600) == filled


def test_times_are_shown_in_the_zone_that_was_asked_for() -> None:
    """LabelOptions moves the clock of the labels, not the points."""
    assert fill("${MAX_TIME}", SERIES, zone_of("+0530"), NOON) == "2025-11-25T17:31:00+0530"
    assert fill("${MAX_TIME}", SERIES, zone_of("-0100"), NOON) == "2025-11-25T11:01:00-0100"


def test_a_series_without_points_shows_dashes() -> None:
    """There is no maximum of nothing."""
    assert fill("${MAX} ${LABEL}", SERIES.with_points({}), UTC, NOON) == "-- mine"


@pytest.mark.parametrize("label", ["${P99}", "${AVG('x')}", "${PROP}"])
def test_an_unknown_place_is_refused(label: str) -> None:
    """A misspelt name would stand in a report for ever."""
    with pytest.raises(LabelError):
        fill(label, SERIES, UTC, NOON)


@pytest.mark.parametrize("zone", ["0100", "+100", "+2500", "+0160", "UTC"])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    """A sign and four digits."""
    with pytest.raises(LabelError):
        zone_of(zone)
