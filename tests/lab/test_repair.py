"""A link process that ends behind the lab's back takes no task with it, and leaves nothing open."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

import pytest

from lab.links import Links
from lab.settings import CLUSTER
from tests.lab.bench import wait_until
from tests.lab.twin import Twin, twin


@pytest.fixture(scope="module")
def lab() -> Iterator[Twin]:
    """One lab for this file."""
    with twin() as lab:
        yield lab


def short(arn: str) -> str:
    """Return the part of a task's identifier that its links are named by."""
    return arn.rpartition("/")[2][:12]


def errors(lab: Twin) -> str:
    """Return what the daemon has printed."""
    return (lab.settings.home / "logs" / "daemon.log").read_text()


def test_ended_task_leaves_no_link_even_if_one_is_gone(lab: Twin) -> None:
    """One link of a task vanished: the other is closed with the task, and the daemon has no error to tell."""
    arn = lab.task_arns()[0]
    Links(lab.settings.link_admin_port).close(f"eni-{short(arn)}")
    lab.ecs.stop_task(cluster=CLUSTER, task=arn)
    wait_until(lambda: lab.task(arn)["lastStatus"] == "STOPPED", 10, "the task has stopped")
    wait_until(lambda: f"db-{short(arn)}" not in lab.links(), 2, "its other link is closed")
    wait_until(lab.is_well, 15, "it is replaced")
    assert "Traceback" not in errors(lab)


def test_task_waits_for_links_instead_of_failing(lab: Twin) -> None:
    """While the link process is killed again and again a task is due: it starts when the links are back."""
    began, arn = time.time(), lab.task_arns()[0]
    lab.ecs.stop_task(cluster=CLUSTER, task=arn)
    while time.time() < began + 1.2:
        with contextlib.suppress(ProcessLookupError, KeyError):
            os.kill(lab.pids()["link"], signal.SIGKILL)
        time.sleep(0.01)
    wait_until(lab.is_well, 20, "it is replaced")
    stopped = lab.ecs.list_tasks(cluster=CLUSTER, desiredStatus="STOPPED")["taskArns"]
    codes = {task.get("stopCode") for task in lab.ecs.describe_tasks(cluster=CLUSTER, tasks=stopped)["tasks"]}
    assert "TaskFailedToStart" not in codes
    running = {short(each) for each in lab.task_arns()}
    expected = {"endpoint", *(f"{kind}-{each}" for kind in ("eni", "db") for each in running)}
    wait_until(lambda: set(lab.links()) == expected, 5, "all links and no others are open")
    wait_until(lab.is_well, 5, "it stays well")
