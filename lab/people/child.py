"""Starts the process that plays PagerDuty, Slack, Statuspage and whoever is on call, as a child of a lab."""

from __future__ import annotations

import socket
import time

from lab.processes import Children, own_environment, python
from lab.settings import LabError, Settings

STARTED_S = 10.0


def start(settings: Settings, children: Children) -> None:
    """Start it and wait until it answers; LabError with what it said when it does not."""
    log, delays = settings.home / "logs" / "people.log", settings.simulated
    command = python(
        "lab.people",
        f"--port={settings.people_port}",
        f"--home={settings.home}",
        f"--acknowledge-s={delays.acknowledge_s}",
        f"--chat-s={delays.chat_s}",
        f"--status-page-s={delays.status_page_s}",
    )
    process = children.spawn("people", command, env=own_environment(), log=log)
    deadline = time.monotonic() + STARTED_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", settings.people_port), 1.0).close()
        except OSError:
            if process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
                continue
            said = log.read_text(errors="replace")[-1000:]
            raise LabError(f"the stand-ins did not start; the end of {log}:\n{said}") from None
        return
