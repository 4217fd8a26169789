"""aws:ecs:task-kill-process and aws:ecs:task-cpu-stress: signals to the task's own process, past ECS.

CPU stress takes away the task's own CPU and nobody else's: the process is really stopped and continued (SIGSTOP,
SIGCONT) every 50 ms, as the bandwidth limit of a small task stops it when stressors eat its quota. With a task of V
vCPU and N stressors that load W CPUs in all, the application keeps max(V - W, V / (N + 1)) of V: it runs that share of
each slice. Not modelled: the quota itself (without stress a task of the lab has a whole CPU), caches and memory.
"""

from __future__ import annotations

import random
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event, Thread

import psutil

from lab.aws.ecs_model import Task
from lab.aws.fis_faults import ActionFailed, Asked, Undo
from lab.processes import Process
from lab.truth import Truth

SLICE_S = 0.05
ZYGOTE = "lab.zygote"
CPUS = 2  # what a Fargate task of up to 2 vCPU sees, so what 0 workers means
ENDED_S = 5.0


def kill_process(asked: Asked, truth: Truth) -> None:
    """Send the signal to every process of that name; ActionFailed when one task has none, and nothing is sent then."""
    name, number = asked.parameters["processName"], signal.Signals[asked.parameters["signal"]]
    found = [(task, process) for task in asked.tasks for process in _named(task, name)]
    for task, process in found:
        with suppress(psutil.NoSuchProcess):  # it ended by itself in this instant
            process.send_signal(number)
            truth.note("process.killed", task=task.id, pid=process.pid, signal=number.name, experiment=asked.experiment)


def _named(task: Task, name: str) -> list[psutil.Process]:
    """Return the task's processes of a name, as `killall` finds them."""
    every: list[psutil.Process] = []
    if task.process is not None:
        with suppress(psutil.NoSuchProcess):
            own = psutil.Process(task.process.pid)
            every = [own, *own.children(recursive=True)]
    named = [process for process in every if name in names_of(process)]
    if not named:
        known = ", ".join(sorted(set().union(*map(names_of, every)))) if every else "none"
        raise ActionFailed(f"{name}: no process found in {task.arn}. There is: {known}")
    return named


def names_of(process: psutil.Process) -> set[str]:
    """Return what a process is called: its own name, and for `python -m uvicorn` also "uvicorn".

    A container runs the script `uvicorn`, whose process has that name; the lab runs the same module, a light task
    under the command line of the zygote that it was forked from.
    """
    names: set[str] = set()
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        command = process.cmdline()
        names = {process.name()}
        if "-m" in command[1:-1]:
            module = command[command.index("-m") + 1]
            names.add("uvicorn" if module == ZYGOTE else module)
    return names


def share_left(vcpu: float, workers: int, percent: float) -> float:
    """Return the share of its CPU that stressors leave an application: 1 for all of it."""
    count = workers or CPUS
    return min(1.0, max(vcpu - count * percent / 100, vcpu / (count + 1)) / vcpu) if percent else 1.0


@dataclass(slots=True)
class Slices:
    """Stops and continues one process until it is told to end; `stopped_s` is how long it stood still in all."""

    process: Process
    share: float
    over: Event = field(default_factory=Event)
    stopped_s: float = 0.0

    def run(self) -> None:
        """Run on a thread of its own; the process goes on afterwards in any case."""
        if self.over.wait(random.uniform(0, SLICE_S)):  # tasks are not stopped all at once
            return
        while not self.over.is_set() and self.process.poll() is None:
            began = time.monotonic()
            try:
                self.process.send_signal(signal.SIGSTOP)
                self.over.wait(SLICE_S * (1 - self.share))
            finally:
                self.process.send_signal(signal.SIGCONT)
            self.stopped_s += time.monotonic() - began
            self.over.wait(SLICE_S * self.share)


def stress_cpu(asked: Asked, truth: Truth) -> Undo:
    """Take CPU from the tasks; the undo gives it back and waits until every process goes on."""
    running: list[tuple[Task, Slices, Thread]] = []
    for task in asked.tasks:
        if task.process is None:
            continue
        vcpu = int(task.definition.body.get("cpu") or 256) / 1024
        share = share_left(vcpu, int(asked.number("workers")), asked.number("percent"))
        slices = Slices(task.process, share)
        thread = Thread(target=slices.run, daemon=True, name=f"cpu-stress-{task.short}")
        truth.note("cpu.on", task=task.id, pid=task.process.pid, share=round(share, 3), experiment=asked.experiment)
        if share < 1:
            thread.start()
        running.append((task, slices, thread))

    def undo() -> None:
        for _, slices, _ in running:
            slices.over.set()
        for task, slices, thread in running:
            if thread.ident is not None:
                thread.join(ENDED_S)
            truth.note("cpu.off", task=task.id, stopped_s=round(slices.stopped_s, 3), experiment=asked.experiment)

    return undo
