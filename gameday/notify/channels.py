"""The channels of an environment, looked at before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gameday.config import Channel, Environment
from gameday.errors import InputError, Problem, UsageError
from gameday.notify.rules import problems
from gameday.source import Source


@dataclass(frozen=True, slots=True)
class Channels:
    """The channels of one environment by name; they are known to be in order."""

    environment: Environment
    named: Mapping[str, Channel] = field(default_factory=dict)


def channels_of(environment: Environment, suite: Path | None = None) -> Channels:
    """Return the channels that `gameday.toml` names for *environment*.

    Raises InputError with every problem, placed in the file when *suite* is where it stands; UsageError otherwise.
    """
    wrong = list(_problems(environment))
    path = suite / "gameday.toml" if suite else None
    if wrong and path is not None and path.exists():
        raise InputError(placed(Source.toml(path), environment.name, environment))
    if wrong:
        raise UsageError("\n".join(f"gameday.toml: [environments.{environment.name}.channels.{name}]: {why}"
                                   for name, _, why in wrong))  # fmt: skip
    return Channels(environment, dict(environment.channels))


def placed(source: Source, name: str, environment: Environment) -> list[Problem]:
    """Return every problem of the channels of the environment called *name*, each with its place in *source*."""
    where = ("environments", name, "channels")
    return [
        source.problem((*where, channel, *([key] if key else [])), why, at_key=True)
        for channel, key, why in _problems(environment)
    ]


def _problems(environment: Environment) -> Iterator[tuple[str, str, str]]:
    """Yield (channel, key, sentence)."""
    for name, channel in environment.channels.items():
        for key, why in problems(channel, environment):
            yield name, key, why
