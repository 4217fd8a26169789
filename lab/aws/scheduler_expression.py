"""What EventBridge Scheduler takes as a schedule: `at(...)`, `rate(...)`, or `cron(...)` of six fields. Pure functions.

cron() has minutes, hours, day of month, month, day of week and year. One of the two days is `?`; the days of the week
count from SUN = 1, unlike cron's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_RATE = re.compile(r"rate\(([1-9]\d*) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((.*)\)")


@dataclass(frozen=True, slots=True)
class Field:
    """One of the six fields: its numbers, its names, and which signs it knows beside `*`, `-` and `,`."""

    what: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    signs: str = "/"

    def number(self, text: str) -> int | None:
        """Return the number that *text* is in this field, or None."""
        if text.upper() in self.names:
            return self.names.index(text.upper()) + self.low
        return int(text) if text.isdecimal() and self.low <= int(text) <= self.high else None


MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
FIELDS = (
    Field("minutes", 0, 59),
    Field("hours", 0, 23),
    Field("day-of-month", 1, 31, signs="/?LW"),
    Field("month", 1, 12, MONTHS),
    Field("day-of-week", 1, 7, DAYS, signs="?L#"),
    Field("year", 1970, 2199),
)


def problems(expression: str, zone: str | None) -> Iterator[str]:
    """Yield what is wrong with a schedule's expression and its time zone."""
    try:
        ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield "Invalid Schedule Expression Timezone."
    if match := _AT.fullmatch(expression):
        try:
            datetime.fromisoformat(match[1])
        except ValueError:
            yield f"Invalid Schedule Expression {expression}."
    elif match := _CRON.fullmatch(expression):
        yield from (f"Invalid Schedule Expression {expression}: {wrong}." for wrong in _cron(match[1]))
    elif not _RATE.fullmatch(expression):
        yield f"Invalid Schedule Expression {expression}."


def _cron(text: str) -> Iterator[str]:
    fields = text.split()
    if len(fields) != len(FIELDS):
        yield f"cron has {len(FIELDS)} fields, not {len(fields)}"
        return
    if (fields[2] == "?") == (fields[4] == "?"):
        yield "one of day-of-month and day-of-week must be ?"
    for given, field in zip(fields, FIELDS, strict=True):
        if not _fits(given, field):
            yield f"{given} is no {field.what}"


def _fits(text: str, field: Field) -> bool:
    if text == "*" or (text == "?" and "?" in field.signs):
        return True
    if "#" in text:  # the third Tuesday, and nothing beside it
        day, _, number = text.partition("#")
        return "#" in field.signs and field.number(day) is not None and number in tuple("12345")
    return all(_part(part, field) for part in text.split(","))


def _part(text: str, field: Field) -> bool:
    if text.endswith(("L", "W")) and text.upper() not in field.names:
        before = text[:-1]
        return text[-1] in field.signs and (field.number(before) is not None if before else text == "L")
    span, slash, step = text.partition("/")
    if slash and ("/" not in field.signs or not step.isdecimal() or int(step) < 1):
        return False
    if slash and span == "*":
        return True
    ends = [field.number(end) for end in span.split("-")]
    return len(ends) <= 2 and all(end is not None for end in ends)
