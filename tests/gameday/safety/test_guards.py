"""Guards have three answers, and not knowing is not "go on"."""

from __future__ import annotations

import pytest

from gameday.errors import Refusal
from gameday.model import Blast, GuardSpec
from gameday.safety.blast import how_many, within
from gameday.safety.guards import Watch

ERRORS = GuardSpec(signal="load.error_ratio", over_s=5, max=0.5, grace_s=2)


class Said:
    """Sources that say what a test wants."""

    def __init__(self, values: list[float | None] | None = None, state: str | None = None, status: int | None = None):
        self.values = values or []
        self.state = state
        self.status = status

    def signal(self, name: str, over_s: float) -> float | None:
        return self.values.pop(0) if self.values else None

    def metric(self, guard: GuardSpec) -> float | None:
        return self.signal(str(guard.metric), 0)

    def alarm(self, name: str) -> str | None:
        return self.state

    def http(self, address: str) -> int | None:
        return self.status

    def safety_lever(self) -> str | None:
        return self.state


def test_a_guard_trips_above_its_limit() -> None:
    """The sentence names the value and the limit."""
    breach = Watch([ERRORS], Said([0.6])).breach(0)
    assert breach is not None and "<= 0.5 over 5 s: it is 0.6" in breach.sentence


def test_a_guard_within_its_limit_lets_go_on() -> None:
    """The limit itself is allowed."""
    assert Watch([ERRORS], Said([0.5])).breach(0) is None


def test_no_data_trips_after_its_grace() -> None:
    """A blind guard waits, then stops the run; one good value starts the grace anew."""
    watch = Watch([ERRORS], Said([None, None, 0.0, None, None]))
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
    assert (Watch([guard], Said(state=state)).breach(0) is not None) is trips


@pytest.mark.parametrize(
    ("state", "trips"), [("disengaged", False), ("engaging", True), ("engaged", True), (None, True)]
)
def test_the_safety_lever_trips_when_pulled_or_unreadable(state: str | None, trips: bool) -> None:
    """Whoever pulls the account's lever ends the run."""
    guard = GuardSpec(safety_lever=True, grace_s=-1)
    assert (Watch([guard], Said(state=state)).breach(0) is not None) is trips


@pytest.mark.parametrize(("status", "trips"), [(200, False), (503, True), (0, True), (None, True)])
def test_an_address_trips_when_it_answers_otherwise_or_not(status: int | None, trips: bool) -> None:
    """No answer is an answer too: the service is away."""
    guard = GuardSpec(http="/health", grace_s=-1)
    assert (Watch([guard], Said(status=status)).breach(0) is not None) is trips


@pytest.mark.parametrize(("value", "trips"), [(4.0, False), (6.0, True), (None, True)])
def test_a_metric_trips_above_its_limit_or_without_data(value: float | None, trips: bool) -> None:
    """A metric that is silent is not fine."""
    guard = GuardSpec(metric="error_rate", max=5, grace_s=-1)
    assert (Watch([guard], Said([value])).breach(0) is not None) is trips


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
