"""What the stand-ins were told and did, and when: `people.jsonl` in the lab's home, a JSON line each, as it happens.

A line is `{"t": epoch seconds, "what": ...}` with details. `http` lines are requests; all others are changes of state.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO


class Journal:
    """Appends to one file."""

    def __init__(self, path: Path) -> None:
        self._file: IO[str] = path.open("a", encoding="utf-8")

    def note(self, what: str, **details: object) -> float:
        """Write a line; return its time."""
        t = round(time.time(), 6)
        self._file.write(json.dumps({"t": t, "what": what, **details}, default=str) + "\n")
        self._file.flush()
        return t

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def stamp(at: float) -> str:
    """Write an instant in whole seconds, as PagerDuty does."""
    return f"{datetime.fromtimestamp(int(at), UTC):%Y-%m-%dT%H:%M:%SZ}"


def fine_stamp(at: float) -> str:
    """Write an instant in milliseconds, as Statuspage does."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}.{int(at * 1000) % 1000:03}Z"
