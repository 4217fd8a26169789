"""`gameday note`: what people say, tick and agree on, written into the day that goes on."""

from __future__ import annotations

import getpass
import hashlib
import os
import time
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gameday.cli._shared import open_suite, runs_option
from gameday.errors import UsageError

if TYPE_CHECKING:
    from gameday.day.folder import Opened

ABOUT = ("note", "diagnosis", "mitigation", "communication", "decision")
OVER_S = 7 * 86400.0  # how long after its end a day still takes action items


@click.command("note")
@click.argument("text", required=False, default="")
@click.option("--about", type=click.Choice(ABOUT), default="note", show_default=True, help="What it is about.")
@click.option("--who", metavar="NAME", default="", help="Who says it.  [default: whoever you are here]")
@click.option(
    "--at", "at_", metavar="TIME", default="", help="When it was, ISO 8601 or HH:MM:SS today, UTC.  [default: now]"
)
@click.option("--step", metavar="RUNBOOK#N", default="", help="Tick a step of a runbook.")
@click.option("--action", metavar="TEXT", default="", help="An action item.")
@click.option("--owner", metavar="NAME", default="", help="Who does it.  [default: the plan's owner]")
@click.option("--due", metavar="DATE", default="", help="By when.  [default: in 14 days]")
@click.option("--done", metavar="ID", default="", help="An action item is done; TEXT says how.")
@click.option("--day", metavar="DAY", default="", help="Into which day.  [default: the one that goes on]")
@runs_option
def command(
    text: str, about: str, who: str, at_: str, step: str, action: str, owner: str, due: str, done: str, day: str,
    runs: Path,
) -> int:  # fmt: skip
    """Write a note into the game day that goes on, with the time at which it was said.

    The first note about `diagnosis` and about `mitigation` are instants of the people's clock. Action items are taken
    up to seven days after the day as well; then its report is written again.

    \b
    Example:
      gameday note "pool is exhausted on two tasks" --about diagnosis --who Ada
      gameday note --step incident-response#3
      gameday note --action "alarm on pool waits" --owner Ben --due 2026-12-18
      gameday note --done 3f2a "alarm is there"
    """
    if sum(map(bool, (step, action, done))) > 1 or not (text or step or action) or (done and not text):
        raise UsageError('write one thing: a TEXT, --step RUNBOOK#N, --action TEXT, or --done ID "how"')
    suite = open_suite()
    at, who = _instant(at_), who or _me()
    opened = _day(runs, day, late=bool(action or done))
    data = _action(opened, action, owner, due) if action else {"action_id": _known(opened, done)} if done else {}
    if step:
        from gameday.day.notes import tick

        said = f"ticked: {tick(opened.timeline, step, suite, who, at)}"
    else:
        opened.timeline.add("note", text or action, who=who, item=_item(opened), at=at,
                            about="action" if action else "done" if done else about, **data)  # fmt: skip
        said = f"written into {opened.folder.name}" + (f": action item {data['action_id']}" if action else "")
    if opened.state.phase == "ended":
        _write_again(opened)
    click.echo(said)
    return 0


def _day(runs: Path, name: str, late: bool) -> Opened:
    """Return the day to write into. Raises UsageError: none goes on."""
    from gameday.day.folder import again, days, is_in_time, is_played
    from gameday.record import find_day
    from gameday.redact import Redactor

    redact = Redactor.from_environment(os.environ)
    folders = [found for found in [find_day(runs, name)] if found] if name else days(runs)
    for folder in reversed(folders):
        opened = again(folder, redact)
        ended, now = opened.state.ended, time.time()
        goes_on = ended is None and (is_played(folder) or is_in_time(opened, now))  # else it was cut short, and left
        if name or goes_on or (late and ended is not None and now - ended < OVER_S):
            return opened
    raise UsageError(
        f"no day {name} in {runs}" if name else f"no game day goes on in {runs}; name one that has ended with --day"
    )


def _item(opened: Opened) -> str:
    return next((name for name, item in opened.state.items.items() if item.state == "going on"), "")


def _action(opened: Opened, text: str, owner: str, due: str) -> dict[str, str]:
    if due:
        try:
            date.fromisoformat(due)
        except ValueError:
            raise UsageError(f"--due {due}: write a day as 2026-12-18") from None
    made = hashlib.sha256(f"{opened.folder.name}|{text}|{time.time()}".encode()).hexdigest()[:8]
    return {"owner": owner or opened.plan.roles.owner, "due": due, "action_id": made}


def _known(opened: Opened, ident: str) -> str:
    """Return the id of an action item of the day. Raises UsageError: it has none that is called so."""
    from gameday.day.report.document import again

    there = [str(item["id"]) for item in again(opened.folder)["action_items"] if item["status"] != "done"]
    if ident not in there:
        raise UsageError(f"{opened.folder.name} has no open action item {ident}; it has {', '.join(there) or 'none'}")
    return ident


def _write_again(opened: Opened) -> None:
    from gameday.day.ending import finish
    from gameday.redact import Redactor

    finish(opened, Redactor.from_environment(os.environ))


def _instant(text: str) -> float | None:
    """Return seconds since the epoch. Raises UsageError: it is no time, or it is still to come."""
    if not text:
        return None
    today = datetime.now(UTC).date().isoformat()
    try:
        found = datetime.fromisoformat(text if "-" in text else f"{today}T{text}")
    except ValueError:
        raise UsageError(f"--at {text}: write a time as 14:05:30 or 2026-12-03T14:05:30Z") from None
    at = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    if at > time.time() + 1:
        raise UsageError(f"--at {text} is still to come; write when it was, in UTC")
    return at


def _me() -> str:
    with suppress(KeyError, OSError):
        return getpass.getuser()
    return str(os.getuid())
