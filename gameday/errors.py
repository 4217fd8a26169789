"""One tree of errors, sorted by what the caller can do about them; each class knows its exit code.

GamedayError
├── UsageError           2   the input or the command is wrong; nothing was touched
├── Refusal              3   a guard or a precondition said no before the fault
└── UndoIncomplete       6   something is still changed; the message names the command that restores it
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class GamedayError(Exception):
    """A failure that has a sentence for the user."""

    exit_code = 70


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in one place: `FILE:LINE:COL: what is wrong; what to write instead`."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class UsageError(GamedayError):
    """The command or a file is wrong."""

    exit_code = 2


class InputError(UsageError):
    """A file has problems: all of them at once, in `problems`."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Refusal(GamedayError):
    """Nothing was touched, and the sentence says why."""

    exit_code = 3


class UndoIncomplete(GamedayError):
    """A change is still in place."""

    exit_code = 6
