"""What is looked at to tell a weak backend from the default one: one function each, True where the weakness shows.

Each looks at one backend behind a link of its own, so that two can be looked at side by side.
"""

from __future__ import annotations

import http.client
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from statistics import median

import psycopg

from lab.builds import Build
from lab.faults import Fault
from lab.settings import LabError
from tests.lab.tasks import Plane, Task
from tests.ports import free_ports

NUMBERS = count(1)


@dataclass
class Subject:
    """One backend of a build, its own way to the database, and how long it took to become ready."""

    plane: Plane
    task: Task
    link: str
    ready_s: float
    name: str

    def fault(self, **what: object) -> None:
        """Put a fault on its way to the database."""
        self.plane.links.set(self.link, Fault(**what))  # type: ignore[arg-type]

    def lose_database(self) -> None:
        """Cut its way to the database."""
        self.fault(refuse=True)
        self.plane.links.reset(self.link)

    def read(self) -> int:
        """Read one post; return the status."""
        return self.task.get("/posts?limit=1").status

    def many(self, path: str, requests: int) -> list[float]:
        """Make requests one after the other on one connection, until it breaks; return their milliseconds."""
        connection, took_ms = http.client.HTTPConnection(*self.task.address, timeout=10), []
        try:
            for _ in range(requests):
                began = time.perf_counter()
                connection.request("GET", path)
                connection.getresponse().read()
                took_ms.append((time.perf_counter() - began) * 1e3)
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        return took_ms


def opened(plane: Plane, link: str) -> int:
    """Open a link to the primary; return its port. A port may be taken between the look and the use."""
    for port in free_ports(3):
        with suppress(LabError):
            plane.links.open(link, ("127.0.0.1", port), ("127.0.0.1", plane.pair.primary.port))
            return port
    raise LabError("no link could be opened on three free ports")


@contextmanager
def subject(plane: Plane, build: Build, **common: str) -> Iterator[Subject]:
    """Yield a ready backend of a build; `common` are variables that both sides of a comparison get."""
    link, name = f"db-{next(NUMBERS)}", f"{build.name}-{next(NUMBERS)}"
    port = opened(plane, link)
    began = time.monotonic()
    environment = {**common, **build.environment, "DATABASE_URL": plane.pair.url(port), "TASK_ID": name}
    try:
        with plane.task(**environment) as task:
            yield Subject(plane, task, link, time.monotonic() - began, name)
            if "IGNORE_SIGTERM" in build.environment:  # or its end would take 5 s
                task.process.kill()
    finally:
        plane.links.close(link)


@dataclass(frozen=True)
class Observation:
    """How a backend is looked at; `common` makes both builds quicker to tell apart, and is no part of either."""

    weak: Callable[[Subject], bool]
    common: dict[str, str] = field(default_factory=dict)


def fails_while_the_database_is_away(one: Subject) -> bool:
    """Is a request answered with an error that comes when the database is away for a second?"""
    one.lose_database()
    with ThreadPoolExecutor(1) as pool:
        status = pool.submit(one.read)
        time.sleep(1)
        one.fault()
        return status.result() == 503


def asks_many_times(one: Subject) -> bool:
    """Does one post become many statements when answers take 300 ms?"""
    one.fault(latency_ms=300)
    with ThreadPoolExecutor(1) as pool:
        post = pool.submit(one.task.create, one.name)
        time.sleep(1.2)
        one.fault()
        post.result()
    return statements(one) >= 4


COUNTING = """
create table if not exists statements(title text);
create or replace function note_statement() returns trigger language plpgsql as
    $$ begin insert into statements values (new.title); return new; end $$;
create or replace trigger note_statement before insert on posts for each row execute function note_statement();
"""


def count_statements(plane: Plane) -> None:
    """Let the database write down each insert of a post, also one whose answer nobody waits for."""
    with psycopg.connect(plane.pair.url(plane.pair.primary.port)) as connection:
        connection.execute(COUNTING)


def statements(one: Subject) -> int:
    """Return how many statements wrote the post that is titled like the subject."""
    with psycopg.connect(one.plane.pair.url(one.plane.pair.primary.port)) as connection:
        rows = connection.execute("select count(*) from statements where title = %s", (one.name,)).fetchall()
    return int(rows[0][0])


def waits_longer_than(one: Subject, seconds: float, request: Callable[[], object], heal: Callable[[], None]) -> bool:
    """Has a request no answer after so many seconds? Then the trouble is taken away, and it must get one."""
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(request)
        time.sleep(seconds)
        waits = not asked.done()
        heal()
        asked.result()
    return waits


def waits_for_a_connection(one: Subject) -> bool:
    """Does a request wait past every limit while the only connection is stuck?"""
    one.fault(blackhole=True, direction="both")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(one.read)
        time.sleep(0.1)
        waits = waits_longer_than(one, 3, one.read, one.fault)
        first.result()
    return waits


def waits_for_a_lock(one: Subject) -> bool:
    """Does a post wait past its limit for a table that somebody has locked?"""
    locker = psycopg.connect(one.plane.pair.url(one.plane.pair.primary.port))
    locker.execute("lock table posts in share mode")
    return waits_longer_than(one, 3, lambda: one.task.create(one.name), locker.close)


def queues(one: Subject) -> bool:
    """Do eight requests at once take several times as long as the database needs for one?"""
    one.fault(latency_ms=250)
    with ThreadPoolExecutor(8) as pool:
        slowest_ms = max(pool.map(lambda _: one.task.get("/posts?limit=1").ms, range(8)))
    return slowest_ms > 900


def doubles_a_post(one: Subject) -> bool:
    """Is a post there twice whose answer came late?"""
    one.fault(latency_ms=600)
    one.task.create(one.name)
    one.fault()
    return one.plane.titles(one.name) == [one.name] * 2


def says_it_is_well_without_database(one: Subject) -> bool:
    """Does /health answer 200 when the database is gone past every grace?"""
    one.lose_database()
    time.sleep(1)
    return one.task.get("/health").status == 200


def ends_without_database(one: Subject) -> bool:
    """Does /health say 503 at once when the database is gone, and does the task end soon after?"""
    one.lose_database()
    if one.task.get("/health").status != 503:
        return False
    return has_ended(one, within_s=6)


def has_ended(one: Subject, within_s: float) -> bool:
    """Does the process end within so many seconds?"""
    try:
        one.task.process.wait(within_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def starts_slowly(one: Subject) -> bool:
    """Did it take more than 5 s to become ready?"""
    return one.ready_s > 5


def ignores_sigterm(one: Subject) -> bool:
    """Does it go on as if nothing had happened some seconds after SIGTERM?"""
    one.task.process.terminate()
    return not has_ended(one, within_s=4) and one.read() == 200


def runs_out_of_memory(one: Subject) -> bool:
    """Do a thousand requests end it by SIGKILL?"""
    one.many("/nowhere", 1000)
    return has_ended(one, within_s=2) and one.task.process.returncode == -9


def is_noisy(one: Subject) -> bool:
    """Are at least three of 100 requests slower than 50 ms, again and again, half of these below 0.4 s?

    Other work makes requests slow as well, but not three in each of several hundred.
    """
    for _ in range(4):
        slow_ms = [ms for ms in one.many("/posts?limit=1", 100) if ms > 50]
        if len(slow_ms) < 3 or median(slow_ms) > 400:
            return False
    return True


def fails_one_of_ten(one: Subject) -> bool:
    """Are about one of ten requests answered with 500, while /health says that all is well?"""
    statuses = [one.read() for _ in range(300)]
    assert one.task.get("/health").status == 200
    return 10 <= statuses.count(500) <= 60


def is_unhealthy_where_it_is_asked(one: Subject) -> bool:
    """Does it serve, and yet answer 404 at /health, where a load balancer asks?"""
    return one.read() == 200 and one.task.get("/health").status == 404


BACKENDS = {
    "no-retry": Observation(fails_while_the_database_is_away),
    "retry-storm": Observation(asks_many_times),
    "no-pool-timeout": Observation(
        waits_for_a_connection, {"DB_RETRY_BUDGET_S": "0", "DB_ATTEMPT_TIMEOUT_S": "0.4", "POOL_SIZE": "1"}
    ),
    "no-statement-timeout": Observation(waits_for_a_lock, {"DB_RETRY_BUDGET_S": "0", "DB_ATTEMPT_TIMEOUT_S": "0.4"}),
    "small-pool": Observation(queues),
    "duplicate-posts": Observation(doubles_a_post),
    "health-always-ok": Observation(says_it_is_well_without_database, {"READY_GRACE_S": "0.4"}),
    "health-needs-database": Observation(ends_without_database),
    "slow-start": Observation(starts_slowly),
    "ignores-sigterm": Observation(ignores_sigterm),
    "memory-leak": Observation(runs_out_of_memory),
    "noisy-healthy": Observation(is_noisy),
    "errors-10-percent": Observation(fails_one_of_ten),
    "wrong-health-check": Observation(is_unhealthy_where_it_is_asked),
}


def observed(plane: Plane, build: Build, observation: Observation) -> bool:
    """Start a backend of a build and look at it."""
    with subject(plane, build, **observation.common) as one:
        return observation.weak(one)
