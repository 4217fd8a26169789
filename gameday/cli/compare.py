"""`gameday compare`: what differs between two runs, or two sets of runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from gameday.cli._shared import runs_option
from gameday.errors import UsageError


@click.command("compare")
@click.argument("first", metavar="RUN[,RUN...]")
@click.argument("second", metavar="RUN[,RUN...]")
@runs_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(first: str, second: str, runs: Path, as_json: bool) -> int:
    """Say what differs between two runs, or two sets of runs, and how sure that is.

    RUN is a folder's name, a unique prefix of it, or `last`; a set is several with commas between. Of each measure both
    medians are shown, and the probability that chance alone sets them as far apart (exact, by ranks). Three runs in
    each set are too few to tell, and that is said. Of twenty measures that do not differ, one will seem to.

    \b
    Example:
      gameday compare 2026-12-01T10 last
      gameday compare 2026-12-01T10,2026-12-01T11,2026-12-01T12 2026-12-02T10,2026-12-02T11,2026-12-02T12
    """
    from gameday.analysis.contrast import changes, contrasts

    sets = [_findings(runs, names) for names in (first, second)]
    found, changed = contrasts(*sets), changes(*sets)
    if as_json:
        named = {name: [run["run"] for run in each] for name, each in zip(("first", "second"), sets, strict=True)}
        rows = [each.as_json() for each in found]
        click.echo(json.dumps({"schema": 1, **named, "changed": changed, "measures": rows}, indent=1))
        return 0
    for name, each in zip(("first", "second"), sets, strict=True):
        told = [f"{run['run']} ({run['verdict']})" for run in each]
        click.echo(f"{name:<7} {', '.join(told)}")
    for sentence in changed or ["nothing that was recorded"]:
        click.echo(f"changed {sentence}")
    click.echo("")
    for contrast in found:
        click.echo(f"{contrast.name:<28} {contrast.sentence}")
    return 0


def _findings(runs: Path, names: str) -> list[dict[str, Any]]:
    """Return the findings of a set of runs. Raises UsageError: one is not there, was cut short, or stands twice."""
    from gameday.analysis.findings import findings_of
    from gameday.record import find_run

    records = [find_run(runs, name.strip()) for name in names.split(",")]
    folders = [record.folder.resolve() for record in records]
    if twice := next((folder.name for folder in folders if folders.count(folder) > 1), ""):
        raise UsageError(f"{twice} stands twice in one set; one run is one witness")
    found: list[dict[str, Any]] = [findings_of(record) for record in records]
    for record, findings in zip(records, found, strict=True):
        if not findings:
            raise UsageError(f"{record.folder} has no findings: the run was cut short")
    return found
