"""What a coordinator can say while a day goes on, and the desk at which they sit: a live screen, or lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from gameday.day.desk.view import View

Kind = Literal["go", "hold", "abort", "note", "inject", "answer", "tick"]


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that the coordinator wants now."""

    kind: Kind
    text: str = ""  # note: its words; inject: its name, or "" for the next due; answer: yes or no; tick: RUNBOOK#STEP


class Desk(Protocol):
    """Where the day is shown, and where its coordinator's commands come from."""

    def commands(self) -> list[Command]:
        """Return what was asked since the last time; never waits."""

    def wait(self, seconds: float) -> None:
        """Wait so long, or until a command was asked for."""

    def show(self, view: View) -> None:
        """Show the day as it is now; called several times a second."""

    def say(self, line: str) -> None:
        """Say a sentence that is no event of the day."""

    def close(self) -> None:
        """Give the terminal back."""
