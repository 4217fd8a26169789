"""`gameday gate`: a set of experiments as a release gate."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gameday.cli._shared import environment_up, open_suite, pair, runs_option, say_the_word
from gameday.cli._stops import Heard, stops
from gameday.errors import GamedayError
from gameday.model import Json

if TYPE_CHECKING:
    from gameday.config import Environment
    from gameday.gate.judging import Tried
    from gameday.gate.playing import Course, Part, Player
    from gameday.gate.session import Gate
    from gameday.gate.suite import Loaded

COLOURS = {"passed": "green", "known": "green", "failed": "red", "undo incomplete": "red", "aborted": "red"}
INTERRUPTED = "the gate was interrupted"
WORDS_OF_RESULTS = 15  # the column of results is so wide


@dataclass(frozen=True, slots=True)
class Wanted:
    """The command line, as far as several functions need it."""

    suite: Path
    env: str
    runs: Path
    values: dict[str, Json]
    parallel: int
    yes: bool
    report_url: str
    summary: Path | None
    junit: Path | None
    annotations: str
    as_json: bool


@click.command("gate")
@click.argument("suite", metavar="SUITE")
@click.option("--on", "env", metavar="ENV", help="Environment of gameday.toml.  [default: the suite's]")
@click.option(
    "--set", "given", multiple=True, metavar="KEY=VALUE", help="A value for every experiment; may be repeated."
)
@runs_option
@click.option("--release", metavar="ID", help="What is being released: a commit, a tag, a version.")
@click.option("--committed", metavar="TIME", help="When it was committed, ISO 8601.  [default: as git knows ID]")
@click.option("--image", metavar="IMAGE", help="Its image by digest; refused unless every task runs it, to the end.")
@click.option("--baseline", type=click.Path(path_type=Path), metavar="GATE",
              help="Compare with this gate.json alone.  [default: the good gates in --runs]")  # fmt: skip
@click.option("--changed-only", is_flag=True, help="Leave out experiments about what the release has not touched.")
@click.option("--parallel", type=click.IntRange(1, 8), is_flag=False, flag_value=2, metavar="[N]",
              help="In the lab: play N at once, each on a lab of its own.  [N: 2]")  # fmt: skip
@click.option("--summary", type=click.Path(path_type=Path), envvar="GITHUB_STEP_SUMMARY", metavar="FILE",
              help="Append the Markdown summary to FILE.  [default: $GITHUB_STEP_SUMMARY, where set]")  # fmt: skip
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write JUnit's XML to FILE as well.")
@click.option("--annotations", type=click.Choice(["github", "none"]),
              help="Print GitHub's workflow commands.  [default: github in GitHub Actions]")  # fmt: skip
@click.option("--report-url", default="", metavar="URL", help="Where the report will be, for summary and annotations.")
@click.option("--json", "as_json", is_flag=True, help="Print gate.json, and nothing else, on standard output.")
@click.option("--yes", is_flag=True, help="Do not ask outside the lab; and settle first what a crashed run left open.")
@click.option(
    "--production", metavar="NAME", envvar="GAMEDAY_PRODUCTION", help="The word for a production environment: its name."
)
def command(
    suite: str, env: str | None, given: tuple[str, ...], runs: Path, release: str | None, committed: str | None,
    image: str | None, baseline: Path | None, changed_only: bool, parallel: int | None, summary: Path | None,
    junit: Path | None, annotations: str | None, report_url: str, as_json: bool, yes: bool, production: str | None,
) -> int:  # fmt: skip
    """Play the experiments of SUITE, compare them with the last good releases, and say whether the release may go on.

    SUITE is a file, or the name of one in experiments/suites. Exit codes are those of `gameday run`; 0: passed.
    What was inconclusive is tried again as often as the suite says, what broke never. gate.json, summary.md, junit.xml
    and report.html are in the gate's folder in --runs.

    \b
    Example:
      gameday gate release --release "$(git rev-parse HEAD)"
      gameday gate nightly --on staging --yes --changed-only
      gameday gate release --parallel 2 --json
    """
    root = open_suite()
    say_the_word(production)
    from gameday.gate import suite as suites
    from gameday.gate.image import digest_of
    from gameday.gate.session import Asked, Gate
    from gameday.redact import Redactor
    from gameday.release import stated

    loaded = suites.read(suites.find(suite, root), root)
    annotations = annotations or ("github" if os.environ.get("GITHUB_ACTIONS") == "true" else "none")
    wanted = Wanted(root, env or loaded.suite.environment, runs, dict(pair(text) for text in given), parallel or 1,
                    yes, report_url, summary, junit, annotations, as_json)  # fmt: skip
    environment = _ask(loaded, wanted)
    again = _again(suite, wanted, given, (("--release", release), ("--image", image)), changed_only, parallel)
    asked = Asked(runs, release or None, stated(committed) if committed else None, digest_of(image) if image else "",
                  baseline, wanted.values, changed_only, again)  # fmt: skip
    gate = Gate(loaded, environment, asked, Redactor.from_environment(os.environ), _say)
    return int(_through(gate, wanted)["exit"])


def _ask(loaded: Loaded, wanted: Wanted) -> Environment:
    """Ask before the first fault outside the lab; return the environment.

    Raises UsageError: there is none such, or a value is for nothing.
    """
    from gameday.config import load_settings
    from gameday.gate.suite import check_values

    environment = load_settings(wanted.suite).environment(wanted.env)
    check_values(loaded, wanted.values, environment.names)
    if environment.kind != "lab" and not wanted.yes:
        count = len(loaded.suite.experiments)
        place = f"{wanted.env} (account {environment.account})"
        click.confirm(f"play the {count} experiments of {loaded.path} on {place}?", abort=True, err=True)
    return environment


def _again(
    suite: str, wanted: Wanted, given: Sequence[str], named: Iterable[tuple[str, str | None]], changed_only: bool,
    parallel: int | None,
) -> str:  # fmt: skip
    words = ["gameday", "gate", suite, "--on", wanted.env, *(word for text in given for word in ("--set", text))]
    words += [word for name, value in named if value for word in (name, value)]
    words += ["--changed-only"] if changed_only else []
    words += ["--parallel", str(parallel)] if parallel else []
    return shlex.join(words)


def _through(gate: Gate, wanted: Wanted) -> dict[str, Any]:
    """Take the gate to its end, whatever happens, and print it."""
    from gameday.gate.judging import UNKNOWN
    from gameday.gate.playing import Course

    suite = gate.head.loaded.suite
    course = Course(suite.budget_s, suite.retries, len(gate.parts), _say)
    stopped, code, bug = "", 0, None
    with stops() as heard:
        try:
            with environment_up(wanted.env, wanted.suite) as environment:
                _play(gate, course, gate.look(environment), environment, wanted, heard)
                stopped = gate.look_again(environment)
                code = UNKNOWN if stopped else 0
            if heard():
                raise KeyboardInterrupt  # one that was swallowed on its way
        except KeyboardInterrupt:
            stopped, code = INTERRUPTED, 130
        except Exception as error:  # noqa: BLE001  also then there must be a gate.json; it goes on to the last door
            stopped, code, bug = str(error) or type(error).__name__, _code(error), error
    found = gate.end(course.done, stopped, code)
    _print(gate, found, wanted)
    if bug and found["exit"] == code:
        raise bug
    if bug:  # what an experiment left is worse, and gives the exit code
        click.echo(f"gameday: {stopped}", err=True)
    return found


def _code(error: Exception) -> int:
    """Return the exit code that the last door will give."""
    return error.exit_code if isinstance(error, GamedayError) else 2 if type(error).__name__ == "LabError" else 70


def _play(
    gate: Gate, course: Course, parts: list[Part], environment: Environment, wanted: Wanted, heard: Heard
) -> None:  # fmt: skip
    from gameday.cli import _gate_labs
    from gameday.gate.playing import one_after_another, side_by_side
    from gameday.gate.strays import Strays

    at_once = min(wanted.parallel, len(parts))
    if wanted.parallel > 1 and environment.kind != "lab":
        gate.note(
            f"played one after another: on {environment.name} one run at a time is allowed, "
            "and every experiment needs the same service under load"
        )
        at_once = 1
    if at_once < 2:
        strays = Strays(environment, gate.head.began)
        one_after_another(parts, course, until_stopped(strays(_player(environment, wanted)), course, heard))
        return
    with _gate_labs.labs(at_once, gate, environment, wanted) as (players, stop):
        side_by_side(parts, course, players, stop)


def until_stopped(player: Player, course: Course, heard: Heard) -> Player:
    """Return the player, after whose experiment nothing begins when somebody said stop meanwhile."""

    def one(part: Part) -> Tried:
        tried = player(part)
        if heard():
            course.ended = INTERRUPTED
        return tried

    return one


def _player(environment: Environment, wanted: Wanted) -> Player:
    """Return what plays one experiment in this process, as `gameday run` does."""
    from gameday.cli._reports import write
    from gameday.engine.progress import Console
    from gameday.engine.runner import exit_code, play
    from gameday.engine.setup import Setup
    from gameday.gate.judging import Tried

    def one(part: Part) -> Tried:
        setup = Setup(environment, wanted.suite, wanted.runs, Console(), repeat_with=again(part, wanted),
                      settle_leftovers=wanted.yes)  # fmt: skip
        began = time.monotonic()
        findings = play(part.file, setup, part.values(wanted.values))
        took = time.monotonic() - began
        write(wanted.runs / str(findings["run"]), ["html", "md", "junit"])
        return Tried(exit_code(findings), took, findings)

    return one


def again(part: Part, wanted: Wanted) -> str:
    """Return the command that plays one experiment of the suite alone."""
    words = ["gameday", "run", str(part.file), "--on", wanted.env]
    for key, value in part.values(wanted.values).items():
        words += ["--set", f"{key}={json.dumps(value)}"]
    return shlex.join(words)


def _print(gate: Gate, found: dict[str, Any], wanted: Wanted) -> None:
    """Print the outcome for people, programs and GitHub."""
    from gameday.gate.github import commands
    from gameday.gate.summary import render

    if wanted.as_json:
        click.echo(json.dumps(found, indent=1))
    else:
        for row in found["experiments"]:
            click.echo(f"{_word(row['result'])} {row['title']}: {row['why'][0] if row['why'] else ''}")
            for why in row["why"][1:4]:
                click.echo(f"{'':<{WORDS_OF_RESULTS}} {why}")
        click.echo(f"\n{_word(found['outcome'])} gate {found['suite']['name']}, report: {gate.folder / 'report.html'}")
    if wanted.annotations == "github":
        for line in commands(found, wanted.report_url):
            click.echo(line, err=wanted.as_json)
    if wanted.junit:  # also where the gate could not be made: what an earlier one left there has passed, maybe
        _append(wanted.junit, (gate.folder / "junit.xml").read_text(encoding="utf-8"), "w")
    if wanted.summary:
        _append(wanted.summary, render(found, wanted.report_url), "a")


def _word(word: str) -> str:
    return click.style(f"{word:<{WORDS_OF_RESULTS}}", fg=COLOURS.get(word, "yellow"), bold=True)


def _append(path: Path, text: str, mode: str) -> None:
    """Write to a file of the user's. A full disk must not change what the gate said, so it is only told."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        click.echo(f"gameday: {path} could not be written: {error}", err=True)


def _say(sentence: str) -> None:
    click.echo(f"  gate     {sentence}", err=True)
