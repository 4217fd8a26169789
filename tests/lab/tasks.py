"""What the tests of the backend share: a database pair behind a link, and tasks in front of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from lab.links import Address, Links
from lab.postgres import Pair
from lab.processes import Children, own_environment, python
from tests.lab.bench import Answer, call, own_children, wait_until
from tests.ports import free_ports

NUMBERS = count(1)
SERVER = (
    "lab.backend.app:create_app --factory --host 127.0.0.1 --log-level warning --no-access-log "
    "--timeout-graceful-shutdown 3"
)


@dataclass
class Task:
    """One backend process behind its link to the database."""

    address: Address
    process: subprocess.Popen[bytes]
    log: Path

    def get(self, path: str) -> Answer:
        """GET."""
        return call(self.address, "GET", path)

    def create(self, title: str, key: str | None = None) -> Answer:
        """Create a post by author 7."""
        body = {"author": 7, "title": title, "body": "good"}
        return call(self.address, "POST", "/posts", body, {"Idempotency-Key": key or f"key-{title}"})

    def log_in(self, user: int, password: str) -> Answer:
        """Log in as one of the seeded users."""
        form = {"email": f"user{user}@foodconnect.test", "password": password}
        return call(self.address, "POST", "/login", form)

    def lines(self) -> list[dict[str, Any]]:
        """Return the log."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def requests(self) -> list[dict[str, Any]]:
        """Return the log's lines about requests."""
        return [line for line in self.lines() if "request_id" in line]


@dataclass
class Plane:
    """A database pair behind the link "db", and tasks."""

    folder: Path
    children: Children
    pair: Pair
    links: Links
    endpoint: int

    @contextmanager
    def task(self, **environment: str) -> Iterator[Task]:
        """Yield a backend that the database has answered, started with these variables."""
        with self.starting_task(**environment) as task:
            path = environment.get("HEALTH_PATH", "/health")
            wait_until(lambda: task.get(path).status == 200, 10, "the task is ready")
            yield task

    @contextmanager
    def starting_task(self, **environment: str) -> Iterator[Task]:
        """Yield a backend that listens; it may not have reached the database yet."""
        [port] = free_ports(1)
        name = f"task-{next(NUMBERS)}"
        log = self.folder / f"{name}.log"
        process = self.children.spawn(
            name,
            python("uvicorn", *SERVER.split(), "--port", str(port)),
            env=own_environment(DATABASE_URL=Pair.url(self.endpoint), TASK_ID=name) | environment,
            log=log,
        )
        try:
            task = Task(("127.0.0.1", port), process, log)
            wait_until(lambda: listens(task), 10, "the task listens")
            yield task
        finally:
            self.children.stop(process)
            self.links.clear("db")

    def swap(self) -> None:
        """Let the standby take over from the crashed primary."""
        self.pair.promote()
        self.links.retarget("db", ("127.0.0.1", self.pair.primary.port))

    def titles(self, prefix: str) -> list[str]:
        """Return the titles that the primary has."""
        with psycopg.connect(self.pair.url(self.pair.primary.port)) as connection:
            rows = connection.execute("select title from posts where title ^@ %s", (prefix,)).fetchall()
        return [row[0] for row in rows]


def listens(task: Task) -> bool:
    """Does the task take connections?"""
    assert task.process.poll() is None, task.log.read_text()
    try:
        task.get("/health")
    except OSError:
        return False
    return True


@contextmanager
def running_plane() -> Iterator[Plane]:
    """Yield a database behind the link "db"."""
    with own_children() as (folder, children):
        first, second, endpoint, admin = free_ports(4)
        pair = Pair(folder / "postgres", (first, second), children)
        pair.up()
        links = Links(admin)
        links.start(children, folder)
        links.open("db", ("127.0.0.1", endpoint), ("127.0.0.1", first))
        yield Plane(folder, children, pair, links, endpoint)
