"""Schedules of mute rules: which instants a cron() or an at() covers, and what is no schedule."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from lab.aws.mute_schedule import WrongScheduleError, schedule_of


def at(text: str, zone: str = "UTC") -> float:
    """Return epoch seconds of a local time."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("expression", "duration", "zone", "instant", "open_"),
    [
        ("at(2026-11-25T14:00)", "PT2H", None, "2026-11-25T14:00", True),
        ("at(2026-11-25T14:00)", "PT2H", None, "2026-11-25T15:59:59", True),
        ("at(2026-11-25T14:00)", "PT2H", None, "2026-11-25T16:00", False),
        ("at(2026-11-25T14:00)", "PT2H", "Europe/Berlin", "2026-11-25T13:30", True),
        ("cron(0 2 * * *)", "PT1H", None, "2026-11-25T02:59", True),
        ("cron(0 2 * * *)", "PT1H", None, "2026-11-25T03:00", False),
        ("cron(0 2 * * *)", "PT1H", "America/New_York", "2026-11-25T07:30", True),
        ("cron(0 23 * * *)", "PT2H", None, "2026-11-26T00:30", True),  # over midnight
        ("cron(0 18 * * FRI)", "P2DT12H", None, "2026-11-30T05:59", True),  # Friday evening to Monday morning
        ("cron(0 18 * * FRI)", "P2DT12H", None, "2026-11-30T06:00", False),
        ("cron(0 18 * * MON-THU)", "PT1H", None, "2026-11-27T18:30", False),
        ("cron(0 1 1 * *)", "PT6H", None, "2026-12-01T06:59", True),
        ("cron(0 1 1 * *)", "PT6H", None, "2026-12-02T01:30", False),
        ("cron(0,30 8-9 * JAN,NOV *)", "PT10M", None, "2026-11-25T09:35", True),
        ("cron(0,30 8-9 * JAN,NOV *)", "PT10M", None, "2026-11-25T09:45", False),
        ("cron(0 0 1 * SUN)", "PT1M", None, "2026-11-29T00:00", True),  # a Sunday, not the first
        ("cron(0 0 * * 7)", "PT1M", None, "2026-11-29T00:00", True),  # Sunday is 0 and 7
    ],
)
def test_a_window_is_open(expression: str, duration: str, zone: str | None, instant: str, open_: bool) -> None:
    """From its start on, for its duration, in its time zone; `instant` is UTC."""
    assert (schedule_of(expression, duration, zone).window(at(instant)) is not None) is open_


def test_the_end_of_a_window_is_told() -> None:
    """Start and end, in epoch seconds; of windows that overlap the one that ends last."""
    schedule = schedule_of("cron(0 * * * *)", "PT90M", None)
    assert schedule.window(at("2026-11-25T10:15")) == (at("2026-11-25T10:00"), at("2026-11-25T11:30"))


@pytest.mark.parametrize(
    ("expression", "duration", "zone", "why"),
    [
        ("rate(5 minutes)", "PT1H", None, "neither cron"),
        ("at(2026-11-25)", "PT1H", None, "neither cron"),
        ("at(2026-13-25T10:00)", "PT1H", None, "no date and time"),
        ("cron(0 2 * *)", "PT1H", None, "five fields"),
        ("cron(60 2 * * *)", "PT1H", None, "'60' is no minutes between 0 and 59"),
        ("cron(0 9-8 * * *)", "PT1H", None, "no range of hours"),
        ("cron(0 2 * * FOO)", "PT1H", None, "'FOO' is no day of week"),
        ("cron(*/5 * * * *)", "PT1H", None, "no minutes"),
        ("cron(0 2 * * *)", "PT30S", None, "not an ISO 8601 duration"),
        ("cron(0 2 * * *)", "P", None, "not an ISO 8601 duration"),
        ("cron(0 2 * * *)", "P15DT1M", None, "between PT1M and P15D"),
        ("cron(0 2 * * *)", "PT0M", None, "between PT1M and P15D"),
        ("cron(0 2 * * *)", "PT1H", "Europe/Atlantis", "not a time zone"),
    ],
)
def test_what_is_no_schedule_says_why(expression: str, duration: str, zone: str | None, why: str) -> None:
    """Fields, ranges, names, durations and zones."""
    with pytest.raises(WrongScheduleError, match=why):
        schedule_of(expression, duration, zone)
