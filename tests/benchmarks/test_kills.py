"""A kill follows from the seed and its number, and falls where it is said to fall."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks._bench_kills import FILES, STAYS, VICTIMS, Kill, Timing, kill, moment, staying, timing_of
from benchmarks._bench_scene import Came, is_proper
from benchmarks.kill import line, table
from gameday.model import Mark

TIMING = Timing(10.0, ((0.3, 2.3), (5.0, 6.0)))


def _at(near: bool, share: float) -> tuple[str, float]:
    return moment(Kill(0, 0, "delay", "runner", near, share, False), TIMING)


def test_a_kill_follows_from_its_seed_number_and_attempt() -> None:
    """The same ones make the same kill; each of them changes it."""
    first = kill(1, 7)
    assert first == kill(1, 7)
    assert first.share not in (kill(2, 7).share, kill(1, 8).share, kill(1, 7, 1).share)


def test_kills_meet_every_victim_in_every_experiment() -> None:
    """Three hundred of them leave nothing out; half are near the fault, and all of a delay that stays are."""
    kills = [kill(1, number) for number in range(300)]
    assert {(one.victim, one.experiment) for one in kills} == {(who, what) for who in VICTIMS for what in FILES}
    assert 120 < sum(one.near for one in kills) < 180
    assert all(one.near for one in kills if one.experiment == STAYS)


@pytest.mark.parametrize(
    ("near", "share", "expected"),
    [(False, 0.5, ("", 5.0)), (True, 0.0, ("baseline", 0.3)), (True, 0.5, ("baseline", 1.8)),
     (True, 0.8, ("baseline", 5.4)), (True, 1.0, ("baseline", 6.0))],
)  # fmt: skip
def test_a_moment_lies_in_the_run_or_in_the_windows_of_the_fault(
    near: bool, share: float, expected: tuple[str, float]
) -> None:
    """The windows are walked one after another, each by its length."""
    anchor, seconds = _at(near, share)
    assert anchor == expected[0] and seconds == pytest.approx(expected[1])


def test_the_windows_are_measured_from_a_runs_marks() -> None:
    """From before the action to its end, and from before the rollbacks to the read-back, when there was an undo."""
    names = {"baseline": 1.0, "action.started": 1.5, "action.ended": 3.5, "rollbacks": 6.0, "undone": 6.5}
    marks = [Mark(at, name) for name, at in names.items()]
    one_way = timing_of(8.0, marks)
    assert one_way.windows[0] == pytest.approx((0.3, 2.7)) and len(one_way.windows) == 1
    both_ways = timing_of(8.0, [*marks, Mark(6.4, "undo.verified")])
    assert both_ways.windows[1] == pytest.approx((4.8, 5.7))
    assert staying(one_way).windows[0][0] == one_way.windows[0][0]


def test_the_table_counts_by_who_really_died() -> None:
    """A kill that met the runner instead counts as one of the runner; one that came too late does not count."""
    one = Kill(3, 0, STAYS, "load", True, 0.5, False)
    came = [
        Came(one, "runner", 1.0, -9, True, 0.25),
        Came(one),
        Came(one, "load", 1.0, 5, left=["3 links are still delayed"]),
    ]
    told = table(came).splitlines()
    counts = Counter({row.split()[0]: row.split()[-1] for row in told if row.startswith(("runner ", "load "))})
    assert counts == {"runner": "1", "load": "1"}
    assert told[-1] == "kills 2, with residual changes 1"
    assert "too late and drawn again 1" in told[-5]
    assert "RESIDUAL, seed 1, attempt 0" in line(came[2], 1) and "for load" in line(came[0], 1)


@pytest.mark.parametrize(
    ("victim", "code", "proper"),
    [("runner", -9, True), ("both", -9, True), ("load", -9, False), ("watchman", 5, True), ("watchman", -10, False),
     ("runner's group", 4, True), ("load", 6, False), ("load", 70, False), ("runner", None, False)],
)  # fmt: skip
def test_only_who_was_killed_may_end_without_a_verdict(victim: str, code: int | None, proper: bool) -> None:
    """A runner whose watchman or load was killed ends by itself, and says how."""
    assert is_proper(victim, code) is proper
