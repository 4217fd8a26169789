"""`gameday report`: write reports from run folders, whenever."""

from __future__ import annotations

from pathlib import Path

import click

from gameday.cli._shared import open_suite, runs_option
from gameday.errors import UsageError


@click.command("report")
@click.argument("wanted", nargs=-1, required=True, metavar="RUN...")
@runs_option
@click.option("--format", "formats", default="html,md,junit", show_default=True, help="Of: html, md, json, junit.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write to; default: the run's own.")
def command(wanted: tuple[str, ...], runs: Path, formats: str, out: Path | None) -> int:
    """Write reports of runs: one run into its own folder, several together into --out.

    \b
    Example:
      gameday report last --format html
    """
    open_suite()
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
