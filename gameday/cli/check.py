"""`gameday check`: all problems of all files at once."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path

import click

from gameday.cli._shared import open_suite
from gameday.errors import InputError, Problem, UsageError


@click.command("check")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON on standard output.")
def command(files: tuple[Path, ...], as_json: bool) -> int:
    """Check experiments, suites, plans, FIS templates and configuration without touching anything.

    Without FILE, all experiments, suites and plans, and gameday.toml. Each problem is FILE:LINE:COL: what is wrong;
    what to write instead. With --json, each is {file, line, column, message}.

    \b
    Example:
      gameday check experiments/ecs/stop-one-task.yaml
      gameday check --json | jq -r '.[].message'
    """
    suite = open_suite()
    problems: list[Problem] = []
    for file in files or _everything(suite):
        try:
            problems += _problems_of(file, suite)
        except InputError as error:
            problems += error.problems
        except UsageError as error:
            problems.append(Problem(str(file), 1, 1, str(error).removeprefix(f"{file}: ")))
    problems = list({(Path(one.file).resolve(), one.line, one.column, one.message): one for one in problems}.values())
    if as_json:
        click.echo(json.dumps([asdict(problem) for problem in problems], indent=1))
    else:
        for problem in problems:
            click.echo(str(problem), err=True)
    if problems:
        count = len({problem.file for problem in problems})
        things, places = "problem" if len(problems) == 1 else "problems", "file" if count == 1 else "files"
        raise UsageError(f"{len(problems)} {things} in {count} {places}")
    if not as_json:
        number = len(files or _everything(suite))
        click.echo(f"{number} {'file is' if number == 1 else 'files are'} fine")
    return 0


def _problems_of(file: Path, suite: Path) -> list[Problem]:
    """Return the problems of one file by the rules of its kind."""
    from gameday.day import reading as plans
    from gameday.engine.check import problems_of
    from gameday.gate import suite as suites
    from gameday.source import Source

    if file.suffix != ".toml" and suites.is_suite(Source.yaml(file).data):
        return suites.problems_of(file, suite, date.today())
    if file.suffix != ".toml" and plans.is_plan(Source.yaml(file).data):
        return plans.problems_of(file, suite, date.today())
    return problems_of(file, suite)


def _everything(suite: Path) -> tuple[Path, ...]:
    """Return the suite's experiments, its plans and its configuration."""
    found = [path for path in sorted((suite / "experiments").rglob("*")) if path.suffix in (".yaml", ".yml", ".json")]
    found += [path for path in sorted((suite / "plans").rglob("*")) if path.suffix in (".yaml", ".yml", ".json")]
    settings = suite / "gameday.toml"
    return (*found, *([settings] if settings.exists() else []))
