"""What the load says right now: a sliding window over the requests that its process writes down.

`Tail` follows `samples.jsonl` while it grows; `LiveLoad` answers for the signals of `model.SIGNALS`.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from gameday.analysis.stats import percentile
from gameday.model import Sample

KEEP_S = 120.0


class Tail:
    """Reads what is new in a growing file of JSON lines; a torn last line waits for its end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._position = 0

    def __iter__(self) -> Iterator[object]:
        """Yield the lines that are new since the last time."""
        with suppress(FileNotFoundError), self.path.open("rb") as file:
            file.seek(self._position)
            chunk = file.read()
            end = chunk.rfind(b"\n") + 1
            self._position += end
            for raw in chunk[:end].split(b"\n"):
                if raw:
                    yield json.loads(raw)


class LiveLoad:
    """The requests of the last two minutes."""

    def __init__(self, samples: Path, clock: Callable[[], float] = time.time) -> None:
        self._tail = Tail(samples)
        self._clock = clock
        self._lock = threading.Lock()
        self._recent: deque[Sample] = deque()
        self.total = 0
        self.errors = 0

    def window(self, over_s: float) -> list[Sample]:
        """Return the requests finished in the last *over_s* seconds."""
        with self._lock:
            self._read()
            since = self._clock() - over_s
            return [sample for sample in self._recent if sample.done is not None and sample.done >= since]

    def signal(self, name: str, over_s: float) -> float | None:
        """Return the value of a signal of the load; None while there is no data."""
        samples = self.window(over_s)
        if name == "load.rate":
            return len(samples) / over_s
        if not samples:
            return None
        if name == "load.error_ratio":
            return sum(sample.failed for sample in samples) / len(samples)
        if name == "load.send_lag_ms":
            return percentile(sorted((s.sent - s.due) * 1e3 for s in samples), 0.99)
        shares = {"load.p50_ms": 0.5, "load.p95_ms": 0.95, "load.p99_ms": 0.99}
        if name not in shares:
            raise ValueError(f"no signal {name!r}")
        return percentile(sorted(s.latency_ms for s in samples if s.latency_ms is not None), shares[name])

    def _read(self) -> None:
        for row in self._tail:
            if isinstance(row, list) and len(row) == 6:
                sample = Sample(*row)
                self.total += 1
                self.errors += sample.failed
                self._recent.append(sample)
        horizon = self._clock() - KEEP_S
        while self._recent and self._recent[0].due < horizon:
            self._recent.popleft()
