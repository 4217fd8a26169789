"""What one session shares: what was asked, the suite, and the lab once somebody needs it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gameday.errors import UsageError
from gameday.pytest_plugin.checking import Checker
from gameday.pytest_plugin.labs import HeldLab, Lab
from gameday.pytest_plugin.options import Options
from gameday.pytest_plugin.played import Played, shown
from gameday.pytest_plugin.playing import play
from gameday.pytest_plugin.turns import turn

if TYPE_CHECKING:
    from gameday.config import Environment
    from gameday.model import Json

ENDS_SESSION = ("undo incomplete", "killed", "interrupted")  # something is changed, or somebody said stop


class Desk:
    """One session's desk. Nothing is started before it is needed."""

    def __init__(self, config: pytest.Config, options: Options) -> None:
        self.options = options
        self._config = config
        self._checker: Checker | None = None
        self._held: HeldLab | None = None
        self._no_lab = ""

    def check(self, file: Path) -> None:
        """Raise UsageError: every reason not to play *file*."""
        if self._checker is None:
            self._checker = Checker(self.options.start)
        self._checker.check(shown(file))

    @property
    def worker(self) -> str | None:
        """The name of this worker of pytest-xdist; None: this session has none, whoever started it."""
        given: Mapping[str, str] = getattr(self._config, "workerinput", {})
        return given.get("workerid")

    @cached_property
    def is_lab(self) -> bool:
        """Whether the environment is a lab."""
        return self.options.environment().kind == "lab"

    def lab(self) -> Lab:
        """Return the lab, started when none is up. Raises UsageError: it did not start."""
        if self._no_lab:
            raise UsageError(self._no_lab)
        if self._held is None:
            worker = self.worker
            try:
                self._held = HeldLab(self.options.env, self.options.build, worker, self.options.start)
            except UsageError as error:
                self._no_lab = str(error)
                raise
            lab = self._held.lab
            whose = f"started for {worker or 'this session'}" if lab.ours else "already up"
            self.say(f"the lab at {lab.url} (build {lab.build}) is {whose}")
        return self._held.lab

    def environment(self) -> Environment:
        """Return the environment as it is now. Raises UsageError: its lab did not start."""
        environment = self.options.environment()
        if not self.is_lab:
            return environment
        lab = self.lab()
        return replace(environment, endpoint=lab.endpoint, url=lab.url, build=lab.build, simulated=lab.simulated)

    def play(self, file: Path, given: Mapping[str, Json] | None = None) -> Played:
        """Play one experiment when its turn has come, with *given* for its configuration or the environment's names.

        Raises UsageError: its lab did not start.
        """
        environment = self.environment()
        env = {**os.environ, **(self.lab().found_by if self.is_lab else {})}
        values = [f"{key}={json.dumps(value)}" for key, value in (given or {}).items()]
        words = [*self.options.words(), *(word for value in values for word in ("--set", value))]
        follow = self.say if self._config.option.capture == "no" else None
        with turn(environment, self.say):
            return play(
                shown(file), words, self.options.runs, self.options.start, env, self.options.build, self.say, follow
            )

    def collected(self) -> None:
        """End what only collecting needs."""
        if self._checker is not None:
            self._checker.close()
            self._checker = None

    def close(self) -> None:
        """Stop the lab that was started here."""
        self.collected()
        if self._held is not None:
            self._held.close()
            self._held = None

    def say(self, sentence: str) -> None:
        """Tell a person, past pytest's capture."""
        capture = self._config.pluginmanager.getplugin("capturemanager")
        if capture is None:
            print(f"gameday: {sentence}", file=sys.stderr, flush=True)
            return
        with capture.global_and_fixture_disabled():
            print(f"\ngameday: {sentence}", file=sys.stderr, flush=True)


DESK = pytest.StashKey[Desk]()


@contextmanager
def failing() -> Iterator[None]:
    """Let the test fail with one sentence, and no traceback, where the environment cannot be had."""
    try:
        yield
    except UsageError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


def settled(item: pytest.Item, played: Played) -> Played:
    """Record what a run found on its test, and end the session after a run that nothing may follow."""
    item.user_properties.extend(played.properties())
    if played.word in ENDS_SESSION:
        item.session.shouldstop = f"gameday: {played.word}: {(played.why or [''])[0]}"
    return played
