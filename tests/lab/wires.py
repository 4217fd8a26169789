"""What the tests of the links share: an echo behind a link, and a client that asks it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from lab.links import Address, Links
from tests.lab.bench import own_children
from tests.ports import free_ports

LINES = [b"%08d" % number for number in range(300)]


@contextmanager
def link_process() -> Iterator[Links]:
    """Yield the client of a link process of its own."""
    with own_children() as (folder, children):
        [admin] = free_ports(1)
        links = Links(admin)
        links.start(children, folder)
        yield links


def serve(name: bytes) -> socket.socket:
    """Echo with a name before it; after b"LINES" send 300 numbered lines, 1 ms apart, and close."""
    server = socket.create_server(("127.0.0.1", 0), backlog=128)

    def handle(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, suppress(OSError):
            while data := connection.recv(65536):
                if data != b"LINES":
                    connection.sendall(name + data)
                    continue
                for line in LINES:
                    connection.sendall(line)
                    time.sleep(0.001)
                return

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=handle, args=(server.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return server


@contextmanager
def wire(links: Links, name: str = "wire") -> Iterator[Address]:
    """Yield the address of a link to an echo; both are closed."""
    server = serve(b"")
    listen = ("127.0.0.1", free_ports(1)[0])
    links.open(name, listen, server.getsockname())
    try:
        yield listen
    finally:
        links.close(name)
        server.close()


def connect(address: Address, timeout_s: float = 10) -> socket.socket:
    """Connect without Nagle's delay."""
    connection = socket.create_connection(address, timeout_s)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def ask(connection: socket.socket, what: bytes = b"ping") -> tuple[bytes, float]:
    """Return the echo and the milliseconds it took."""
    began = time.perf_counter()
    connection.sendall(what)
    return connection.recv(65536), (time.perf_counter() - began) * 1e3


def all_lines(address: Address) -> bytes:
    """Return everything the numbered transfer brought."""
    with connect(address) as connection:
        connection.sendall(b"LINES")
        got = b""
        while data := connection.recv(65536):
            got += data
    return got
