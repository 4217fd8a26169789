"""One run at a time on an environment: tests of several workers or sessions wait for their turn, and none is refused.

A turn is a file that the operating system locks, beside the environment's own lock; while a run that nobody here
began holds that one, its end is waited for too. Runs of other machines refuse this one, as they refuse `gameday run`.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gameday.config import Environment

LOOK_S = 0.1
AGAIN_S = 60.0
PATIENCE_S = 3600.0  # then the run tries, and is refused with the reason


@contextmanager
def turn(environment: Environment, say: Callable[[str], None], patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Yield when no other run of this machine is on *environment*; *say* is told what is waited for."""
    from gameday.safety.lock import is_held, lock_path, read_holder

    path = lock_path(environment)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    deadline = time.monotonic() + patience_s
    descriptor = os.open(path.with_suffix(".turn"), os.O_RDWR | os.O_CREAT, 0o600)

    def another() -> str:
        holder = read_holder(path)
        who = holder if holder and not holder.over and is_held(path) else "another test"
        return f"{environment.name} takes one run at a time; waiting for {who}"

    try:
        _until(lambda: _locked(descriptor), another, say, deadline)
        _until(lambda: not is_held(path), another, say, deadline)
        yield
    finally:
        os.close(descriptor)


def _until(free: Callable[[], bool], why: Callable[[], str], say: Callable[[str], None], deadline: float) -> None:
    told = float("-inf")
    while not free() and (now := time.monotonic()) < deadline:
        if now - told >= AGAIN_S:
            told = now
            say(why())
        time.sleep(LOOK_S)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
