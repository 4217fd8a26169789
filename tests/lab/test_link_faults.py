"""A link does what its fault says, in order, to whom it says, and nothing else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from lab.faults import Fault, resent_after_s
from lab.links import Links
from tests.lab.bench import least, wait_until
from tests.lab.wires import LINES, all_lines, ask, connect, link_process, wire


@pytest.fixture(scope="module")
def links() -> Iterator[Links]:
    """One link process for this file."""
    with link_process() as links:
        yield links


@pytest.mark.parametrize(
    "fault",
    [
        Fault(latency_ms=50, jitter_ms=40, direction="both"),
        Fault(latency_ms=3, jitter_ms=2, loss_percent=1, direction="down"),
    ],
)
def test_byte_order_survives(links: Links, fault: Fault) -> None:
    """300 chunks under jitter or loss arrive whole and in order, ten times out of ten."""
    with wire(links) as address, ThreadPoolExecutor(5) as pool:
        links.set("wire", fault)
        transfers = list(pool.map(all_lines, [address] * 10))
        assert [transfer == b"".join(LINES) for transfer in transfers] == [True] * 10
        assert links.describe()["wire"].delayed_chunks > 1000


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
        assert least(lambda: ask(connection)[1], 79) < 79
        assert links.describe()["wire"].delayed_chunks == 10  # the evidence stays
        links.set("wire", Fault(latency_ms=1))
        assert links.describe()["wire"].delayed_chunks == 0


@pytest.mark.parametrize(("dist", "least", "most"), [("uniform", 20, 60), ("normal", 0, 200)])
def test_jitter_spreads_the_delay(links: Links, dist: str, least: float, most: float) -> None:
    """Delays differ, stay in the distribution's range, half of them on each side of its middle."""
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
        assert 35 < state.delay_p50_ms < most


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
        for _ in range(20):
            ask(connection)
        assert links.describe()["wire"].delayed_chunks == 0


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
                connection.settimeout(30)
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


def test_lost_chunk_comes_after_the_retransmission_timer(links: Links) -> None:
    """Of 180 questions about a fifth are lost and come 0.2, 0.6, 1.4 s late; the others come at once."""
    with wire(links) as address, ThreadPoolExecutor(12) as pool:
        links.set("wire", Fault(loss_percent=20, direction="up"))

        def some(_: int) -> list[float]:
            with connect(address, 60) as connection:
                return [ask(connection)[1] for _ in range(3)]

        times = [ms for each in pool.map(some, range(60)) for ms in each]
        late = [ms for ms in times if ms >= 199]
        assert 0.07 < len(late) / len(times) < 0.5
        assert sorted(times)[len(times) // 3] < 100
        assert min(late) < 350
        twice = [ms for ms in late if ms >= 599]
        assert 0 < len(twice) / len(late) < 0.6
        lost = links.describe()["wire"].lost_chunks
        assert lost > 0.9 * (len(late) + len(twice))  # a few may be late for another reason
        links.clear("wire")
        with connect(address) as connection:
            for _ in range(20):
                ask(connection)
        assert links.describe()["wire"].lost_chunks == lost


def test_loss_acts_on_its_direction_only(links: Links) -> None:
    """What travels the other way is not lost; a loss of everything is a silence."""
    with wire(links) as address, connect(address) as connection:
        links.set("wire", Fault(loss_percent=60, direction="up", percent=0))
        for _ in range(20):
            ask(connection)
        assert links.describe()["wire"].lost_chunks == 0
        links.set("wire", Fault(loss_percent=100, direction="down"))
        connection.sendall(b"lost")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_retransmissions_back_off() -> None:
    """Each loss doubles the wait, up to two minutes."""
    assert [round(resent_after_s(losses), 1) for losses in range(5)] == [0, 0.2, 0.6, 1.4, 3.0]
    assert resent_after_s(12) - resent_after_s(11) == 120


def test_delay_keeps_parts_of_a_millisecond(links: Links) -> None:
    """The link holds no chunk shorter than the 7.3 ms asked, and half of them less than a millisecond longer."""
    with wire(links) as address, connect(address) as connection:

        def median_ms() -> float:
            links.set("wire", Fault(latency_ms=7.3))
            for _ in range(40):
                ask(connection)
            state = links.describe()["wire"]
            assert (state.delayed_chunks, state.delay_min_ms >= 7.29) == (40, True)
            assert 7.29 <= state.delay_p1_ms <= state.delay_p50_ms <= state.delay_p99_ms <= state.delay_max_ms
            return state.delay_p50_ms

        assert least(median_ms, 8.3, 12) < 8.3
