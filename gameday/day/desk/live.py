"""What the run that goes on says of itself: its phase, its figures, its guards. Read from its folder, never asked for.

A run writes `live.json` about once a second while it goes on (`gameday.engine.live`). Here it is found by the process
that writes it, and read with nothing taken for granted: what is not there, or not what it should be, is not known.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from gameday.engine.live import FILE
from gameday.model import Json

OLD_S = 4.0  # what was written longer ago is not shown as what is


@dataclass(frozen=True, slots=True)
class GuardLine:
    """A guard: what it answers (yes, no, unknown), its reading and limit as texts, and the share that is left."""

    title: str
    answer: str
    reading: str = ""
    limit: str = ""
    left: float | None = None  # 0 it trips, 1 as far away as can be; None: not known


@dataclass(frozen=True, slots=True)
class Live:
    """The run that goes on."""

    run: str  # its folder's name
    phase: str
    since: float  # when the phase began, in seconds since the epoch
    figures: Mapping[str, float | None] = field(default_factory=dict)  # {} without a load
    guards: Sequence[GuardLine] = ()
    doing: str = ""  # the phase in a sentence
    written: float = 0.0  # when it said so; 0: now

    def age_s(self, now: float) -> float:
        """Return how old this is, in seconds."""
        return max(0.0, now - self.written) if self.written else 0.0


def read(runs: Path, pid: int, since: float) -> Live | None:
    """Return what the run says that process *pid*, or one below it, has begun after *since* (epoch, s).

    None: it has not begun to say anything, or is over. Never raises.
    """
    for folder in _begun_after(runs, since):
        found = _document(folder / FILE)
        if pid in (found.get("pid"), found.get("leader")):
            return _live(found)
    return None


def _begun_after(runs: Path, since: float) -> Iterator[Path]:
    """Yield the run folders, the newest first; their names begin with the second in which they were made."""
    first = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime(since - 2))
    with suppress(OSError):
        yield from sorted((path for path in runs.iterdir() if path.name >= first), reverse=True)


def _document(path: Path) -> Mapping[str, Json]:
    with suppress(OSError, ValueError):
        found = json.loads(path.read_bytes())
        return cast("dict[str, Json]", found) if isinstance(found, dict) else {}
    return {}


def _live(found: Mapping[str, Json]) -> Live:
    figures, guards = found.get("figures"), found.get("guards")
    return Live(
        str(found.get("run", "")),
        str(found.get("phase", "")),
        _number(found.get("since")) or 0.0,
        {name: _number(value) for name, value in figures.items()} if isinstance(figures, dict) else {},
        [_guard(guard) for guard in guards if isinstance(guard, dict)] if isinstance(guards, list) else [],
        str(found.get("doing", "")),
        _number(found.get("written")) or 0.0,
    )


def _guard(found: Mapping[str, Json]) -> GuardLine:
    title, answer, reading, limit = (str(found.get(name, "")) for name in ("title", "answer", "reading", "limit"))
    return GuardLine(title, answer, reading, limit, _number(found.get("left")))


def _number(value: Json) -> float | None:
    """Return a number that can be drawn."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(cast("float", value)) if known else None
