"""A link carries bytes in order, does what its fault says and nothing else, and can be changed while it runs."""

from __future__ import annotations

import errno
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest

from lab.faults import Fault
from lab.links import Address, Links
from lab.processes import own_environment
from lab.settings import LabError
from tests.lab.bench import free_ports, own_children, wait_until

LINES = [b"%08d" % number for number in range(300)]
WITHOUT_UVLOOP = "import sys; sys.modules['uvloop'] = None; from lab.link import main; main()"


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


@pytest.fixture(scope="module")
def links() -> Iterator[Links]:
    """One link process for this file."""
    with own_children() as (folder, children):
        [admin] = free_ports(1)
        links = Links(admin)
        links.start(children, folder)
        yield links


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


def answers(links: Links) -> bool:
    """Does the link process answer?"""
    with suppress(LabError):
        links.describe()
        return True
    return False


@pytest.mark.parametrize("loop", ["default", "asyncio"])
def test_byte_order_survives_jitter(loop: str) -> None:
    """300 chunks under 50 ± 40 ms arrive whole and in order, ten times out of ten, on either event loop."""
    with own_children() as (folder, children):
        [admin] = free_ports(1)
        links = Links(admin)
        if loop == "default":
            links.start(children, folder)
        else:
            command = [sys.executable, "-c", WITHOUT_UVLOOP, "--admin", str(admin)]
            children.spawn("link", command, env=own_environment(), log=folder / "log")
            wait_until(lambda: answers(links), 10, "it answers")
        with wire(links) as address, ThreadPoolExecutor(5) as pool:
            links.set("wire", Fault(latency_ms=50, jitter_ms=40, direction="both"))
            transfers = list(pool.map(all_lines, [address] * 10))
            assert [transfer == b"".join(LINES) for transfer in transfers] == [True] * 10
            assert links.describe()["wire"].delayed_chunks > 1000


def test_plain_wire_counts_what_it_carries(links: Links) -> None:
    """Bytes and connections are counted in both directions, and nothing is delayed."""
    with wire(links) as address, connect(address) as connection:
        assert ask(connection, b"12345")[0] == b"12345"
        state = links.describe()["wire"]
        assert (state.listen, state.accepted, state.connections) == (address, 1, 1)
        assert (state.bytes_up, state.bytes_down, state.delayed_chunks) == (5, 5, 0)


def test_delay_is_what_was_asked_and_is_proven_by_the_counters(links: Links) -> None:
    """A fixed delay is seen by the client and, measured in the link itself, by the counters."""
    with wire(links) as address, connect(address) as connection:
        links.set("wire", Fault(latency_ms=80))
        times = [ask(connection)[1] for _ in range(10)]
        state = links.describe()["wire"]
        assert min(times) >= 79
        assert state.delayed_chunks == 10
        assert state.delay_min_ms >= 79
        assert state.delay_min_ms <= state.delay_mean_ms <= state.delay_max_ms
        assert state.fault == Fault(latency_ms=80)
        links.clear("wire")
        assert ask(connection)[1] < 79
        assert links.describe()["wire"].delayed_chunks == 10  # the evidence stays
        links.set("wire", Fault(latency_ms=1))
        assert links.describe()["wire"].delayed_chunks == 0


@pytest.mark.parametrize(("dist", "least", "most"), [("uniform", 20, 60), ("normal", 0, 200)])
def test_jitter_spreads_the_delay(links: Links, dist: str, least: float, most: float) -> None:
    """Delays differ, stay in the distribution's range and keep its mean."""
    fault = replace(Fault(latency_ms=40, jitter_ms=20), dist=dist)  # type: ignore[arg-type]  # a test parameter
    with wire(links) as address, ThreadPoolExecutor(10) as pool:
        links.set("wire", fault)

        def some(_: int) -> None:
            with connect(address) as connection:
                for _ in range(20):
                    ask(connection)

        list(pool.map(some, range(10)))
        state = links.describe()["wire"]
        assert state.delayed_chunks == 200 or dist == "normal"  # a normal draw below zero is no delay
        assert state.delay_min_ms >= least - 1
        assert state.delay_max_ms - state.delay_min_ms > 20
        assert 35 < state.delay_mean_ms < most


def test_direction_decides_which_way_is_slow(links: Links) -> None:
    """ "both" delays the way there and the way back, "up" only the way there."""
    with wire(links) as address, connect(address) as connection:
        links.set("wire", Fault(latency_ms=50, direction="both"))
        assert ask(connection)[1] >= 98
        assert links.describe()["wire"].delayed_chunks == 2
        links.set("wire", Fault(latency_ms=50, direction="up"))
        assert ask(connection)[1] >= 49
        assert links.describe()["wire"].delayed_chunks == 1


def test_rate_limits_the_bandwidth(links: Links) -> None:
    """200 kB at 4 Mbit/s take 0.4 s."""
    with wire(links) as address, connect(address) as connection:
        links.set("wire", Fault(rate_kbps=4000))
        began = time.perf_counter()
        sender = threading.Thread(target=connection.sendall, args=(b"x" * 200_000,))
        sender.start()
        got = 0
        while got < 200_000:
            got += len(connection.recv(65536))
        sender.join()
        assert time.perf_counter() - began >= 0.38


def test_percent_hits_a_share_of_connections(links: Links) -> None:
    """Of 200 connections about 30 % are refused, the others work."""
    with wire(links) as address:
        links.set("wire", Fault(refuse=True, percent=30))
        refused = 0
        for _ in range(200):
            try:
                with connect(address) as connection:
                    refused += ask(connection)[0] != b"ping"
            except ConnectionError:  # at the connect or at the question, as it happens
                refused += 1
        assert 30 < refused < 90
        assert links.describe()["wire"].refused == refused


def test_percent_is_drawn_anew_for_open_connections(links: Links) -> None:
    """A fault that hits nobody leaves connections alone that are open already."""
    with wire(links) as address, connect(address) as connection:
        ask(connection)
        links.set("wire", Fault(latency_ms=200, percent=0))
        assert ask(connection)[1] < 199


def test_blackhole_is_silent_and_loses_nothing(links: Links) -> None:
    """In a blackhole nothing comes, for old and new connections; after it everything arrives in order."""
    with wire(links) as address, connect(address) as old:
        ask(old)
        links.set("wire", Fault(blackhole=True, direction="both"))
        with connect(address) as new:
            for connection in (old, new):
                connection.sendall(b"one")
                connection.settimeout(0.3)
                with pytest.raises(TimeoutError):
                    connection.recv(1)
                connection.sendall(b"two")
                connection.settimeout(5)
            assert links.describe()["wire"].bytes_up == 4
            links.clear("wire")
            for connection in (old, new):
                got = b""
                while len(got) < 6:
                    got += connection.recv(100)
                assert got == b"onetwo"


def test_blackhole_of_the_answers_lets_requests_pass(links: Links) -> None:
    """With "down" the target gets the request, and the client no answer."""
    with wire(links) as address, connect(address) as connection:
        ask(connection)
        links.set("wire", Fault(blackhole=True, direction="down"))
        connection.sendall(b"hello")
        wait_until(lambda: links.describe()["wire"].bytes_up == 9, 5, "the request has passed")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_client_that_gave_up_in_a_blackhole_is_forgotten(links: Links) -> None:
    """A connection opened and closed during a blackhole never reaches the target."""
    with wire(links) as address:
        links.set("wire", Fault(blackhole=True))
        with connect(address) as connection:
            connection.sendall(b"never")
        wait_until(lambda: links.describe()["wire"].connections == 0, 5, "the link has let go")
        links.clear("wire")
        assert links.describe()["wire"].bytes_up == 0


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
        with pytest.raises(LabError, match="there is a link named 'wire' already"):
            links.open("wire", ("127.0.0.1", 1), address)
        with pytest.raises(LabError, match=r"address already in use|Address already in use"):
            links.open("second", address, address)
        assert "second" not in links.describe()
    with pytest.raises(LabError, match="does not answer"):
        Links(free_ports(1)[0]).describe()
