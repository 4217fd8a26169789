"""Free ports for the labs that tests start."""

from __future__ import annotations

import os
import re
import socket
from contextlib import closing

from lab.settings import PORTS

EACH = 1584  # ports for each worker of pytest-xdist, so that two never look at the same ones


def free_port_base() -> int:
    """Return the first of a lab's free ports in a row, below the range that systems hand out."""
    worker = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or 0) % 8
    first = 20000 + worker * EACH
    offset = os.getpid() * PORTS % EACH
    for step in range(0, EACH, PORTS):
        base = first + (offset + step) % EACH
        if _free(range(base, base + PORTS)):
            return base
    raise RuntimeError("no free ports in a row")


def _free(ports: range) -> bool:
    try:
        for port in ports:
            with closing(socket.socket()) as probe:
                probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True
