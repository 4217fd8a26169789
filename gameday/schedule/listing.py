"""What is scheduled and what came of it: every begin of a plan, what stands against it, the last day, the missed ones.

Pure functions of plans, days and an instant, but `days`, which reads a runs folder. Nothing is caught up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gameday.config import Environment
from gameday.day import calendar
from gameday.day.events import Timeline
from gameday.day.state import fold
from gameday.model import Json
from gameday.schedule.plans import Scheduled, one_line

LOOK_BACK_S = 365 * 86400.0  # how far back a missed day is told
_DAY = re.compile(r"(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\d)Z-day-.+")
SKIPPED = "the clocks skip this time: EventBridge Scheduler, systemd and GitHub start no day"
TWICE = "this time comes twice: the first one counts, the second is too late"


@dataclass(frozen=True, slots=True)
class Played:
    """One day in the runs folder."""

    folder: str
    at: float
    outcome: str  # empty: it goes on, or was killed


@dataclass(frozen=True, slots=True)
class Begin:
    """One begin of a plan, and what is to be known about it."""

    at: float
    frozen: list[str]
    clocks: str  # what the clocks of the zone do on this day
    note: str  # what schedulers make of it, where that is not plain

    def as_json(self, zone: str) -> dict[str, Json]:
        """Return it with the local and the UTC time."""
        return {"local": calendar.shown(self.at, zone), "utc": utc(self.at), "frozen": [*self.frozen],
                "clocks": self.clocks, "note": self.note}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of one plan."""

    scheduled: Scheduled
    coming: Begin | None
    last: Played | None
    missed: list[float]
    since: float | None  # since when missed days are known; None: not at all
    begins: list[Begin]

    def as_json(self) -> dict[str, Json]:
        """Return the row as JSON."""
        when = self.scheduled.plan.when
        last: Json = (
            {"day": self.last.folder, "begun": utc(self.last.at), "outcome": self.last.outcome} if self.last else None
        )
        return {
            "plan": self.scheduled.name,
            "file": self.scheduled.file,
            "title": self.scheduled.plan.title,
            "environment": self.scheduled.plan.environment,
            "when": when.cron or when.date,
            "zone": when.zone,
            "next": self.coming.as_json(when.zone) if self.coming else None,
            "last": last,
            "missed": [utc(at) for at in self.missed],
            "missed_since": None if self.since is None else utc(self.since),
            "begins": [one.as_json(when.zone) for one in self.begins],
        }


def days(runs: Path, name: str) -> list[Played]:
    """Return the days of the plan called *name*, oldest first."""
    found = []
    for folder in sorted(runs.iterdir()) if runs.is_dir() else ():
        match = _DAY.fullmatch(folder.name)
        if match is not None and _plan_of(folder) == name:
            at = datetime.fromisoformat(f"{match[1]}{match[2]}:{match[3]}:{match[4]}+00:00").timestamp()
            found.append(Played(folder.name, at, fold(Timeline(folder).read()).outcome))
    return found


def _plan_of(folder: Path) -> str:
    """Return the stem of the plan file of a day, out of its `plan.json`; empty: it cannot be read."""
    try:
        told = json.loads((folder / "plan.json").read_bytes())
        return Path(str(told["plan"]["file"])).stem
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def begins(scheduled: Scheduled, environment: Environment, after: float, until: float) -> list[Begin]:
    """Return every begin from *after* on and before *until*, with the freezes of plan and environment."""
    plan, when = scheduled.plan, scheduled.plan.when
    return [
        Begin(
            at,
            calendar.frozen(plan, environment, at),
            calendar.clock_change(when.zone, at),
            SKIPPED if calendar.skipped(when, at) else TWICE if calendar.twice(when, at) else "",
        )
        for at in calendar.begins(when, after, until)
    ]


def row(
    scheduled: Scheduled, environment: Environment, played: Sequence[Played], now: float, days_: float, written: float
) -> Row:
    """Return what is known of a plan whose file was *written* then, with the begins of the next *days_* days.

    Missed days are known since the first day that was played, or since the file was written.
    """
    coming = calendar.next_due(scheduled.plan.when, now)
    following = begins(scheduled, environment, coming, coming + 1) if coming is not None else []
    since = max(min([written, *(one.at - calendar.EARLY_S for one in played)]), now - LOOK_BACK_S)
    due = scheduled.plan.when.cron or scheduled.plan.when.date
    lost = calendar.missed(scheduled.plan, [utc(one.at) for one in played], now, since) if due else []
    lost = [at for at in lost if not calendar.frozen(scheduled.plan, environment, at)]
    return Row(
        scheduled,
        following[0] if following else None,
        max(played, key=lambda one: one.at, default=None),
        lost,
        since if due else None,
        begins(scheduled, environment, now, now + days_ * 86400) if days_ else [],
    )


def table(rows: Sequence[Begin], zone: str) -> list[str]:
    """Return one line a begin: local time, UTC, and what stands against it."""
    lines = []
    for one in rows:
        told = [*(f"FROZEN: {sentence}" for sentence in one.frozen), one.clocks, one.note]
        local = calendar.shown(one.at, zone).partition(" (")[0]
        lines.append(f"{local:<26}{utc(one.at)[:16].replace('T', ' ')} UTC  {'; '.join(filter(None, told))}".rstrip())
    return lines


def text(known: Row) -> list[str]:
    """Return a row for people."""
    scheduled, when = known.scheduled, known.scheduled.plan.when
    due = f"{when.cron} ({when.zone})" if when.cron else f"{when.date} {when.begins} ({when.zone})" if when.date else ""
    lines = [f"{scheduled.file}: {scheduled.title}; on {one_line(scheduled.plan.environment)}"]
    lines.append(f"    due: {due or 'at no time of its own'}")
    if known.coming:
        told = [f"FROZEN: {sentence}" for sentence in known.coming.frozen] + [known.coming.clocks, known.coming.note]
        lines.append("    " + "; ".join([f"next: {calendar.shown(known.coming.at, when.zone)}", *filter(None, told)]))
    elif due:
        lines.append("    next: never again")
    last = known.last
    lines.append(f"    last: {last.folder}: {last.outcome or 'without an end'}" if last else "    last: never played")
    lines += [f"    MISSED: {calendar.shown(at, when.zone)}; it is not caught up" for at in known.missed]
    return lines + [f"      {line}" for line in table(known.begins, when.zone)]


def utc(at: float) -> str:
    """Return an instant as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
