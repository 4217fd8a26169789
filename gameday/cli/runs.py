"""`gameday runs`: the history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from gameday.cli._shared import runs_option


@click.command("runs")
@runs_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(runs: Path, as_json: bool) -> int:
    """List the runs, oldest first, each with its verdict.

    \b
    Example:
      gameday runs
    """
    from gameday.record import Record, run_folders

    rows = []
    for folder in run_folders(runs):
        findings: dict[str, Any] = Record(folder).document("findings.json")
        why = findings.get("why") or ["the run was cut short"]
        rows.append({"run": folder.name, "verdict": findings.get("verdict", "unfinished"), "why": why[0]})
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    elif not rows:
        click.echo(f"no runs in {runs}; `gameday run FILE` makes one")
    else:
        for row in rows:
            click.echo(f"{row['run']:<48} {row['verdict']:<13} {row['why']}")
    return 0
