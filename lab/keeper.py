"""Ends what a lab started once the lab's daemon is gone, however it went.

`lab.processes.Children` starts `python -m lab.keeper MARK` and holds the other end of its standard input. Each line
says {"add": record} or {"forget": pid}; the end of the file says that the daemon is no more. Then every recorded
process is woken (SIGCONT), sent its own stop signal, and after 2 s killed with all its descendants: PostgreSQL's
backends are process groups of their own and outlive a killed postmaster when they are stopped.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import IO

import psutil

MARK = "FOODCONNECT_LAB"  # every child carries the lab's mark in this variable
SAME_START_S = 1.0  # create_time() may shift with the clock; a pid is not used again this soon
GRACE_S = 2.0
KILLED_S = 1.0


@dataclass(frozen=True, slots=True)
class Record:
    """A started process: `created` is psutil's create_time (seconds since the epoch), `stop` its stop signal."""

    name: str
    pid: int
    created: float
    stop: int

    def as_dict(self) -> dict[str, str | int | float]:
        """Return the record as JSON takes it."""
        return asdict(self)


def record_of(name: str, pid: int, stop: signal.Signals) -> Record:
    """Return the record of a living process; psutil.NoSuchProcess when it is gone."""
    return Record(name, pid, psutil.Process(pid).create_time(), int(stop))


def find(record: Record) -> psutil.Process | None:
    """Return the recorded process if its pid still is that process and not a later one."""
    try:
        process = psutil.Process(record.pid)
        same = abs(process.create_time() - record.created) < SAME_START_S
    except psutil.Error:
        return None
    return process if same else None


def tree(process: psutil.Process) -> list[psutil.Process]:
    """Return the process and all its descendants; without those that are gone meanwhile."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return [process]


def gone(process: psutil.Process) -> bool:
    """Has the process ended? A zombie has; whose child it is may reap it later."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def send(processes: Iterable[psutil.Process], number: int) -> None:
    """Send a signal to whichever of the processes still exist."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def wait_gone(processes: Sequence[psutil.Process], within_s: float) -> list[psutil.Process]:
    """Wait until all have ended; return those that have not after `within_s` seconds."""
    deadline = time.monotonic() + within_s
    left = [process for process in processes if not gone(process)]
    while left and time.monotonic() < deadline:
        time.sleep(0.01)
        left = [process for process in left if not gone(process)]
    return left


def end(roots: Sequence[tuple[psutil.Process, int]], grace_s: float = GRACE_S) -> None:
    """End processes and their descendants: each root by its stop signal, what is left after `grace_s` by SIGKILL."""
    seen = {member for process, _ in roots for member in tree(process)}
    send(seen, signal.SIGCONT)
    for process, stop in roots:
        send([process], stop)
    left = wait_gone(list(seen), grace_s)
    doomed = {member for process in left for member in tree(process)}
    send(doomed, signal.SIGKILL)
    send(doomed, signal.SIGCONT)
    wait_gone(list(doomed), KILLED_S)


def marked(mark: str) -> list[psutil.Process]:
    """Return the processes that carry this lab's mark: also those started in the daemon's very last moment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark:
                found.append(process)
    return found


def end_recorded(records: Iterable[Record], mark: str) -> list[str]:
    """End the recorded processes and whatever else carries the mark; return the names of what was still there."""
    known = [(process, record) for record in records if (process := find(record))]
    alive = [(process, record) for process, record in known if not gone(process)]
    end([(process, record.stop) for process, record in alive])
    unknown = [process for process in marked(mark) if not gone(process)]
    end([(process, signal.SIGTERM) for process in unknown])
    return [record.name for _, record in alive] + [f"pid {process.pid}" for process in unknown]


def follow(lines: IO[str]) -> list[Record]:
    """Read the daemon's messages until it is gone; return what it had not said to be over."""
    records: dict[int, Record] = {}
    for line in lines:
        try:
            message = json.loads(line)
        except ValueError:
            break  # a torn last line: the daemon died while it wrote
        if "add" in message:
            record = Record(**message["add"])
            records[record.pid] = record
        else:
            records.pop(message["forget"], None)
    return list(records.values())


def main() -> None:
    """Keep until the daemon is gone, then end everything."""
    end_recorded(follow(sys.stdin), sys.argv[1])


if __name__ == "__main__":
    main()
