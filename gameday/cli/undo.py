"""`gameday undo`: keep what a killed run promised."""

from __future__ import annotations

from pathlib import Path

import click

from gameday.cli._shared import env_option, environment_now, open_suite, runs_option, tell
from gameday.errors import UsageError


@click.command("undo")
@click.argument("run", required=False)
@env_option
@runs_option
@click.option("--restored", is_flag=True, help="What RUN left open was put back by hand: strike it out.")
def command(run: str | None, env: str, runs: Path, restored: bool) -> int:
    """Settle promises that a crash left open, newest first: of RUN, or of every run on ENV in the folder.

    Idempotent: run it as often as you like. A run of another environment is named and left alone; while a run is
    played on ENV nothing is settled.

    \b
    Example:
      gameday undo
      gameday undo 2026-12-01T10-00 --on staging
    """
    suite = open_suite()
    from gameday.engine.settling import undo_everything, undo_run
    from gameday.record import find_day, find_run

    if restored and not run:
        raise UsageError("--restored needs the RUN whose changes were put back by hand")
    environment = environment_now(env, suite)
    folder = find_day(runs, run) or find_run(runs, run).folder if run else None  # a day's injects promise, too
    outcome = undo_run(folder, environment, restored) if folder else undo_everything(runs, environment)
    tell("put back", outcome)
    return 0
