"""A plan as a systemd timer and its service. What was missed while the machine was off is not caught up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gameday.day import calendar
from gameday.day.plan import When
from gameday.errors import UsageError
from gameday.schedule.plans import Scheduled
from gameday.schedule.words import refuse_unprintable, unit_text, unit_word

DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
UNDO_S = 1800  # how long a day that is stopped may take to put everything back

SERVICE = """\
# Written by `gameday schedule --as systemd`, of {file}.
[Unit]
Description={description}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
WorkingDirectory={folder}
ExecStart={command}
# A day that is stopped puts everything back first: the signal goes to it alone, and it is given time.
KillMode=mixed
KillSignal=SIGINT
TimeoutStartSec={lasts_s}
TimeoutStopSec={undo_s}
Restart=no
"""
TIMER = """\
# Written by `gameday schedule --as systemd`, of {file}. Install both files into /etc/systemd/system, or into
# ~/.config/systemd/user of somebody whose units run without a session (loginctl enable-linger).
[Unit]
Description={description}

[Timer]
{calendars}
Persistent=false
RandomizedDelaySec=0
AccuracySec=1s
Unit={unit}.service

[Install]
WantedBy=timers.target
"""


def units(scheduled: Scheduled, command: Sequence[str], folder: Path) -> dict[str, str]:
    """Return {file name: text} of the service and the timer. Raises UsageError: systemd cannot say the cron."""
    scheduled.repeats()
    for text, what in ((scheduled.file, "the file"), (str(folder), "the folder")):
        refuse_unprintable(text, what)
    unit = f"gameday-{scheduled.id}"
    when = scheduled.plan.when
    calendars = "\n".join(f"OnCalendar={one}" for one in expressions(when))
    description = unit_text(f"[GAME DAY] {scheduled.title}")
    service = SERVICE.format(
        file=scheduled.file,
        description=description,
        folder=str(folder).replace("%", "%%"),
        command=" ".join(unit_word(word) for word in command),
        lasts_s=round(when.lasts_s + when.late_s) + UNDO_S,
        undo_s=UNDO_S,
    )
    timer = TIMER.format(file=scheduled.file, description=description, calendars=calendars, unit=unit)
    return {f"{unit}.service": service, f"{unit}.timer": timer}


def expressions(when: When) -> list[str]:
    """Return the calendar expressions; a day is one that any of them names. Raises UsageError: it has LW."""
    if when.date is not None:
        return [f"{when.date} {when.begins}:00 {when.zone}"]
    assert when.cron is not None
    read = calendar.cron_fields(when.cron)
    if read.last == "LW":
        raise UsageError(f"when.cron {when.cron!r} has LW, the last working day, which systemd cannot say; write L")
    clock = f"{read.hour:02}:{read.minute:02}:00 {when.zone}"
    months = _list(read.months)
    dates = [f"*-{months}-{_list(read.days)}"] if read.days else []
    dates += [f"*-{months}~01"] if read.last else []
    weekly = [(",".join(DAYS[day] for day in read.weekdays), f"*-{months}-*")] if read.weekdays else []
    weekly += [(DAYS[day], f"*-{months}{_week(number)}") for day, number in read.nth]
    if not dates or not weekly:
        both = [("", one) for one in dates] or weekly or [("", f"*-{months}-*")]
    elif read.either:
        both = [("", one) for one in dates] + weekly
    elif read.nth:
        raise UsageError(f"when.cron {when.cron!r} asks for a day of the month and for # or L; write `*` for one")
    else:
        both = [(weekly[0][0], one) for one in dates]
    return [f"{names} {days} {clock}".strip() for names, days in both]


def _list(numbers: tuple[int, ...]) -> str:
    return ",".join(f"{number:02}" for number in numbers) or "*"


def _week(number: int) -> str:
    """Return the days of a month among which a weekday comes for the *number*-th time; 0: the last."""
    if number == 0:
        return "~07/1"
    return f"-{(number - 1) * 7 + 1:02}..{min(number * 7, 31):02}"
