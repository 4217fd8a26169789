"""Where light tasks come from: a process that has everything loaded and forks, so that its children share its memory.

    python -m lab.zygote FD

Through the socket FD each line asks for a task, {"id": 1, "env": {...}, "host": ..., "port": 8080, "log": ...}, and is
answered by {"id": 1, "pid": 4711}; {"ended": 4711, "code": -9} follows when that process is over. A child is a process
like any other: its own pid, session, environment, addresses and output. `lab.light` is the other end.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Mapping
from email.utils import formatdate
from importlib import import_module
from typing import Any

import uvicorn

from lab.backend import app
from lab.backend.clients import SERVICES, client

TICK_S = 1.0  # uvicorn itself wakes up every 0.1 s, which two hundred tasks would feel
APP = "lab.backend.app:create_app"
GRACEFUL_S = 3
SERVED_BY = (  # what uvicorn loads when it starts to serve
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)


class Server(uvicorn.Server):
    """uvicorn that sleeps until a signal comes, and only keeps its Date header true."""

    async def main_loop(self) -> None:
        """Wait for the end."""
        loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(self._ending.set)
        while not self.should_exit:
            date = formatdate(time.time(), usegmt=True).encode()
            self.server_state.default_headers = [(b"date", date), *self.config.encoded_headers]
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), TICK_S)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Take the signal, and wake up at once."""
        super().handle_exit(sig, frame)
        if wake := getattr(self, "_wake", None):
            wake()


def serve(order: Mapping[str, Any]) -> None:
    """Be a task; return when it has ended in order."""
    config = uvicorn.Config(
        APP,
        factory=True,
        host=order["host"],
        port=order["port"],
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACEFUL_S,
    )
    Server(config).run()


def become(order: Mapping[str, Any]) -> None:
    """Turn the forked child into a process of its own and be a task until the end; never returns."""
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        output = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        os.environ.clear()
        os.environ.update(order["env"])
        serve(order)
        code = 0
    finally:
        sys.stdout.flush()
        os._exit(code)


def fork(order: Mapping[str, Any], *inherited: int) -> int:
    """Start a child that closes what it must not hold; return its pid."""
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        for descriptor in inherited:
            os.close(descriptor)
        become(order)
    return pid


def reap() -> list[dict[str, int]]:
    """Collect the children that have ended."""
    ended = []
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            ended.append({"ended": pid, "code": os.waitstatus_to_exitcode(status)})
    return ended


def answer_for_ever(channel: socket.socket) -> None:
    """Fork on request and tell who has ended, until the other end is gone."""
    wake, waker = os.pipe()
    for end in (wake, waker):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    begun = b""
    while True:
        ready, _, _ = select.select([channel.fileno(), wake], [], [])
        if wake in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(wake, 4096)
            _tell(channel, reap())
        if channel.fileno() in ready:
            piece = channel.recv(65536)
            if not piece:
                return
            *orders, begun = (begun + piece).split(b"\n")
            for order in map(json.loads, orders):
                _tell(channel, [{"id": order["id"], "pid": fork(order, channel.fileno(), wake, waker)}])


def _tell(channel: socket.socket, messages: list[dict[str, int]]) -> None:
    channel.sendall(b"".join(json.dumps(message).encode() + b"\n" for message in messages))


def preload() -> None:
    """Load what every task will use, down to the AWS clients; nothing connects yet."""
    for module in SERVED_BY:
        import_module(module)
    for service in SERVICES:
        client(service, os.environ["AWS_ENDPOINT_URL"], os.environ["AWS_REGION"])
    assert callable(app.create_app)
    gc.collect()
    gc.freeze()  # the collector would write into every page that is shared


def main() -> None:
    """Load, then fork."""
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        channel.set_inheritable(False)
        preload()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            answer_for_ever(channel)


if __name__ == "__main__":
    main()
