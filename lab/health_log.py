"""What Envoy's health checks found: one line for each failed check and for each change, with the reason.

AWS words a failed check by what happened: a wrong status code, no answer in time, or no connection at all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lab.tail import Tail

SINK = "type.googleapis.com/envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink"
WRONG_CODE, TIMED_OUT, NO_CONNECTION = "ACTIVE", "NETWORK_TIMEOUT", "NETWORK"  # Envoy's words


@dataclass(frozen=True, slots=True)
class Check:
    """One check that failed, or the one that made a target healthy.

    `at` is in epoch seconds, `out` says that the target leaves the rotation with this check, `failure` is one of the
    three words above, `code` the status that was not expected (0 when there was none).
    """

    group: str
    address: tuple[str, int]
    at: float
    healthy: bool
    out: bool = False
    failure: str = ""
    code: int = 0


def event_logger(path: Path) -> dict[str, Any]:
    """Return the part of a health check's configuration that makes Envoy write the lines `HealthLog` reads."""
    return {"name": "envoy.health_check.event_sink.file", "typed_config": {"@type": SINK, "event_log_path": str(path)}}


def parse(line: bytes) -> Check | None:
    """Return one line as a value; None for a kind of event that says nothing about health."""
    event = json.loads(line)
    where = event["host"]["socket_address"]
    group, address = event["cluster_name"], (where["address"], where["port_value"])
    at = datetime.fromisoformat(event["timestamp"]).timestamp()
    if "add_healthy_event" in event:
        return Check(group, address, at, healthy=True)
    if found := event.get("eject_unhealthy_event"):
        return Check(group, address, at, False, True, found["failure_type"], found["http_status_code"])
    if found := event.get("health_check_failure_event"):
        out = found["first_check"]  # a new target whose first check fails is out at once
        return Check(group, address, at, False, out, found["failure_type"], found["http_status_code"])
    return None


class HealthLog:
    """Reads the log while Envoy writes it, also across `Balancer.put_logs_aside`."""

    def __init__(self, path: Path) -> None:
        self._tail = Tail(path)

    def read(self) -> list[Check]:
        """Return what was found since the last call, in order."""
        return [check for line in self._tail.lines() if (check := parse(line))]
