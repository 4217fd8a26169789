"""A plan as lines of a crontab. The day keeps its own lock, and looks at its time and at freezes when it begins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gameday.day import calendar
from gameday.day.plan import When
from gameday.errors import UsageError
from gameday.schedule.plans import Scheduled, ranges
from gameday.schedule.words import crontab, refuse_unprintable, shell

HEAD = """\
# [GAME DAY] {title}
# Of {file}; written by `gameday schedule --as cron`. Add it with `crontab -e`.
# CRON_TZ is read by cronie, and not by Debian's cron: there the zone must be the machine's own, or take `--as systemd`.
# It is the zone of all lines below it. A day that is started too late refuses itself; it is not caught up.
"""


def lines(scheduled: Scheduled, command: Sequence[str], folder: Path) -> str:
    """Return the lines: zone, and one entry that plays the day in *folder* (the suite) and keeps what it says.

    Raises UsageError: the cron says what a crontab cannot.
    """
    scheduled.repeats()
    for text, what in ((scheduled.file, "the file"), (str(folder), "the folder")):
        refuse_unprintable(text, what)
    log = f"gameday-{scheduled.id}.log"
    play = f"cd {shell([str(folder)])} && {_only_then(scheduled.plan.when)}{shell(command)} >>{log} 2>&1"
    head = HEAD.format(title=scheduled.title, file=scheduled.file)
    return f"{head}CRON_TZ={scheduled.plan.when.zone}\n{fields(scheduled.plan.when)} {crontab(play)}\n"


def fields(when: When) -> str:
    """Return the five fields. Raises UsageError: they say more than a crontab can."""
    if when.date is not None:
        hour, minute = when.begins.split(":")
        _, month, day = when.date.split("-")
        return f"{int(minute)} {int(hour)} {int(day)} {int(month)} *"
    assert when.cron is not None
    return posix(when.cron)


def posix(cron: str) -> str:
    """Return a cron expression in what every cron has: numbers, lists and ranges. Raises UsageError: it has more."""
    read = calendar.cron_fields(cron)
    if read.last or read.nth:
        raise UsageError(f"when.cron {cron!r} has L or #, which only EventBridge Scheduler and systemd can say")
    if read.days and read.weekdays and not read.either:
        raise UsageError(f"when.cron {cron!r} asks for both a day of the month and of the week by a step, which not "
                         "every cron reads alike; write the days as a list, or `*` for one of them")  # fmt: skip
    return " ".join((str(read.minute), str(read.hour), ranges(read.days), ranges(read.months), ranges(read.weekdays)))


def _only_then(when: When) -> str:
    """Return the condition of a plan with a date: a crontab knows no year."""
    return "" if when.date is None else f'[ "$(date +%Y)" = {when.date[:4]} ] && '
