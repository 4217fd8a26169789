"""When a mute rule mutes: `cron(0 2 * * SUN)` or `at(2026-11-25T14:00)`, a duration, a time zone. Pure functions.

cron() has five fields (minutes, hours, day of month, month, day of week) with `*`, `-` and `,`, as PutAlarmMuteRule
has them. As in cron itself, a day fits where either of two restricted day fields fits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LONGEST, SHORTEST = timedelta(days=15), timedelta(minutes=1)
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS = (("minutes", 0, 59), ("hours", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7))


class WrongScheduleError(ValueError):
    """A schedule that AWS would not take; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Cron:
    """The allowed numbers of the five fields; days of the week count from Sunday = 0."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    def fits(self, day: datetime) -> bool:
        """Say whether the window may open on this day."""
        by_month, by_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        either = len(self.days) < 31 and len(self.weekdays) < 7
        return day.month in self.months and ((by_month or by_week) if either else (by_month and by_week))

    def starts(self, day: datetime) -> Iterator[datetime]:
        """Yield the instants of a fitting day, oldest first."""
        for hour in sorted(self.hours):
            for minute in sorted(self.minutes):
                yield day.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When windows open (once, or by cron) and how long each stays open."""

    duration: timedelta
    zone: ZoneInfo
    once: datetime | None = None
    cron: Cron | None = None

    def window(self, at: float) -> tuple[float, float] | None:
        """Return (start, end) in epoch seconds of the window that is open, the one that ends last; or None."""
        start = self._latest(at)
        if start is None or at >= start + self.duration.total_seconds():
            return None
        return start, start + self.duration.total_seconds()

    def _latest(self, at: float) -> float | None:
        """Return the newest start that is not later than an instant, as far back as it can matter."""
        if self.once is not None:
            return self.once.timestamp() if self.once.timestamp() <= at else None
        assert self.cron is not None
        today = datetime.fromtimestamp(at, self.zone)
        for back in range(self.duration.days + 2):
            day = today - timedelta(days=back)
            starts = [start.timestamp() for start in self.cron.starts(day)] if self.cron.fits(day) else []
            if past := [start for start in starts if start <= at]:
                return max(past)
        return None

    def is_over(self, at: float) -> bool:
        """Say whether no window will open any more."""
        return self.once is not None and at >= self.once.timestamp() + self.duration.total_seconds()


def schedule_of(expression: str, duration: str, zone: str | None) -> Schedule:
    """Read a schedule; raise WrongScheduleError for one that cannot be read."""
    where, long = _zone(zone or "UTC"), _duration(duration)
    if match := re.fullmatch(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d)\)", expression):
        try:
            once = datetime.strptime(match[1], "%Y-%m-%dT%H:%M").replace(tzinfo=where)
        except ValueError as error:
            raise WrongScheduleError(f"{expression} is no date and time") from error
        return Schedule(long, where, once=once)
    if match := re.fullmatch(r"cron\((.*)\)", expression):
        return Schedule(long, where, cron=_cron(match[1]))
    raise WrongScheduleError(f"{expression} is neither cron(Minutes Hours Day Month Weekday) nor at(yyyy-MM-ddThh:mm)")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise WrongScheduleError(f"{name} is not a time zone") from error


def _duration(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        raise WrongScheduleError(f"{text} is not an ISO 8601 duration of days, hours and minutes")
    days, hours, minutes = (int(part or 0) for part in match.groups())
    long = timedelta(days=days, hours=hours, minutes=minutes)
    if not SHORTEST <= long <= LONGEST:
        raise WrongScheduleError(f"a duration lies between PT1M and P15D, {text} does not")
    return long


def _cron(text: str) -> Cron:
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise WrongScheduleError(f"cron() has five fields, '{text}' has {len(fields)}")
    names: tuple[Sequence[str], ...] = ((), (), (), _MONTHS, _DAYS)
    read = [_numbers(field, *limits, named) for field, limits, named in zip(fields, _FIELDS, names, strict=True)]
    minutes, hours, days, months, weekdays = read
    return Cron(minutes, hours, days, months, frozenset(day % 7 for day in weekdays))


def _numbers(text: str, what: str, low: int, high: int, names: Sequence[str]) -> frozenset[int]:
    """Return the numbers that one field allows."""
    if text == "*":
        return frozenset(range(low, high + 1))
    allowed: set[int] = set()
    for part in text.split(","):
        ends = [_number(end, what, low, high, names) for end in part.split("-")]
        if len(ends) > 2 or ends[0] > ends[-1]:
            raise WrongScheduleError(f"'{part}' is no range of {what}")
        allowed.update(range(ends[0], ends[-1] + 1))
    return frozenset(allowed)


def _number(text: str, what: str, low: int, high: int, names: Sequence[str]) -> int:
    if text.upper() in names:
        return names.index(text.upper()) + low
    if not text.isdecimal() or not low <= int(text) <= high:
        raise WrongScheduleError(f"'{text}' is no {what} between {low} and {high}")
    return int(text)
