"""Small real HTTP servers that tests register as targets; what each answers can be changed while it runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lab.links import Address


@dataclass
class Upstream:
    """One server: it answers /health with `health` after `health_s`, everything else with its port after `slow_s`."""

    address: Address = ("", 0)
    health: int = 200
    health_s: float = 0.0
    slow_s: float = 0.0
    requests: list[dict[str, str]] = field(default_factory=list)  # headers, in lower case, of all but the checks
    agents: set[str] = field(default_factory=set)  # who asked for its health

    @property
    def port(self) -> int:
        """Its port."""
        return self.address[1]

    @property
    def target(self) -> Any:
        """The server as RegisterTargets takes it."""
        return {"Id": self.address[0], "Port": self.address[1]}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one piece: a second one would wait 40 ms until the first is acknowledged
    upstream: Upstream

    def do_GET(self) -> None:
        """Answer."""
        mine, headers = self.upstream, {name.lower(): value for name, value in self.headers.items()}
        checked = self.path == "/health"
        if checked:
            mine.agents.add(headers.get("user-agent", ""))
        else:
            mine.requests.append(headers)
        time.sleep(mine.health_s if checked else mine.slow_s)
        body = str(mine.port).encode()
        self.send_response(mine.health if checked else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a check that waited too long has left."""


@contextmanager
def upstreams(count: int) -> Iterator[list[Upstream]]:
    """Yield running servers."""
    found, servers = [], []
    for _ in range(count):
        upstream = Upstream()
        handler = type("Handler", (_Handler,), {"upstream": upstream})
        server = _Server(("127.0.0.1", 0), handler)
        upstream.address = ("127.0.0.1", server.server_port)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        found.append(upstream)
        servers.append(server)
    try:
        yield found
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
