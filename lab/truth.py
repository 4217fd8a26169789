"""What really happened, and when: one JSON line an event, written at the step itself and not when somebody asks.

A test or a benchmark compares what a tool claims with these lines. Nothing in the AWS API reads them.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path


class Truth:
    """Appends to `path`; lines are `{"t": epoch seconds, "what": "task.exited", ...}`, one write each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")

    def note(self, what: str, at: float | None = None, **details: object) -> float:
        """Write one event, now or `at` epoch seconds; return its time."""
        t = round(time.time() if at is None else at, 6)
        line = json.dumps({"t": t, "what": what, **details}, default=str)
        with self._lock:
            if not self._file.closed:  # a thread may outlive the lab by a moment
                self._file.write(line + "\n")
                self._file.flush()
        return t

    def close(self) -> None:
        """Close the file; later notes are dropped."""
        with self._lock:
            self._file.close()


def read_truth(path: Path) -> Iterator[dict[str, object]]:
    """Yield the events of a truth file in the order they were written; a torn last line is left out."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield json.loads(line)
