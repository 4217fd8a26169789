"""No data is never healthy."""

from __future__ import annotations

from gameday.config import Sampling
from gameday.engine.sampler import Window, judge
from gameday.model import Answer, MetricSpec

LAB = Sampling(tick_s=1, period_s=1, look_back_s=8, late_s=1, max_gap_s=3)
AWS = Sampling(tick_s=30, period_s=60, look_back_s=600, late_s=180, max_gap_s=300)
SPEC = MetricSpec("FoodConnect/ErrorRate", max=5.0)


def test_a_window_holds_whole_published_periods() -> None:
    """On AWS it ends three minutes ago, on a minute; in the lab a second ago."""
    assert Window.ending(1000.4, LAB) == Window(991, 999)
    assert Window.ending(10_000, AWS) == Window(9180, 9780)


def test_nothing_and_old_points_are_unknown() -> None:
    """Silence is neither good nor bad."""
    window = Window(991, 999)
    assert judge("e", SPEC, {}, window, LAB)[0] is Answer.UNKNOWN
    assert judge("e", SPEC, {992.0: 0.0}, window, LAB)[0] is Answer.UNKNOWN


def test_one_point_beyond_a_limit_is_not_steady() -> None:
    """The sentence names the value, the limit and its age."""
    answer, reason = judge("e", SPEC, {997.0: 7.0, 998.0: 0.0}, Window(991, 999), LAB)
    assert answer is Answer.NO
    assert reason == "e is 7, above 5 (2 s ago)"
    assert judge("e", MetricSpec("A/B", min=1), {998.0: 0.0}, Window(991, 999), LAB)[0] is Answer.NO


def test_fresh_points_within_limits_are_steady() -> None:
    """The limit itself is allowed."""
    assert judge("e", SPEC, {998.0: 5.0}, Window(991, 999), LAB) == (Answer.YES, "")
