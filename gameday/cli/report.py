"""`gameday report`: write reports from the folders of runs and game days, whenever."""

from __future__ import annotations

import os
from pathlib import Path

import click

from gameday.cli._shared import open_suite, runs_option
from gameday.errors import UsageError


@click.command("report")
@click.argument("wanted", nargs=-1, required=True, metavar="RUN...")
@runs_option
@click.option("--format", "formats", help="Of: html, md, json, junit. Default: html,md,junit; of a day: html,md,json.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write to; default: the run's own.")
def command(wanted: tuple[str, ...], runs: Path, formats: str | None, out: Path | None) -> int:
    """Write reports of runs: one run into its own folder, several together into --out; or the report of a game day.

    RUN is a folder's name, a unique prefix of it, `last`, or `last-day` for the newest game day.

    \b
    Example:
      gameday report last --format html
    """
    open_suite()
    from gameday.record import find_day

    for name in wanted:
        if day := find_day(runs, name):
            if len(wanted) > 1:
                raise UsageError(f"{name} is a game day, which has a report of its own; name it alone")
            return _of_day(day, formats or "html,md,json", out)
    return _of_runs(wanted, runs, formats or "html,md,junit", out)


def _of_day(day: Path, formats: str, out: Path | None) -> int:
    """Write the report of a game day."""
    from gameday.day.report import document

    unknown = [name for name in formats.split(",") if name not in document.FORMATS]
    if unknown:
        raise UsageError(f"a game day has no format {unknown[0]!r}; there are {', '.join(document.FORMATS)}")
    to_runs = ".." if out is None else os.path.relpath(day.parent, out)
    for path in document.write(document.again(day), out or day, formats.split(","), to_runs):
        click.echo(str(path))
    return 0


def _of_runs(wanted: tuple[str, ...], runs: Path, formats: str, out: Path | None) -> int:
    """Write the reports of runs."""
    from gameday.cli._reports import write, write_together
    from gameday.record import find_run
    from reports.formats import names

    unknown = [name for name in formats.split(",") if name not in names()]
    if unknown:
        raise UsageError(f"no format {unknown[0]!r}; there are {', '.join(names())}")
    folders = [find_run(runs, name).folder for name in wanted]
    if len(folders) > 1 and out is None:
        raise UsageError("several runs make one report; say where with --out DIR")
    if out is None:
        written = write(folders[0], formats.split(","))
    else:
        written = [write_together(folders, name, out) for name in formats.split(",")]
    for path in written:
        click.echo(str(path))
    return 0
