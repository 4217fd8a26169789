"""Guards have three answers, and not knowing is not "go on"."""

from __future__ import annotations

import pytest

from gameday.errors import Refusal
from gameday.model import Blast, GuardSpec
from gameday.safety.blast import how_many, within
from gameday.safety.guards import Watch

ERRORS = GuardSpec(signal="load.error_ratio", over_s=5, max=0.5, grace_s=2)


def test_a_guard_trips_above_its_limit() -> None:
    """The sentence names the value and the limit."""
    breach = Watch([ERRORS], lambda name, over_s: 0.6, lambda name: None).breach(0)
    assert breach is not None and "<= 0.5 over 5 s: it is 0.6" in breach.sentence


def test_a_guard_within_its_limit_lets_go_on() -> None:
    """The limit itself is allowed."""
    assert Watch([ERRORS], lambda name, over_s: 0.5, lambda name: None).breach(0) is None


def test_no_data_trips_after_its_grace() -> None:
    """A blind guard waits, then stops the run; one good value starts the grace anew."""
    values: list[float | None] = [None, None, 0.0, None, None]
    watch = Watch([ERRORS], lambda name, over_s: values.pop(0), lambda name: None)
    assert watch.breach(0) is None
    assert watch.breach(1) is None
    assert watch.breach(2) is None
    assert watch.breach(3) is None
    breach = watch.breach(5.5)
    assert breach is not None and "no data for 2.5 s" in breach.sentence


@pytest.mark.parametrize(
    ("state", "trips"), [("OK", False), ("ALARM", True), (None, True), ("INSUFFICIENT_DATA", True)]
)
def test_an_alarm_trips_when_it_fires_or_cannot_be_read(state: str | None, trips: bool) -> None:
    """An alarm that is not there watches nothing."""
    guard = GuardSpec(alarm="foodconnect-chaos-stop", grace_s=-1)
    assert (Watch([guard], lambda name, over_s: None, lambda name: state).breach(0) is not None) is trips


def test_a_percent_that_rounds_to_none_is_refused() -> None:
    """Peers succeed here without having done anything."""
    with pytest.raises(Refusal, match="25 % of 3 tasks rounds down to 0"):
        how_many(3, None, 25)
    assert how_many(3, None, 34) == 1
    assert how_many(3, 2, None) == 2


@pytest.mark.parametrize(
    ("of", "count", "percent"), [(0, 1, None), (3, 4, None), (3, 0, None), (3, None, None), (3, 1, 50)]
)
def test_impossible_targets_are_refused(of: int, count: int | None, percent: float | None) -> None:
    """Nothing to hit, more than there is, neither or both."""
    with pytest.raises(Refusal):
        how_many(of, count, percent)


def test_the_blast_radius_is_told_in_figures() -> None:
    """A refusal says how many of how many, and the limit."""
    with pytest.raises(Refusal, match="2 of 3 tasks would be hit, the limit is 1"):
        within(Blast(tasks=1), 2, 3, "tasks")
    with pytest.raises(Refusal, match="2 of 3 tasks are 67 %, the limit is 34 %"):
        within(Blast(percent=34), 2, 3, "tasks")
    within(Blast(tasks=1, percent=34), 1, 3, "tasks")
