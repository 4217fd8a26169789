"""What is asked of the plugin, on the command line or in the ini-file: nothing, unless an environment is named."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import pytest

from gameday.errors import GamedayError

if TYPE_CHECKING:
    from gameday.config import Environment

ON = "play the experiment files found on ENV, an environment of gameday.toml; without it (and without `gameday_env` in \
the ini-file) no experiment is collected and nothing is touched"


@dataclass(frozen=True, slots=True)
class Options:
    """One session's."""

    env: str
    start: Path  # where pytest was called: files and the suite are looked for from here
    runs: Path
    yes: bool = False
    production: str | None = None
    build: str | None = None
    refused: Literal["fail", "skip"] = "fail"

    def environment(self) -> Environment:
        """Return the environment as `gameday.toml` has it. Raises UsageError: there is none of this name."""
        from gameday.config import find_suite, load_settings

        return load_settings(find_suite(self.start)).environment(self.env)

    def words(self) -> list[str]:
        """Return the options that `gameday run` gets for every experiment."""
        words = ["--on", self.env, "--runs", str(self.runs), *(["--yes"] if self.yes else [])]
        return words + (["--production", self.production] if self.production else [])


def add_options(parser: pytest.Parser) -> None:
    """Add the group `gameday` and its words of the ini-file."""
    group = parser.getgroup("gameday", "gameday: chaos experiments as tests")
    group.addoption("--on", dest="gameday_on", metavar="ENV", help=ON)
    group.addoption("--gameday-runs", metavar="DIR", help="folder of the run folders (default: $GAMEDAY_RUNS or runs)")
    group.addoption(
        "--gameday-yes", action="store_true", help="play outside the lab; settle first what a crashed run left open"
    )
    group.addoption("--gameday-production", metavar="NAME", help="the word for a production environment: its name")
    group.addoption("--gameday-build", metavar="NAME", help="build of the lab's backend; see `gameday lab build list`")
    parser.addini("gameday_env", "environment of gameday.toml to play experiments on, as --on", default="")
    parser.addini("gameday_refused", "what a refused run is: fail, or skip", default="fail")


def asked(config: pytest.Config) -> Options | None:
    """Return the options, None when no environment is named. Raises pytest.UsageError: a word is wrong."""
    given = config.option
    env = given.gameday_on or config.getini("gameday_env")
    if not env:
        return None
    refused = str(config.getini("gameday_refused"))
    if refused not in ("fail", "skip"):
        raise pytest.UsageError(f"gameday_refused is {refused!r}; write fail or skip")
    start = config.invocation_params.dir
    runs = start / (given.gameday_runs or os.environ.get("GAMEDAY_RUNS") or "runs")
    word = cast('Literal["fail", "skip"]', refused)
    return Options(env, start, runs, given.gameday_yes, given.gameday_production, given.gameday_build, word)


def refuse_unsaid(options: Options, *, collect_only: bool) -> None:
    """Raise pytest.UsageError: no such environment, or it is not the lab and nobody said that faults may be played."""
    try:
        environment = options.environment()
    except GamedayError as error:
        raise pytest.UsageError(f"gameday: {error}") from None
    if options.build and environment.kind != "lab":
        raise pytest.UsageError(f"--gameday-build {options.build}: {options.env} is no lab; leave it out")
    if environment.kind != "lab" and not options.yes and not collect_only:
        place = f"{options.env} (account {environment.account or 'not set'})"
        raise pytest.UsageError(f"faults would be played on {place}; say --gameday-yes, or look with --collect-only")
