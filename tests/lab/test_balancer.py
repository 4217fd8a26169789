"""The load balancer behaves as an ALB: rotation, health, status codes, and a log of what it saw."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar, cast

import pytest

from lab.access_log import FIELDS, Access, AccessLog
from lab.balancer import Balancer, Group, HealthCheck
from lab.links import Address
from lab.routing import Forward, Route
from lab.settings import LabError
from tests.lab.bench import call, own_children, wait_until
from tests.ports import free_ports

GROUP = Group("targets", HealthCheck(interval_s=0.2, timeout_s=0.2))


class Upstream(BaseHTTPRequestHandler):
    """Answers with its port; its health can be turned off."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one piece: a second one would wait 40 ms until the first is acknowledged
    sick: ClassVar[set[int]] = set()

    def do_GET(self) -> None:
        """Answer."""
        port = cast(ThreadingHTTPServer, self.server).server_port
        body = str(port).encode()
        self.send_response(503 if self.path == "/health" and port in self.sick else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def upstreams(count: int) -> Iterator[list[Address]]:
    """Yield the addresses of healthy targets."""
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Upstream) for _ in range(count)]
    for server in servers:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield [("127.0.0.1", server.server_port) for server in servers]
    finally:
        Upstream.sick.clear()
        for server in servers:
            server.shutdown()
            server.server_close()


@contextmanager
def misbehaving(what: Callable[[socket.socket], None]) -> Iterator[Address]:
    """Yield a target that passes its health check and does `what` with every other connection."""
    server = socket.create_server(("127.0.0.1", 0))
    kept: list[socket.socket] = []

    def run() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                kept.append(connection)
                if b"/health" in connection.recv(4096):
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                    connection.close()
                else:
                    what(connection)

    threading.Thread(target=run, daemon=True).start()
    try:
        yield server.getsockname()
    finally:
        server.close()
        for connection in kept:
            connection.close()


def reset(connection: socket.socket) -> None:
    """Close by RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Balancer, Address]]:
    """One balancer for this file and where it listens."""
    with own_children() as (folder, children):
        listen, admin = free_ports(2)
        balancer = Balancer(folder / "envoy", listen, admin, children, timeout_s=1)
        balancer.set_groups([GROUP])
        balancer.set_routes([Route("default", (), Forward(((GROUP.name, 1),)))])
        balancer.start()
        yield balancer, ("127.0.0.1", listen)


def register(balancer: Balancer, addresses: list[Address]) -> None:
    """Register exactly these and wait until all are healthy."""
    balancer.set_targets(GROUP.name, addresses)
    expected = dict.fromkeys(addresses, True)
    wait_until(lambda: balancer.health(GROUP.name) == expected, 10, "all targets are healthy")


def test_round_robin_over_exactly_the_registered(running: tuple[Balancer, Address]) -> None:
    """Requests go round all targets, and a deregistered one gets none any more."""
    balancer, listen = running
    with upstreams(3) as addresses:
        register(balancer, addresses)
        assert Counter(call(listen, "GET", "/").json for _ in range(30)) == {
            str(port).encode(): 10 for _, port in addresses
        }
        register(balancer, addresses[:2])
        assert str(addresses[2][1]).encode() not in {call(listen, "GET", "/").json for _ in range(12)}


def test_unhealthy_target_gets_no_requests_until_it_is_well(running: tuple[Balancer, Address]) -> None:
    """Two failed checks take a target out, two good ones bring it back."""
    balancer, listen = running
    with upstreams(2) as addresses:
        register(balancer, addresses)
        Upstream.sick.add(addresses[0][1])
        wait_until(
            lambda: balancer.health(GROUP.name) == {addresses[0]: False, addresses[1]: True}, 5, "one is unhealthy"
        )
        assert {call(listen, "GET", "/").json for _ in range(10)} == {str(addresses[1][1]).encode()}
        Upstream.sick.clear()
        wait_until(lambda: all(balancer.health(GROUP.name).values()), 5, "both are healthy")
        assert len({call(listen, "GET", "/").json for _ in range(10)}) == 2


def test_fails_open_when_all_targets_are_unhealthy(running: tuple[Balancer, Address]) -> None:
    """With no healthy target at all, requests go to all of them, as with an ALB."""
    balancer, listen = running
    with upstreams(3) as addresses:
        register(balancer, addresses)
        Upstream.sick.update(port for _, port in addresses)
        wait_until(lambda: not any(balancer.health(GROUP.name).values()), 5, "all are unhealthy")
        answers = [call(listen, "GET", "/") for _ in range(12)]
        assert {answer.status for answer in answers} == {200}
        assert {answer.json for answer in answers} == {str(port).encode() for _, port in addresses}


def test_no_target_is_503(running: tuple[Balancer, Address]) -> None:
    """An empty target group answers 503."""
    balancer, listen = running
    register(balancer, [])
    assert call(listen, "GET", "/").status == 503


def test_reset_by_the_target_is_502(running: tuple[Balancer, Address]) -> None:
    """A target that resets is a bad gateway."""
    balancer, listen = running
    with misbehaving(reset) as address:
        register(balancer, [address])
        assert call(listen, "GET", "/").status == 502


def test_silent_target_is_504(running: tuple[Balancer, Address]) -> None:
    """A target that does not answer within the time-out is a gateway time-out."""
    balancer, listen = running
    with misbehaving(lambda _: None) as address:
        register(balancer, [address])
        assert call(listen, "GET", "/").status == 504


def test_access_log_tells_each_request_once(running: tuple[Balancer, Address]) -> None:
    """Status, times and target of each request are read once; an answer of the balancer's own has no target time."""
    balancer, listen = running
    log = AccessLog(balancer.access_log)
    with upstreams(1) as addresses:
        register(balancer, addresses)
        log.read()
        assert call(listen, "GET", "/some/path?x=1").status == 200
        register(balancer, [])
        assert call(listen, "GET", "/none").status == 503
        seen: list[Access] = []

        def both() -> bool:
            seen.extend(access for access in log.read() if access.path != "/")  # other tests' lines come late
            return len(seen) == 2

        wait_until(both, 5, "both are in the log")
        good, bad = seen
        assert (good.status, good.method, good.path, good.upstream) == (200, "GET", "/some/path?x=1", addresses[0])
        assert good.flags == "-"
        assert good.upstream_ms is not None
        assert 0 <= good.upstream_ms <= good.duration_ms + 1
        assert good.at <= bad.at
        assert (bad.status, bad.flags, bad.upstream, bad.upstream_ms) == (503, "UH", None, None)
        assert log.read() == []


def test_full_access_log_is_put_aside_and_no_request_is_lost(running: tuple[Balancer, Address]) -> None:
    """Requests go on while the log is put aside again and again: each is read exactly once, two files stay."""
    balancer, listen = running
    log = AccessLog(balancer.access_log)
    asked: list[str] = []
    seen: list[str] = []

    def read() -> bool:
        seen.extend(access.path for access in log.read() if access.path.startswith("/aside/"))
        return len(seen) >= len(asked)

    with upstreams(1) as addresses:
        register(balancer, addresses)
        aside = 0
        for number in range(600):
            asked.append(f"/aside/{number}")
            assert call(listen, "GET", asked[-1]).status == 200
            if number % 10 == 0:
                read()
                aside += balancer.put_logs_aside(most=2000)
        wait_until(read, 5, "every request was read")
    assert seen == asked
    assert aside >= 2
    assert {file.name for file in balancer.access_log.parent.glob("access.log*")} == {"access.log", "access.log.1"}


def test_log_put_aside_between_two_reads_is_read_to_its_end(tmp_path: Path) -> None:
    """Lines that come to the old file after its renaming are read, before those of the new one; then it is left."""
    path, old = tmp_path / "access.log", tmp_path / "access.log.1"
    log = AccessLog(path)

    def write(file: Path, at: float) -> None:
        fields = dict.fromkeys(FIELDS) | {"at": str(at), "status": 200, "duration_ms": 3}
        with file.open("a") as lines:
            lines.write(json.dumps(fields) + "\n")

    write(path, 1)
    assert [access.at for access in log.read()] == [1]
    write(path, 2)
    path.rename(old)
    assert [access.at for access in log.read()] == [2]
    write(old, 3)
    write(path, 4)
    assert [access.at for access in log.read()] == [3, 4]
    assert log.read() == []


def test_torn_line_waits_for_its_rest(tmp_path: Path) -> None:
    """Half a line is not read; once it is whole it is read, once."""
    path = tmp_path / "access.log"
    log = AccessLog(path)
    assert log.read() == []
    line = json.dumps(dict.fromkeys(FIELDS) | {"at": "1.5", "status": 200, "duration_ms": 3}) + "\n"
    path.write_text(line + line[:40])
    assert [access.at for access in log.read()] == [1.5]
    assert log.read() == []
    with path.open("a") as file:
        file.write(line[40:])
    assert [access.at for access in log.read()] == [1.5]


def test_taken_port_is_told(running: tuple[Balancer, Address]) -> None:
    """A listener that cannot be opened is a LabError with Envoy's words, and leaves no process behind."""
    _, (_, taken) = running
    with own_children() as (folder, children):
        balancer = Balancer(folder / "envoy", free_ports(1)[0], taken, children)
        with pytest.raises(LabError, match="Envoy did not start"):
            balancer.start()
        assert children.pids().keys() == {"keeper"}


def test_stopped_balancer_says_so() -> None:
    """Asking a balancer for health that is not running is a LabError."""
    listen, admin = free_ports(2)
    with own_children() as (folder, children), pytest.raises(LabError, match="does not answer"):
        Balancer(folder, listen, admin, children).health(GROUP.name)
