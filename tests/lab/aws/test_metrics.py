"""What CloudWatch remembers, and what its statistics make of it."""

from __future__ import annotations

import threading

import pytest

from lab.aws.metrics import Metric, MetricStore, Window
from lab.aws.statistic import Samples, UnknownStatisticError, percentile, statistic

NOON = 1_764_072_000  # a whole hour, in epoch seconds


def put_values(store: MetricStore, *values: float, at: float = NOON, **dimensions: str) -> None:
    """Put values at one instant."""
    for value in values:
        store.put("N", "m", dimensions, value, at)


def ask(
    store: MetricStore, stat: str, period: int = 60, start: float = NOON, end: float = NOON + 60
) -> dict[int, float]:
    """Query the metric."""
    return store.query(Metric("N", "m"), statistic(stat), Window.of(start, end, period))


@pytest.mark.parametrize(
    ("stat", "expected"),
    [
        ("SampleCount", 4),
        ("Average", 4.0),
        ("Sum", 16.0),
        ("Minimum", 1.0),
        ("Maximum", 10.0),
        ("p0", 1.0),
        ("p50", 2.5),
        ("p100", 10.0),
        ("p99.99", 9.9979),
        ("tm75", 2.0),
        ("TM(25%:75%)", 2.5),
        ("IQM", 2.5),
        ("TM(1:3)", 2.5),
        ("TC(2:)", 2.0),
        ("tc50", 2.0),
        ("TS(:3)", 6.0),
        ("wm75", 2.25),
        ("WM(25%:75%)", 2.5),
        ("WM(2:3)", 2.5),
        ("WM(:3)", 2.25),
        ("PR(:3)", 75.0),
        ("PR(1:3)", 50.0),
    ],
)
def test_a_statistic_of_raw_values(stat: str, expected: float) -> None:
    """Of 1, 2, 3 and 10."""
    store = MetricStore()
    put_values(store, 10, 1, 3, 2)
    assert ask(store, stat)[NOON] == pytest.approx(expected)


@pytest.mark.parametrize("name", ["p101", "p", "average", "P99", "tm", "TM(1%:2)", "PR(1%:2%)", "TM(:)", "xm90", ""])
def test_an_unknown_statistic_is_refused(name: str) -> None:
    """What CloudWatch, or the lab, cannot compute is never guessed."""
    with pytest.raises(UnknownStatisticError):
        statistic(name)


def test_counts_weigh_like_repeated_values() -> None:
    """A value with a count of 3 is the same as the value three times."""
    weighed, repeated = MetricStore(), MetricStore()
    for value, count in ((1.5, 3), (4.0, 1), (9.0, 6)):
        weighed.put("N", "m", {}, value, NOON, count=count)
        put_values(repeated, *([value] * count))
    for stat in ("Average", "SampleCount", "Sum", "p50", "p90", "p99", "p12.5", "tm80", "TC(2:9)"):
        assert ask(weighed, stat)[NOON] == pytest.approx(ask(repeated, stat)[NOON]), stat


@pytest.mark.parametrize("percent", [0, 1, 33.3, 50, 90, 99, 99.9, 100])
def test_a_percentile_lies_between_its_neighbours(percent: float) -> None:
    """The weighted percentile equals the interpolated one of the list written out."""
    values = [(1.0, 2.0), (5.0, 1.0), (7.0, 4.0)]
    flat = [value for value, count in values for _ in range(int(count))]
    rank = (len(flat) - 1) * percent / 100
    low, high = flat[int(rank)], flat[min(int(rank) + 1, len(flat) - 1)]
    assert percentile(values, percent) == pytest.approx(low + (high - low) * (rank - int(rank)))


def test_a_statistic_set_keeps_its_minimum_and_maximum() -> None:
    """Nothing is averaged away, and percentiles are not invented."""
    store = MetricStore()
    store.put_set(Metric("N", "m"), total=20.0, count=4, low=1.0, high=12.0, at=NOON)
    store.put("N", "m", {}, 30.0, NOON + 1)
    assert ask(store, "Minimum") == {NOON: 1.0}
    assert ask(store, "Maximum") == {NOON: 30.0}
    assert ask(store, "Average") == {NOON: 10.0}
    assert ask(store, "p99") == {}


def test_a_statistic_set_of_equal_values_has_percentiles() -> None:
    """As on AWS: where minimum and maximum are the same, every value is known."""
    store = MetricStore()
    store.put_set(Metric("N", "m"), total=12.0, count=4, low=3.0, high=3.0, at=NOON)
    assert ask(store, "p99") == {NOON: 3.0}


def test_dimensions_match_exactly_in_any_order() -> None:
    """Neither a subset nor a superset of the dimensions is the metric."""
    store = MetricStore()
    store.put("N", "m", {"Service": "s", "Task": "t"}, 1.0, NOON)
    window = Window.of(NOON, NOON + 60, 60)
    found = store.query(Metric.of("N", "m", {"Task": "t", "Service": "s"}), statistic("Sum"), window)
    assert found == {NOON: 1.0}
    for other in ({}, {"Service": "s"}, {"Service": "s", "Task": "t", "Zone": "z"}, {"Service": "t", "Task": "s"}):
        assert store.query(Metric.of("N", "m", other), statistic("Sum"), window) == {}
    assert store.query(Metric.of("O", "m", {"Task": "t", "Service": "s"}), statistic("Sum"), window) == {}


@pytest.mark.parametrize(
    ("period", "start", "end", "times"),
    [
        (60, NOON + 34, NOON + 125, [NOON, NOON + 60, NOON + 120]),
        (60, NOON, NOON + 120, [NOON, NOON + 60]),
        (300, NOON + 434, NOON + 1000, [NOON + 420, NOON + 720]),
        (10, NOON + 13, NOON + 23, [NOON + 10, NOON + 20]),
        (5, NOON + 17, NOON + 27, [NOON + 15, NOON + 20, NOON + 25]),
        (1, NOON + 1.5, NOON + 3.5, [NOON + 1, NOON + 2, NOON + 3]),
    ],
)
def test_periods_begin_at_the_rounded_start(period: int, start: float, end: float, times: list[int]) -> None:
    """The start is rounded down to the minute, or to a shorter period; the end is exclusive."""
    window = Window.of(start, end, period)
    assert list(window.times()) == times
    store = MetricStore()
    for second in range(-120, 1200):
        put_values(store, 1.0, at=NOON + second)
    assert ask(store, "Sum", period, start, end) == dict.fromkeys(times, float(period))


def test_late_samples_find_their_place() -> None:
    """Order of arrival does not matter."""
    store = MetricStore()
    for second in (50, 10, 70, 0, 30, 110):
        put_values(store, float(second), at=NOON + second)
    assert ask(store, "Sum", end=NOON + 120) == {NOON: 90.0, NOON + 60: 180.0}


def test_units_are_streams_of_their_own() -> None:
    """A query with a unit sees only that unit; one without sees all."""
    store = MetricStore()
    store.put("N", "m", {}, 2.0, NOON + 3, unit="Seconds")
    store.put("N", "m", {}, 40.0, NOON + 1, unit="Milliseconds")
    window = Window.of(NOON, NOON + 60, 60)
    assert store.query(Metric("N", "m"), statistic("Maximum"), window, "Seconds") == {NOON: 2.0}
    assert store.query(Metric("N", "m"), statistic("Maximum"), window, "Count") == {}
    assert store.query(Metric("N", "m"), statistic("Sum"), window) == {NOON: 42.0}
    assert store.units(Metric("N", "m")) == ["Milliseconds", "Seconds"]


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    """Samples of a series, samples in all, and the number of series each have a limit."""
    store = MetricStore(series_samples=100, all_samples=1000, series=20)
    for second in range(500):
        put_values(store, 1.0, at=NOON + second)
    assert 0 < len(store) <= 100
    newest = ask(store, "Sum", period=1, start=NOON, end=NOON + 500)
    assert max(newest) == NOON + 499
    assert min(newest) > NOON + 390
    for number in range(60):
        for second in range(50):
            store.put("N", f"m{number}", {}, 1.0, NOON + 1000 + number * 100 + second)
    assert len(store) <= 1000
    assert len(store.metrics()) <= 20
    assert Metric("N", "m59") in store.metrics()
    assert Metric("N", "m") not in store.metrics()


def test_many_threads_may_put_and_query() -> None:
    """Nothing is lost between threads."""
    store = MetricStore()

    def work() -> None:
        for second in range(500):
            put_values(store, 1.0, at=NOON + second % 60)
            ask(store, "Sum")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ask(store, "SampleCount") == {NOON: 2000.0}


def test_a_set_hides_its_values_from_samples() -> None:
    """`values` says None rather than something made up."""
    assert Samples([3.0], [2.0], [1.0], [2.0]).values() is None
    assert Samples([3.0, 1.0], [1.0, 1.0], [3.0, 1.0], [3.0, 1.0]).values() == [(1.0, 1.0), (3.0, 1.0)]
