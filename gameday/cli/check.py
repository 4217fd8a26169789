"""`gameday check`: all problems of all files at once."""

from __future__ import annotations

from pathlib import Path

import click

from gameday.cli._shared import open_suite
from gameday.errors import InputError, Problem, UsageError


@click.command("check")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
def command(files: tuple[Path, ...]) -> int:
    """Check experiments and configuration without touching anything.

    Without FILE, every experiment of the suite and gameday.toml. Each problem is FILE:LINE:COL: what is wrong.

    \b
    Example:
      gameday check experiments/ecs/stop-one-task.yaml
    """
    suite = open_suite()
    from gameday.config import load_settings
    from gameday.engine.check import check

    problems: list[Problem] = []
    if not files:
        files = tuple(sorted((suite / "experiments").rglob("*.yaml")))
        load_settings(suite)
    for file in files:
        try:
            check(file, suite)
        except InputError as error:
            problems += error.problems
    for problem in problems:
        click.echo(str(problem), err=True)
    if problems:
        raise UsageError(f"{len(problems)} problems in {len({problem.file for problem in problems})} files")
    click.echo(f"{len(files)} files are fine")
    return 0
