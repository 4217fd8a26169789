"""Comparison with the good releases: noise is no alarm, 6 s more are one, and what is missing is never fine."""

from __future__ import annotations

import random

import pytest

from gameday.analysis.compare import Allowance, Limits, Measure, compare, measures

# "ECS: replacement running" and the p99 of the fault, as runs on a busy machine gave them
REPLACED = [2.928, 2.998, 2.944, 2.469, 2.448, 4.641, 2.95, 3.12]
SLOW = 9.5  # with a task that needs 6 s until it listens
P99 = [45.3, 55.2, 42.0, 24.9, 23.3, 86.0, 84.6, 153.2]
FINDINGS = {
    "phases": {
        "baseline": {"p99_ms": 72.5},
        "fault": {"p99_ms": 84.6, "error_ratio": 0.001, "from": "2026-12-01T10:00:00.000000Z",
                  "to": "2026-12-01T10:00:03.250000Z"},
    },
    "recovery": {
        "recovery_s": 0.4, "counted_from": "fault start",
        "layers": [
            {"name": "fault accepted", "after_fault_s": 0.0},
            {"name": "ECS: replacement running", "after_fault_s": 2.95},
            {"name": "users: well again", "after_fault_s": 0.4},
        ],
    },
}  # fmt: skip


def test_measures_are_those_of_users_and_of_the_control_plane() -> None:
    """Recovery, ECS's and RDS's layers, the repair, errors and both p99; of the users' layers only the recovery."""
    found = {measure.name: (measure.value, measure.unit) for measure in measures(FINDINGS)}
    assert found == {
        "recovery": (0.4, "s"),
        "ECS: replacement running": (2.95, "s"),
        "repair by the control plane": (3.25, "s"),
        "error ratio in the fault": (0.001, ""),
        "p99 in the baseline": (72.5, "ms"),
        "p99 in the fault": (84.6, "ms"),
    }


def test_a_run_without_a_fault_has_no_figures_and_no_crash() -> None:
    """Findings of a run that was cut short: every measure is there, and none has a value."""
    assert {measure.value for measure in measures({"verdict": "invalid"})} == {None}


def test_twenty_good_releases_raise_no_alarm() -> None:
    """Drawn from what good runs really took, each compared with up to five before it, in a thousand orders."""
    draw = random.Random(1)
    for _ in range(1000):
        history: list[dict[str, float | None]] = []
        for _ in range(20):
            now = [Measure("replaced", draw.choice(REPLACED), "s"), Measure("p99", draw.choice(P99), "ms")]
            assert not any(row.worse for row in compare(now, history[-5:], Limits())), history[-5:]
            history.append({measure.name: measure.value for measure in now})


@pytest.mark.parametrize("good", range(1, 6))
def test_a_start_that_takes_six_seconds_longer_is_worse(good: int) -> None:
    """However few or many good releases there are, and whichever of them they are."""
    for first in range(len(REPLACED) - good):
        history: list[dict[str, float | None]] = [{"replaced": value} for value in REPLACED[first : first + good]]
        (row,) = compare([Measure("replaced", SLOW, "s")], history, Limits())
        assert row.worse is True
        assert "worse than the good releases" in row.sentence


def test_a_spread_of_the_good_widens_the_limit() -> None:
    """Where good releases differ by seconds, a few seconds are noise; where they agree, they are not."""
    limits = Limits(recovery_s=Allowance(0.0, 0.1))
    now = [Measure("recovery", 40.0, "s")]
    (calm,) = compare(now, [{"recovery": value} for value in (30.0, 30.1, 29.9)], limits)
    (noisy,) = compare(now, [{"recovery": value} for value in (30.0, 26.0, 35.0)], limits)
    assert (calm.worse, noisy.worse) == (True, False)


def test_without_a_good_release_nothing_is_compared() -> None:
    """No baseline is no judgement: neither worse nor fine."""
    (row,) = compare([Measure("recovery", 4.0, "s")], [], Limits())
    assert (row.was, row.limit, row.worse) == (None, None, None)


def test_a_measure_that_is_missing_is_told() -> None:
    """Whether it has no value or no name any more: worse is unknown, and the sentence says so."""
    good: list[dict[str, float | None]] = [{"recovery": 2.0, "p99 in the fault": 80.0}]
    first, second = compare([Measure("recovery", None, "s")], good, Limits())
    assert first.worse is None and first.sentence == "recovery could not be measured; it was 2.0 s"
    assert second.worse is None and second.sentence == "p99 in the fault could not be measured; it was 80 ms"


def test_better_is_never_worse() -> None:
    """A measure that fell, to zero as well, is within its limit, also with no allowance at all."""
    none = Allowance(0.0, 0.0)
    good: list[dict[str, float | None]] = [{"recovery": 2.0}]
    (row,) = compare([Measure("recovery", 0.0, "s")], good, Limits(none, none, none))
    assert row.worse is False
