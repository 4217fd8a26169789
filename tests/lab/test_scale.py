"""Many light tasks are real ones: own processes, addresses and links, which can be killed one by one."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator

import psutil
import pytest

from lab import control, usage
from lab.aws.fis_process import names_of
from lab.light import Light
from lab.settings import CLUSTER, Settings
from tests.lab.bench import exists, wait_until
from tests.lab.twin import Twin, twin

COUNT = 24
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="tasks are forked on Linux only")


@pytest.fixture(scope="module")
def many() -> Iterator[Twin]:
    """A lab with twenty-four tasks."""
    with twin(tasks=COUNT) as lab:
        yield lab


def task_pids(lab: Twin) -> dict[str, int]:
    """Return {name: pid} of the tasks' processes."""
    return {name: pid for name, pid in lab.pids().items() if name.startswith("task-")}


def all_healthy(lab: Twin) -> bool:
    """Are all tasks healthy targets?"""
    return list(lab.health().values()).count("healthy") == COUNT


def test_a_handful_is_ordinary_and_many_are_light() -> None:
    """Three tasks have pools of their build's size; 200 get one connection each, and the server takes twice as many."""
    assert Light.of(Settings()) is None
    light = Light.of(Settings(tasks=200))
    assert light is not None
    assert (light.pool, light.metrics_every_s) == (1, 10)
    assert light.connections(200) >= 400


def test_every_task_is_a_process_with_its_own_address_and_links(many: Twin) -> None:
    """Own pid, session, address, two links; eight in each zone; each answers requests, and all share their memory."""
    pids = task_pids(many)
    assert len(pids) == len(set(pids.values())) == COUNT
    zygote = many.pids()["zygote"]
    assert {psutil.Process(pid).ppid() for pid in pids.values()} == {zygote}
    assert all(os.getsid(pid) == pid for pid in pids.values())
    assert all("uvicorn" in names_of(psutil.Process(pid)) for pid in pids.values())  # for FIS's task-kill-process
    assert len({host for host, _ in many.health()}) == COUNT
    assert len(many.links()) == 2 * COUNT + 1
    assert {many.get().headers["x-task"] for _ in range(3 * COUNT)} == {arn.rpartition("/")[2] for arn in tasks(many)}
    found = many.ecs.describe_tasks(cluster=CLUSTER, tasks=tasks(many))["tasks"]
    assert Counter(task["availabilityZone"] for task in found) == dict.fromkeys(zones(), COUNT // 3)
    assert many.state.light == "light: pool 2, forked, metrics every 1 s"


def tasks(lab: Twin) -> list[str]:
    """Return the service's tasks."""
    return lab.task_arns()


def zones() -> list[str]:
    """Return the three zones."""
    return [f"eu-west-1{letter}" for letter in "abc"]


def test_status_tells_what_each_kind_costs(many: Twin) -> None:
    """Every process has memory; the kinds add up to the total; forked tasks share most of theirs."""
    found = usage.measure(many.pids(), 0.2)
    sums = {one.name: one for one in usage.by_kind(found)}
    assert {one.name for one in found} == set(many.pids())
    assert all(one.memory_mb > 1 for one in found)
    assert {"daemon", "balancer", "links", "postgres", "tasks", "zygote", "people", "keeper", "total"} == set(sums)
    assert (sums["tasks"].processes, sums["balancer"].processes) == (COUNT, 1)
    assert sums["postgres"].processes > COUNT  # with its backends
    assert sums["total"].memory_mb == pytest.approx(sum(one.memory_mb for one in found), abs=1)
    resident_mb = sum(psutil.Process(pid).memory_info().rss for pid in task_pids(many).values()) / 1e6
    assert sums["tasks"].memory_mb < resident_mb / 2


def test_killed_tasks_are_replaced_and_the_others_serve(many: Twin) -> None:
    """SIGKILL of six tasks ends those six and no other; they stop with code 137; six new ones come."""
    before = task_pids(many)
    doomed, began = dict(list(before.items())[:6]), time.time()
    for pid in doomed.values():
        os.kill(pid, signal.SIGKILL)
    ended = [many.wait_truth("task.exited", since=began, task=full(many, name)) for name in doomed]
    assert {event["code"] for event in ended} == {-signal.SIGKILL}
    wait_until(lambda: len(task_pids(many).keys() - before.keys()) == 6 and all_healthy(many), 15, "replaced")
    assert before.keys() - task_pids(many).keys() == doomed.keys()
    stopped = many.ecs.list_tasks(cluster=CLUSTER, desiredStatus="STOPPED")["taskArns"]
    codes = {
        task["containers"][0].get("exitCode")
        for task in many.ecs.describe_tasks(cluster=CLUSTER, tasks=stopped)["tasks"]
        if f"task-{task['taskArn'].rpartition('/')[2][:12]}" in doomed
    }
    assert codes == {137}


def full(lab: Twin, name: str) -> str:
    """Return the whole identifier of the task behind a process's name."""
    return next(str(e["task"]) for e in lab.truth("task.started") if str(e["task"]).startswith(name[5:]))


def test_tasks_outlive_the_process_they_come_from(many: Twin) -> None:
    """Without the zygote its tasks serve on; the next one comes from a new zygote; an orphan's end is noticed."""
    before, zygote = task_pids(many), many.pids()["zygote"]
    os.kill(zygote, signal.SIGKILL)
    wait_until(lambda: not exists(zygote), 5, "the zygote is gone")
    assert {many.get().status for _ in range(COUNT)} == {200}
    assert task_pids(many) == before
    name, pid = next(iter(before.items()))
    began = time.time()
    os.kill(pid, signal.SIGKILL)
    many.wait_truth("task.exited", since=began, task=full(many, name))
    wait_until(lambda: len(task_pids(many).keys() - before.keys()) == 1 and all_healthy(many), 15, "replaced")
    assert many.pids()["zygote"] != zygote


def test_no_light_task_outlives_a_killed_daemon(many: Twin) -> None:
    """SIGKILL of the daemon: its keeper ends all tasks, also those whose parent is gone. The lab's last test."""
    pids = many.pids()
    everyone = set(pids.values()) - {pids["daemon"]}
    os.kill(pids["daemon"], signal.SIGKILL)
    wait_until(lambda: not any(map(exists, everyone)), 10, "everyone has ended")
    assert control.status(many.settings.home) is None
