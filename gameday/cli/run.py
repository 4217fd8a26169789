"""`gameday run`: play experiments, one after another."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import click

from gameday.cli._shared import env_option, environment_up, open_suite, pair, runs_option, say_the_word
from gameday.model import worst_exit


@click.command("run")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@env_option
@click.option(
    "--set", "given", multiple=True, metavar="KEY=VALUE", help="A value of the configuration; may be repeated."
)
@runs_option
@click.option("--repeat", default=1, show_default=True, type=click.IntRange(1, 100), help="Play each file N times.")
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True, max=5000),
    metavar="N",
    help="Requests a second of the load, instead of the file's.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings, and nothing else, on standard output.")
@click.option(
    "--yes",
    is_flag=True,
    help="Do not ask outside the lab; and settle first what a crashed run left open.",
)
@click.option(
    "--production", metavar="NAME", envvar="GAMEDAY_PRODUCTION", help="The word for a production environment: its name."
)
def command(
    files: tuple[Path, ...], env: str, given: tuple[str, ...], runs: Path, repeat: int, rate: float | None,
    as_json: bool, yes: bool, production: str | None,
) -> int:  # fmt: skip
    """Play experiments and print one verdict a line.

    \b
    Example:
      gameday run experiments/rds/reboot-with-failover.yaml
      gameday run experiments/ecs/*.yaml --on staging --yes
    """
    suite = open_suite()
    say_the_word(production)
    from gameday.engine.progress import Console
    from gameday.engine.runner import ENDS_ALL, exit_code, play
    from gameday.engine.setup import Setup

    values = dict(pair(text) for text in given)
    _check(files, suite)
    everything: list[dict[str, Any]] = []
    with environment_up(env, suite) as environment:
        if environment.kind != "lab" and not yes:
            click.confirm(
                f"play {len(files)} experiments on {env} (account {environment.account})?", abort=True, err=True
            )
        playing = [file for file in files for _ in range(repeat)]
        for number, file in enumerate(playing, start=1):
            setup = Setup(
                environment,
                suite,
                runs,
                Console(),
                repeat_with=_again(file, env, given, rate),
                rate=rate,
                settle_leftovers=yes,
            )
            findings = play(file, setup, values)
            everything.append(findings)
            _report(runs / str(findings["run"]), findings, as_json)
            if exit_code(findings) in ENDS_ALL and number < len(playing):
                click.echo(
                    f"not played: {len(playing) - number} of {len(playing)}, because this run was stopped", err=True
                )
                break
    if as_json:
        click.echo(json.dumps(everything[0] if len(everything) == 1 else everything, indent=1))
    elif len(everything) > 1:
        _summary(runs, everything)
    return worst_exit([exit_code(findings) for findings in everything])


def _check(files: tuple[Path, ...], suite: Path) -> None:
    """Check every file before the first fault. Raises InputError: one is wrong; what is only unwise is said."""
    from gameday.engine.check import check, problems_of

    for file in files:
        check(file, suite)
        for problem in problems_of(file, suite):
            click.echo(f"unwise: {problem}", err=True)


def _again(file: Path, env: str, given: tuple[str, ...], rate: float | None) -> str:
    words = ["gameday", "run", str(file), "--on", env, *(word for text in given for word in ("--set", text))]
    return shlex.join(words + ([f"--rate={rate:g}"] if rate is not None else []))


def _report(folder: Path, findings: dict[str, Any], as_json: bool) -> None:
    from gameday.cli._reports import write

    written = write(folder, ["html", "md", "junit"])
    if not as_json:
        colour = {"held": "green", "broke": "red"}.get(findings["verdict"], "yellow")
        word = click.style(f"{findings['verdict']:<13}", fg=colour, bold=True)
        click.echo(f"{word} {findings['experiment']['title']}: {findings['why'][0] if findings['why'] else ''}")
        for why in findings["why"][1:4]:
            click.echo(f"{'':<13} {why}")
        click.echo(f"{'':<13} report: {written[0]}")


def _summary(runs: Path, everything: list[dict[str, Any]]) -> None:
    from gameday.cli._reports import write_together

    folders = [runs / str(findings["run"]) for findings in everything]
    page = write_together(folders, "html", runs / f"{folders[0].name[:20]}-together")
    click.echo(f"\nall {len(folders)} runs in one report: {page}")
