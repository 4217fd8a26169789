"""When days begin: a year in two zones with both changes of clocks and a Christmas freeze; every edge of lateness."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from gameday.config import Environment, Freeze, Rules
from gameday.day import calendar
from gameday.day.plan import Plan, Roles, When

CHRISTMAS = Freeze("2026-12-19", "2027-01-03", "Christmas")
LAB = Environment("lab", "eu-west-1", name="lab")
YEAR = ("2026-11-26T00:00", "2027-11-26T00:00")


def utc(text: str) -> float:
    """Return seconds since the epoch of a UTC time."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def text(at: float) -> str:
    """Return an instant as `2026-12-02T09:30` in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat()[:16]


def plan(when: When, *freeze: Freeze) -> Plan:
    """Return a plan that is due then."""
    return Plan("A day", Roles("ann", "bob"), [], when=when, freeze=[*freeze])


def due(cron: str, zone: str, after: str = YEAR[0], until: str = YEAR[1]) -> list[float]:
    """Return the begins of a cron between two UTC times."""
    return list(calendar.begins(When(cron=cron, zone=zone), utc(after), utc(until)))


@pytest.mark.parametrize("zone", ["Europe/Dublin", "America/New_York"])
def test_a_year_of_wednesdays_keeps_the_wall_clock(zone: str) -> None:
    """Fifty-two begins in a year, each at 09:30 of the zone's own clock on a Wednesday, in winter and in summer."""
    local = [datetime.fromtimestamp(at, ZoneInfo(zone)) for at in due("30 9 * * WED", zone)]
    assert len(local) == 52
    assert {(one.hour, one.minute, one.weekday()) for one in local} == {(9, 30, 2)}
    assert len({one.utcoffset() for one in local}) == 2


@pytest.mark.parametrize(
    ("zone", "cron", "day", "begin", "skipped", "twice"),
    [
        ("Europe/Dublin", "30 1 * * *", "2027-03-28", "2027-03-28T01:00", True, False),  # 01:30 does not exist: 02:00
        ("Europe/Dublin", "30 1 * * *", "2027-10-31", "2027-10-31T00:30", False, True),  # the first 01:30
        ("Europe/Dublin", "30 9 * * *", "2027-03-28", "2027-03-28T08:30", False, False),
        ("America/New_York", "30 2 * * *", "2027-03-14", "2027-03-14T07:00", True, False),  # 03:00
        ("America/New_York", "30 1 * * *", "2027-11-07", "2027-11-07T05:30", False, True),
        ("Australia/Lord_Howe", "15 2 * * *", "2027-10-03", "2027-10-02T15:30", True, False),  # half an hour: 02:30
    ],
)
def test_a_day_of_a_change_of_clocks_has_one_begin(
    zone: str, cron: str, day: str, begin: str, skipped: bool, twice: bool
) -> None:
    """A time that is skipped begins after the gap, one that comes twice begins the first time; both are marked."""
    near = [at for at in due(cron, zone, "2027-01-01T00:00", "2027-12-31T00:00") if abs(at - utc(begin)) < 2 * 86400]
    found = [at for at in near if datetime.fromtimestamp(at, ZoneInfo(zone)).date().isoformat() == day]
    assert [text(at) for at in found] == [begin]
    when = When(cron=cron, zone=zone)
    assert calendar.clock_change(zone, found[0])
    assert (calendar.skipped(when, found[0]), calendar.twice(when, found[0])) == (skipped, twice)
    others = [at for at in near if at != found[0]]
    assert others and not any(calendar.clock_change(zone, at) or calendar.skipped(when, at) for at in others)


@pytest.mark.parametrize("zone", ["Europe/Dublin", "America/New_York", "UTC", "Pacific/Chatham"])
def test_every_day_of_a_year_has_exactly_one_begin(zone: str) -> None:
    """Also where a time is skipped or comes twice, and however the year is cut into pieces."""
    every = due("30 1 * * *", zone)
    days = [datetime.fromtimestamp(at, ZoneInfo(zone)).date() for at in every]
    assert len(days) == len(set(days)) == 365
    cuts = [utc(YEAR[0]) + part * 365 * 86400 / 73 for part in range(74)]
    when = When(cron="30 1 * * *", zone=zone)
    assert [at for a, b in pairwise(cuts) for at in calendar.begins(when, a, b)] == every


def test_a_begin_is_after_its_start_and_before_its_end() -> None:
    """The first instant belongs to a span, the last does not."""
    (begin,) = due("0 9 2 12 *", "UTC")
    when = When(cron="0 9 2 12 *")
    assert list(calendar.begins(when, begin, begin + 1)) == [begin]
    assert not [*calendar.begins(when, begin - 60, begin), *calendar.begins(when, begin + 1, begin + 60)]


@pytest.mark.parametrize(
    ("date", "begins", "zone", "expected"),
    [
        ("2026-12-03", "10:00", "UTC", "2026-12-03T10:00"),
        ("2027-07-01", "10:00", "Europe/Dublin", "2027-07-01T09:00"),
        ("2027-03-28", "01:30", "Europe/Dublin", "2027-03-28T01:00"),
        ("2027-10-31", "01:30", "Europe/Dublin", "2027-10-31T00:30"),
    ],
)
def test_a_date_begins_once(date: str, begins: str, zone: str, expected: str) -> None:
    """By the clock of its zone, with the same rule where the clocks change."""
    when = When(date=date, begins=begins, zone=zone)
    assert [text(at) for at in calendar.begins(when, 0, utc("2030-01-01T00:00"))] == [expected]


def test_a_plan_without_date_and_cron_is_never_due() -> None:
    """It is played when somebody plays it: never late, never missed."""
    bare = plan(When())
    assert list(calendar.begins(bare.when, 0, utc(YEAR[1]))) == []
    assert calendar.too_late(bare, utc(YEAR[0])) == ""
    assert calendar.missed(bare, [], utc(YEAR[1]), utc(YEAR[0])) == []


@pytest.mark.parametrize("zone", ["Europe/Dublin", "America/New_York"])
def test_a_christmas_freeze_takes_its_days_out(zone: str) -> None:
    """Of a year of Wednesdays two are frozen, each with a sentence that says by what and until when."""
    weekly = plan(When(cron="30 9 * * WED", zone=zone), CHRISTMAS)
    found = {text(at)[:10]: calendar.frozen(weekly, LAB, at) for at in due("30 9 * * WED", zone)}
    assert [day for day, why in found.items() if why] == ["2026-12-23", "2026-12-30"]
    assert "Christmas" in found["2026-12-23"][0] and "2027-01-04 00:00" in found["2026-12-23"][0]


def test_freezes_of_the_environment_count_too_and_a_broken_one_freezes() -> None:
    """A window of either that cannot be read is a freeze: a guard that cannot decide refuses."""
    weekend = Environment("lab", "eu-west-1", rules=Rules(freeze=[Freeze("Fri 16:00", "Mon 08:00", "weekend")]))
    daily = plan(When(cron="0 9 * * *"), CHRISTMAS)
    assert len(calendar.frozen(daily, weekend, utc("2026-12-26T09:00"))) == 2
    assert "cannot be read" in calendar.frozen(plan(When(), Freeze("soon", "later")), LAB, utc(YEAR[0]))[0]


WEEKLY = plan(When(cron="30 9 * * WED", zone="Europe/Dublin"))  # 2026-12-02 09:30 UTC is one
ONCE = plan(When(date="2026-12-03", zone="Europe/Dublin"))  # 10:00 UTC


@pytest.mark.parametrize(
    ("which", "now", "said"),
    [
        (WEEKLY, "2026-12-02T09:30", ""),
        (WEEKLY, "2026-12-02T09:40", ""),  # late_s, to the second
        (WEEKLY, "2026-12-02T09:41", "11 min ago; the limit is 10 min"),
        (WEEKLY, "2026-12-02T09:15", ""),  # people gather
        (WEEKLY, "2026-12-02T09:14", "Wed 2026-11-25 09:30 GMT"),
        (WEEKLY, "2026-12-02T08:30", "7 d ago"),  # the cron of the other offset
        (WEEKLY, "2027-07-07T09:30", "1 h ago"),  # in summer 09:30 UTC is 10:30
        (WEEKLY, "2027-07-07T08:30", ""),
        (ONCE, "2026-12-03T10:10", ""),
        (ONCE, "2026-12-03T10:11", "no other is due"),
        (ONCE, "2027-12-03T10:00", "365 d ago"),  # a cron without a year fires again
        (ONCE, "2026-12-02T10:00", ""),  # early is not late
    ],
)
def test_a_day_begins_within_its_time_or_not_at_all(which: Plan, now: str, said: str) -> None:
    """Later than `late_s` is refused, with when it was due; a quarter of an hour before the time is in time."""
    told = calendar.too_late(which, utc(now))
    assert bool(told) == bool(said) and said in told


def test_a_begin_without_a_day_is_missed() -> None:
    """A day within its time counts, also one opened a little early; one that came too late does not."""
    now = utc("2026-12-23T09:35")  # that day's own time is not over
    days = ["2026-11-25T09:20:00Z", "2026-12-02T09:39:00.5Z", "2026-12-09T13:00:00Z"]
    assert [text(at) for at in calendar.missed(WEEKLY, days, now)] == ["2026-12-09T09:30", "2026-12-16T09:30"]
    assert [text(at) for at in calendar.missed(WEEKLY, [], now, utc("2026-12-10T00:00"))] == ["2026-12-16T09:30"]
    assert calendar.missed(WEEKLY, [], now) == []  # nothing is known of before


@pytest.mark.parametrize(
    ("when", "key", "said"),
    [
        (When(zone="Mars/Base"), "zone", "no time zone"),
        (When(zone="../etc/passwd"), "zone", "no time zone"),
        (When(zone=""), "zone", "no time zone"),
        (When(date="2026-12-03", cron="0 9 * * *"), "cron", "keep one"),
        (When(date="2026-02-30"), "date", "2026-12-03"),
        (When(date="20261203"), "date", "2026-12-03"),
        (When(date="2026-12-03", begins="24:00"), "begins", "10:00"),
        (When(cron="0 9 * *"), "cron", "4 fields"),
        (When(cron="* 9 * * *"), "cron", "no one time of day"),
        (When(cron="0 9,15 * * *"), "cron", "no one time of day"),
        (When(cron="0 24 * * *"), "cron", "hour"),
        (When(cron="0 9 * * FUN"), "cron", "day-of-week"),
        (When(cron="0 9 30 2 *"), "cron", "day-of-month"),
        (When(cron="0 9 * * SAT-SUN"), "cron", "day-of-week"),
        (When(lasts_s=0), "lasts_s", "86400"),
        (When(late_s=0), "late_s", "60"),
        (When(late_s=90000), "late_s", "43200"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(when: When, key: str, said: str) -> None:
    """Each mistake has a key and says what to write; and nothing is computed from it."""
    found = calendar.problems(when)
    assert key in [name for name, _ in found] and said in " ".join(sentence for _, sentence in found)
    with pytest.raises(ValueError, match=rf"when\.{key}"):
        list(calendar.begins(when, 0, 1))


def test_the_fields_of_a_cron_are_written_out() -> None:
    """Names, ranges, steps, 7 for Sunday, `#` and `L` come as numbers; days and weekdays are cron's own."""
    read = calendar.cron_fields("5 9 1,15 JAN-MAR *")
    assert (read.minute, read.hour, read.days, read.months, read.weekdays) == (5, 9, (1, 15), (1, 2, 3), ())
    assert calendar.cron_fields("0 9 * * 7").weekdays == (0,)
    assert calendar.cron_fields("0 9 * * mon-fri").weekdays == (1, 2, 3, 4, 5)
    assert calendar.cron_fields("0 9 * * MON#2").nth == ((1, 2),)
    assert calendar.cron_fields("0 9 * * 5L").nth == ((5, 0),)
    assert calendar.cron_fields("0 9 L * *").last == "L"
    assert calendar.cron_fields("0 9 1 * MON").either and not calendar.cron_fields("0 9 */2 * MON").either
