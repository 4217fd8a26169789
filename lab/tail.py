"""Reads a file of lines while another process writes it, across the moment in which it is put aside as `NAME.1`."""

from __future__ import annotations

from pathlib import Path


class Tail:
    """What a file got since the last look; a file that does not exist yet is an empty one.

    A file that was renamed to `NAME.1` is read to its end before the new one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._old = path.with_name(f"{path.name}.1")
        self._file = 0  # the number of the file (its inode) that was read last
        self._offset = 0

    def lines(self) -> list[bytes]:
        """Return the whole lines that came since the last call; a torn last line waits for its rest."""
        current = _number(self._path)  # asked first: once there is a new file, nothing is added to the old one
        found: list[bytes] = []
        if current != self._file:
            if self._file and self._file == _number(self._old):
                found = self._rest(self._old)
            if not current:
                return found
            self._file, self._offset = current, 0
        return found + self._rest(self._path)

    def _rest(self, path: Path) -> list[bytes]:
        try:
            with path.open("rb") as file:
                file.seek(self._offset)
                piece = file.read()
        except FileNotFoundError:
            return []
        whole = piece[: piece.rfind(b"\n") + 1]
        self._offset += len(whole)
        return whole.splitlines()


def _number(path: Path) -> int:
    """Return what identifies a file whatever it is called, 0 if there is none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
