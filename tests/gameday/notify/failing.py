"""A real HTTP server that answers what a test wants, and remembers what it was sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from tests.ports import free_ports


@dataclass(frozen=True)
class Say:
    """An answer; *hang* instead leaves the request without one until the server ends."""

    status: int = 200
    body: str = "ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False


@dataclass
class Server:
    """Answers each path with the next of its answers, the last of them for ever."""

    url: str
    answers: dict[str, list[Say]]
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)  # method, path, headers, body
    over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Say:
        """Remember a request and return its answer; the longest name that the path begins with counts."""
        with self._lock:
            self.seen.append((method, path, headers, body))
            name = max((one for one in self.answers if path.startswith(one)), key=len)
            left = self.answers[name]
            return left.pop(0) if len(left) > 1 else left[0]

    def count(self, path: str) -> int:
        """Return how many requests began with *path*."""
        return sum(one[1].startswith(path) for one in self.seen)


class _Handler(BaseHTTPRequestHandler):
    ours: ClassVar[Server]

    def do_POST(self) -> None:
        """Answer."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        say = self.ours.next(self.command, self.path, dict(self.headers.items()), body)
        if say.hang:
            self.ours.over.wait(60)
            return
        self.send_response(say.status)
        for name, value in {"Content-Length": str(len(say.body.encode())), **say.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(say.body.encode())

    do_GET = do_PATCH = do_POST

    def log_message(self, *_: object) -> None:
        """Say nothing on standard error."""


@contextmanager
def serving(answers: Mapping[str, list[Say]]) -> Iterator[Server]:
    """Yield a server with these answers by the beginning of a path."""
    (port,) = free_ports(1)
    ours = Server(f"http://127.0.0.1:{port}", {name: list(each) for name, each in answers.items()})
    web = ThreadingHTTPServer(("127.0.0.1", port), type("Handler", (_Handler,), {"ours": ours}))
    web.daemon_threads = True
    thread = threading.Thread(target=web.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield ours
    finally:
        ours.over.set()
        web.shutdown()
        web.server_close()
        thread.join()
