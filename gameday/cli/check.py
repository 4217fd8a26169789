"""`gameday check`: all problems of all files at once; of runbooks also whether their names still lead somewhere."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path

import click

from gameday.cli._asked import Asked, ask_for_names
from gameday.cli._shared import env_option, open_suite
from gameday.errors import InputError, Problem, UsageError


@click.command("check")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.option("--resolve", is_flag=True, help="Ask ENV the reading `aws` commands of the runbooks: do names resolve?")
@env_option
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON on standard output.")
def command(files: tuple[Path, ...], resolve: bool, env: str, as_json: bool) -> int:
    """Check experiments, suites, plans, FIS templates, runbooks and configuration without touching anything.

    Without FILE, all experiments, suites and plans, all pages in docs/runbooks, docs/playbooks and docs/sop, and
    gameday.toml. Each problem is FILE:LINE:COL: what is wrong; what to write instead. With --json, each is {file, line,
    column, message}. With --resolve, exit 4 when AWS did not answer, or was asked nothing.

    \b
    Example:
      gameday check experiments/ecs/stop-one-task.yaml
      gameday check --resolve --on staging docs/runbooks/incident-response.md
      gameday check --json | jq -r '.[].message'
    """
    suite = open_suite()
    checked = files or _everything(suite)
    problems = _all_problems(checked, suite)
    asked = ask_for_names(checked, suite, env, quiet=as_json) if resolve and not problems else Asked()
    problems += asked.gone
    _tell(problems, asked, len(checked), as_json)
    return 4 if asked.unread else 0


def _all_problems(files: tuple[Path, ...], suite: Path) -> list[Problem]:
    problems: list[Problem] = []
    for file in files:
        try:
            problems += problems_in(file, suite)
        except InputError as error:
            problems += error.problems
        except UsageError as error:
            problems.append(Problem(str(file), 1, 1, str(error).removeprefix(f"{file}: ")))
    return list({(Path(one.file).resolve(), one.line, one.column, one.message): one for one in problems}.values())


def _tell(problems: list[Problem], asked: Asked, files: int, as_json: bool) -> None:
    """Print what was found. Raises UsageError: there are problems."""
    if as_json:
        click.echo(json.dumps([asdict(problem) for problem in [*problems, *asked.unread]], indent=1))
    else:
        for problem in [*problems, *asked.unread]:
            click.echo(str(problem), err=True)
    if problems:
        count = len({problem.file for problem in problems})
        things, places = "problem" if len(problems) == 1 else "problems", "file" if count == 1 else "files"
        raise UsageError(f"{len(problems)} {things} in {count} {places}")
    if not as_json:
        for sentence in asked.sentences:
            click.echo(sentence)
        if not asked.unread:
            click.echo(f"{files} {'file is' if files == 1 else 'files are'} fine")


def problems_in(file: Path, suite: Path) -> list[Problem]:
    """Return the problems of one file by the rules of its kind. Raises UsageError: it cannot be read."""
    from gameday.day import reading as plans
    from gameday.engine.check import problems_of
    from gameday.gate import suite as suites
    from gameday.source import Source

    if file.suffix == ".md":
        from gameday import runbooks

        return runbooks.problems_of(file, suite)
    if file.suffix != ".toml" and suites.is_suite(Source.yaml(file).data):
        return suites.problems_of(file, suite, date.today())
    if file.suffix != ".toml" and plans.is_plan(Source.yaml(file).data):
        return plans.problems_of(file, suite, date.today())
    return problems_of(file, suite)


def _everything(suite: Path) -> tuple[Path, ...]:
    """Return the suite's experiments, its plans, its pages for people, and its configuration."""
    from gameday.runbooks import pages

    found = [path for path in sorted((suite / "experiments").rglob("*")) if path.suffix in (".yaml", ".yml", ".json")]
    found += [path for path in sorted((suite / "plans").rglob("*")) if path.suffix in (".yaml", ".yml", ".json")]
    settings = suite / "gameday.toml"
    return (*found, *pages(suite), *([settings] if settings.exists() else []))
