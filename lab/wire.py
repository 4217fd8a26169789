"""The wire inside the link process: what is read on one side goes to the other, late if a fault says so.

Byte order: each direction has a queue, and a timer that fires sends the *oldest* chunk. A timer that carried its own
chunk would corrupt the stream, because timers due together fire in any order. For the same reason the other side is
closed when the queue is empty and not by one more timer.

A blackhole stops reading, as if every packet were lost and sent again: nothing is dropped from the stream, and what
was sent meanwhile arrives after the blackhole.

Not the same as a bad network: delay and loss are per chunk read and not per packet, the kernel goes on acknowledging
and accepting, handshakes are neither delayed nor lost, a refusal is an accept and a reset, and a half-closed
connection is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import socket
import struct
from collections import deque
from dataclasses import dataclass, field
from typing import cast

from lab.faults import Fault, Way, resent_after_s

LATEST = 4096  # chunks that the percentiles are taken of
HIGH_WATER = 1 << 20  # bytes held back in one direction before reading pauses
RST_ON_CLOSE = struct.pack("ii", 1, 0)
Address = tuple[str, int]


@dataclass(slots=True)
class Delays:
    """How long chunks were really held back, in milliseconds, since the fault was set."""

    chunks: int = 0
    total_ms: float = 0.0
    min_ms: float = math.inf
    max_ms: float = 0.0
    latest: deque[float] = field(default_factory=lambda: deque(maxlen=LATEST))

    def add(self, held_ms: float) -> None:
        """Count one chunk."""
        self.chunks += 1
        self.total_ms += held_ms
        self.min_ms = min(self.min_ms, held_ms)
        self.max_ms = max(self.max_ms, held_ms)
        self.latest.append(held_ms)

    def as_dict(self) -> dict[str, float]:
        """Return chunks, mean, min, max, and p1, p50 and p99 of the latest; zeros when there were none."""
        ordered = sorted(self.latest) or [0.0]
        return {
            "delayed_chunks": self.chunks,
            "delay_mean_ms": self.total_ms / self.chunks if self.chunks else 0.0,
            "delay_min_ms": self.min_ms if self.chunks else 0.0,
            "delay_max_ms": self.max_ms,
            **{f"delay_p{share}_ms": ordered[len(ordered) * share // 100] for share in (1, 50, 99)},
        }


@dataclass(eq=False, slots=True)
class Link:
    """A listening address, the target behind it, and the fault in force."""

    name: str
    listen: Address
    target: Address
    fault: Fault = field(default_factory=Fault)
    ends: set[End] = field(default_factory=set)
    server: asyncio.Server | None = None
    delays: Delays = field(default_factory=Delays)
    accepted: int = 0
    refused: int = 0
    upstream_failed: int = 0
    resets: int = 0
    lost_chunks: int = 0
    bytes_up: int = 0
    bytes_down: int = 0

    async def listen_on(self) -> None:
        """Begin to accept; OSError when the address is taken or not ours."""
        loop = asyncio.get_running_loop()
        host, port = self.listen
        self.server = await loop.create_server(lambda: End(self, "up"), host, port, backlog=512)

    def set(self, fault: Fault) -> None:
        """Put a fault in force, also for the open connections: which of them it hits is drawn anew."""
        self.fault = fault
        if fault != Fault():
            self.delays = Delays()
        for end in list(self.ends):
            if end.way == "up":
                end.draw()

    def reset_all(self) -> None:
        """RST on every open connection."""
        for end in list(self.ends):
            end.reset()

    def close(self) -> None:
        """Stop accepting and reset what is open."""
        if self.server:
            self.server.close()
        self.reset_all()

    def describe(self) -> dict[str, object]:
        """Return the link's state as JSON takes it."""
        return {
            "listen": self.listen,
            "target": self.target,
            "fault": self.fault.as_dict(),
            "connections": sum(end.way == "up" for end in self.ends),
            "accepted": self.accepted,
            "refused": self.refused,
            "upstream_failed": self.upstream_failed,
            "resets": self.resets,
            "lost_chunks": self.lost_chunks,
            "bytes_up": self.bytes_up,
            "bytes_down": self.bytes_down,
            **self.delays.as_dict(),
        }


class End(asyncio.Protocol):
    """One side of a connection, which passes what it reads on to its peer.

    "up" reads from the client, "down" from the target.
    """

    def __init__(self, link: Link, way: Way) -> None:
        self.link = link
        self.way: Way = way
        self.peer: End | None = None
        self.lost = False
        self.hit = False
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._early: list[bytes] = []  # read before the target was connected
        self._queue: deque[tuple[float, bytes]] = deque()  # when it was read, and what; oldest first
        self._held = 0
        self._release = 0.0  # when the last held chunk may go
        self._line_free = 0.0  # when the bandwidth limit has room again
        self._paused_for: set[str] = set()
        self._passable = asyncio.Event()
        self._dialling: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the link; the client's side dials the target."""
        self._transport = cast(asyncio.Transport, transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.link.ends.add(self)
        if self.way == "down":
            return
        self.link.accepted += 1
        self.draw()
        if self.hit and self.link.fault.refuse:
            self.link.refused += 1
            self.reset()
            return
        self._dialling = self._loop.create_task(self._dial())

    def draw(self) -> None:
        """Draw whether the fault in force hits this connection, and begin or end a blackhole."""
        self.hit = random.random() * 100 < self.link.fault.percent
        self._share_draw()

    def _share_draw(self) -> None:
        self._obey()
        if self.peer:
            self.peer.hit = self.hit
            self.peer._obey()

    def _obey(self) -> None:
        """Stop reading in a blackhole, go on without one."""
        fault = self.link.fault
        if self.hit and fault.is_silent:
            self._passable.clear()
            if fault.acts_on(self.way) and self.peer:
                self._pause("blackhole")
        else:
            self._passable.set()
            self._resume("blackhole")

    async def _dial(self) -> None:
        await self._passable.wait()  # in a blackhole no handshake comes through
        link = self.link
        try:
            _, peer = await self._loop.create_connection(lambda: End(link, "down"), *link.target)
        except OSError:
            link.upstream_failed += 1
            self.reset()
            return
        if self.lost:
            peer.reset()
            return
        self.peer, peer.peer = peer, self
        early, self._early = self._early, []
        for chunk in early:
            self.data_received(chunk)
        self._resume("early")
        self._share_draw()

    def data_received(self, data: bytes) -> None:
        """Pass data on: at once, or in order after its delay."""
        if self.peer is None:
            self._keep_early(data)
            return
        if self.way == "up":
            self.link.bytes_up += len(data)
        else:
            self.link.bytes_down += len(data)
        now = self._loop.time()
        delay_s = self._delay_s(now, len(data))
        if delay_s <= 0 and not self._queue:
            self.peer.write(data)
            return
        self._release = max(self._release, now + delay_s)
        self._queue.append((now, data))
        self._held += len(data)
        self._loop.call_at(self._release, self._send_oldest)
        if self._held > HIGH_WATER:
            self._pause("held")

    def _keep_early(self, data: bytes) -> None:
        self._early.append(data)
        if sum(map(len, self._early)) > HIGH_WATER:
            self._pause("early")

    def _delay_s(self, now: float, size: int) -> float:
        fault = self.link.fault
        if not self.hit:
            return 0.0
        losses = fault.losses(self.way)
        self.link.lost_chunks += losses
        delay_s = fault.delay_s(self.way) + resent_after_s(losses)
        if fault.rate_kbps and fault.acts_on(self.way):
            self._line_free = max(self._line_free, now) + size / (fault.rate_kbps * 125.0)
            delay_s += self._line_free - now
        return delay_s

    def _send_oldest(self) -> None:
        read_at, data = self._queue.popleft()
        self.link.delays.add((self._loop.time() - read_at) * 1e3)
        self._held -= len(data)
        if self._held < HIGH_WATER // 2:
            self._resume("held")
        if self.peer:
            self.peer.write(data)
            if self.lost and not self._queue:
                self.peer.close()

    def write(self, data: bytes) -> None:
        """Send to whoever is on this side."""
        if self._transport and not self._transport.is_closing():
            self._transport.write(data)

    def _pause(self, reason: str) -> None:
        if not self._paused_for and self._transport and not self.lost:
            self._transport.pause_reading()
        self._paused_for.add(reason)

    def _resume(self, reason: str) -> None:
        if reason not in self._paused_for:
            return
        self._paused_for.discard(reason)
        if not self._paused_for and self._transport and not self.lost:
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """Read no more from the other side while this one's buffer is full."""
        if self.peer:
            self.peer._pause("full")

    def resume_writing(self) -> None:
        """Read on from the other side."""
        if self.peer:
            self.peer._resume("full")

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the other side too: by RST if this one was reset, else after what is still held."""
        self.lost = True
        self.link.ends.discard(self)
        if self._dialling and self.peer is None:
            self._dialling.cancel()
        if self.peer is None or self.peer.lost:
            return
        if exc:
            self.peer.reset()
        elif not self._queue:
            self.peer.close()

    def close(self) -> None:
        """Close in order (FIN), after what was written."""
        if self._transport and not self.lost:
            self._transport.close()

    def reset(self) -> None:
        """Close by RST."""
        if self._transport is None or self.lost:
            return
        self.link.resets += not self._transport.is_closing()
        with contextlib.suppress(OSError, ValueError):  # the socket may be gone before connection_lost() says so
            own = self._transport.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
        self._transport.abort()
