"""`gameday runs`: the history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gameday.cli._shared import runs_option

if TYPE_CHECKING:
    from gameday.safety.promises import Promises


@click.command("runs")
@runs_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(runs: Path, as_json: bool) -> int:
    """List the runs and game days, oldest first, each with its verdict.

    \b
    Example:
      gameday runs
    """
    from gameday.analysis.findings import findings_of
    from gameday.record import Record, day_folders, run_folders
    from gameday.safety import halt
    from gameday.safety.promises import Promises

    rows: list[dict[str, Any]] = []
    days = day_folders(runs)
    for folder in sorted([*run_folders(runs), *days]):
        if folder in days:
            rows.append(_day(folder))
            continue
        if halt.listens(folder):
            rows.append({"run": folder.name, "verdict": "running", "why": "it is going on", "promises": None})
            continue
        findings: dict[str, Any] = findings_of(Record(folder))
        why = findings.get("why") or ["the run was cut short"]
        promises = _counted(Promises(folder / "promises.jsonl"))
        rows.append({"run": folder.name, "verdict": findings["verdict"], "why": why[0], "promises": promises})
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    elif not rows:
        click.echo(f"no runs in {runs}; `gameday run FILE` makes one")
    else:
        for row in rows:
            click.echo(f"{row['run']:<48} {row['verdict']:<16} {row['why']}{_promised(row['promises'])}")
    return 0


def _day(folder: Path) -> dict[str, Any]:
    """Return a game day's line: its outcome, and the decisive reason."""
    from gameday.day.report.told import stands

    outcome, _, why = stands(folder)
    return {"run": folder.name, "verdict": outcome, "why": why[0] if why else "", "promises": None}


def _counted(promises: Promises) -> dict[str, Any]:
    """Count them anew: `gameday undo` may have kept some since the findings were saved."""
    made, still = promises.made(), promises.open()
    left = [{"what": promise.sentence, "restore_with": promise.by_hand} for promise in still]
    return {"made": len(made), "kept": len(made) - len(still), "open": left}


def _promised(promises: dict[str, Any] | None) -> str:
    """Say what became of the promises, where there were some."""
    if not promises or not promises.get("made"):
        return ""
    if still := len(promises["open"]):
        return f" (STILL CHANGED: {still} of {promises['made']} promises are open; `gameday undo`)"
    return f" ({promises['kept']} of {promises['made']} promises kept)"
