"""What the formats share: the timeline's arithmetic, numbers in words, scales and flags."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from gameday.model import Json, Sample
from gameday.record import Record
from reports.parts import words
from reports.parts.chart import SIZES, Size, chart, describe
from reports.parts.flags import Flag, together
from reports.parts.scale import linear, log, time_ticks
from reports.parts.story import story
from reports.parts.timeline import bin_width, bins, timeline


def test_requests_count_at_the_second_in_which_they_were_due() -> None:
    """A request that waited belongs to the second in which it was due, and its wait counts as latency."""
    samples = [Sample(9.5, 9.5, 9.6, 200, "a"), Sample(10.2, 12.0, 12.2, 200, "a"), Sample(12.5, 12.5, None, 0, "a")]
    found = list(bins(samples, zero=10.0, width=1))
    assert [(one.good, one.failed) for one in found] == [(1, 0), (1, 0), (0, 0), (0, 1)]
    assert found[1].p99_ms == pytest.approx(2000)
    assert [one.p50_ms is None for one in found] == [False, False, True, True]


def test_no_request_is_lost_in_the_bins(recorded: Callable[..., Record]) -> None:
    """The bins hold every request once, side by side, whatever their width."""
    samples = recorded().samples()
    for width in (1, 2, 5, 30):
        found = list(bins(samples, samples[700].due, width))
        assert sum(one.good for one in found) == sum(not sample.failed for sample in samples)
        assert sum(one.failed for one in found) == sum(sample.failed for sample in samples)
        assert all(before.end == after.begin for before, after in pairwise(found))


def test_long_runs_get_wider_bins() -> None:
    """A minute's run is drawn by the second, a day's run stays drawable."""
    assert [bin_width(span) for span in (0, 60, 600, 1200, 7200, 86400)] == [1, 1, 1, 2, 15, 300]


def test_the_timeline_counts_from_the_fault(recorded: Callable[..., Record]) -> None:
    """Phases, events and metrics share one zero; the limits come from the plan."""
    times = timeline(recorded())
    spans = [(span.name, round(span.begin, 3), round(span.end, 3)) for span in times.spans]
    assert spans == [("warm-up", -14, -8), ("baseline", -8, 0), ("fault", 0, 4), ("recovery", 4, 34)]
    assert [times.begin, times.end] == pytest.approx([-14, 34])
    titles = ["Fault injected", "First failed request", "Alarm foodconnect-errors fired", "RDS: failover completed"]
    titles += ["First good request", "Objectives held for 3 s", "Undo began", "Undone", "Load stopped", "Run finished"]
    assert [event.title for event in times.events] == titles
    limits = {series.name: (series.min, series.max) for series in times.series}
    assert limits == {"error_rate": (None, 5), "healthy_hosts": (2, None), "database_connections": (0.25, 90)}
    assert times.p99_limit_ms == 800


def test_without_a_fault_the_timeline_counts_from_the_start(recorded: Callable[..., Record]) -> None:
    """A run that stopped before its fault says so on its axis."""
    times = timeline(recorded(files=("samples", "marks"), marks=((-14.0, "warmup", {}), (-8.0, "baseline", {}))))
    assert (times.since, times.begin) == ("the start", 0.0)
    assert "after the start" in describe(times)


def test_only_trouble_is_news(recorded: Callable[..., Record]) -> None:
    """A failed action, a steady state that was not met and a failed undo are shown, with their reasons."""
    marks: tuple[tuple[float, str, dict[str, Json]], ...] = (
        (-8.0, "baseline", {}),
        (-1.0, "hypothesis.before", {"met": True, "failed": []}),
        (0.0, "action.started", {"name": "stop"}),
        (0.5, "action.ended", {"name": "stop", "status": "failed", "error": "no such task"}),
        (9.0, "hypothesis.after", {"met": False, "failed": ["database-is-available: rebooting"]}),
        (9.1, "undo.failed", {"why": "not undone"}),
        (9.2, "undone", {"complete": False}),
        (9.3, "inject.sent", {"text": "x" * 500}),
    )
    found = timeline(recorded(marks=marks, findings={"recovery": {}})).events
    assert [(event.title, event.details) for event in found] == [
        ("Action stop failed", "no such task"),
        ("Steady state not met after the fault", "database-is-available: rebooting"),
        ("An undo failed", "why not undone"),
        ("Undo incomplete", ""),
        ("Inject: sent", "text " + "x" * 152 + "..."),
    ]


def test_a_point_seen_twice_counts_once(recorded: Callable[..., Record]) -> None:
    """Sampling looks back, so it sees points again; points outside the chart are left out."""
    series = next(one for one in timeline(recorded()).series if one.name == "error_rate")
    times = [at for at, _ in series.points]
    assert times == sorted(set(times))


def test_identifiers_are_shortened_to_what_people_know(recorded: Callable[..., Record]) -> None:
    """The part of an ARN before the resource's own name is left out."""
    target = "arn:aws:ecs:eu-west-1:123456789012:task/foodconnect/0a1b"
    times = timeline(recorded(marks=((0.0, "fault", {"targets": [target, "x"]}),)))
    assert times.events[0].title == "Fault injected"
    assert times.events[0].details == "targets task/foodconnect/0a1b, x"


@pytest.mark.parametrize("size", SIZES, ids=lambda size: size.name)
def test_a_chart_is_well_formed_and_complete(recorded: Callable[..., Record], size: Size) -> None:
    """Each variant parses as XML and has a panel for requests, latency and each metric."""
    root = ElementTree.fromstring(chart(timeline(recorded()), size, "id"))
    titles = [text.text for text in root.iter("text") if text.get("class") == "panel-title"]
    assert titles == ["Requests per second", "Latency", "error rate", "database connections", "healthy hosts"]
    assert len([rule for rule in root.iter("line") if rule.get("class") == "stem"]) == 9
    assert "failed, 1 to 2 s" in str(root.findtext("desc"))


def test_flags_never_overlap() -> None:
    """However close events are, their flags keep apart, in order, and stand for all of them."""
    places = [0, 1, 2, 30, 31, 60, 200, 204, 208, 212, 216, 400, 400, 400, 401]
    joined = together([Flag(float(x), number, number) for number, x in enumerate(places, 1)])
    assert all(right.x - left.x > (left.width + right.width) / 2 for left, right in pairwise(joined))
    covered = [number for flag in joined for number in range(flag.first, flag.last + 1)]
    assert covered == list(range(1, len(places) + 1))


def test_scales_hold_their_values_and_have_round_ticks() -> None:
    """Every value lies within the panel, with two to six labelled lines."""
    for values in ([0.0], [0.003, 0.9], [5, 70], [60, 61], [1.7e9], [-4, 3]):
        scale = linear(values, 100)
        assert all(-1e-6 <= scale(value) <= 100 + 1e-6 for value in values)
        assert 2 <= len(scale.ticks()) <= 6
    decades = log([3.1, 2280], 100)
    assert decades.ticks() == [1, 10, 100, 1000, 10000]
    assert decades(1) == 100 and decades(10000) == 0 and decades(0) == 100
    assert time_ticks(-14, 34, 12) == [-10, -5, 0, 5, 10, 15, 20, 25, 30]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (words.seconds(2.3), "2.3 s"),
        (words.seconds(41.52), "41.5 s"),
        (words.seconds(120), "120 s"),
        (words.seconds(300), "5 min"),
        (words.seconds(-1240.4), "-20 min 40 s"),
        (words.seconds(3900), "1 h 5 min"),
        (words.seconds(-0.001), "0 s"),
        (words.seconds(None), "unknown"),
        (words.milliseconds(0.42), "0.42 ms"),
        (words.milliseconds(412.4), "412 ms"),
        (words.milliseconds(2280.4), "2.28 s"),
        (words.percent(0), "0%"),
        (words.percent(0.00001), "< 0.01%"),
        (words.percent(0.0302), "3.02%"),
        (words.percent(0.34), "34%"),
        (words.percent(0.99999), "> 99.9%"),
        (words.percent(1), "100%"),
        (words.count(1800), "1,800"),
        (words.quantity(0, "writes"), "0 writes"),
        (words.between(-14, 30.5), "-14 to 30.5 s"),
        (words.between(-420, 0), "-7 min to 0 s"),
        (words.after(0.0), "0 s"),
        (words.after(-8), "-8 s"),
        (words.measure("task_start_s", 2.0), "task start 2 s"),
        (words.sentence("the fault  was not seen"), "The fault was not seen."),
        (words.sentence("users: well again"), "Users: well again."),
        (words.readable("event at 2026-11-25T04:42:27.239000Z: done"), "event at 04:42:27.239 UTC: done"),
        (words.sentence("rds.failed_over: done!"), "rds.failed_over: done!"),
    ],
)
def test_numbers_read_well(said: str, expected: str) -> None:
    """Two or three digits that matter, with a unit; never a nothing for something that is not."""
    assert said == expected


def test_reasons_are_not_said_twice(recorded: Callable[..., Record]) -> None:
    """A reason that an earlier one contains is left out."""
    why = ["the fault is not proven: no task stopped", "no task stopped", "too little load"]
    assert story(recorded(findings={"why": why})).why == (why[0], why[2])


def test_late_or_missing_load_is_no_proof(recorded: Callable[..., Record]) -> None:
    """Load counts as delivered when enough of it was sent, and on time."""
    answers = []
    for number, load in enumerate(
        (
            {"planned": 100, "sent": 100, "delivered": 1.0, "send_lag_p99_ms": 2.0},
            {"planned": 100, "sent": 94, "delivered": 0.94, "send_lag_p99_ms": 2.0},
            {"planned": 100, "sent": 100, "delivered": 1.0, "send_lag_p99_ms": 900.0},
            {"planned": 0, "sent": 0, "delivered": 0.0, "send_lag_p99_ms": None},
        )
    ):
        record = recorded(run=f"run-{number}", findings={"proofs": {"load": load}})
        answers.append(story(record).proofs[1].proven.value)
    assert answers == ["yes", "no", "no", "unknown"]


def test_a_partial_story_is_honest(recorded: Callable[..., Record]) -> None:
    """What was not measured is unknown: no number, no pass."""
    told = story(recorded(findings={"objectives": [{"name": "p99_ms", "limit": 800, "unit": "ms"}], "proofs": {}}))
    assert (told.objectives[0].measured, told.objectives[0].met.value) == ("unknown", "unknown")
    assert [proof.proven.value for proof in told.proofs] == ["unknown"] * 3
