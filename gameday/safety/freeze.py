"""Freeze windows: times in which no fault begins. Pure functions of a window and an instant; all times are UTC.

Absolute: `2026-12-24` or `2026-12-24T18:00:00Z`; a last day counts whole. Weekly: `Fri 16:00` until `Mon 08:00`,
also across the end of the week. A window that cannot be read freezes: a guard that cannot decide refuses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from gameday.config import Freeze

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_S, WEEK_S = 86400.0, 7 * 86400.0
FIRST_MONDAY = 4 * DAY_S  # 1970-01-05
_WEEKLY = re.compile(r"([A-Z][a-z]{2}) ([01]\d|2[0-3]):([0-5]\d)")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
FORMS = "write 2026-12-24, 2026-12-24T18:00:00Z, or every week Fri 16:00"


def problem_of(freeze: Freeze) -> str:
    """Return what is wrong with *freeze* and what to write instead; empty: nothing."""
    for name, text in (("begins", freeze.begins), ("ends", freeze.ends)):
        if _weekly(text) is None and _absolute(text) is None:
            return f"{name} {text!r} is no time; {FORMS}"
    if (_weekly(freeze.begins) is None) != (_weekly(freeze.ends) is None):
        return f"{freeze.begins!r} and {freeze.ends!r} are of different kinds; write two dates or two weekdays"
    begins, ends = _span(freeze)
    if begins == ends or (begins > ends and _weekly(freeze.begins) is None):
        return f"it ends ({freeze.ends}) before it has begun ({freeze.begins}); write a later end"
    return ""


def covers(freeze: Freeze, now: float) -> bool:
    """Return whether *now* (seconds since the epoch) is in *freeze*, from its begin on and before its end."""
    return until(freeze, now) is not None


def until(freeze: Freeze, now: float) -> float | None:
    """Return when the window that *now* is in ends, None when it is in none. Raises ValueError: it has a problem."""
    if problem := problem_of(freeze):
        raise ValueError(problem)
    begins, ends = _span(freeze)
    if _weekly(freeze.begins) is None:
        return ends if begins <= now < ends else None
    length = (ends - begins) % WEEK_S
    since_begin = (now - FIRST_MONDAY - begins) % WEEK_S
    return now - since_begin + length if since_begin < length else None


def reasons(windows: Sequence[Freeze], now: float) -> list[str]:
    """Return a sentence for each window that forbids a fault at *now*."""
    found = []
    for window in windows:
        if problem := problem_of(window):
            found.append(f"a freeze window cannot be read: {problem}")
        elif (end := until(window, now)) is not None:
            why = f" ({window.why})" if window.why else ""
            left = f"{_clock(end)}, {(end - now) / 3600:.1f} h from now; the limit is 0 faults until then"
            found.append(f"the freeze {window.begins} to {window.ends}{why} lasts until {left}")
    return found


def _span(freeze: Freeze) -> tuple[float, float]:
    """Return begin and end: seconds since the epoch, or since Monday 00:00 when weekly."""
    weekly = _weekly(freeze.begins), _weekly(freeze.ends)
    if weekly[0] is not None and weekly[1] is not None:
        return weekly[0], weekly[1]
    begins, ends = _absolute(freeze.begins), _absolute(freeze.ends)
    assert begins is not None and ends is not None
    if _DATE.fullmatch(freeze.ends):
        ends += timedelta(days=1)
    return begins.timestamp(), ends.timestamp()


def _weekly(text: str) -> float | None:
    match = _WEEKLY.fullmatch(text)
    if match is None or match[1] not in DAYS:
        return None
    return DAYS.index(match[1]) * DAY_S + int(match[2]) * 3600 + int(match[3]) * 60


def _absolute(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
