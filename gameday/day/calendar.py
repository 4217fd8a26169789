"""When the days of a plan begin: pure functions of the plan and an instant (seconds since the epoch).

Cron is read as Debian's cron reads it, by the clock of the plan's zone, and a day begins once on a date at the most:
a time that the clocks skip in spring begins at the first minute after the gap, one that comes twice in autumn begins
the first time. What is over is never caught up: a begin that nobody played is a missed one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from gameday.config import Environment
from gameday.day.plan import Plan, When
from gameday.safety import freeze

EARLY_S = 900.0  # a day may be opened so long before its time; less than any change of clocks
MARGIN_S = 7200.0  # more than any change of clocks
YEARS = 5 * 366 * 86400.0  # how far back the last begin is looked for: 29 February
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_ORIGIN = datetime(2024, 1, 1)
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Cron:
    """The five fields, each written out. An empty tuple: every one; months and days count from 1, Sunday is 0."""

    minute: int
    hour: int
    days: tuple[int, ...] = ()
    last: str = ""  # `L`: also the last day of the month, `LW`: also its last working day
    months: tuple[int, ...] = ()
    weekdays: tuple[int, ...] = ()
    nth: tuple[tuple[int, int], ...] = ()  # (weekday, 1 to 5); 0: the last of the month
    either: bool = False  # days and weekdays are both given, and one of them is enough


def begins(when: When, after: float, until: float) -> Iterator[float]:
    """Yield every begin from *after* on and before *until*, in order; none for a plan without a date and a cron.

    Raises ValueError: *when* has a problem.
    """
    if found := problems(when):
        raise ValueError("; ".join(f"when.{key}: {sentence}" for key, sentence in found))
    zone = ZoneInfo(when.zone)
    if when.date is not None:
        at = _once(when, zone)
        if after <= at < until:
            yield at
    elif when.cron is not None:
        start = datetime.fromtimestamp(after - MARGIN_S, zone).replace(second=0, microsecond=0)
        for moment in CronSim(when.cron, start):
            at = moment.timestamp()
            if at >= until:
                return
            if at >= after:
                yield at


def last_due(when: When, now: float) -> float | None:
    """Return the most recent begin at *now* or before; None: there was none."""
    if when.date is not None:
        return next(begins(when, 0, now + 1), None)
    for back in (40 * 86400.0, YEARS):
        if found := list(begins(when, now - back, now + 1)):
            return found[-1]
    return None


def next_due(when: When, now: float) -> float | None:
    """Return the first begin after *now*; None: there is none in the next years."""
    return next(begins(when, now + 1, now + YEARS), None)


def frozen(plan: Plan, environment: Environment, at: float) -> list[str]:
    """Return a sentence for each freeze, of the plan or its environment, that forbids a day at *at*."""
    found = []
    for window in (*plan.freeze, *environment.rules.freeze):
        if problem := freeze.problem_of(window):  # what cannot be read freezes
            found.append(f"a freeze window cannot be read: {problem}")
        elif (ends := freeze.until(window, at)) is not None:
            why = f" ({window.why})" if window.why else ""
            found.append(f"the freeze {window.begins} to {window.ends}{why} lasts until {shown(ends, 'UTC')}")
    return found


def too_late(plan: Plan, now: float) -> str:
    """Return why the day may not begin any more at *now*; empty: it may, or the plan has neither date nor cron.

    Up to `EARLY_S` before a begin is in time. An hour before is not, for a cron: the last begin is long over.
    """
    due = last_due(plan.when, now)
    if due is None or now - due <= plan.when.late_s:
        return ""
    coming = next_due(plan.when, now)
    if coming is not None and coming - now <= EARLY_S:
        return ""
    late = f"too late: the day was due at {shown(due, plan.when.zone)}, {length(now - due)} ago"
    following = f"the next one is due at {shown(coming, plan.when.zone)}" if coming is not None else "no other is due"
    return f"{late}; the limit is {length(plan.when.late_s)}; it is not caught up, and {following}"


def missed(plan: Plan, days: Sequence[str], now: float, since: float | None = None) -> list[float]:
    """Return every begin that is over and has no day: from *since* on, or from the first of *days*.

    *days* are the begins of the plan's days, as ISO 8601. Without days and *since* nothing is known, so nothing is
    missed. A day that was opened too late is not the day that was due.
    """
    played = sorted(datetime.fromisoformat(day.replace("Z", "+00:00")).timestamp() for day in days)
    start = since if since is not None else (played[0] - EARLY_S if played else now)
    late_s = plan.when.late_s
    over = [at for at in begins(plan.when, start, now) if now - at > late_s]
    return [at for at in over if not any(-EARLY_S <= one - at <= late_s + 60 for one in played)]


def problems(when: When) -> list[tuple[str, str]]:
    """Return (key of `when`, what is wrong and what to write instead) for everything that is wrong."""
    found = []
    if not _is_zone(when.zone):
        found.append(("zone", f"no time zone {when.zone!r}; write one as Europe/Dublin, or UTC"))
    if when.date is not None and when.cron is not None:
        found.append(("cron", "a date and a cron; keep one of them"))
    if when.date is not None and not _is_date(when.date):
        found.append(("date", f"{when.date!r} is no date; write it as 2026-12-03"))
    if not _CLOCK.fullmatch(when.begins):
        found.append(("begins", f"{when.begins!r} is no time of day; write it as 10:00"))
    if when.cron is not None and (wrong := cron_problem(when.cron)):
        found.append(("cron", wrong))
    if not 0 < when.lasts_s <= 86400:
        found.append(("lasts_s", f"a day of {when.lasts_s:g} s; write more than 0, and at most 86400"))
    if not 60 <= when.late_s <= 43200:
        found.append(("late_s", f"late by {when.late_s:g} s; write 60 to 43200: no scheduler keeps to the second"))
    return found


def cron_problem(text: str) -> str:
    """Return what is wrong with a cron expression, and what to write instead; empty: nothing."""
    form = "write minute hour day-of-month month day-of-week, as in 30 9 * * WED"
    fields = text.split()
    if len(fields) != 5:
        return f"{text!r} has {len(fields)} fields of five; {form}"
    if not all(one.isascii() and one.isdigit() for one in fields[:2]):
        return f"{text!r} is no one time of day; a day begins once: write one minute and one hour, as in 30 9 * * WED"
    try:
        next(CronSim(text, _ORIGIN))
    except CronSimError as error:
        return f"{text!r}: {str(error)[:1].lower()}{str(error)[1:]}; {form}"
    except StopIteration:
        return f"{text!r} never comes; {form}"
    return ""


def cron_fields(text: str) -> Cron:
    """Return the fields of a cron expression, written out. Raises ValueError: it has a problem."""
    if wrong := cron_problem(text):
        raise ValueError(wrong)
    read = CronSim(text, _ORIGIN)
    plain = {one % 7 for one in read.weekdays if isinstance(one, int)}
    nth = {(one[0] % 7, max(one[1], 0)) for one in read.weekdays if isinstance(one, tuple)}
    days, months = {one for one in read.days if one > 0}, set(read.months)
    last = "LW" if CronSim.LAST_WEEKDAY in read.days else "L" if CronSim.LAST in read.days else ""
    minute, hour = (int(one) for one in text.split()[:2])
    return Cron(
        minute,
        hour,
        days=() if len(days) == 31 else tuple(sorted(days)),
        last=last,
        months=() if len(months) == 12 else tuple(sorted(months)),
        weekdays=() if len(plain) == 7 else tuple(sorted(plain)),
        nth=() if len(plain) == 7 else tuple(sorted(nth)),
        either=not read.day_and,
    )


def clock_change(zone: str, at: float) -> str:
    """Return what the clocks of *zone* do on the local day of *at*; empty: they do not change."""
    known = ZoneInfo(zone)
    day = datetime.fromtimestamp(at, known).date()
    offsets = [
        datetime.combine(one, time(), known).utcoffset() or timedelta() for one in (day, day + timedelta(days=1))
    ]
    change = (offsets[1] - offsets[0]).total_seconds()
    if not change:
        return ""
    return f"clocks go {'forward' if change > 0 else 'back'} by {length(abs(change))} on this day"


def skipped(when: When, at: float) -> bool:
    """Return whether the wall-clock time of *when* does not exist on the day of *at*: it begins after the gap."""
    local = datetime.fromtimestamp(at, ZoneInfo(when.zone))
    return (local.hour, local.minute) != _wall(when)


def twice(when: When, at: float) -> bool:
    """Return whether the wall-clock time of *when* comes twice on the day of *at*: the first counts."""
    local = datetime.fromtimestamp(at, ZoneInfo(when.zone))
    later = local.replace(fold=1)
    return local.utcoffset() != later.utcoffset() and not skipped(when, at)


def shown(at: float, zone: str) -> str:
    """Return an instant for people, by the clock of *zone*: `Wed 2026-12-02 09:30 GMT (Europe/Dublin)`."""
    local = datetime.fromtimestamp(at, ZoneInfo(zone))
    return f"{local:%a %Y-%m-%d %H:%M %Z}" + ("" if zone == "UTC" else f" ({zone})")


def length(seconds: float) -> str:
    """Return a length of time in the largest unit that says it: `10 min`, `3.5 h`, `7 d`."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{round(seconds / size, 1):g} {unit}"
    return f"{seconds:.0f} s"


def _wall(when: When) -> tuple[int, int]:
    if when.cron is not None:
        minute, hour = when.cron.split()[:2]
        return int(hour), int(minute)
    hour, minute = when.begins.split(":")
    return int(hour), int(minute)


def _once(when: When, zone: ZoneInfo) -> float:
    """Return the begin of a plan with a date; a time that does not exist is the first minute after the gap."""
    assert when.date is not None
    moment = datetime.combine(date.fromisoformat(when.date), time(*_wall(when)))
    while (real := moment.replace(tzinfo=zone)).astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment:
        moment += timedelta(minutes=1)
    return real.timestamp()


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _is_date(text: str) -> bool:
    """Return whether *text* is a date, of a year of which an instant can be reckoned with in every zone."""
    try:
        year = date.fromisoformat(text).year
    except ValueError:
        return False
    return _DATE.fullmatch(text) is not None and 1971 <= year <= 2200
