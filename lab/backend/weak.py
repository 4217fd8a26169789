"""Weaknesses that a build may switch on: memory never given back, errors, noise, a life that hangs on the database.

All are real: the memory is held and touched, and a process above its limit gets the kernel's own SIGKILL.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from lab.backend.database import Database
from lab.backend.observed import HEALTH
from lab.backend.telemetry import log

BROKEN = 0.001  # share of requests that are answered with 500
REFUSED = 0.002  # share of requests that are answered with 429
SLOW = 0.12  # share of requests that take `LONGER_S` more
LONGER_S = (0.05, 0.35)
JITTER_S = 0.005  # the mean of what every request takes more
FAILURES = 3  # in a row, of the check that ends a task
CHECK_EVERY_S = 0.3


async def end_without(database: Database) -> None:
    """End this process by SIGTERM when the database fails three checks in a row: within 2 s of its loss.

    It stands for a container health check that asks the database: ECS ends and replaces the task.
    """
    failures = 0
    while failures < FAILURES:
        failures = 0 if await database.answers() else failures + 1
        await asyncio.sleep(CHECK_EVERY_S)
    log.error("the database failed %d checks in a row: this task ends", failures)
    os.kill(os.getpid(), signal.SIGTERM)


class Leak:
    """Keeps some memory of each request, and ends the process as the kernel does when it is above its limit."""

    def __init__(self, app: ASGIApp, each_kb: int, limit_mb: int) -> None:
        import psutil  # late: no other build needs it

        self._app = app
        self._each = b"leak" * (each_kb * 256)
        self._limit = limit_mb * 1024 * 1024
        self._process = psutil.Process()
        self._kept: list[bytearray] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, having grown by it."""
        if scope["type"] == "http" and scope["path"] != HEALTH:
            self._grow()
        await self._app(scope, receive, send)

    def _grow(self) -> None:
        self._kept.append(bytearray(self._each))  # copied, so that every page is really there
        used = self._process.memory_info().rss
        if self._limit and used > self._limit:
            log.error("out of memory: %d MB used, the limit is %d MB", used >> 20, self._limit >> 20)
            os.kill(os.getpid(), signal.SIGKILL)


class Errors:
    """Answers a share of the requests with 500 in place of the service; health checks are left alone."""

    def __init__(self, app: ASGIApp, percent: float) -> None:
        self._app = app
        self._share = percent / 100

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or fail it."""
        hit = scope["type"] == "http" and scope["path"] != HEALTH and random.random() < self._share
        app = JSONResponse({"error": "something went wrong"}, 500) if hit else self._app
        await app(scope, receive, send)


class Noise:
    """Makes some requests slow, and a few fail, all of them below every limit that FoodConnect has."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, late, or answer it with 429 or 500 in place of the service."""
        if scope["type"] != "http" or scope["path"] == HEALTH:
            await self._app(scope, receive, send)
            return
        drawn = random.random()
        if drawn < BROKEN + REFUSED:
            status, sentence = (500, "something went wrong") if drawn < BROKEN else (429, "too many requests")
            await JSONResponse({"error": sentence}, status)(scope, receive, send)
            return
        await asyncio.sleep(delay_s())
        await self._app(scope, receive, send)


def delay_s() -> float:
    """Draw how much longer a request takes, in seconds."""
    longer_s = random.uniform(*LONGER_S) if random.random() < SLOW else 0.0
    return longer_s + min(random.expovariate(1 / JITTER_S), 10 * JITTER_S)
