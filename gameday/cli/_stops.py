"""Stops that somebody asked for while a gate goes on: none is lost.

A signal raises KeyboardInterrupt, and an exception that is raised in a finalizer or in somebody else's callback is
swallowed by Python, whoever's handler raised it. So the interpreter writes each signal down as well.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

STOPS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
Heard = Callable[[], bool]


@contextmanager
def stops() -> Iterator[Heard]:
    """Let SIGTERM and SIGHUP interrupt as Ctrl-C does, and yield what tells whether one of the three has come.

    While an experiment runs its control has the signals; they are written down all the same. In the main thread only.
    """

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    reader, writer = socket.socketpair()
    seen: set[int] = set()

    def heard() -> bool:
        with suppress(BlockingIOError):
            seen.update(reader.recv(4096))
        return not seen.isdisjoint(STOPS)

    with reader, writer:
        for end in (reader, writer):
            end.setblocking(False)
        told = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
        try:
            yield heard
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(told)
