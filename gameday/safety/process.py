"""Processes told apart from those that got their number later, and ended with all that they started."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MARK = "GAMEDAY_RUN"


@dataclass(frozen=True, slots=True)
class Mortal:
    """A process by its number and its birth, so that a number used again means nobody."""

    pid: int
    born: str

    @classmethod
    def of(cls, pid: int) -> Mortal:
        """Return the process that has this number now."""
        return cls(pid, _born(pid))

    @property
    def alive(self) -> bool:
        """Whether it still runs; one that has ended and was not collected does not."""
        return bool(self.born) and _born(self.pid) == self.born

    def kill_group(self) -> None:
        """End it now, with its whole group, if it is still the one it was."""
        if self.alive:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)


def _born(pid: int) -> str:
    """Return when a process began, by the system's own account; "" when there is none."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.joinpath("self").exists():
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            return "" if fields[0] == "Z" else fields[19]
        return ""
    asked = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, began = asked.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else began.strip()


def mark_children(folder: Path | None) -> None:
    """From here on every process that this one starts carries its run's folder; None ends that.

    The folder, because two runs in two folders may have begun in the same second and have one name.
    """
    os.environ.pop(MARK, None)
    if folder:
        os.environ[MARK] = str(folder.resolve())


def kill_marked(folder: Path) -> None:
    """End every process that an activity of a run started, wherever it has gone, but not this one. Linux only."""
    wanted = f"{MARK}={folder.resolve()}".encode()
    for environ in Path("/proc").glob("[0-9]*/environ"):
        pid = int(environ.parent.name)
        with suppress(OSError):
            if pid != os.getpid() and wanted in environ.read_bytes().split(b"\0"):
                os.kill(pid, signal.SIGKILL)


def descendants(of: int, spared: Collection[int] = ()) -> list[int]:
    """Return the numbers of all processes below *of*, children first; not *spared* ones and theirs."""
    asked = _table()  # once: it costs milliseconds, and an abort waits for it
    found, wave = [], [of]
    while wave:
        wave = [pid for pid, parent in asked if parent in wave and pid not in spared]
        found += wave
    return found


def _table() -> list[tuple[int, int]]:
    """Return (process, parent) of every process."""
    if Path("/proc/self/stat").exists():
        rows = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError, ValueError, IndexError):
                rows.append((int(stat.parent.name), int(stat.read_text().rpartition(")")[2].split()[1])))
        return rows
    asked = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=False)
    return [(int(pid), int(parent)) for pid, parent in (line.split() for line in asked.stdout.splitlines())]
