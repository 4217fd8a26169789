"""Free ports for the labs that tests start."""

from __future__ import annotations

import os
import socket
from contextlib import closing


def free_port_base() -> int:
    """Return the first of seven free ports in a row, below the range that systems hand out."""
    for base in range(20000 + os.getpid() % 4000, 32000, 10):
        try:
            for port in range(base, base + 7):
                with closing(socket.socket()) as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base
    raise RuntimeError("no seven free ports in a row")
