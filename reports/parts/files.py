"""The files of a run folder with their hashes, so that a report can be checked against what was recorded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

WRITTEN_AFTERWARDS = ("report.", "junit.")


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """A file's name, its size in bytes and its SHA-256 in hex."""

    name: str
    size: int
    sha256: str


def recorded_files(folder: Path) -> tuple[RecordedFile, ...]:
    """Return the files that the run itself wrote, ordered by name; reports are left out."""
    return tuple(
        RecordedFile(path.name, path.stat().st_size, _digest(path))
        for path in sorted(folder.iterdir())
        if path.is_file() and not path.name.startswith(WRITTEN_AFTERWARDS) and path.suffix != ".tmp"
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
