"""Four times a second: the guards, the load's own health, and the figures a person watches.

A breach is told to the session from this thread; the session interrupts the main thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from gameday.engine.load_process import LoadProcess
from gameday.engine.progress import Progress
from gameday.engine.signals import LiveLoad
from gameday.model import GuardSpec
from gameday.safety.guards import Watch

EVERY_S = 0.25
ALARM_EVERY_S = 1.0


class Monitor:
    """The thread that looks at guards and load."""

    def __init__(
        self,
        guards: list[GuardSpec],
        live: LiveLoad,
        load: LoadProcess | None,
        alarm: Callable[[str], str | None],
        tripped: Callable[[str], None],
        progress: Progress,
    ) -> None:
        self.watch = Watch(guards, live.signal, _slower(alarm, ALARM_EVERY_S))
        self.live = live
        self.load = load
        self.tripped = tripped
        self.progress = progress
        self.guarding = threading.Event()  # set while a fault may be in
        self._stop = threading.Event()
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
            why = self._look()
            if why:
                self.guarding.clear()
                self.tripped(why)

    def _look(self) -> str | None:
        """Return why the run must end, or None."""
        self._beat += 1
        if self._beat % 4 == 0:
            self._show()
        if not self.guarding.is_set():
            return None
        if self.load and not self.load.alive:
            return f"the load died: {self.load.last_words()}"
        try:
            breach = self.watch.breach(time.monotonic())
        except Exception as error:  # noqa: BLE001  a guard that cannot decide trips
            return f"a guard could not be read: {type(error).__name__}: {error}"
        return breach.sentence if breach else None

    def _show(self) -> None:
        rate, errors = self.live.signal("load.rate", 1.0), self.live.signal("load.error_ratio", 1.0)
        p50, p99 = self.live.signal("load.p50_ms", 1.0), self.live.signal("load.p99_ms", 1.0)
        if errors is None or p50 is None or p99 is None:
            self.progress.figures("no answers in this second")
        else:
            self.progress.figures(f"{rate:4.0f}/s  errors {errors:6.2%}  p50 {p50:5.0f} ms  p99 {p99:5.0f} ms")


def _slower(alarm: Callable[[str], str | None], every_s: float) -> Callable[[str], str | None]:
    """Return *alarm* with a memory of *every_s*, so that AWS is not asked four times a second."""
    known: dict[str, tuple[float, str | None]] = {}

    def ask(name: str) -> str | None:
        now = time.monotonic()
        at, state = known.get(name, (-every_s, None))
        if now - at >= every_s:
            state = alarm(name)
            known[name] = (now, state)
        return state

    return ask
