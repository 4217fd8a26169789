"""Free ports for the labs and servers that tests start, all below the range that systems hand out by themselves.

A port of that range may be taken between the look and the use by any connection that goes out meanwhile.
"""

from __future__ import annotations

import itertools
import os
import re
import socket
import threading
from contextlib import closing

from lab.settings import PORTS

SINGLE_FIRST, SINGLE_EACH = 8000, 1200  # single ports, 8000 to 17599, for each worker of pytest-xdist its own
_given, _given_lock = itertools.count(), threading.Lock()
EACH = 1584  # ports for each worker of pytest-xdist, so that two never look at the same ones


def free_port_base() -> int:
    """Return the first of a lab's free ports in a row, below the range that systems hand out."""
    first = 20000 + _worker() * EACH
    offset = os.getpid() * PORTS % EACH
    for step in range(0, EACH, PORTS):
        base = first + (offset + step) % EACH
        if _free(range(base, base + PORTS)):
            return base
    raise RuntimeError("no free ports in a row")


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that are free now; no two calls of one process return the same."""
    found: list[int] = []
    with _given_lock:
        while len(found) < count:
            port = SINGLE_FIRST + _worker() * SINGLE_EACH + (os.getpid() + next(_given)) % SINGLE_EACH
            if _free(range(port, port + 1)):
                found.append(port)
    return found


def _worker() -> int:
    return int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or 0) % 8


def _free(ports: range) -> bool:
    try:
        for port in ports:
            with closing(socket.socket()) as probe:
                probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True
