"""The client of the link process: opens, changes and closes TCP links with faults while they carry traffic."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.faults import Fault
from lab.processes import Children, own_environment, python
from lab.settings import LabError

Address = tuple[str, int]
CALL_S = 5.0
STARTED_S = 10.0


class LinksGone(LabError):
    """The link process does not answer; `lab.repair` starts it anew within a second."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """One link as the link process sees it now.

    The delay fields tell how long chunks were really held back since the fault was set, in milliseconds; they stay
    readable after it was cleared.
    """

    listen: Address
    target: Address
    fault: Fault
    connections: int
    accepted: int
    refused: int
    upstream_failed: int
    resets: int
    lost_chunks: int
    bytes_up: int
    bytes_down: int
    delayed_chunks: int
    delay_mean_ms: float
    delay_min_ms: float
    delay_max_ms: float
    delay_p1_ms: float
    delay_p50_ms: float
    delay_p99_ms: float


class Links:
    """The links of one link process. Every call raises LinksGone without the process, LabError when it refuses."""

    def __init__(self, admin_port: int) -> None:
        self._admin = ("127.0.0.1", admin_port)

    def start(self, children: Children, folder: Path) -> None:
        """Start the link process and wait until it answers."""
        log = folder / "link.log"
        process = children.spawn(
            "link", python("lab.link", "--admin", str(self._admin[1])), env=own_environment(), log=log
        )
        deadline = time.monotonic() + STARTED_S
        while True:
            try:
                socket.create_connection(self._admin, CALL_S).close()
            except OSError:
                if process.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.01)
                    continue
                said = log.read_text(errors="replace")[-1000:]
                raise LabError(f"the link process did not start; the end of {log}:\n{said}") from None
            return

    def open(self, name: str, listen: Address, target: Address) -> None:
        """Listen on `listen` and pass every connection on to `target`; nothing happens if it does so already."""
        self._call("open", name=name, listen=listen, target=target)

    def close(self, name: str) -> None:
        """Stop listening and reset the link's connections."""
        self._call("close", name=name)

    def set(self, name: str, fault: Fault) -> None:
        """Put a fault in force, for open and new connections; its delay counters start at zero."""
        self._call("set", name=name, fault=fault.as_dict())

    def clear(self, name: str) -> None:
        """Make the link a plain wire again; its delay counters stay."""
        self.set(name, Fault())

    def retarget(self, name: str, target: Address, cut: bool = True) -> None:
        """Send new connections to `target`; `cut` resets the open ones."""
        self._call("retarget", name=name, target=target, cut=cut)

    def reset(self, name: str) -> None:
        """RST on every open connection."""
        self._call("reset", name=name)

    def describe(self) -> dict[str, LinkState]:
        """Return the state of every link by name."""
        return {name: link_state(fields) for name, fields in self._call("describe").items()}

    def one(self, name: str) -> LinkState:
        """Return the state of one link."""
        return link_state(self._call("describe", name=name)[name])

    def _call(self, what: str, **details: object) -> dict[str, Any]:
        try:
            with socket.create_connection(self._admin, CALL_S) as connection, connection.makefile("rwb") as lines:
                lines.write(json.dumps({"do": what, **details}).encode() + b"\n")
                lines.flush()
                answer: dict[str, Any] = json.loads(lines.readline())
        except (OSError, ValueError) as error:
            raise LinksGone(f"the link process on port {self._admin[1]} does not answer: {error}") from error
        if "error" in answer:
            raise LabError(f"the link process could not {what}: {answer['error']}")
        return answer


def link_state(fields: Mapping[str, Any]) -> LinkState:
    """Return one link's state from its JSON."""
    host, port = fields["listen"]
    target_host, target_port = fields["target"]
    typed = {"listen": (host, port), "target": (target_host, target_port), "fault": Fault(**fields["fault"])}
    return LinkState(**{**fields, **typed})
