"""One file under examination, and the ways through it that every rule takes.

A rule is a function of a `Case` that yields problems. It meets data of any shape: `mapping` and `listing` give an
empty one where something else stands, which the rules of `words` have complained about already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gameday.errors import Problem
from gameday.model import Block, Json
from gameday.source import Path_, Source

OURS = ("actions.", "probes.")


def mapping(value: Json) -> dict[str, Json]:
    """Return *value*, or an empty mapping where something else stands."""
    return value if isinstance(value, dict) else {}


def listing(value: Json) -> list[Json]:
    """Return *value*, or an empty list where something else stands."""
    return value if isinstance(value, list) else []


def text(value: Json) -> str:
    """Return *value*, or an empty text where something else stands."""
    return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Activity:
    """One action or probe, where it stands, in which part (hypothesis, method, rollbacks, configuration, tolerance)."""

    where: Path_
    data: dict[str, Json]
    part: str

    @property
    def provider(self) -> dict[str, Json]:
        """What plays it; empty when nothing right stands there."""
        return mapping(self.data.get("provider"))

    @property
    def kind(self) -> str:
        """The provider's type: python, process, http, or another text."""
        return text(self.provider.get("type"))

    @property
    def module(self) -> str:
        """The module of a python provider; empty for others."""
        return text(self.provider.get("module")) if self.kind == "python" else ""

    @property
    def func(self) -> str:
        """The function of a python provider; empty for others."""
        return text(self.provider.get("func")) if self.kind == "python" else ""

    @property
    def arguments(self) -> dict[str, Json]:
        """The arguments that have names."""
        return mapping(self.provider.get("arguments"))

    def at(self, *steps: str | int) -> Path_:
        """Return the path of something in it."""
        return (*self.where, *steps)


@dataclass(frozen=True, slots=True)
class Case:
    """A file, read; *names* are what environments define, None when `gameday.toml` cannot be read."""

    source: Source
    data: dict[str, Json]
    suite: Path
    names: frozenset[str] | None = None
    block: Block | None = None
    block_at: Path_ = ()

    def problem(self, where: Path_, message: str, *, at_key: bool = False) -> Problem:
        """Return a problem with the place of *where*."""
        return self.source.problem(where, message, at_key=at_key)

    def activities(self, *parts: str) -> Iterator[Activity]:
        """Yield every activity of the file, or of some parts of it."""
        hypothesis = mapping(self.data.get("steady-state-hypothesis"))
        lists: list[tuple[str, Path_, Json]] = [
            ("hypothesis", ("steady-state-hypothesis", "probes"), hypothesis.get("probes")),
            ("method", ("method",), self.data.get("method")),
            ("rollbacks", ("rollbacks",), self.data.get("rollbacks")),
        ]
        found = [
            Activity((*where, index), one, part)
            for part, where, activities in lists
            for index, one in enumerate(listing(activities))
            if isinstance(one, dict)
        ]
        for activity in [*found, *self._hidden(found)]:
            if not parts or activity.part in parts:
                yield activity

    def _hidden(self, found: list[Activity]) -> Iterator[Activity]:
        """Yield the probes that stand in tolerances and in the configuration."""
        for activity in found:
            tolerance = activity.data.get("tolerance")
            if isinstance(tolerance, dict) and tolerance.get("type") == "probe":
                yield Activity(activity.at("tolerance"), tolerance, "tolerance")
        for key, value in mapping(self.data.get("configuration")).items():
            if isinstance(value, dict) and value.get("type") == "probe":
                yield Activity(("configuration", key), value, "configuration")

    def controls(self) -> Iterator[tuple[Path_, dict[str, Json]]]:
        """Yield every control: of the experiment, of the hypothesis, of an activity."""
        for where, data in self.control_lists():
            for index, one in enumerate(listing(data)):
                if isinstance(one, dict):
                    yield (*where, index), one

    def control_lists(self) -> Iterator[tuple[Path_, Json]]:
        """Yield every list of controls, whatever stands there."""
        places: list[tuple[Path_, dict[str, Json]]] = [((), self.data)]
        places.append((("steady-state-hypothesis",), mapping(self.data.get("steady-state-hypothesis"))))
        places += [(activity.where, activity.data) for activity in self.activities()]
        for where, data in places:
            if "controls" in data:
                yield (*where, "controls"), data["controls"]


Rule = Callable[[Case], Iterator[Problem]]


def texts(data: Json, where: Path_) -> Iterator[tuple[Path_, str]]:
    """Yield every text below *where* with its path."""
    if isinstance(data, str):
        yield where, data
    for key, value in mapping(data).items():
        yield from texts(value, (*where, key))
    for index, value in enumerate(listing(data)):
        yield from texts(value, (*where, index))
