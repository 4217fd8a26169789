"""Writes reports of run folders: of one run into its own folder, of several together into another."""

from __future__ import annotations

from pathlib import Path

from gameday.record import Record


def write(folder: Path, formats: list[str]) -> list[Path]:
    """Write the reports of one run beside its record; return their paths."""
    return [write_together([folder], name, folder) for name in formats]


def write_together(folders: list[Path], name: str, out: Path) -> Path:
    """Write one report of several runs into *out*; return its path."""
    from reports.formats import load  # found on the import path only once the suite is open

    kind = load(name)
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = out / kind.FILENAME
    path.touch(mode=0o600)
    path.write_text(kind.render([Record(folder) for folder in folders]), encoding="utf-8")
    return path
