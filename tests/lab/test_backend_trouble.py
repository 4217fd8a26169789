"""The backend outlives its database's troubles: failovers, silence, slowness, and its own end."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab.builds import BUILDS
from lab.faults import Fault
from tests.lab.bench import least, wait_until
from tests.lab.tasks import Plane, running_plane


@pytest.fixture(scope="module")
def plane() -> Iterator[Plane]:
    """One database for this file."""
    with running_plane() as plane:
        yield plane


def test_failover_loses_and_doubles_nothing(plane: Plane) -> None:
    """Eight clients post through a crash of the primary: none fails, none is lost, none is there twice."""
    with plane.task() as task:
        ended = threading.Event()

        def post_for_a_while(client: int) -> list[tuple[str, int]]:
            done: list[tuple[str, int]] = []
            while not ended.is_set():
                title = f"failover-{client}-{len(done)}"
                done.append((title, task.create(title).status))
            return done

        with ThreadPoolExecutor(8) as pool:
            clients = [pool.submit(post_for_a_while, client) for client in range(8)]
            time.sleep(0.5)
            plane.pair.crash_primary()
            time.sleep(1)
            plane.swap()
            time.sleep(0.5)
            ended.set()
            done = [entry for client in clients for entry in client.result()]
        assert {status for _, status in done} <= {200, 201}
        assert len(done) > 20
        assert sorted(plane.titles("failover-")) == sorted(title for title, _ in done)
        plane.pair.rejoin()


def test_pool_is_full_again_after_an_outage(plane: Plane) -> None:
    """After a second without database the next request succeeds at once, and all 16 connections come back."""
    with plane.task() as task:
        plane.links.set("db", Fault(refuse=True))
        plane.links.reset("db")
        time.sleep(1.2)
        plane.links.clear("db")
        assert task.get("/posts").status == 200
        mine = "select count(*) from pg_stat_activity where application_name = %s"

        def full() -> bool:
            with plane.pair.primary.connect() as connection:
                return connection.execute(mine, (task.log.stem,)).fetchall() == [(16,)]

        wait_until(full, 5, "16 connections")


def test_idle_connections_that_were_cut_are_not_used(plane: Plane) -> None:
    """Even without retries, connections that died while idle fail no request."""
    with plane.task(**BUILDS["no-retry"].environment) as task:
        for _ in range(3):
            plane.links.reset("db")
            plane.links.describe()  # an answer later the resets are on their way
            assert [task.get("/posts?limit=1").status for _ in range(20)] == [200] * 20


def test_without_retries_an_outage_is_told_at_once(plane: Plane) -> None:
    """The build without retries answers 503 within its half second, with Retry-After and a sentence."""
    with plane.task(**BUILDS["no-retry"].environment) as task:
        plane.links.set("db", Fault(refuse=True))
        plane.links.reset("db")
        answer = task.get("/posts")
        assert answer.status == 503
        assert least(lambda: task.get("/posts").ms, 1500) < 1500
        assert answer.headers["retry-after"] == "1"
        assert answer.json == {"error": "the database is not available; try again"}


def test_retries_end_with_their_budget(plane: Plane) -> None:
    """With a budget of 1 s an outage is answered after that, not after the sum of all limits."""
    with plane.task(DB_RETRY_BUDGET_S="1") as task:
        plane.links.set("db", Fault(refuse=True))
        plane.links.reset("db")
        assert task.get("/posts").status == 503
        assert 500 < least(lambda: task.get("/posts").ms, 2500) < 2500


def test_silent_database_does_not_block_past_the_attempt_limit(plane: Plane) -> None:
    """In a blackhole a request ends at the limit, and the first after it succeeds."""
    with plane.task(DB_RETRY_BUDGET_S="0", DB_ATTEMPT_TIMEOUT_S="0.5") as task:
        plane.links.set("db", Fault(blackhole=True, direction="both"))

        def slowest_of_many() -> float:
            with ThreadPoolExecutor(20) as pool:
                answers = list(pool.map(lambda _: task.get("/posts"), range(20)))
            assert {answer.status for answer in answers} == {503}
            return max(answer.ms for answer in answers)

        assert least(slowest_of_many, 2000) < 2000
        plane.links.clear("db")
        wait_until(lambda: task.get("/posts").status == 200, 5, "it works again")


def test_injected_delay_is_the_delay_of_a_request(plane: Plane) -> None:
    """One statement is one round trip: 100 ms on the link are 100 ms in the answer, not 200."""
    with plane.task() as task:
        plane.links.set("db", Fault(latency_ms=100))
        assert 99 < min(task.get("/posts?limit=1").ms for _ in range(9)) < 190


def test_write_that_waits_for_the_standby_is_not_confirmed_before(plane: Plane) -> None:
    """While the standby is dead no post is confirmed, also not by the retry that finds the row of a lost attempt."""
    with plane.task(DB_ATTEMPT_TIMEOUT_S="0.5", DB_RETRY_BUDGET_S="2") as task:
        plane.pair.standby.stop_immediate()
        try:
            assert task.create("unconfirmed").status == 503
            assert task.create("unconfirmed").status == 503
        finally:
            plane.pair.degrade()
        answer = task.create("unconfirmed")
        assert answer.status in (200, 201)
        assert plane.titles("unconfirmed") == ["unconfirmed"]
        plane.pair.rejoin()


def test_health_waits_for_the_database_and_has_a_grace(plane: Plane) -> None:
    """503 until the database has answered once; then good until it has been silent for the grace."""
    plane.links.set("db", Fault(refuse=True))
    with plane.starting_task(READY_GRACE_S="2") as task:
        first = task.get("/health")
        assert (first.status, first.json["error"]) == (503, "the database has not answered yet")
        plane.links.clear("db")
        wait_until(lambda: task.get("/health").status == 200, 5, "it is ready")
        plane.links.set("db", Fault(refuse=True))
        plane.links.reset("db")
        assert task.get("/health").status == 200
        took_s = wait_until(lambda: task.get("/health").status == 503, 5, "the grace is over")
        assert took_s > 0.8
        assert "has not answered for" in task.get("/health").json["error"]
        plane.links.clear("db")
        wait_until(lambda: task.get("/health").status == 200, 5, "it is well again")


def test_sigterm_drains(plane: Plane) -> None:
    """After SIGTERM /health says 503 at once, the request under way is answered, and the process ends."""
    with plane.task(DRAIN_S="1.5") as task:
        plane.links.set("db", Fault(latency_ms=700))
        with ThreadPoolExecutor(1) as pool:
            under_way = pool.submit(task.get, "/posts")
            time.sleep(0.2)
            task.process.send_signal(signal.SIGTERM)
            wait_until(lambda: task.get("/health").status == 503, 0.4, "it says that it stops")
            assert task.get("/health").json == {"error": "this task is stopping"}
            assert under_way.result().status == 200
        assert task.process.wait(5) in (0, -signal.SIGTERM)
