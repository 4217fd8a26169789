"""What must be true before a lab can start: free ports, room on the disk, a home that can be used.

Each check raises `LabError` with what is wrong and what mends it.
"""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import psutil

from lab.settings import PORTS, LabError, Settings

ROOM_MB = 500


def check_home(home: Path) -> None:
    """Create the home; servers that run as another user must be able to enter it."""
    try:
        (home / "logs").mkdir(parents=True, exist_ok=True)
        home.chmod(0o755)
    except OSError as error:
        raise LabError(f"cannot use {home} as the lab's home ({error.strerror}); choose another with --home") from None


def check_room(home: Path) -> None:
    """Two database servers and their logs need some room."""
    free_mb = shutil.disk_usage(home).free // 2**20
    if free_mb < ROOM_MB:
        raise LabError(f"{home} has {free_mb} MB left, the lab needs {ROOM_MB}; make room or choose another --home")


def check_ports(settings: Settings) -> None:
    """All of the lab's ports must be free."""
    last = settings.port_base + PORTS - 1
    if not 1024 <= settings.port_base <= 65535 - PORTS:
        raise LabError(f"port base {settings.port_base} is out of range; choose one from 1024 to {65535 - PORTS}")
    for port in range(settings.port_base, last + 1):
        if not _is_free(port):
            raise LabError(
                f"port {port} is in use{_by_whom(port)}; end that process, or choose other ports with --port-base "
                f"(the lab takes {PORTS} in a row, here {settings.port_base} to {last})"
            )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _by_whom(port: int) -> str:
    """Return " by NAME (pid N)" when the system lets us see it."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
            if listens and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:  # not allowed to see other users' connections
        pass
    return ""
