"""The load balancer's access log: one JSON line a request, read piece by piece."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.tail import Tail

FILE_LOG = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
FIELDS = {
    "at": "%START_TIME(%s.%6f)%",
    "status": "%RESPONSE_CODE%",
    "duration_us": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%",
    "duration_ms": "%DURATION%",
    "upstream_us": "%COMMON_DURATION(US_TX_END:US_RX_BEG:us)%",
    "flags": "%RESPONSE_FLAGS%",
    "upstream": "%UPSTREAM_HOST%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(:PATH)%",
    "group": "%UPSTREAM_CLUSTER%",
    "route": "%ROUTE_NAME%",
    "received": "%DOWNSTREAM_WIRE_BYTES_RECEIVED%",
    "sent": "%DOWNSTREAM_WIRE_BYTES_SENT%",
    "trace": "%REQ(X-AMZN-TRACE-ID)%",
}


@dataclass(frozen=True, slots=True)
class Access:
    """One request as the balancer saw it.

    `at` is its start in seconds since the epoch, `upstream_ms` the time from the request's last byte to the target to
    the target's first byte (None when it never answered), `flags` Envoy's reason for an answer of its own ("-" for the
    target's), `group` the target group's name, `route` what the listener did ("forward", "redirect",
    "fixed-response"), `received` and `sent` the bytes from and to the client, headers included.
    """

    at: float
    status: int
    duration_ms: float
    upstream_ms: float | None
    flags: str
    upstream: tuple[str, int] | None
    method: str
    path: str
    group: str | None = None
    route: str = "-"
    received: int = 0
    sent: int = 0
    trace: str = "-"


def access_log_config(path: Path) -> dict[str, Any]:
    """Return the part of Envoy's configuration that makes it write the lines `AccessLog` reads."""
    config = {"@type": FILE_LOG, "path": str(path), "log_format": {"json_format": FIELDS}}
    return {"name": "envoy.access_loggers.file", "typed_config": config}


def parse(line: bytes) -> Access:
    """Return one line of the log as a value."""
    fields = json.loads(line)
    host, _, port = (fields["upstream"] or "").rpartition(":")
    upstream_us = fields["upstream_us"]
    whole_us = fields["duration_us"]  # None when the client went away before the answer was whole
    return Access(
        at=float(fields["at"]),
        status=fields["status"],
        duration_ms=fields["duration_ms"] if whole_us is None else whole_us / 1e3,
        upstream_ms=None if upstream_us is None else upstream_us / 1e3,
        flags=fields["flags"] or "-",
        upstream=(host, int(port)) if host else None,
        method=fields["method"] or "-",
        path=fields["path"] or "-",
        group=fields["group"],
        route=(fields["route"] or "-").partition(":")[0],
        received=fields["received"] or 0,
        sent=fields["sent"] or 0,
        trace=fields["trace"] or "-",
    )


class AccessLog:
    """Reads a log while Envoy writes it, also across `Balancer.put_logs_aside`."""

    def __init__(self, path: Path) -> None:
        self._tail = Tail(path)

    def read(self) -> list[Access]:
        """Return the requests that ended since the last call."""
        return [parse(line) for line in self._tail.lines()]
