"""The run that is under way in this process. Actions and probes find their environment here.

There is one run a process, because Chaos Toolkit keeps its state in modules too. An action that finds no armed
run refuses: nothing of ours injects a fault without guards, record and undo.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from gameday.aws import Aws
from gameday.config import Environment
from gameday.errors import Refusal
from gameday.model import Answer, Blast
from gameday.record import Recorder
from gameday.safety.promises import Promises


@dataclass(frozen=True, slots=True)
class Steady:
    """What the sampled metrics say together, and one sentence for each that is not fine."""

    answer: Answer
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """What a fault or a probe may use."""

    id: str
    environment: Environment
    aws: Aws
    recorder: Recorder
    promises: Promises
    blast: Blast
    random: random.Random  # seeded, and the seed is in plan.json
    steady: Callable[[], Steady]

    def named(self, name: str, given: str | None) -> str:
        """Return *given*, or what the environment calls *name*.

        Raises Refusal: neither is there, or a `${...}` was never filled in.
        """
        value = given or self.environment.names.get(name, "")
        if not value or "${" in value:
            where = f"[environments.{self.environment.name}.names]"
            raise Refusal(f"no {name} is named ({value or 'empty'}); give it as an argument or in {where}")
        return value


_current: Run | None = None


def arm(run: Run) -> None:
    """Make *run* the current one."""
    global _current
    _current = run


def disarm() -> None:
    """End the current run."""
    global _current
    _current = None


def is_armed() -> bool:
    """Return whether a run is under way."""
    return _current is not None


def current() -> Run:
    """Return the run under way. Raises Refusal when there is none."""
    if _current is None:
        raise Refusal(
            "the gameday control is not armed, so nothing would guard or undo this fault; "
            "play the experiment with `gameday run`, or give it `controls: [{name: gameday, provider: "
            "{type: python, module: gameday.control}}]`"
        )
    return _current
