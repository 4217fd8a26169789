"""Open-loop arrivals for Locust: a schedule of due times, a greenlet for each, latency counted from the due time.

Closed-loop users wait for a frozen server and so hide the outage; users of the real thing do not wait. One Locust
user plans all arrivals. Everything is written down as it happens, so that a killed load loses at most a moment:

    samples.jsonl   one request a line: [due, sent, done, status, step, error]; done is null if it never ended
    load.jsonl      a pulse four times a second: what was planned, sent and done so far
    writes.jsonl    at the end: every write, and how often it was found when read back

A journey is one file with one subclass of `OpenLoop`. This process is Locust's own: it patches sockets and
threads, and is never imported by the suite.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from typing import Any, ClassVar

import gevent
import gevent.os
from locust import FastHttpUser, constant, events, task

from gameday.redact import Redactor

DRAIN_S = 6.0  # for requests in flight at the end: a little more than their own time-out
PULSE_S = 0.25


class Ledger:
    """What this process planned, sent and got back, and the files it goes to."""

    def __init__(self, folder: str) -> None:
        self.samples = open(os.path.join(folder, "samples.jsonl"), "a", buffering=1)  # noqa: SIM115, PTH118, PTH123
        self.pulses = open(os.path.join(folder, "load.jsonl"), "a", buffering=1)  # noqa: SIM115, PTH118, PTH123
        self.writes_path = os.path.join(folder, "writes.jsonl")  # noqa: PTH118
        self.planned = self.sent = self.done = 0
        self.lag_ms = 0.0
        self.flying: dict[int, tuple[float, float, str]] = {}
        self.writes: dict[str, str] = {}

    def pulse(self) -> None:
        """Write the counts so far."""
        beat = {"at": time.time(), "planned": self.planned, "sent": self.sent, "done": self.done, "lag_ms": self.lag_ms}
        self.lag_ms = 0.0
        self.pulses.write(json.dumps(beat) + "\n")

    def row(self, *values: object) -> None:
        """Write one request."""
        self.samples.write(json.dumps(values) + "\n")


PLAN: dict[str, Any] = json.loads(os.environ.get("GAMEDAY_LOAD", "{}"))
REDACT = Redactor.from_environment(os.environ)
LEDGER = Ledger(PLAN["folder"]) if PLAN else None


class OpenLoop(FastHttpUser):  # type: ignore[misc]
    """A journey: subclass it, name its steps with their weights, and write a method for each."""

    abstract = True
    steps: ClassVar[dict[str, int]] = {}
    concurrency = 2000  # size of the connection pool: above rate x worst latency
    wait_time = constant(0)
    connection_timeout = 5.0
    network_timeout = 5.0
    max_retries = 0
    max_redirects = 0

    def on_start(self) -> None:
        """Begin the schedule now."""
        assert LEDGER is not None, "GAMEDAY_LOAD is not set: the suite starts this process"
        self.ledger = LEDGER
        self.rate = float(PLAN["rate"])
        self.random = random.Random(PLAN["seed"])
        self.names = list(self.steps)
        self.weights = list(self.steps.values())
        self.began = time.time()
        self.stopping: bool = False  # set by another greenlet
        gevent.spawn(self._pulse)
        gevent.spawn(self._stop_when_told)

    @task  # type: ignore[untyped-decorator]
    def schedule_one(self) -> None:
        """Wait for the next due time and send a request then, whatever became of the others."""
        if self.stopping:
            gevent.sleep(0.05)
            return
        due = self.began + self.ledger.planned / self.rate
        ahead_s = due - time.time()
        if ahead_s > 0:
            gevent.sleep(ahead_s)
        if self._told_to_stop():  # told while it waited: a write now would come after the writes were read back
            return
        self.ledger.planned += 1
        step = self.random.choices(self.names, self.weights)[0]
        gevent.spawn(self._fire, self.ledger.planned, due, step)

    def _told_to_stop(self) -> bool:
        return self.stopping

    def _fire(self, number: int, due: float, step: str) -> None:
        ledger = self.ledger
        sent = time.time()
        ledger.sent += 1
        ledger.lag_ms = max(ledger.lag_ms, (sent - due) * 1e3)
        ledger.flying[number] = (due, sent, step)
        status, error = 0, ""
        try:
            status, error = getattr(self, step)(number)
        except Exception as problem:  # noqa: BLE001  a journey's own mistake is a failed request, and is named in it
            error = REDACT.text(f"{type(problem).__name__}: {problem}")[:200]
        if ledger.flying.pop(number, None):
            ledger.done += 1
            ledger.row(round(due, 6), round(sent, 6), round(time.time(), 6), status, step, error)

    def request(self, method: str, path: str, name: str, **more: Any) -> tuple[int, str]:
        """Send one request; return its status (0: no answer) and the error in a few words."""
        with self.client.request(method, path, name=name, catch_response=True, **more) as response:
            status = int(response.status_code or 0)
            error = "" if 200 <= status < 400 else _name_of(response, status)
            response.success() if not error else response.failure(error)
            return status, error

    def write(self, key: str, method: str, path: str, name: str, **more: Any) -> tuple[int, str]:
        """Send a write and remember whether it was acknowledged, refused, or got no certain answer."""
        self.ledger.writes[key] = "indeterminate"
        status, error = self.request(method, path, name, **more)
        if 200 <= status < 300:
            self.ledger.writes[key] = "acknowledged"
        elif 400 <= status < 500:
            self.ledger.writes[key] = "refused"
        return status, error

    def find_writes(self) -> Counter[str] | None:
        """Return how often each written key is there now; None when the journey cannot tell."""
        return None

    def _pulse(self) -> None:
        while True:
            self.ledger.pulse()
            gevent.sleep(PULSE_S)

    def _stop_when_told(self) -> None:
        """End when the suite closes our standard input, which it also does by dying; then at once."""
        said = b""
        while chunk := gevent.os.tp_read(0, 64):
            said += chunk
        self.stopping = True
        if b"drain" not in said:
            self._cut_short()
            os._exit(0)
        deadline = time.time() + DRAIN_S
        while self.ledger.flying and time.time() < deadline:
            gevent.sleep(0.02)
        self._cut_short()
        self._read_back()
        self.ledger.pulse()
        self.environment.runner.quit()

    def _cut_short(self) -> None:
        """Write down what is still in flight."""
        for due, sent, step in self.ledger.flying.values():
            self.ledger.row(due, sent, None, 0, step, "in flight at the end")
        self.ledger.flying.clear()

    def _read_back(self) -> None:
        found = None
        for _ in range(3):
            try:
                found = self.find_writes()
                break
            except Exception as problem:  # noqa: BLE001  the service may be down at the end: say so, try again
                print(f"reading the writes back failed: {problem!r}", flush=True)
                gevent.sleep(1)
        with open(self.ledger.writes_path, "w") as file:  # noqa: PTH123
            for key, outcome in self.ledger.writes.items():
                line = {"key": key, "outcome": outcome, "found": None if found is None else found[key]}
                file.write(json.dumps(line) + "\n")


def _name_of(response: Any, status: int) -> str:
    """Name a failure in a few words: the status, or what happened to the connection."""
    if status:
        return f"HTTP {status}"
    return type(response.error).__name__ if getattr(response, "error", None) else "no answer"


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def _last_pulse(**_: object) -> None:
    if LEDGER is not None:
        LEDGER.pulse()
