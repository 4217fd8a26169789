"""`gameday play`: play a game day, with people at the desk or without."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gameday.cli._shared import environment_up, open_suite, pair, runs_option, say_the_word
from gameday.cli._stops import STOPS, Heard, stops
from gameday.errors import GamedayError, Refusal, UsageError
from gameday.model import Json

if TYPE_CHECKING:
    from gameday.config import Environment
    from gameday.day.commands import Desk
    from gameday.day.folder import Opened, Opening
    from gameday.day.reading import Loaded
    from gameday.redact import Redactor

TOLD_WITHIN_S = 20.0  # how long the last messages are waited for
COLOURS = {"went well": "green", "weaknesses found": "red", "aborted": "red", "undo incomplete": "red"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """The command line, as far as several functions need it."""

    suite: Path
    plan: str
    env: str | None
    runs: Path
    unattended: bool
    resume: Path | None
    fresh: bool
    given: tuple[str, ...]
    now: bool
    yes: bool
    as_json: bool
    redact: Redactor
    environ: Mapping[str, str]


@click.command("play")
@click.argument("plan", metavar="PLAN")
@click.option("--on", "env", metavar="ENV", help="Environment of gameday.toml.  [default: the plan's]")
@runs_option
@click.option("--unattended", is_flag=True, help="Nobody sits at the desk: a line an event, and no question.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="DAY",
              help="Go on with this day.  [default: the newest of PLAN that was cut short]")  # fmt: skip
@click.option("--fresh", is_flag=True, help="Begin anew, whatever was cut short.")
@click.option(
    "--set", "given", multiple=True, metavar="KEY=VALUE", help="A value for every experiment; may be repeated."
)
@click.option("--now", is_flag=True, help="With --unattended: begin now, whatever `when` says of its time.")
@click.option("--yes", is_flag=True, help="Do not ask outside the lab; and settle first what a crashed run left open.")
@click.option(
    "--production", metavar="NAME", envvar="GAMEDAY_PRODUCTION", help="The word for a production environment: its name."
)
@click.option("--json", "as_json", is_flag=True, help="Print day.json, and nothing else, on standard output.")
def command(
    plan: str, env: str | None, runs: Path, unattended: bool, resume: Path | None, fresh: bool, given: tuple[str, ...],
    now: bool, yes: bool, production: str | None, as_json: bool,
) -> int:  # fmt: skip
    """Play the game day of PLAN, a file or the name of one in plans, and write its report.

    A day that was cut short goes on where it was, and nothing is played twice. Exit 0: all went well. 1: a weakness
    was found, or a page never came. 3: no go, or too late to begin. 4: something could not be told. 5: aborted, undone.
    6: undo incomplete. 130: interrupted, undone.

    \b
    Example:
      gameday play plans/first-game-day.yaml
      gameday play first-game-day --unattended --json
    """
    if resume and fresh:
        raise UsageError("--resume goes on with a day, --fresh begins a new one; give one of them")
    suite = open_suite()
    say_the_word(production)
    from gameday.redact import Redactor

    redact = Redactor.from_environment(os.environ)
    wanted = Wanted(suite, plan, env, runs, unattended, resume, fresh, given, now, yes, as_json, redact,
                    dict(os.environ))  # fmt: skip
    if not unattended:
        _terminal(wanted)
    opened = _open(wanted)
    with stops() as heard:
        day = _through(opened, wanted, heard)
    _print(day, opened.folder, as_json)
    return int(day["exit"])


# -- which day -------------------------------------------------------------------------------------------------------


def _open(wanted: Wanted) -> Opened:
    """Return the day to go on with, or a new one; its folder is there before anything else.

    Raises UsageError: the plan is wrong; Refusal: another process plays it.
    """
    from gameday.day import folder

    loaded = None if wanted.resume else _read(wanted)
    with folder.alone(wanted.runs):
        found = wanted.resume and _named(wanted.resume, wanted.runs)
        if loaded:
            for each in folder.days(wanted.runs, loaded.path.stem)[-1:]:
                folder.refuse_played(each)
            found = None if wanted.fresh else folder.unfinished(wanted.runs, loaded.path.stem, time.time())
        opened = folder.again(found, wanted.redact) if found else None
        if opened and not wanted.resume and wanted.env not in (None, opened.environment):
            opened = None  # it was cut short elsewhere; here it is another day
        if opened:
            _same(opened, wanted)
            folder.take(opened)
            click.echo(f"  day      goes on with {found}", err=True)
            return opened
        assert loaded
        return folder.open_day(_opening(loaded, wanted), wanted.runs, wanted.redact)


def _same(opened: Opened, wanted: Wanted) -> None:
    """Raise UsageError when what is asked for is not how the day was begun."""
    from gameday.day.actions import plan_stem_of

    plan, name = plan_stem_of(opened.folder), opened.folder.name
    if plan != Path(wanted.plan).stem:
        raise UsageError(f"{name} is a day of {plan}, not of {wanted.plan}")
    if wanted.env not in (None, opened.environment):
        raise UsageError(f"{name} was begun on {opened.environment}, and goes on there; --fresh begins anew")
    if wanted.given:
        raise UsageError(f"{name} goes on with the values that it was begun with; --fresh begins anew with --set")


def _named(name: Path, runs: Path) -> Path:
    from gameday.record import find_day

    if found := find_day(runs, str(name)):
        return found
    raise UsageError(f"no day {name} in {runs}; `gameday runs` lists the days there are")


def _read(wanted: Wanted) -> Loaded:
    from gameday.day import reading

    return reading.read(reading.find(wanted.plan, wanted.suite), wanted.suite)


def _opening(loaded: Loaded, wanted: Wanted) -> Opening:
    from gameday.config import load_settings
    from gameday.day.folder import Opening
    from gameday.day.injects import draw

    environment = load_settings(wanted.suite).environment(wanted.env or loaded.plan.environment)
    values = _values(loaded, environment, wanted.given)
    _ask(loaded, environment, wanted)
    words = ["gameday", "play", wanted.plan, "--on", environment.name, *(["--unattended"] if wanted.unattended else [])]
    words += ["--now"] if wanted.now else []
    words += [word for text in wanted.given for word in ("--set", text)]
    return Opening(loaded.path, loaded.plan, loaded.files, values, environment, draw(loaded.plan),
                   shlex.join(words), environment.kind == "lab" and not _lab_is_up())  # fmt: skip


def _values(loaded: Loaded, environment: Environment, given: Sequence[str]) -> dict[str, Mapping[str, Json]]:
    """Return what to set of each experiment. Raises UsageError: no experiment has the key."""
    from gameday.decode import suggestion
    from gameday.gate.suite import keys_of

    wanted = dict(pair(text) for text in given)
    keys = {name: keys_of(file, environment.names) for name, file in loaded.files.items()}
    known = sorted(set().union(*keys.values()))
    for key in wanted:
        if key not in known:
            raise UsageError(f"--set {key}: no experiment of {loaded.path} has it; {suggestion(key, known)}")
    own = {each.name: each.set for each in loaded.plan.agenda} | {each.name: each.set for each in loaded.plan.injects}
    return {name: {**own[name], **{key: value for key, value in wanted.items() if key in keys[name]}} for name in keys}


def _ask(loaded: Loaded, environment: Environment, wanted: Wanted) -> None:
    if environment.kind == "lab" or wanted.yes:
        return
    place = f"{environment.name} (account {environment.account})"
    if wanted.unattended:
        raise UsageError(f"nobody can be asked whether to play on {place}; say it beforehand with --yes")
    click.confirm(f"play the {len(loaded.files)} experiments of {loaded.path} on {place}?", abort=True, err=True)


def _lab_is_up() -> bool:
    from gameday.cli._shared import lab_settings, need_lab

    need_lab()
    from lab import control

    return control.status(lab_settings().home) is not None


# -- playing it ------------------------------------------------------------------------------------------------------


def _through(opened: Opened, wanted: Wanted, heard: Heard) -> dict[str, Any]:
    """Take the day to its end, write its report, and return `day.json`."""
    from gameday.day.ending import finish

    resumed = any(event.kind == "day.resumed" for event in opened.timeline.read())
    with environment_up(opened.environment, wanted.suite, quiet=wanted.as_json) as environment:
        if opened.state.phase != "ended":
            with _unmoved(not wanted.unattended):
                _play(opened, environment, wanted, heard)
        with _written(opened.folder):
            day = finish(opened, wanted.redact)
    if resumed and opened.own_lab:
        _stop_lab()
    return day


def _play(opened: Opened, environment: Environment, wanted: Wanted, heard: Heard) -> None:
    from gameday.day.session import Session
    from gameday.day.telling import Aside
    from gameday.day.wiring import Ears, Setting, Wiring
    from gameday.notify import channels_of
    from gameday.safety import days

    channels = channels_of(environment, wanted.suite)
    sure = wanted.yes or environment.kind != "lab"  # outside the lab the day itself has asked
    setting = Setting(opened, environment, wanted.suite, wanted.runs, channels, wanted.redact, sure, wanted.environ)
    asked: list[str] = []  # by whom it was asked to end, from a thread
    with ExitStack() as stack:
        other = days.going_on(environment)
        if other and opened.state.phase != "opened":
            raise Refusal(f"{other.name} goes on on {environment.name}; wait for it, and play this day again then")
        if other is None:
            stack.enter_context(days.held(environment, opened.folder, asked.append))
        desk = _desk(wanted)
        stack.callback(desk.close)
        aside = Aside(desk.say)
        stack.callback(aside.close, TOLD_WITHIN_S)
        stack.enter_context(Ears(setting, desk.say))
        desk.say(f"record: {opened.folder}")
        wiring = Wiring(setting, aside)
        stack.callback(wiring.close, TOLD_WITHIN_S)
        day = wiring.day(not wanted.unattended, other, wanted.now)
        stop = lambda: next(iter(asked), "") or ("interrupted by a signal" if heard() else "")  # noqa: E731
        with _written(opened.folder):
            Session(day, wiring.hands(), desk, opened.timeline, heard=stop, sleep=desk.wait).play()


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    """Say in a sentence that a day cannot be written down, and so cannot go on."""
    try:
        yield
    except OSError as error:
        raise GamedayError(
            f"the day cannot be written down in {folder}: {error}; an experiment that runs ends by itself, and the "
            "same command goes on with the day"
        ) from error


def _desk(wanted: Wanted) -> Desk:
    from gameday.day.voice import Lines

    if wanted.unattended:
        return Lines(lambda sentence: click.echo(f"  {sentence}", err=True))
    from gameday.day.desk.screen import Screen

    return Screen(*_terminal(wanted))


def _terminal(wanted: Wanted) -> tuple[int, int]:
    """Return the descriptors of the keyboard and the screen; standard output is left alone where it is for JSON.

    Raises UsageError: there is no terminal.
    """
    from gameday.day.desk.screen import usable

    target = sys.stderr.fileno() if wanted.as_json else sys.stdout.fileno()
    if not usable(sys.stdin.fileno(), target):
        raise UsageError("no terminal to sit at; play the day from one, or with --unattended")
    return sys.stdin.fileno(), target


@contextmanager
def _unmoved(attended: bool) -> Iterator[None]:
    """Let signals raise nothing while a day is played: they are written down all the same, and its loop hears them.

    A terminal that dies is no wish of its coordinator: it ends the process and not the day, which can be gone on with.
    """

    def nothing(*_: object) -> None:
        return

    before = {number: signal.signal(number, nothing) for number in STOPS}
    if attended:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop_lab() -> None:
    """Stop the lab that the day's first process started."""
    from gameday.cli._shared import lab_settings
    from lab import control

    control.down(lab_settings().home)


def _print(day: Mapping[str, Any], folder: Path, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(day, indent=1))
        return
    word = click.style(f"{day['outcome']:<17}", fg=COLOURS.get(day["outcome"], "yellow"), bold=True)
    why = day.get("why") or [""]
    click.echo(f"{word} {day['plan']['title']}{': ' if why[0] else ''}{why[0]}, report: {folder / 'report.html'}")
