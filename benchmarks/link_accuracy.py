"""How exactly a link of the lab delays: asked and observed, as a client sees it and as the link itself counts it.

    python -m benchmarks.link_accuracy [--echoes 2400] [--connections 12] [--rate 300]

Echoes through a link process of its own, at most RATE a second over all connections, every sort of delay in one run.
The client's round trip holds the plain link's overhead too; "direct" and "linked" say how much that is. Figures in ms.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from lab.faults import Fault
from lab.links import Address, Links, LinkState
from lab.processes import Children

ASKED = {
    "5": Fault(latency_ms=5),
    "50": Fault(latency_ms=50),
    "200": Fault(latency_ms=200),
    "200 +- 50 uniform": Fault(latency_ms=200, jitter_ms=50),
    "200 normal 20": Fault(latency_ms=200, jitter_ms=20, dist="normal"),
}
QUANTILES = (0.01, 0.50, 0.99)
P50_WITHIN_MS, P99_WITHIN = 2.0, 0.05  # what is promised for 200 ms


class Echo(asyncio.Protocol):
    """Sends back what it gets."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Send it back."""
        self.transport.write(data)


def echo(tell: Connection) -> None:
    """Serve echoes for ever, in a process of its own; tell the port."""

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
        tell.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


def free_port() -> int:
    """Return a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def scene() -> Iterator[tuple[Links, Address, Address]]:
    """Yield the links, the echo's own address, and that of the link `wire` in front of it."""
    here, there = multiprocessing.Pipe()
    server = multiprocessing.Process(target=echo, args=(there,), daemon=True)
    server.start()
    with tempfile.TemporaryDirectory(prefix="link-accuracy-") as name:
        children = Children(Path(name))
        try:
            links, direct, linked = Links(free_port()), ("127.0.0.1", int(here.recv())), ("127.0.0.1", free_port())
            links.start(children, Path(name))
            links.open("wire", linked, direct)
            yield links, direct, linked
        finally:
            children.stop_all()
            server.terminate()
            server.join()


def echoes(address: Address, count: int, gap_s: float) -> list[float]:
    """Ask `count` times on one connection, at most once every `gap_s`; return the round trips in ms."""
    took = []
    with closing(socket.create_connection(address, 10)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count):
            began = time.perf_counter()
            connection.sendall(b"0123456789abcdef")
            connection.recv(64)
            ended = time.perf_counter()
            took.append((ended - began) * 1e3)
            time.sleep(max(0.0, began + gap_s - ended))
    return took


def quantiles(values: Sequence[float]) -> tuple[float, ...]:
    """Return p1, p50 and p99."""
    ordered = sorted(values)
    return tuple(ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in QUANTILES)


@dataclass(frozen=True, slots=True)
class Load:
    """So many echoes over so many connections, so many a second together."""

    echoes: int
    connections: int
    rate: float

    def put_on(self, address: Address) -> list[float]:
        """Return all round trips in ms."""
        each, gap_s = -(-self.echoes // self.connections), self.connections / self.rate
        with ThreadPoolExecutor(self.connections) as pool:
            jobs = [pool.submit(echoes, address, each, gap_s) for _ in range(self.connections)]
            return [ms for job in jobs for ms in job.result()]


def line(asked: str, seen: Sequence[float], link: LinkState | None = None) -> str:
    """Return one line of the table."""
    client = " / ".join(f"{ms:7.2f}" for ms in seen)
    if link is None:
        return f"{asked:<20} client {client}"
    own = " / ".join(f"{ms:7.2f}" for ms in (link.delay_p1_ms, link.delay_p50_ms, link.delay_p99_ms))
    return f"{asked:<20} client {client}   link {own}   {link.delayed_chunks} chunks"


def misses(name: str, fault: Fault, link: LinkState) -> list[str]:
    """Return what of the promise for 200 ms, fixed and +- 50, is not kept at the link."""
    if fault.latency_ms != 200 or fault.dist == "normal":
        return []
    p99 = fault.latency_ms + 0.98 * fault.jitter_ms
    found = []
    if abs(link.delay_p50_ms - fault.latency_ms) > P50_WITHIN_MS + 0.06 * fault.jitter_ms:  # chance: 2400 draws
        found.append(f"{name}: p50 {link.delay_p50_ms:.2f} ms")
    if abs(link.delay_p99_ms - p99) > P99_WITHIN * p99:
        found.append(f"{name}: p99 {link.delay_p99_ms:.2f} ms, not {p99:.0f}")
    return found


def main() -> int:
    """Measure and print; 1 when the promise for 200 ms is not kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--echoes", type=int, default=2400, metavar="N", help="of each sort (default 2400)")
    parser.add_argument("--connections", type=int, default=12, metavar="N", help="at once (default 12)")
    parser.add_argument("--rate", type=float, default=300, metavar="N", help="most echoes a second (default 300)")
    arguments = parser.parse_args()
    load = Load(arguments.echoes, arguments.connections, arguments.rate)
    wrong: list[str] = []
    print(f"{load.echoes} echoes over {load.connections} connections; p1 / p50 / p99 in ms")
    with scene() as (links, direct, linked):
        print(line("direct", quantiles(load.put_on(direct))), flush=True)
        print(line("linked, no fault", quantiles(load.put_on(linked))), flush=True)
        for name, fault in ASKED.items():
            links.set("wire", fault)
            seen = quantiles(load.put_on(linked))
            state = links.describe()["wire"]
            links.clear("wire")
            wrong += misses(name, fault, state)
            print(line(name, seen, state), flush=True)
    print("kept: 200 ms, p50 within 2 ms, p99 within 5 %" if not wrong else "missed: " + "; ".join(wrong))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
