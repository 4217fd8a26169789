"""`gameday show`: one run, or one game day."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from gameday.cli._shared import open_suite, runs_option
from gameday.errors import UsageError


@click.command("show")
@click.argument("run")
@runs_option
@click.option("--json", "as_json", is_flag=True, help="Print the run's findings.json, or the day's day.json.")
def command(run: str, runs: Path, as_json: bool) -> int:
    """Show one run or game day: RUN is its folder's name, a unique prefix of it, `last`, or `last-day`.

    \b
    Example:
      gameday show last
    """
    open_suite()
    from gameday.analysis.findings import findings_of
    from gameday.record import find_day, find_run

    if day := find_day(runs, run):
        from gameday.day.report import document, markdown

        found = document.again(day)
        click.echo(json.dumps(found, indent=1) if as_json else markdown.render(found))
        return 0
    record = find_run(runs, run)
    findings: dict[str, Any] = findings_of(record)
    if as_json:
        if not findings:
            raise UsageError(f"{record.folder} has no findings: the run was cut short")
        click.echo(json.dumps(findings, indent=1))
        return 0
    from reports.formats import load

    click.echo(load("md").render([record]))
    return 0
