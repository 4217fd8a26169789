"""An asynchronous standby is late, loses what is on the way when the primary crashes, and is found again."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest

from lab.faults import Fault
from lab.links import Links
from lab.postgres import Pair
from lab.wal_link import LAG_MS, NAME, WalLink
from tests.lab.bench import free_ports, own_children, wait_until

MARK = "insert into posts(idempotency_key, author, title, body) values (%s, 1, 'lag', 'good')"
FOUND = "select 1 from posts where idempotency_key = %s"


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """An asynchronous pair, its link in a process that the tests may end."""
    with own_children() as (folder, children):
        first, second, wal, admin = free_ports(4)
        links = Links(admin)
        links.start(children, folder)
        pair = Pair(folder / "postgres", (first, second), children)
        pair.wal = WalLink(links, wal)
        pair.up()
        yield pair


def write(pair: Pair, key: str) -> float:
    """Write a post with this key; return when that began (monotonic seconds)."""
    began = time.monotonic()
    with psycopg.connect(pair.url(pair.primary.port), autocommit=True) as connection:
        connection.execute(MARK, (key,))
    return began


def has(pair: Pair, port: int, key: str) -> bool:
    """Does the server on this port have the post?"""
    with psycopg.connect(pair.url(port)) as connection:
        return bool(connection.execute(FOUND, (key,)).fetchall())


def test_standby_is_late_and_no_commit_waits_for_it(pair: Pair) -> None:
    """The primary streams without waiting, and what it has the standby has only after the lag."""
    assert pair.primary.query("select sync_state from pg_stat_replication") == [("async",)]
    began = write(pair, "late")
    wait_until(lambda: has(pair, pair.standby.port, "late"), 10, "the standby has it")
    assert time.monotonic() - began >= LAG_MS / 1e3


def test_standby_follows_again_when_its_link_is_back(pair: Pair) -> None:
    """The link process was ended and another one started: `relink` opens the link, late as before."""
    assert pair.wal is not None
    links = pair.wal.links
    links.close(NAME)
    write(pair, "apart")
    pair.relink()
    wait_until(lambda: has(pair, pair.standby.port, "apart"), 15, "the standby has it")
    assert links.describe()[NAME].fault.latency_ms == LAG_MS


def test_crash_loses_what_is_on_the_way_and_the_old_primary_comes_back(pair: Pair) -> None:
    """What was acknowledged before the lag is there after a promotion; what came last is not, on either server."""
    write(pair, "arrives")
    wait_until(lambda: has(pair, pair.standby.port, "arrives"), 5, "the standby has it")
    assert pair.wal is not None
    pair.wal.links.set(NAME, Fault(latency_ms=2000))  # a busy machine may take longer than the lag for what follows
    write(pair, "is lost")
    pair.crash_primary()
    time.sleep(2.2)
    pair.promote()
    assert has(pair, pair.primary.port, "arrives")
    assert not has(pair, pair.primary.port, "is lost")
    pair.rejoin()
    write(pair, "goes on")
    wait_until(lambda: has(pair, pair.standby.port, "goes on"), 5, "the standby has it")
    assert not has(pair, pair.standby.port, "is lost")
