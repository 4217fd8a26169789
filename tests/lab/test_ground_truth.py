"""The lab's own account of a fault against what is seen from outside: at the process, at the socket, at the database.

Nothing here asks the AWS API when something happened.
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from lab.settings import ACCOUNT, DATABASE
from tests.lab.bench import exists, least, round_trip_ms, wait_until
from tests.lab.twin import Twin

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "ground-truth.md"
CLOSE_S = 0.1  # how far the lab's own instant may be from between the last look before and the first after
TRIES = 4  # other work makes any of them late, but not all


@dataclass(frozen=True)
class Change:
    """A condition became another between the begin of the last look before and the end of the first look after."""

    earliest: float
    latest: float
    value: bool

    def off(self, instant: float) -> float:
        """Return how far an instant is from between the two."""
        return max(self.earliest - instant, instant - self.latest, 0.0)


class Watch:
    """Notes on a thread of its own when a condition changed, as quickly as it can be asked."""

    def __init__(self, condition: Callable[[], bool]) -> None:
        self.changes: list[Change] = []
        self._condition, self._over = condition, threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        known, before = None, 0.0
        while not self._over.wait(0.002):
            asked = time.time()
            now = self._condition()
            if now is not known:
                self.changes.append(Change(before, time.time(), now))
                known = now
            before = asked

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def last(self, value: bool) -> Change:
        """Return how the condition last became this."""
        return next(change for change in reversed(self.changes) if change.value is value)


@contextmanager
def watched(condition: Callable[[], bool]) -> Iterator[Watch]:
    """Watch a condition in a block."""
    watch = Watch(condition)
    try:
        yield watch
    finally:
        watch.stop()


def test_process_level_end_of_a_killed_task(lab: Twin) -> None:
    """`task.exited` is the instant at which the system says that the process has ended."""
    assert least(lambda: end_of_a_killed_task(lab), CLOSE_S, TRIES) < CLOSE_S


def end_of_a_killed_task(lab: Twin) -> float:
    """Kill a task; return how far `task.exited` is from what is seen of its process."""
    wait_until(lab.is_well, 30, "the lab is well")
    [arn, *_] = lab.task_arns()
    pid, since = lab.pid_of(arn), time.time()
    with watched(lambda: exists(pid)) as seen:
        wait_until(lambda: seen.changes, 2, "the first look")
        os.kill(pid, signal.SIGKILL)
        exited = lab.wait_truth("task.exited", since=since, task=arn.rpartition("/")[2])
        wait_until(lambda: not seen.changes[-1].value, 5, "its end was seen")
    assert exited["code"] == -signal.SIGKILL
    return seen.last(False).off(exited["t"])


def test_socket_level_delay_begins_and_ends(lab: Twin) -> None:
    """The delay of a FIS action is felt on the task's own link from the instant noted until the instant noted."""
    assert least(lambda: delay_of_an_action(lab), CLOSE_S, TRIES) < CLOSE_S


def delay_of_an_action(lab: Twin) -> float:
    """Play a delay; return how far its noted begin and end, the worse of the two, are from what is felt."""
    [arn, *_] = lab.task_arns()
    task, since = arn.rpartition("/")[2], time.time()
    egress = lab.links()[f"db-{task[:12]}"].listen
    latency = {
        "actionId": "aws:ecs:task-network-latency",
        "targets": {"Tasks": "one"},
        "parameters": {
            "duration": "PT1S",
            "delayMilliseconds": "60",
            "jitterMilliseconds": "0",
            "useEcsFaultInjectionEndpoints": "true",
        },
    }
    template = lab.fis.create_experiment_template(
        clientToken=uuid.uuid4().hex,
        description="ground truth",
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/x",
        stopConditions=[{"source": "none"}],
        targets={"one": {"resourceType": "aws:ecs:task", "resourceArns": [arn], "selectionMode": "ALL"}},
        actions={"latency": latency},  # type: ignore[dict-item]  # the action's members are all there
    )
    with watched(lambda: round_trip_ms(egress) > 40) as slow:
        wait_until(lambda: slow.changes, 5, "the first look")
        lab.fis.start_experiment(
            clientToken=uuid.uuid4().hex, experimentTemplateId=template["experimentTemplate"]["id"]
        )
        began = lab.wait_truth("latency.on", since=since, task=task)
        ended = lab.wait_truth("latency.off", since=since, task=task)
        wait_until(lambda: len(slow.changes) > 2 and not slow.changes[-1].value, 5, "the link is slow, then plain")
    return max(slow.last(True).off(began["t"]), slow.last(False).off(ended["t"]))


def test_database_level_outage(lab: Twin) -> None:
    """From `primary.killed` to `primary.writable` no write is possible, and outside of it every write is."""
    assert least(lambda: outage(lab), CLOSE_S, TRIES) < CLOSE_S


def outage(lab: Twin) -> float:
    """Fail over; return how far the noted begin and end, the worse of the two, are from what a writer sees."""
    wait_until(lab.is_well, 30, "the lab is well")
    lab.cool_down()
    since = time.time()
    with watched(lambda: is_writable(lab)) as writable:
        wait_until(lambda: writable.changes, 5, "the first write")
        lab.rds.reboot_db_instance(DBInstanceIdentifier=DATABASE, ForceFailover=True)
        killed = lab.wait_truth("primary.killed", since=since)
        back = lab.wait_truth("primary.writable", since=since)
        wait_until(lambda: writable.changes[-1].value, 5, "a write after the failover")
    return max(writable.last(False).off(killed["t"]), writable.last(True).off(back["t"]))


def is_writable(lab: Twin) -> bool:
    """Can a new connection to the endpoint write?"""
    try:
        with psycopg.connect(lab.state.dsn, connect_timeout=2, autocommit=True, sslmode="disable") as connection:
            connection.execute("create temporary table written ()")
            return True
    except (OSError, psycopg.Error):
        return False


def names_noted() -> set[str]:
    """Return the name of every event that the lab's code notes; a name that is put together counts with a star."""
    texts = "\n".join(path.read_text() for path in (ROOT / "lab").rglob("*.py"))
    found = re.findall(r'\._?note\(\s*f?"([^"]+)"', texts)
    return {re.sub(r"\{[^}]*\}", "*", name) for name in found}


def test_every_event_is_on_the_page() -> None:
    """docs/ground-truth.md names every event that the lab notes, and no other."""
    documented = set(re.findall(r"^\| `([^`]+)`", PAGE.read_text(), re.MULTILINE))
    assert documented == names_noted()


def test_the_api_does_not_read_the_truth() -> None:
    """What tests compare with never comes back through the AWS API."""
    readers = [path.name for path in (ROOT / "lab" / "aws").rglob("*.py") if "read_truth" in path.read_text()]
    assert readers == []
