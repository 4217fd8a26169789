"""Behind a task: one operating-system process, its addresses, its two links. This module knows no ECS states.

    load balancer --> link at the task's interface --> process --> link at the task's own egress --> database endpoint

On Linux every task has addresses of its own (127.77/78/79.x.y, all of 127/8 is loopback); elsewhere ports of 127.0.0.1.
"""

from __future__ import annotations

import itertools
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Thread

from lab.aws.ecr_images import Registry
from lab.aws.ecs_model import Place, Task
from lab.aws.rds_instance import ENDPOINT_LINK
from lab.builds import BUILDS
from lab.light import Light, Nursery
from lab.links import Address, Links
from lab.postgres import Pair
from lab.processes import Children, Process, own_environment, python
from lab.settings import REGION, LabError, Settings

PORT = 8080
DATABASE_PORT = 5432
ASK_EVERY_S = 0.02
SILENT_S = 15.0  # a process that does not answer is a running task all the same
PATIENCE_S = 1.0  # a target that fails its first check needs two more: wait so long for a task to become well
EGRESS_NETWORK = "127.79.0.0/16"  # where the tasks' own ways to the database lie


def is_free(address: Address) -> bool:
    """Could somebody listen there?"""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError:
            return False
        return True


def shared_place() -> Place:
    """Return a place on 127.0.0.1, with ports that are free now."""
    with socket.socket() as interface, socket.socket() as process, socket.socket() as egress:
        for probe in (interface, process, egress):  # all at once, or the system might give the same port again
            probe.bind(("127.0.0.1", 0))
        return Place(interface.getsockname(), process.getsockname(), egress.getsockname())


def has_own_addresses() -> bool:
    """Can a process listen on any 127.x.y.z without further ado?"""
    return sys.platform.startswith("linux")


def asked(address: Address) -> int | None:
    """Return the status of an answer to a health check, None when there is none."""
    connection = HTTPConnection(*address, timeout=1)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        answer.read()
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
    return answer.status


def wait_well(address: Address, over: Callable[[], bool], every_s: float = ASK_EVERY_S) -> None:
    """Wait until a task answers well, has answered badly for a second, has been silent for long, or is `over`."""
    deadline = time.monotonic() + SILENT_S
    while time.monotonic() < deadline and not over():
        status = asked(address)
        if status == HTTPStatus.OK:
            return
        if status is not None:
            deadline = min(deadline, time.monotonic() + PATIENCE_S)
        time.sleep(every_s)


def places(seed: int) -> Callable[[], Place]:
    """Return a function that gives a fresh place a call; labs with other seeds begin elsewhere in the network."""
    numbers = itertools.count(seed * 37)

    def fresh() -> Place:
        if not has_own_addresses():
            return shared_place()
        for number in numbers:
            host = f"{(number // 254) % 256}.{number % 254 + 1}"
            found = Place((f"127.77.{host}", PORT), (f"127.78.{host}", PORT), (f"127.79.{host}", DATABASE_PORT))
            if all(map(is_free, (found.interface, found.process, found.egress))):
                return found
        raise AssertionError("count() never ends")

    return fresh


@dataclass(frozen=True, slots=True)
class Runner:
    """Starts and ends what stands behind a task. Every method may block for some milliseconds."""

    settings: Settings
    children: Children
    links: Links
    fresh_place: Callable[[], Place]
    images: Registry
    nursery: Nursery | None = None  # where light tasks come from; None where they are started as others are
    looked_up: dict[str, Address] = field(default_factory=dict)  # where tasks that ask once found the database

    def launch(self, task: Task, answers: Callable[[], None], ended: Callable[[int], None]) -> None:
        """Pull the task's image, open its links and start its process; CannotPull if there is no such image.

        From a thread `answers()` is called when it answers, and `ended(exit code)` when it is over.
        """
        build = self._pull(task)
        if BUILDS[build].address == "once":
            self.looked_up[task.id] = self.links.describe()[ENDPOINT_LINK].target
        place = task.place = task.place or self.fresh_place()  # it has one when the links were gone at the first try
        self.open_links(task)
        process = task.process = self._start(task, place, self._environment(task, place, build))
        light = Light.of(self.settings)
        every_s = light.ask_every_s if light else ASK_EVERY_S

        def attend() -> None:
            wait_well(place.interface, lambda: process.poll() is not None, every_s)
            answers()
            ended(process.wait())

        Thread(target=attend, daemon=True, name=f"task-{task.short}").start()

    def _pull(self, task: Task) -> str:
        """Return the build of the task's application, and note the digest that it runs."""
        container = task.definition.containers[0]
        name = container["name"]
        task.digests[name], build = self.images.pull(container["image"], task.digests.get(name))
        task.pull_stopped_at = time.time()
        return build

    def _start(self, task: Task, place: Place, environment: dict[str, str]) -> Process:
        name, log = f"task-{task.short}", task_log(self.settings.home, task.id)
        if self.nursery is not None:
            return self.nursery.fork(name, environment, place.process, log)
        return self.children.spawn(name, self._command(place.process), env=environment, log=log)

    def open_links(self, task: Task) -> None:
        """Open both of a task's links."""
        place, endpoint = task.place, ("127.0.0.1", self.settings.database_port)
        assert place is not None
        self.links.open(interface_link(task), place.interface, place.process)
        self.links.open(egress_link(task), place.egress, self.looked_up.get(task.id, endpoint))

    def release(self, task: Task) -> None:
        """Forget the ended process and close what there is of its links."""
        self.looked_up.pop(task.id, None)
        if task.process is not None:
            self.children.forget(task.process)
        for link in (interface_link(task), egress_link(task)) if task.place is not None else ():
            with suppress(LabError):  # gone with the link process, or never opened
                self.links.close(link)

    @staticmethod
    def _command(address: Address) -> list[str]:
        host, port = address
        where = ["--host", host, "--port", str(port), "--log-level", "warning", "--no-access-log"]
        return python("uvicorn", "lab.backend.app:create_app", "--factory", *where, "--timeout-graceful-shutdown", "3")

    def _environment(self, task: Task, place: Place, build: str) -> dict[str, str]:
        host, port = place.egress
        container = task.definition.containers[0]
        own = own_environment(
            DATABASE_URL=Pair.url(port, host),
            TASK_ID=task.id,
            SERVICE_NAME=task.group.partition(":")[2],
            RELEASE=task.definition.name,
            AWS_ENDPOINT_URL=f"http://127.0.0.1:{self.settings.api_port}",
            AWS_REGION=REGION,
            AWS_DEFAULT_REGION=REGION,
            AWS_ACCESS_KEY_ID="lab",
            AWS_SECRET_ACCESS_KEY="lab",
        )
        given = {pair["name"]: pair["value"] for pair in container.get("environment", [])}
        light = Light.of(self.settings)
        return {
            **own,
            **(light.environment() if light else {}),
            **BUILDS[build].environment,
            **given,
            **task.environment,
        }


def interface_link(task: Task) -> str:
    """Return the name of the link that carries what comes to the task."""
    return interface_link_of(task.id)


def interface_link_of(task_id: str) -> str:
    """Return the name of the link that carries what comes to the task with this identifier."""
    return f"eni-{task_id[:12]}"


def egress_link(task: Task) -> str:
    """Return the name of the link that carries what the task sends to the database."""
    return f"db-{task.short}"


def task_log(home: Path, task_id: str) -> Path:
    """Return the file that a task's output goes to."""
    return home / "logs" / f"task-{task_id[:12]}.log"
