"""Promises to put things back, kept on disk so that a crash cannot lose them.

A promise is written and fsynced *before* the fault, struck out *after* its undo succeeded, and settled newest
first. An undo is a function of an `actions` module: idempotent, self-contained, and it verifies what it did.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import cast
from uuid import uuid4

from gameday.errors import UndoIncomplete
from gameday.model import Json
from gameday.record import append_line, read_lines

UNDO_MODULES = "actions."


@dataclass(frozen=True, slots=True)
class Promise:
    """One call that restores what a fault changes: `actions.MODULE:FUNCTION` and its arguments."""

    id: str
    call: str
    args: dict[str, Json]
    sentence: str  # what is put back, for people
    by_hand: str  # the command that restores it without the suite
    at: float = 0.0


@dataclass(slots=True)
class Promises:
    """The promises of one run folder."""

    path: Path

    def make(self, call: str, sentence: str, by_hand: str, **args: Json) -> Promise:
        """Record, durably, that *call* must run; return the promise."""
        if not call.startswith(UNDO_MODULES):
            raise ValueError(f"an undo must be a function of an {UNDO_MODULES}* module, not {call}")
        made = Promise(uuid4().hex, call, args, sentence, by_hand)
        append_line(self.path, {"promise": asdict(made)}, fsync=True)
        return made

    def made(self) -> list[Promise]:
        """Return every promise, oldest first."""
        return [promise for promise, _ in self._all()]

    def open(self) -> list[Promise]:
        """Return the promises not yet kept, newest first."""
        return [promise for promise, kept in reversed(list(self._all())) if not kept]

    def keep(self, promise: Promise) -> None:
        """Run the undo, then strike the promise out. Whatever the undo raises passes through."""
        module, _, name = promise.call.partition(":")
        getattr(import_module(module), name)(**promise.args)
        self.strike(promise)

    def strike(self, promise: Promise) -> None:
        """Note that what was promised is done."""
        append_line(self.path, {"kept": promise.id}, fsync=True)

    def settle(self) -> list[str]:
        """Keep every open promise, newest first; return one sentence for each that could not be kept."""
        failures = []
        for promise in self.open():
            try:
                self.keep(promise)
            except Exception as error:  # noqa: BLE001  one failed undo must not stop the others
                failures.append(f"not undone: {promise.sentence} ({error}); restore it with: {promise.by_hand}")
        return failures

    def settle_or_raise(self) -> None:
        """Keep every open promise. Raises UndoIncomplete with what is left."""
        if failures := self.settle():
            raise UndoIncomplete("; ".join(failures))

    def _all(self) -> Iterator[tuple[Promise, bool]]:
        lines = [line for line in read_lines(self.path) if isinstance(line, dict)]
        kept = {line["kept"] for line in lines if "kept" in line}
        for line in lines:
            if isinstance(line.get("promise"), dict):
                promise = Promise(**cast("dict[str, object]", line["promise"]))  # type: ignore[arg-type]
                yield promise, promise.id in kept
