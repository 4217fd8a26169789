"""aws:ecs:task-io-stress: real writes, each brought to the disk by fsync, in a folder of the task.

Bounded, because the disk is the laptop's: a task's workers write 256 KiB every 50 ms each, over and over into a file of
at most 16 MiB, at most four of them. `percent` of the free space is what the files hold if that is less. Removed when
the action ends. Not modelled: a full disk, and a slower one for the application, which writes nothing but its log.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from lab.aws.ecs_model import Task
from lab.aws.fis_faults import ActionFailed, Asked, Undo
from lab.truth import Truth

BLOCK = bytes(256 * 1024)
PAUSE_S = 0.05
MOST_BYTES, MOST_WORKERS = 16 << 20, 4
ENDED_S = 10.0


@dataclass(slots=True)
class Writer:
    """One worker: writes over a file of so many bytes until it is told to end."""

    path: Path
    size: int
    over: Event = field(default_factory=Event)
    written: int = 0
    trouble: str = ""

    def run(self) -> None:
        """Run on a thread of its own; a full disk ends it."""
        try:
            with self.path.open("wb") as file:
                while not self.over.wait(PAUSE_S):
                    if file.tell() + len(BLOCK) > self.size:
                        file.seek(0)
                    self.written += file.write(BLOCK[: self.size])
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as error:
            self.trouble = str(error)


@dataclass(slots=True)
class Load:
    """The workers of one task, and the folder they write in."""

    task: Task
    folder: Path
    writers: list[Writer]
    threads: list[Thread]

    def end(self) -> dict[str, object]:
        """Stop the workers and remove the folder; return what they did."""
        for writer in self.writers:
            writer.over.set()
        for thread in self.threads:
            thread.join(ENDED_S)
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):  # another experiment may stress the same task, or another task
            self.folder.parent.rmdir()
            self.folder.parent.parent.rmdir()
        trouble = [writer.trouble for writer in self.writers if writer.trouble]
        return {"written": sum(writer.written for writer in self.writers), "trouble": trouble}


def folder_of(home: Path, task: Task) -> Path:
    """Return the folder that a task's files lie in."""
    return home / "tasks" / task.short


def _begin(home: Path, asked: Asked, task: Task) -> Load:
    folder = folder_of(home, task) / asked.experiment
    folder.mkdir(parents=True, exist_ok=True)
    workers = min(int(asked.number("workers")), MOST_WORKERS)
    free = int(shutil.disk_usage(folder).free * asked.number("percent") / 100)
    writers = [Writer(folder / f"worker-{n}", min(MOST_BYTES, free // workers)) for n in range(workers)]
    threads = [Thread(target=writer.run, daemon=True, name=f"io-stress-{task.short}") for writer in writers]
    for thread in threads:
        thread.start()
    return Load(task, folder, writers, threads)


def stress_io(asked: Asked, truth: Truth, home: Path) -> Undo:
    """Write for every task; the undo ends it and removes the files."""
    loads: list[Load] = []

    def undo() -> None:
        for load in loads:
            truth.note("io.off", None, task=load.task.id, experiment=asked.experiment, **load.end())

    try:
        for task in asked.tasks:
            load = _begin(home, asked, task)
            loads.append(load)
            where = {"folder": load.folder, "workers": len(load.writers)}
            truth.note("io.on", None, task=task.id, experiment=asked.experiment, **where)
    except OSError as error:
        undo()
        raise ActionFailed(f"I/O stress could not begin: {error}") from error
    return undo
