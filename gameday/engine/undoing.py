"""How a run ends before its time, and how everything is put back: from the breach to the read-back, by one clock.

Whoever ends the run (a guard's thread, a signal, another terminal) says why once; the first word counts. The undo
runs once however many ask for it, and nothing may interrupt it.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from gameday.engine.progress import Progress
from gameday.record import Recorder
from gameday.safety.process import descendants
from gameday.safety.promises import Promises, Settled

PATIENCE_S = 20.0  # how long an undo that fails is tried again before the run says that it is incomplete
BACKSTOP_S = 1.0  # after this long without rollbacks by Chaos Toolkit, which waits for its pools, we undo ourselves


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a run ends before its time."""

    kind: str  # aborted | interrupted | refused
    why: str
    at: float


class Undoing:
    """The end of one run."""

    def __init__(
        self, recorder: Recorder, promises: Promises, progress: Progress, ours: Callable[[], list[int]]
    ) -> None:
        self.recorder = recorder
        self.promises = promises
        promises.told = self._note  # whoever settles: we, or a rollback that Chaos Toolkit plays
        self.progress = progress
        self._ours = ours
        self.ending: Ending | None = None
        self.leaving = False  # the main thread has been told
        self.begun = False  # the undo goes on: no signal may drop it
        self.backstopped = False  # something may have been started after its own undo
        self.complete: bool | None = None
        self._lock = threading.RLock()  # a signal's handler may come in while this thread holds it

    def end(self, kind: str, why: str) -> bool:
        """Say why the run ends; return whether this was the first word."""
        with self._lock:
            if self.ending is not None or self.begun:
                return False
            self.ending = Ending(kind, why, time.time())
            self.promises.shut = why
        self.recorder.mark("abort" if kind == "aborted" else kind, self.ending.at, fsync=True, why=why)
        self.progress.phase(kind, why)
        return True

    def stop_from_thread(self, kind: str, why: str) -> None:
        """End the run from another thread: end what activities started, then interrupt the main thread."""
        if self.end(kind, why):
            self.end_activities()
            self._interrupt()
            self.start_backstop()

    def start_backstop(self) -> None:
        """Watch on a thread of its own that the undo begins: the lock must go on being renewed meanwhile."""
        threading.Thread(target=self._backstop, daemon=True, name="gameday-backstop").start()

    def _backstop(self) -> None:
        """Undo without Chaos Toolkit when it waits for an activity that cannot be interrupted, until it goes on.

        What such an activity still starts is undone too: every undo is run again each second.
        """
        time.sleep(BACKSTOP_S)
        if not self.begun:
            self.recorder.mark("undo.backstop", why="a background activity holds the rollbacks up")
        while not self.begun:
            self.backstopped = True
            self.settle()
            time.sleep(BACKSTOP_S)
            self.promises.fulfil_again()

    def begin(self) -> None:
        """From here on nothing interrupts: whatever is left to undo is undone."""
        with self._lock:
            self.begun = True

    def _interrupt(self) -> None:
        """Wake the main thread, unless it undoes already: after the run its signals mean the system's own again."""
        with self._lock:
            if not self.begun:
                os.kill(os.getpid(), signal.SIGUSR1)

    def end_activities(self) -> None:
        """End every process that an activity started: Chaos Toolkit would wait for it."""
        for pid in descendants(os.getpid(), self._ours()):
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def settle(self) -> bool:
        """Keep every open promise, note what was read back, and return whether nothing is left changed."""
        if self.backstopped and self.begun:
            self.promises.fulfil_again()
        self.promises.settle(PATIENCE_S)
        left = self.promises.open()
        with self._lock:
            if self.complete is not True:
                self.complete = not left
                self.recorder.mark("undone", fsync=True, complete=not left)
                self._say()
        return not left

    def _say(self) -> None:
        if self.complete and self.ending and self.ending.kind != "refused":
            self.progress.phase("undone", f"and read back {time.time() - self.ending.at:.2f} s after that")

    def _note(self, each: Settled) -> None:
        if each.kept:
            self.recorder.mark("undo.verified", why=each.sentence)
            return
        self.recorder.mark("undo.failed", fsync=True, why=each.failure)
        self.progress.phase("undo", each.failure)
