"""The backend's way to the database: a pool of fixed size, a time limit for each attempt, retries inside a budget.

Three things make a failover short for whoever waits:
* An idle connection that the server closed is noticed before it is used, and replaced.
* psycopg_pool waits one second, then two, four ... between attempts to connect. Here it gives up after 50 ms, and as
  long as somebody waits for a connection it begins anew at once.
* An attempt that exceeds its limit is ended by shutting the socket down. Cancelling would send a cancel request to a
  server that may not answer; worse, a commit that is cancelled while it waits for the standby becomes visible
  without being on the standby.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import random
import select
import socket
import time
from collections.abc import AsyncIterator, Iterator
from typing import LiteralString

import psycopg
from psycopg_pool import AsyncConnectionPool

from lab.backend.config import Config
from lab.backend.tracing import database_call

Row = tuple[object, ...]
Connection = psycopg.AsyncConnection[Row]

RECONNECT_S = 0.05  # a lost connection is tried twice this far apart, then given up until it is wanted
HEALTH_S = 0.3  # how long the database may take to answer a health check
TRIES = 4  # of each layer in a retry storm
UNLIMITED_S = 1e6
FIRST_PAUSE_S = 0.01
LONGEST_PAUSE_S = 0.1
TROUBLE = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction)


class Database:
    """Runs statements. `rows` is all that handlers need."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._answered_at: float | None = None
        self._probe: asyncio.Task[None] | None = None
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            config.database_url,
            min_size=config.pool_size,
            max_size=config.pool_size,
            open=False,
            reconnect_timeout=RECONNECT_S,
            reconnect_failed=go_on,
            kwargs=connection_options(config),
        )

    async def open(self) -> None:
        """Begin to connect and to probe; returns at once, also when there is no database."""
        await self._pool.open(wait=False)
        self._probe = asyncio.create_task(self._probe_for_ever())

    async def close(self) -> None:
        """End the probe and the pool."""
        if self._probe:
            self._probe.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._probe
        await self._pool.close()

    @property
    def silent_s(self) -> float | None:
        """Seconds since the database last answered; None if it never did."""
        return None if self._answered_at is None else time.monotonic() - self._answered_at

    @property
    def connections(self) -> int:
        """How many connections the pool holds, idle or in use, those being opened included."""
        return self._pool.get_stats()["pool_size"]

    async def rows(self, sql: LiteralString, *values: object) -> list[Row]:
        """Run one statement and return its rows; again with jittered pauses while the budget lasts.

        The statement must be safe to run twice: of a lost answer nobody knows whether the statement was done.
        Raises one of `TROUBLE` when the database could not be reached in time.
        """
        if self._config.retry_layers:
            return await self._storm(self._config.retry_layers, sql, values)
        began, attempts = time.monotonic(), 0
        while True:
            left_s = began + self._config.db_retry_budget_s - time.monotonic()
            limit_s = min(self._config.db_attempt_timeout_s, left_s) if attempts else self._config.db_attempt_timeout_s
            try:
                with database_call(sql):
                    return await self._attempt(sql, values, limit_s)
            except TROUBLE:
                attempts += 1
                pause_s = random.uniform(0, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempts))
                if time.monotonic() + pause_s >= began + self._config.db_retry_budget_s:
                    raise
            await asyncio.sleep(pause_s)

    async def answers(self) -> bool:
        """Does the database answer now, at once?"""
        try:
            await self._attempt("select 1", (), HEALTH_S)
        except TROUBLE:
            return False
        return True

    async def _storm(self, layers: int, sql: LiteralString, values: tuple[object, ...]) -> list[Row]:
        """Let each of the layers try four times, without a pause: what the last does multiplies with the first's."""
        for tries_left in reversed(range(TRIES)):
            try:
                if layers > 1:
                    return await self._storm(layers - 1, sql, values)
                return await self._attempt(sql, values, self._config.db_attempt_timeout_s)
            except TROUBLE:
                if not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")

    async def _attempt(self, sql: LiteralString, values: tuple[object, ...], limit_s: float) -> list[Row]:
        began = time.monotonic()
        patient = self._config.db_acquire_timeout_s == math.inf
        async with self._connection(began + (UNLIMITED_S if patient else limit_s)) as connection:
            if patient:  # the limit is the statement's alone
                began = time.monotonic()
            with cut_at(connection, began + limit_s):
                cursor = await connection.execute(sql, values)
                rows = await cursor.fetchall()
        self._answered_at = time.monotonic()
        return rows

    @contextlib.asynccontextmanager
    async def _connection(self, deadline: float) -> AsyncIterator[Connection]:
        """Lend a connection that the server has not closed; each stale one found is replaced by the pool."""
        while True:
            wait_s = min(self._config.db_acquire_timeout_s, deadline - time.monotonic())
            connection = await self._pool.getconn(timeout=wait_s)
            try:
                if not is_stale(connection):
                    yield connection
                    return
                await connection.close()
            finally:
                await self._pool.putconn(connection)

    async def _probe_for_ever(self) -> None:
        while True:
            with contextlib.suppress(*TROUBLE):
                await self._attempt("select 1", (), self._config.db_attempt_timeout_s)
            await asyncio.sleep(self._config.probe_every_s)


def connection_options(config: Config) -> dict[str, object]:
    """Return what each connection is opened with."""
    return {
        "autocommit": True,
        "prepare_threshold": None,  # preparing costs one more round trip, once per connection and statement
        "connect_timeout": 2,  # the least that psycopg allows
        "options": f"-c statement_timeout={int(config.db_attempt_timeout_s * 1000)}",
        "target_session_attrs": "read-write",
        "sslmode": "disable",  # the lab's server has no TLS, and asking for it costs a round trip
        "gssencmode": "disable",
        "keepalives_idle": 2,
        "keepalives_interval": 1,
        "keepalives_count": 3,
        "tcp_user_timeout": 3000,
        "application_name": config.task_id,
    }


async def go_on(pool: AsyncConnectionPool[Connection]) -> None:
    """After the pool gave an attempt up: begin another if somebody is waiting. `check` grows a pool that is empty."""
    stats = pool.get_stats()
    if stats["requests_waiting"] and not stats["pool_available"]:
        await pool.check()


def is_stale(connection: Connection) -> bool:
    """Has the server closed this idle connection? Then there is something to read: a farewell or the end of file."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


@contextlib.contextmanager
def cut_at(connection: Connection, deadline: float) -> Iterator[None]:
    """Shut the connection's socket down at the deadline (time.monotonic): whoever reads from it sees its end."""
    limit_s = deadline - time.monotonic()
    timer = asyncio.get_running_loop().call_later(max(0.0, limit_s), shut_down, connection)
    try:
        yield
    finally:
        timer.cancel()


def shut_down(connection: Connection) -> None:
    """Shut the socket down without touching the connection object, which another task is waiting on."""
    if connection.closed:
        return
    with socket.socket(fileno=os.dup(connection.fileno())) as own, contextlib.suppress(OSError):
        own.shutdown(socket.SHUT_RDWR)
