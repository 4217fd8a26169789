"""A day that nobody sits at, told in lines: one for each event, with its time."""

from __future__ import annotations

import time
from collections.abc import Callable

from gameday.day.commands import Command
from gameday.day.desk.view import View
from gameday.day.desk.words import visible
from gameday.day.events import Event

QUIET = ("chat.said", "people.read")  # many; they stand in the report


class Lines:
    """A desk without a keyboard."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._shown: set[tuple[float, str, str, str]] = set()

    def commands(self) -> list[Command]:
        """Return nothing: nobody is there."""
        return []

    def wait(self, seconds: float) -> None:
        """Wait so long."""
        time.sleep(seconds)

    def show(self, view: View) -> None:
        """Say the events that are new; those of people may come late, and have their own time."""
        for event in view.events:
            key = (event.at, event.kind, event.item, event.text)
            if key not in self._shown:
                self._shown.add(key)
                if event.kind not in QUIET:
                    self._say(line(event))

    def say(self, line: str) -> None:
        """Say a sentence."""
        self._say(line)

    def close(self) -> None:
        """Nothing to give back."""


def line(event: Event) -> str:
    """Return an event as one line."""
    clock = time.strftime("%H:%M:%S", time.gmtime(event.at))
    verdict = str(event.data.get("verdict") or "")
    words = [event.item, verdict, event.text, f"({event.who})" if event.who else ""]
    told = " ".join(" ".join(word for word in words if word).split("\n"))
    return visible(f"{clock}Z {event.kind:<20} {told}").rstrip()  # what people wrote is not the terminal's to obey
