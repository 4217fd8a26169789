"""What a person sees while a run goes on: one line a phase, and the load's figures under it.

Progress goes to standard error, so that standard output stays clean for verdicts and `--json`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, TextIO

# A closed terminal, a closed file, a signal's handler that comes in while a line is printed: no reason to stop a run.
GONE = (OSError, ValueError, RuntimeError)


class Progress(Protocol):
    """Where a session tells how far it is."""

    def phase(self, name: str, sentence: str) -> None:
        """A phase begins."""

    def figures(self, text: str) -> None:
        """The load's figures of this second."""


@dataclass(slots=True)
class Console:
    """Lines on a terminal, the figures overwritten in place; in a log file, the figures every five seconds."""

    out: TextIO = field(default_factory=lambda: sys.stderr)
    began: float = field(default_factory=time.monotonic)
    _pending: bool = False
    _last: float = 0.0

    def phase(self, name: str, sentence: str) -> None:
        """Begin a line of its own."""
        with suppress(*GONE):
            self._clear()
            print(f"{time.monotonic() - self.began:6.1f} s  {name:<11} {sentence}", file=self.out, flush=True)

    def figures(self, text: str) -> None:
        """Show figures under the phase."""
        now = time.monotonic()
        with suppress(*GONE):
            if self.out.isatty():
                print(f"\r{now - self.began:6.1f} s              {text}\x1b[K", end="", file=self.out, flush=True)
                self._pending = True
            elif now - self._last >= 5:
                self._last = now
                print(f"{now - self.began:6.1f} s              {text}", file=self.out, flush=True)

    def _clear(self) -> None:
        if self._pending:
            print("\r\x1b[K", end="", file=self.out)
            self._pending = False


@dataclass(frozen=True, slots=True)
class Redacted:
    """Another progress, which gets to see every text only after *redact* had it."""

    shown: Progress
    redact: Callable[[str], str]

    def phase(self, name: str, sentence: str) -> None:
        """Pass the phase on."""
        self.shown.phase(name, self.redact(sentence))

    def figures(self, text: str) -> None:
        """Pass the figures on."""
        self.shown.figures(self.redact(text))
