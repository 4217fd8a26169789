"""Finds the report formats by looking into this folder: adding a file adds a format, there is no registry.

A format is a module with `FILENAME`, `EXTENSION` and `render`. What formats share stands in `reports.parts`.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from gameday.errors import UsageError
from gameday.record import Record

FOLDER = Path(__file__).parent
NOT_A_FORMAT = {"__init__", Path(__file__).stem}


class Format(Protocol):
    """What a format's module offers."""

    FILENAME: str  # the file written beside the run, such as `report.html`
    EXTENSION: str  # without the dot

    def render(self, records: Sequence[Record]) -> str:
        """Return the report of one run or of several."""


def names() -> list[str]:
    """Return the formats there are, such as `html`."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in NOT_A_FORMAT)


def load(name: str) -> Format:
    """Return the format called *name*. Raises UsageError with what there is."""
    known = names()
    if name not in known:
        close = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
        raise UsageError(f"no report format {name!r}; {hint}")
    return cast(Format, import_module(f"reports.{name}"))
