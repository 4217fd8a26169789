"""`gameday kpi`: the key figures of delivery, from what gates, watches and drills left in the runs folder."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gameday.cli._shared import environment_now, open_suite, runs_option
from gameday.errors import UsageError

if TYPE_CHECKING:
    from gameday.analysis.board import Asked, Board

UNITS_S = {"h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
SPAN = re.compile(r"(\d{1,5})([hdw])")


@click.command("kpi")
@runs_option
@click.option("--on", "env", metavar="ENV", help="Only this environment, and ask its ECS for all deployments.")
@click.option(
    "--since", "begin", default="30d", show_default=True, metavar="WHEN", help="`12h`, `30d`, `8w` or a date."
)
@click.option("--until", "end", metavar="WHEN", help="Likewise; default: now.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--format", "formats", default="", help="Write files too; of: html, md.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of those files; default: the runs folder.")
def command(
    runs: Path, env: str | None, begin: str, end: str | None, as_json: bool, formats: str, out: Path | None
) -> int:
    """Show deployment frequency, lead time, change fail rate and recovery time, and whether targets are met.

    Reads watches, gates and experiments of the runs folder, and changes nothing. The targets stand in gameday.toml.

    \b
    Example:
      gameday kpi
      gameday kpi --on staging --since 90d --format html
    """
    suite = open_suite()
    from gameday.analysis.board import as_json as to_json
    from gameday.analysis.board import board
    from gameday.analysis.history import read
    from gameday.analysis.stats import Span
    from gameday.config import load_targets
    from reports.pages.kpi import FORMATS, text

    wanted = [name for name in formats.split(",") if name]
    if unknown := [name for name in wanted if name not in FORMATS]:
        raise UsageError(f"no format {unknown[0]!r}; there are {', '.join(FORMATS)}")
    now = time.time()
    window = Span(when(begin, now, "--since"), when(end, now, "--until") if end else now)
    if window.start >= window.end:
        raise UsageError(f"--since {begin} is not before --until {end or 'now'}; write an earlier one")
    targets = load_targets(suite)
    asked = _asked(env, suite) if env else None
    found = board(read(runs), window, targets, env or "", asked)
    for sentence in found.skipped:
        click.echo(sentence, err=True)
    if as_json:
        click.echo(json.dumps(to_json(found), indent=1))
    else:
        click.echo(text(found) if found.environments else _nothing(found, runs))
    for name in wanted:
        file, render = FORMATS[name]
        click.echo(str(_write(out or runs, file, render(found))), err=as_json)
    return 0


def when(word: str, now: float, option: str) -> float:
    """Return `30d` (that long ago), a date or a time in UTC unless it has a zone, as epoch seconds."""
    if match := SPAN.fullmatch(word):
        return now - int(match[1]) * UNITS_S[match[2]]
    try:
        at = datetime.fromisoformat(word)
        if option == "--until" and re.fullmatch(r"[\d-]+", word):
            at += timedelta(days=1)  # until a day includes that day
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise UsageError(f"{option} {word!r} is no time; write 12h, 30d, 8w, 2026-11-01 or 2026-11-01T10:00Z") from None


def _asked(env: str, suite: Path) -> Asked:
    from gameday.cli._kpi_ecs import ask

    environment = environment_now(env, suite)
    if environment is None:
        raise UsageError("the lab is not up, so its ECS cannot be asked; `gameday lab up`, or leave --on out")
    return ask(environment)


def _nothing(found: Board, runs: Path) -> str:
    """Say why there is nothing, and what to do."""
    if found.outside:
        return f"nothing in {runs} lies in this time, {found.outside} records lie outside; write --since 90d or a date"
    return (
        f"nothing in {runs} tells of releases yet: `gameday watch` after a deployment and `gameday gate` before one "
        "leave records there; `gameday kpi --on ENV` shows what ECS knows without them"
    )


def _write(folder: Path, name: str, content: str) -> Path:
    """Write a file of *folder*, and return it."""
    from gameday.record import write_whole

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(folder / name, content.encode())
    return folder / name
