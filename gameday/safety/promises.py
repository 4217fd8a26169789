"""Promises to put things back, kept on disk so that a crash cannot lose them.

A promise is written and fsynced *before* the fault, struck out *after* its undo succeeded, and settled newest
first. An undo is a function of an `actions` module: idempotent, self-contained, and it reads back what it did and
says so in a sentence. No target has two open promises: the second would promise to restore a broken state.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import cast
from uuid import uuid4

from gameday.errors import Refusal, UndoIncomplete
from gameday.model import Json
from gameday.record import append_line, read_lines

UNDO_MODULES = "actions."
DECLARED = "actions.rollback:play"  # of a rollback that the file declares: it is not played again to read it back
PAUSE_S = 0.3  # between two tries of an undo that failed


@dataclass(frozen=True, slots=True)
class Promise:
    """One call that restores what a fault changes: `actions.MODULE:FUNCTION` and its arguments."""

    id: str
    call: str
    args: dict[str, Json]
    sentence: str  # what is put back, for people
    by_hand: str  # the command that restores it without the suite
    at: float = 0.0
    target: str = ""  # what the fault changes; one target has one open promise

    def fulfil(self) -> str:
        """Run the undo and return what it read back. Whatever the undo raises passes through."""
        module, _, name = self.call.partition(":")
        if not module.startswith(UNDO_MODULES):
            raise ValueError(f"an undo must be a function of an {UNDO_MODULES}* module, not {self.call}")
        said = getattr(import_module(module), name)(**self.args)
        return said if isinstance(said, str) else self.sentence


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of one promise: the undo's own words, or why it could not be kept."""

    promise: Promise
    sentence: str
    kept: bool

    @property
    def failure(self) -> str:
        """What is still changed, and the command that restores it."""
        return f"not undone: {self.promise.sentence} ({self.sentence}); restore it with: {self.promise.by_hand}"


def _nobody(promises: list[Promise]) -> None:
    """Tell nobody."""


def _silent(settled: Settled) -> None:
    """Say nothing."""


@dataclass(slots=True)
class Promises:
    """The promises of one run folder.

    `changed` is told the open ones whenever there is a new one, before its fault begins; `told` what came of each.
    """

    path: Path
    changed: Callable[[list[Promise]], None] = _nobody
    told: Callable[[Settled], None] = _silent
    shut: str = ""  # why no promise can be made any more: the run is ending, so no fault may begin
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _mine: dict[str, Promise] = field(default_factory=dict)  # open ones of this process, should the file be gone

    def make(self, call: str, sentence: str, by_hand: str, *, target: str = "", **args: Json) -> Promise:
        """Record, durably, that *call* must run; return the promise.

        Raises Refusal: *target* has an open promise. What `changed` raises passes through: then no fault may begin.
        """
        if not call.startswith(UNDO_MODULES):
            raise ValueError(f"an undo must be a function of an {UNDO_MODULES}* module, not {call}")
        with self._lock:
            if self.shut:
                raise Refusal(f"no fault begins any more: {self.shut}")
            open_ones = self.open()
            if target and (before := [each for each in open_ones if each.target == target]):
                raise Refusal(
                    f"{target} is still changed ({before[0].sentence} is promised and not yet kept), "
                    "so what it is now cannot be what to put back; `gameday undo` settles it"
                )
            made = Promise(uuid4().hex, call, args, sentence, by_hand, time.time(), target)
            append_line(self.path, {"promise": asdict(made)}, fsync=True)
            self._mine[made.id] = made
            self._tell_elsewhere(made, open_ones)
        return made

    def _tell_elsewhere(self, made: Promise, open_ones: list[Promise]) -> None:
        try:
            self.changed([made, *open_ones])
        except BaseException:
            self.strike(made)  # its fault does not begin
            raise

    def made(self) -> list[Promise]:
        """Return every promise, oldest first."""
        return [promise for promise, _ in self._all()]

    def open(self) -> list[Promise]:
        """Return the promises not yet kept, newest first."""
        lines = list(self._all())
        written = {promise.id for promise, _ in lines}
        found = [promise for promise, kept in lines if not kept]
        return [*reversed(found), *(mine for mine in self._mine.values() if mine.id not in written)]

    def fulfil_again(self) -> None:
        """Run every undo of ours once more: a fault that was on its way may have come after its own undo."""
        for promise in self.made():
            if promise.call != DECLARED:
                with suppress(Exception):  # it was kept before; what is still open is tried again by `settle`
                    promise.fulfil()

    def keep(self, promise: Promise) -> str:
        """Run the undo, strike the promise out, and return what the undo read back. What it raises passes through."""
        said = promise.fulfil()
        self.strike(promise)
        return said

    def strike(self, promise: Promise) -> None:
        """Note that what was promised is done."""
        with self._lock:
            self._mine.pop(promise.id, None)
            append_line(self.path, {"kept": promise.id}, fsync=True)

    def settle(self, patience_s: float = 0.0) -> list[Settled]:
        """Keep every open promise, newest first; what fails is tried again for *patience_s*. Safe from any thread."""
        settled = []
        with self._lock:
            for promise in self.open():
                settled.append(self._settle(promise, time.monotonic() + patience_s))
                self.told(settled[-1])
        return settled

    def _settle(self, promise: Promise, until: float) -> Settled:
        while True:
            try:
                return Settled(promise, self.keep(promise), True)
            except Exception as error:  # noqa: BLE001  one failed undo must not stop the others
                if time.monotonic() + PAUSE_S > until:
                    return Settled(promise, f"{type(error).__name__}: {error}", False)
                time.sleep(PAUSE_S)

    def settle_or_raise(self) -> list[str]:
        """Keep every open promise and return what was read back. Raises UndoIncomplete with what is left."""
        settled = self.settle()
        if failures := [each.failure for each in settled if not each.kept]:
            raise UndoIncomplete("; ".join(failures))
        return [each.sentence for each in settled]

    def _all(self) -> Iterator[tuple[Promise, bool]]:
        lines = [line for line in read_lines(self.path) if isinstance(line, dict)]
        kept = {line["kept"] for line in lines if "kept" in line}
        for line in lines:
            if isinstance(line.get("promise"), dict):
                promise = promise_of(cast("dict[str, Json]", line["promise"]))
                yield promise, promise.id in kept


def promise_of(line: dict[str, Json]) -> Promise:
    """Return a promise from its JSON. What is missing stays empty: it cannot be kept then, and so stays open."""
    empty: dict[str, Json] = {"id": "", "call": "", "args": {}, "sentence": "", "by_hand": ""}
    known = {name: line[name] for name in Promise.__slots__ if name in line}
    return Promise(**{**empty, **known})  # type: ignore[arg-type]


def count(promises: Sequence[Promise]) -> str:
    """Return how many there are, in words for a sentence."""
    return "1 promise" if len(promises) == 1 else f"{len(promises)} promises"
