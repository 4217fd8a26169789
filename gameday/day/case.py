"""One plan under examination, and the ways through it that every rule takes. What could not be read is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gameday.config import Environment
from gameday.day.plan import Inject, Item, Plan
from gameday.errors import Problem
from gameday.gate.suite import is_file, place
from gameday.model import Block
from gameday.source import Path_, Source


@dataclass(frozen=True, slots=True)
class Checked:
    """An experiment of the plan: its file and our block of it, or what is wrong with it."""

    source: Source | None = None
    block: Block | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """A plan, read; *environments* is None when `gameday.toml` cannot be read."""

    source: Source
    plan: Plan
    root: Path
    environments: Mapping[str, Environment] | None
    checked: dict[Path, Checked] = field(default_factory=dict)

    @property
    def environment(self) -> Environment | None:
        """The plan's environment; None: there is none such, which has a problem of its own."""
        return (self.environments or {}).get(self.plan.environment)

    def problem(self, where: Path_, message: str, *, at_key: bool = False) -> Problem:
        """Return a problem with the place of *where*."""
        return self.source.problem(where, message, at_key=at_key)

    def items(self) -> Iterator[tuple[Path_, Item]]:
        """Yield each item of the agenda with its place."""
        for number, item in enumerate(self.plan.agenda):
            if item is not None:  # it could not be read
                yield ("agenda", number), item

    def injects(self) -> Iterator[tuple[Path_, Inject]]:
        """Yield each inject with its place."""
        for number, inject in enumerate(self.plan.injects):
            if inject is not None:
                yield ("injects", number), inject

    def parts(self) -> Iterator[tuple[Path_, Item | Inject]]:
        """Yield items and injects."""
        yield from self.items()
        yield from self.injects()

    def experiments(self) -> Iterator[tuple[Path_, Item | Inject, Path]]:
        """Yield what names an experiment that is there, with its file."""
        for where, part in self.parts():
            file = place(part.experiment, self.source.path, self.root)
            if part.experiment and is_file(file):
                yield where, part, file

    def known_files(self, folder: str) -> list[str]:
        """Return the files below *folder* of the suite, for a "did you mean"."""
        found = (path for path in (self.root / folder).rglob("*.*") if path.suffix in (".yaml", ".yml", ".md"))
        return sorted(str(path.relative_to(self.root)) for path in found)

    def is_there(self, file: str) -> bool:
        """Return whether a file is there: from the suite's root, or beside the plan."""
        return any(is_file(folder / file) for folder in (self.root, self.source.path.parent))
