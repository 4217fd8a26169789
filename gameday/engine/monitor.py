"""Four times a second: the guards, the load's own health, the run's deadline, and the figures a person watches.

A breach is told to the session from this thread; the session interrupts the main thread. Nothing here waits for
anything remote: see `sources`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from gameday.engine.load_process import LoadProcess
from gameday.engine.progress import Progress
from gameday.engine.signals import LiveLoad
from gameday.model import GuardSpec
from gameday.safety.guards import Sources, Watch

EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class Watched:
    """What the monitor looks at."""

    guards: Sequence[GuardSpec]
    sources: Sources
    live: LiveLoad
    load: LoadProcess | None
    deadline: float  # monotonic
    deadline_s: float


class Monitor:
    """The thread that looks at guards and load."""

    def __init__(self, watched: Watched, tripped: Callable[[str], None], progress: Progress) -> None:
        self.watched = watched
        self.watch = Watch(watched.guards, watched.sources)
        self.tripped = tripped
        self.progress = progress
        self.guarding = threading.Event()  # set while a fault may be in
        self._stop = threading.Event()
        self._over = False  # it has tripped once
        self._beat = 0
        self._thread = threading.Thread(target=self._run, daemon=True, name="gameday-monitor")

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due = max(due + EVERY_S, time.monotonic())
            why = None if self._over else self._look()
            if why:
                self._over = True
                self.tripped(why)
            with suppress(Exception):  # figures on a terminal must not end the thread that guards
                self._show()

    def _look(self) -> str | None:
        """Return why the run must end, or None."""
        watched = self.watched
        if time.monotonic() > watched.deadline:
            return f"the run's deadline has passed: it had {watched.deadline_s:g} s"
        if not self.guarding.is_set():
            return None
        if watched.load and not watched.load.alive:
            return f"the load died: {watched.load.last_words()}"
        try:
            breach = self.watch.breach(time.monotonic())
        except Exception as error:  # noqa: BLE001  a guard that cannot decide trips
            return f"a guard could not be read: {type(error).__name__}: {error}"
        return breach.sentence if breach else None

    def _show(self) -> None:
        self._beat += 1
        if self._beat % 4:
            return
        live = self.watched.live
        rate, errors = live.signal("load.rate", 1.0), live.signal("load.error_ratio", 1.0)
        p50, p99 = live.signal("load.p50_ms", 1.0), live.signal("load.p99_ms", 1.0)
        if errors is None or p50 is None or p99 is None:
            self.progress.figures("no answers in this second")
        else:
            self.progress.figures(f"{rate:4.0f}/s  errors {errors:6.2%}  p50 {p50:5.0f} ms  p99 {p99:5.0f} ms")
