"""The line by which another terminal on this machine ends a run: a named pipe in the run folder.

The run sleeps on it; nobody polls, and no process number is trusted.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

NAME = "halt"


def listen(folder: Path, asked: Callable[[str], None]) -> None:
    """Call *asked*, from a thread, with each line that is written to the run's pipe."""
    path = folder / NAME
    os.mkfifo(path, 0o600)
    descriptor = os.open(path, os.O_RDWR)  # read and write, so that the last writer's end does not end it

    def wait() -> None:
        while True:
            words = os.read(descriptor, 4096).decode(errors="replace").strip()
            asked(words or "no reason given")

    threading.Thread(target=wait, daemon=True, name="gameday-halt").start()


def ask(folder: Path, why: str) -> bool:
    """Ask the run of *folder* to end; return whether somebody listens."""
    try:
        descriptor = os.open(folder / NAME, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        os.write(descriptor, why.replace("\n", " ").encode() + b"\n")
    except OSError:  # it ended between the two
        return False
    finally:
        os.close(descriptor)
    return True


def listens(folder: Path) -> bool:
    """Return whether a process plays the run of *folder* now."""
    try:
        os.close(os.open(folder / NAME, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def close(folder: Path) -> None:
    """Take the pipe away: the run is over."""
    (folder / NAME).unlink(missing_ok=True)
