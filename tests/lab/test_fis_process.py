"""FIS's actions inside a task: its process really gets the signal, loses its CPU, and its disk is really written to."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lab.aws.fis_io import MOST_BYTES
from lab.aws.fis_process import names_of, share_left
from tests.lab.bench import call, exists, wait_until
from tests.lab.fis_lease import Lease, address_of
from tests.lab.fis_words import SERVICE_TASKS, on_tasks, one_task


def stopped_share(pid: int, for_s: float) -> float:
    """Return the share of looks at which a process stood still."""
    process, looks, until = psutil.Process(pid), [], time.monotonic() + for_s
    while time.monotonic() < until:
        looks.append(process.status() == psutil.STATUS_STOPPED)
        time.sleep(0.003)
    return sum(looks) / len(looks)


def slowest_ms(fis: Lease, arn: str, count: int = 40) -> float:
    """Return the slowest of so many answers of a task."""
    address = address_of(fis.lab, arn)
    return max(call(address, "GET", "/health").ms for _ in range(count))


@pytest.mark.parametrize(("signal", "code"), [("SIGTERM", 143), ("SIGKILL", 137)])
def test_killed_process_ends_its_task(fis: Lease, signal: str, code: int) -> None:
    """The signal reaches the process and not ECS, which only sees an essential container that exited."""
    began = time.time()
    kill = on_tasks("task-kill-process", processName="uvicorn", signal=signal)
    experiment = fis.play({"kill": kill}, {"tasks": SERVICE_TASKS})
    fis.wait(experiment, "completed")
    (arn,) = fis.targets(experiment)
    wait_until(lambda: fis.lab.task(arn)["lastStatus"] == "STOPPED", 10, "the task has stopped")
    task = fis.lab.task(arn)
    assert (task["stopCode"], task["containers"][0]["exitCode"]) == ("EssentialContainerExited", code)
    assert not exists(fis.lab.pid_of(arn))
    (killed,) = fis.lab.truth("process.killed", since=began)
    assert (killed["task"], killed["pid"]) == (arn.rpartition("/")[2], fis.lab.pid_of(arn))
    assert (killed["signal"], killed["experiment"]) == (signal, experiment)
    assert not fis.lab.truth("task.stop_requested", since=began)


def test_process_that_is_not_there_cannot_be_killed(fis: Lease) -> None:
    """A name that no process of a task has fails the action, and nobody gets a signal."""
    began = time.time()
    kill = on_tasks("task-kill-process", processName="nginx", signal="SIGKILL")
    failed = fis.wait(fis.play({"kill": kill}, {"tasks": {**SERVICE_TASKS, "selectionMode": "ALL"}}), "failed")
    assert "nginx: no process found" in failed["state"]["reason"]
    assert failed["state"]["error"]["location"] == "kill"
    assert not fis.lab.truth("process.killed", "task.exited", since=began)


def test_names_are_those_of_killall_and_of_the_module() -> None:
    """A process is known by its own name, and one that runs a module by the module's name too; a dead one by none."""
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "0"]
    with psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        wait_until(lambda: "http.server" in names_of(server), 5, "it runs the module")
        assert names_of(server) >= {server.name(), "http.server"}
        server.kill()
        server.wait()
    assert names_of(server) == set()


@pytest.mark.parametrize(
    ("workers", "percent", "left"),
    [(1, 100, 1 / 2), (0, 100, 1 / 3), (3, 100, 1 / 4), (1, 10, 0.6), (1, 0, 1.0), (0, 0, 1.0), (2, 1, 0.92)],
)
def test_stress_leaves_a_fair_share(workers: int, percent: float, left: float) -> None:
    """Of 0.25 vCPU an application keeps what the stressors do not use, and at least its fair share among them."""
    assert share_left(0.25, workers, percent) == pytest.approx(left)


def test_cpu_stress_slows_the_target_and_nobody_else(fis: Lease) -> None:
    """With two stressors a task stands still for two thirds of the time, answers late, and runs on afterwards."""
    arn, other = fis.lab.task_arns()[:2]
    pid = fis.lab.pid_of(arn)
    experiment = fis.play({"cpu": on_tasks("task-cpu-stress", duration="PT3S")}, {"tasks": one_task(arn)})
    fis.lab.wait_truth("cpu.on", since=0, experiment=experiment)
    assert 0.45 < stopped_share(pid, 1.0) < 0.85
    assert slowest_ms(fis, arn) > 15
    assert stopped_share(fis.lab.pid_of(other), 0.2) == 0
    fis.wait(experiment, "completed")
    assert stopped_share(pid, 0.3) == 0
    on, off = fis.lab.truth("cpu.on", "cpu.off", experiment=experiment)
    assert on["share"] == pytest.approx(1 / 3, abs=0.01)
    assert 0.5 < off["stopped_s"] / (off["t"] - on["t"]) < 0.8
    assert fis.lab.task(arn)["lastStatus"] == "RUNNING"


def test_cpu_stress_ends_with_the_experiment(fis: Lease) -> None:
    """Stopped in the middle, no process of a task stands still."""
    stress = on_tasks("task-cpu-stress", duration="PT1M", workers="4")
    experiment = fis.play({"cpu": stress}, {"tasks": {**SERVICE_TASKS, "selectionMode": "ALL"}})
    wait_until(lambda: len(fis.lab.truth("cpu.on", experiment=experiment)) == 3, 5, "three stressed tasks")
    fis.lab.fis.stop_experiment(id=experiment)
    fis.wait(experiment, "stopped")
    for arn in fis.lab.task_arns():
        assert psutil.Process(fis.lab.pid_of(arn)).status() != psutil.STATUS_STOPPED
        assert call(address_of(fis.lab, arn), "GET", "/health").status == 200


def test_io_stress_writes_and_leaves_nothing(fis: Lease) -> None:
    """While it lasts its files are written to again and again, and stay small; afterwards they are gone."""
    stress = on_tasks("task-io-stress", duration="PT2S", workers="9")
    experiment = fis.play({"io": stress}, {"tasks": SERVICE_TASKS})
    on = fis.lab.wait_truth("io.on", since=0, experiment=experiment)
    folder = Path(str(on["folder"]))
    assert folder.is_relative_to(fis.lab.settings.home)
    wait_until(lambda: sum(size for size in sizes(folder)) > 1 << 20, 2, "a megabyte is written")
    assert len(list(sizes(folder))) == on["workers"] == 4
    assert max(sizes(folder)) <= MOST_BYTES
    fis.wait(experiment, "completed")
    (off,) = fis.lab.truth("io.off", experiment=experiment)
    assert off["written"] > 1 << 20
    assert off["trouble"] == []
    assert not (fis.lab.settings.home / "tasks").exists() or not list((fis.lab.settings.home / "tasks").iterdir())


def sizes(folder: Path) -> Iterator[int]:
    """Yield the sizes of the files in a folder."""
    return (file.stat().st_size for file in folder.iterdir())
