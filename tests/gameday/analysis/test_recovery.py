"""When users were well again."""

from __future__ import annotations

import math

import pytest

from gameday.analysis.recovery import Recovery, recovery
from gameday.analysis.timeline import timeline
from gameday.model import Mark, Sample

RATE = 50.0
FAULT_AT = 110.0


def marks(*, ended: float | None = None) -> list[Mark]:
    """Marks of a run with a baseline from 100 and a fault at 110."""
    found = [Mark(100.0, "baseline"), Mark(FAULT_AT, "fault"), Mark(111.0, "recovery"), Mark(130.0, "load.stopping")]
    return sorted([*found, *([Mark(ended, "fault.ended")] if ended else [])], key=lambda mark: mark.at)


def calm(start: float, end: float) -> list[Sample]:
    """Requests that take 5 ms."""
    count = int((end - start) * RATE)
    return [Sample(start + n / RATE, start + n / RATE, start + n / RATE + 0.005, 200, "read") for n in range(count)]


def held_back(start: float, until: float) -> list[Sample]:
    """Requests due during an outage that are all answered when it ends."""
    return [Sample(s.due, s.sent, until + 0.01, 200, "read") for s in calm(start, until)]


def found_in(samples: list[Sample], line: list[Mark]) -> Recovery:
    """Analyse, and insist that there is an answer."""
    result = recovery(sorted(samples, key=lambda s: s.due), timeline(line))
    assert result is not None
    return result


def test_without_a_bad_request_users_were_well_all_along() -> None:
    """Recovery took no time when nobody was hurt."""
    assert found_in(calm(100, 130), marks()).seconds == 0.0


def test_recovery_is_the_instant_from_which_arrivals_are_served_as_usual() -> None:
    """An outage of 2.3 s that delays requests is measured to the request: waits of up to 0.1 s are not bad."""
    samples = calm(100, FAULT_AT) + held_back(FAULT_AT, 112.3) + calm(112.3, 130)
    result = found_in(samples, marks())
    assert result.seconds == pytest.approx(2.21, abs=0.03)
    assert result.latest == pytest.approx(112.31, abs=0.03)
    assert result.outage is not None
    assert result.outage.end - result.outage.start == pytest.approx(2.32, abs=0.03)
    assert result.earliest is not None and result.well_at is not None and result.latest is not None
    assert result.earliest <= result.well_at <= result.latest


def test_failed_requests_are_bad_ones() -> None:
    """Fast errors hurt as much as slow answers."""
    errors = [Sample(s.due, s.sent, s.done, 503, "read") for s in calm(FAULT_AT, 114)]
    assert found_in(calm(100, FAULT_AT) + errors + calm(114, 130), marks()).seconds == pytest.approx(4, abs=0.05)


def test_a_relapse_is_not_recovery() -> None:
    """Two good seconds between two outages do not count as well."""
    samples = calm(100, 110) + held_back(110, 112) + calm(112, 114) + held_back(114, 116) + calm(116, 130)
    assert found_in(samples, marks()).seconds == pytest.approx(5.9, abs=0.05)


def test_an_outage_to_the_end_is_no_recovery() -> None:
    """What never came back within the run has no time to recover."""
    errors = [Sample(s.due, s.sent, s.done, 503, "read") for s in calm(110, 130)]
    assert found_in(calm(100, 110) + errors, marks()).seconds is None


def test_a_fault_with_a_duration_is_counted_from_its_end() -> None:
    """While the delay is in, being slow is expected."""
    slow = [Sample(s.due, s.sent, s.due + 0.5, 200, "read") for s in calm(110, 118)]
    result = found_in(calm(100, 110) + slow + calm(118, 130), marks(ended=118.0))
    assert result.origin == 118.0
    assert result.seconds is not None and 0 <= result.seconds < 0.6


def one_of_ten(start: float, end: float) -> list[Sample]:
    """Requests of which each tenth fails."""
    return [Sample(s.due, s.sent, s.done, 500 if n % 10 == 9 else 200, "read") for n, s in enumerate(calm(start, end))]


@pytest.mark.parametrize(("rolled_back_at", "seconds"), [(120.5, 10.4), (math.inf, None)])
def test_users_are_not_well_before_what_hurts_them_is_gone(rolled_back_at: float, seconds: float | None) -> None:
    """A bad release hurts later than it is deployed: the good seconds before that are no recovery."""
    samples = calm(100, 114) + one_of_ten(114, 120.4) + calm(120.4, 130)
    result = recovery(samples, timeline(marks()), rolled_back_at)
    assert result is not None and result.seconds == (seconds and pytest.approx(seconds, abs=0.25))
    assert recovery(samples, timeline(marks())).seconds == 0.0  # type: ignore[union-attr]


def test_a_release_that_never_hurt_needs_no_recovery() -> None:
    """Nobody met it, so users were well all along, rolled back or not."""
    result = recovery(calm(100, 130), timeline(marks()), math.inf)
    assert result is not None and result.seconds == 0.0
