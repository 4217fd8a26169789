"""The load balancer's access log: one JSON line a request, read piece by piece."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE_LOG = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"


@dataclass(frozen=True, slots=True)
class Access:
    """One request as the balancer saw it.

    `at` is its start in seconds since the epoch, `upstream_ms` the time until the target's first byte (None when it
    never answered), `flags` Envoy's reason for an answer of its own ("-" for the target's).
    """

    at: float
    status: int
    duration_ms: float
    upstream_ms: float | None
    flags: str
    upstream: tuple[str, int] | None
    method: str
    path: str


def access_log_config(path: Path) -> dict[str, Any]:
    """Return the part of Envoy's configuration that makes it write the lines `AccessLog` reads."""
    fields = {
        "at": "%START_TIME(%s.%6f)%",
        "status": "%RESPONSE_CODE%",
        "duration_ms": "%DURATION%",
        "upstream_ms": "%RESPONSE_DURATION%",
        "flags": "%RESPONSE_FLAGS%",
        "upstream": "%UPSTREAM_HOST%",
        "method": "%REQ(:METHOD)%",
        "path": "%REQ(:PATH)%",
    }
    config = {"@type": FILE_LOG, "path": str(path), "log_format": {"json_format": fields}}
    return {"name": "envoy.access_loggers.file", "typed_config": config}


def parse(line: bytes) -> Access:
    """Return one line of the log as a value."""
    fields = json.loads(line)
    host, _, port = (fields["upstream"] or "").rpartition(":")
    return Access(
        at=float(fields["at"]),
        status=fields["status"],
        duration_ms=fields["duration_ms"],
        upstream_ms=fields["upstream_ms"],
        flags=fields["flags"] or "-",
        upstream=(host, int(port)) if host else None,
        method=fields["method"] or "-",
        path=fields["path"] or "-",
    )


class AccessLog:
    """Reads a log while Envoy writes it; a file that does not exist yet is an empty one.

    A log that was put aside as `NAME.1` (see `Balancer.put_log_aside`) is read to its end before the new one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._old = path.with_name(f"{path.name}.1")
        self._file = 0  # the number of the file (its inode) that was read last
        self._offset = 0

    def read(self) -> list[Access]:
        """Return what was written since the last call; a torn last line waits for its rest."""
        current = _number(self._path)  # asked first: once there is a new file, nothing is added to the old one
        found: list[Access] = []
        if current != self._file:
            if self._file and self._file == _number(self._old):
                found = self._rest(self._old)
            if not current:
                return found
            self._file, self._offset = current, 0
        return found + self._rest(self._path)

    def _rest(self, path: Path) -> list[Access]:
        try:
            with path.open("rb") as log:
                log.seek(self._offset)
                piece = log.read()
        except FileNotFoundError:
            return []
        whole = piece[: piece.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [parse(line) for line in whole.splitlines()]


def _number(path: Path) -> int:
    """Return what identifies a file whatever it is called, 0 if there is none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
