"""What a run says of itself while it goes on, for whoever watches: `live.json` in its folder, about once a second.

A thread of its own writes it, by rename, with eyes of its own on the load: the thread that guards neither writes nor
waits for this one, and whatever goes wrong here is a view that stays dark. The file is gone when the run is over.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from gameday.engine.progress import Progress
from gameday.engine.signals import LiveLoad
from gameday.model import Answer, GuardSpec, Json
from gameday.record import Recorder, write_json
from gameday.safety.guards import Reading, Sources, read

FILE = "live.json"
EVERY_S = 1.0
OVER_S = 2.0  # the window of the figures: one second alone jumps about
FIGURES = ("rate", "error_ratio", "p50_ms", "p95_ms", "p99_ms")


@dataclass(slots=True)
class Heard:
    """Another progress, that also remembers the phase it was told last."""

    shown: Progress
    newest: tuple[str, str, float] = ("", "", 0.0)  # name, sentence, since

    def phase(self, name: str, sentence: str) -> None:
        """Remember the phase, and pass it on."""
        self.newest = (name, sentence, time.time())
        self.shown.phase(name, sentence)

    def figures(self, text: str) -> None:
        """Pass the figures on."""
        self.shown.figures(text)


@dataclass(frozen=True, slots=True)
class Aside:
    """The guards' own sources, but the load is looked at through another window than theirs."""

    sources: Sources
    live: LiveLoad

    def signal(self, name: str, over_s: float) -> float | None:
        """Return a signal of the load over a window."""
        return self.live.signal(name, over_s)

    def metric(self, guard: GuardSpec) -> float | None:
        """Return the newest fresh value of the guard's metric."""
        return self.sources.metric(guard)

    def alarm(self, name: str) -> str | None:
        """Return an alarm's state."""
        return self.sources.alarm(name)

    def http(self, address: str) -> int | None:
        """Return the status that an address answers."""
        return self.sources.http(address)

    def safety_lever(self) -> str | None:
        """Return the state of the account's FIS safety lever."""
        return self.sources.safety_lever()


@dataclass(slots=True)
class LiveFile:
    """The file and the thread that writes it."""

    recorder: Recorder
    heard: Heard
    guards: Sequence[GuardSpec]
    sources: Sources
    loaded: bool  # the run puts a load on the system
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to write."""
        self._thread = threading.Thread(target=self._run, daemon=True, name="gameday-live")
        self._thread.start()

    def stop(self) -> None:
        """End, and take the file away: what it said is no longer so."""
        self._stop.set()
        if self._thread:
            self._thread.join(5)
        for name in (FILE, FILE + ".tmp"):
            (self.recorder.folder / name).unlink(missing_ok=True)

    def _run(self) -> None:
        live = LiveLoad(self.recorder.folder / "samples.jsonl")
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due = max(due + EVERY_S, time.monotonic())
            with suppress(Exception):  # a watcher sees that the file grows old; the run has better things to do
                write_json(self.recorder.folder / FILE, self.recorder.redact(self.document(live)))

    def document(self, live: LiveLoad) -> dict[str, object]:
        """Return what stands in the file now."""
        phase, doing, since = self.heard.newest
        sources = Aside(self.sources, live)
        return {
            "schema": 1,
            "run": self.recorder.folder.name,
            "pid": os.getpid(),
            "leader": os.getsid(0),  # the process that somebody started for this run, if it is another one
            "written": time.time(),
            "phase": phase,
            "doing": doing,
            "since": since,
            "figures": _figures(live) if self.loaded else {},
            "guards": [guard_line(guard, read(guard, sources)) for guard in self.guards],
        }


def _figures(live: LiveLoad) -> dict[str, float | None]:
    found = {name: live.signal(f"load.{name}", OVER_S) for name in FIGURES}
    return {**found, "requests": live.total, "errors": live.errors}


def guard_line(guard: GuardSpec, reading: Reading) -> dict[str, Json]:
    """Return a guard as the file has it: title, answer, reading and limit as texts, and the share that is *left*."""
    return {
        "title": _title(guard),
        "answer": reading.answer.value,
        "reading": _worded(guard, reading.value),
        "limit": _limit(guard),
        "left": left(guard, reading),
    }


def left(guard: GuardSpec, reading: Reading) -> float | None:
    """Return how far a guard is from tripping, as a share of its limit: 0 it trips, 1 as far as can be.

    None: nothing is known, or a limit of 0 has no shares.
    """
    value = reading.value
    if reading.answer is not Answer.YES:
        return 0.0 if reading.answer is Answer.NO else None
    if guard.max is None and guard.min is None:
        return 1.0
    if not isinstance(value, int | float):
        return None
    bounds = [(value, guard.max), (guard.min, value)]
    return min((1 - max(low, 0.0) / high for low, high in bounds if low is not None and high), default=None)


def _title(guard: GuardSpec) -> str:
    if guard.alarm:
        return f"alarm {guard.alarm}"
    return guard.http or guard.signal or guard.metric or "FIS safety lever"


def _limit(guard: GuardSpec) -> str:
    if guard.alarm or guard.http or guard.safety_lever:
        return "OK" if guard.alarm else str(guard.status) if guard.http else "disengaged"
    bounds: Mapping[str, float | None] = {"<=": guard.max, ">=": guard.min}
    limits = [f"{sign} {_worded(guard, bound)}" for sign, bound in bounds.items() if bound is not None]
    return " and ".join(limits) + (f" over {guard.over_s:g} s" if guard.signal else "")


def _worded(guard: GuardSpec, value: float | str | None) -> str:
    """Return a reading or a limit with its unit."""
    if not isinstance(value, int | float):
        return value or "no data"
    if guard.http:
        return f"{value:g}" if value else "no answer"
    name = guard.signal or ""
    if name == "load.error_ratio":
        return f"{value * 100:.3g}%"
    return f"{value:.0f} ms" if name.endswith("_ms") else f"{value:.4g}" + ("/s" if name == "load.rate" else "")
