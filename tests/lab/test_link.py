"""A link carries bytes in order, can be turned, reset and closed while it runs, and says so when it cannot."""

from __future__ import annotations

import errno
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from lab.faults import Fault
from lab.links import Links
from lab.settings import LabError
from tests.lab.bench import wait_until
from tests.lab.wires import ask, connect, link_process, serve, wire
from tests.ports import free_ports


@pytest.fixture(scope="module")
def links() -> Iterator[Links]:
    """One link process for this file."""
    with link_process() as links:
        yield links


def test_plain_wire_counts_what_it_carries(links: Links) -> None:
    """Bytes and connections are counted in both directions, and nothing is delayed."""
    with wire(links) as address, connect(address) as connection:
        assert ask(connection, b"12345")[0] == b"12345"
        state = links.describe()["wire"]
        assert (state.listen, state.accepted, state.connections) == (address, 1, 1)
        assert (state.bytes_up, state.bytes_down, state.delayed_chunks) == (5, 5, 0)


def test_retarget_sends_everybody_to_the_new_target(links: Links) -> None:
    """With `cut` open connections are reset; without it they stay where they are."""
    other = serve(b"other ")
    try:
        with wire(links) as address, connect(address) as stays:
            ask(stays)
            links.retarget("wire", other.getsockname(), cut=False)
            assert ask(stays)[0] == b"ping"
            with connect(address) as connection:
                assert ask(connection)[0] == b"other ping"
            links.retarget("wire", other.getsockname())
            with pytest.raises(ConnectionError):
                ask(stays)
            assert links.describe()["wire"].target == other.getsockname()
    finally:
        other.close()


def test_reset_ends_open_connections_only(links: Links) -> None:
    """RST for whoever is connected; the next one is served."""
    with wire(links) as address, connect(address) as connection:
        ask(connection)
        links.reset("wire")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
        with connect(address) as after:
            assert ask(after)[0] == b"ping"


def test_reset_while_connections_are_closing_works(links: Links) -> None:
    """Resets in a row, while clients come and go, meet connections that are half gone already."""
    with wire(links) as address:
        ended = threading.Event()

        def come_and_go() -> None:
            while not ended.is_set():
                with suppress(ConnectionError), connect(address) as connection:
                    ask(connection)

        with ThreadPoolExecutor(8) as pool:
            clients = [pool.submit(come_and_go) for _ in range(8)]
            try:
                for _ in range(200):
                    links.reset("wire")
            finally:
                ended.set()
            for client in clients:
                client.result()
        wait_until(lambda: links.describe()["wire"].connections == 0, 5, "every connection is gone")


def test_dead_target_resets_the_client(links: Links) -> None:
    """When the target refuses, the client's connection is reset and counted."""
    listen, nobody = (("127.0.0.1", port) for port in free_ports(2))
    links.open("dead", listen, nobody)
    try:
        with pytest.raises(ConnectionResetError), connect(listen) as connection:
            connection.recv(1)
        assert links.describe()["dead"].upstream_failed == 1
    finally:
        links.close("dead")


def test_closed_link_listens_no_more(links: Links) -> None:
    """Closing resets open connections and frees the address for another link."""
    server = serve(b"")
    [port] = free_ports(1)
    address = ("127.0.0.1", port)
    try:
        links.open("short", address, server.getsockname())
        with connect(address) as connection:
            ask(connection)
            links.close("short")
            with pytest.raises(ConnectionResetError):
                connection.recv(1)
        with socket.socket() as probe:
            assert probe.connect_ex(address) == errno.ECONNREFUSED
        assert "short" not in links.describe()
        links.open("again", address, server.getsockname())
        with connect(address) as connection:
            assert ask(connection)[0] == b"ping"
    finally:
        links.close("again")
        server.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127/8 on its loopback")
def test_link_listens_on_any_loopback_address(links: Links) -> None:
    """Two links share a port on addresses of their own."""
    server = serve(b"")
    [port] = free_ports(1)
    try:
        for name, host in (("a", "127.77.3.1"), ("b", "127.77.3.2")):
            links.open(name, (host, port), server.getsockname())
            with connect((host, port)) as connection:
                assert ask(connection)[0] == b"ping"
    finally:
        links.close("a")
        links.close("b")
        server.close()


def test_mistakes_are_told_in_a_sentence(links: Links) -> None:
    """An unknown link, a taken name, a taken address and a dead process are LabErrors that say so."""
    with pytest.raises(LabError, match="no link named 'none'"):
        links.set("none", Fault())
    with wire(links) as address:
        links.open("wire", address, links.one("wire").target)  # as it is: no mistake
        with pytest.raises(LabError, match="there is a link named 'wire' already"):
            links.open("wire", ("127.0.0.1", 1), address)
        with pytest.raises(LabError, match=r"address already in use|Address already in use"):
            links.open("second", address, address)
        assert "second" not in links.describe()
    with pytest.raises(LabError, match="does not answer"):
        Links(free_ports(1)[0]).describe()
