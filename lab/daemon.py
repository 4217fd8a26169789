"""The lab's daemon: starts a world, keeps it true, and takes everything down again.

Its home keeps truth, audit and logs; the rest is removed at the end. Whatever kills it, its children end with it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from types import FrameType

from lab import boot
from lab.aws.world import World
from lab.builds import with_build
from lab.checks import check_home, check_ports, check_room
from lab.light import Light
from lab.loops import Loops
from lab.processes import Children, clean_stale
from lab.repair import Repair
from lab.seed import seed
from lab.settings import LabError, Settings
from lab.state import REMOVED, Home, LabState, clear, describe

HEALTHY_S = 30.0
EACH_S = 0.3  # and as much longer for each task
FRESH = ("truth.jsonl", "people.jsonl", "audit.jsonl*", "logs/task-*.log")  # begun anew by each lab


class Stopped(Exception):
    """A signal asked the lab to end while it was starting."""


def run(settings: Settings) -> int:
    """Run a lab until a signal ends it; return the exit code. Problems are told in one sentence in the boot log."""
    home = Home(settings.home)
    try:
        check_home(settings.home)
    except LabError as error:
        print(error, file=sys.stderr, flush=True)
        return 2
    say = _speaker(home.progress)
    try:
        with home.hold():
            return _live(with_build(settings), home, say)
    except LabError as error:
        say(f"ERROR: {error}")
        return 2
    except Stopped:
        return 0
    except Exception as error:  # noqa: BLE001 - the last resort: a bug of ours must reach whoever waits for the lab
        traceback.print_exc()
        say(f"ERROR: the lab failed to start: {type(error).__name__}: {error} (log: {home.daemon_log})")
        return 70


def _speaker(path: Path) -> Callable[[str], None]:
    def say(sentence: str) -> None:
        with path.open("a") as file:
            file.write(sentence.replace("\n", " ") + "\n")

    return say


def _live(settings: Settings, home: Home, say: Callable[[str], None]) -> int:
    stop = _stop_on_signals()
    clean_stale(home.children)
    check_room(settings.home)
    check_ports(settings)
    clear(settings.home, (*REMOVED, *FRESH))
    with ExitStack() as stack:
        stack.callback(clear, settings.home, REMOVED)
        children = Children(home.children)
        stack.callback(children.stop_all)
        with stop.raising():
            _start(settings, home, children, stack, say)
        stop.wait()
    return 0


def _start(settings: Settings, home: Home, children: Children, stack: ExitStack, say: Callable[[str], None]) -> None:
    began = time.time()
    world = boot.start(settings, children, say)
    repair = Repair(world, world.ecs.tasks.runner)
    loops = Loops(world, lambda pids: home.write_state(_describe(world, pids, began)), repair)
    ends = (world.truth.close, _note_down(world), world.ecs.tasks.kill_all, world.fis.close)
    for ending in (*ends, boot.serve(world), loops.join):
        stack.callback(ending)
    stack.callback(world.closing.set)
    seed(world)
    light = Light.of(settings)
    say(f"starting {settings.tasks} tasks of build {settings.build}{f' ({light})' if light else ''}")
    loops.start()
    boot.keep_records()  # while the tasks start
    _wait_healthy(world)
    world.ecs.scheduler.start_delay_s = settings.simulated.task_start_s
    world.truth.note("lab.ready", after_s=round(time.time() - began, 3))
    loops.announce()


def _note_down(world: World) -> Callable[[], object]:
    return lambda: world.truth.note("lab.down")


def _describe(world: World, pids: dict[str, int], began: float) -> LabState:
    binaries = world.pair.binaries
    return describe(
        world.settings,
        dsn=world.pair.url(world.settings.database_port),
        pids={"daemon": os.getpid(), **pids},
        postgres={"version": binaries.version, "source": binaries.source},
        started_at=began,
        multi_az=world.rds.multi_az,
    )


def _wait_healthy(world: World) -> None:
    """Wait until the service's first tasks are healthy; LabError with the end of a task's log if they are not."""
    within_s = HEALTHY_S + EACH_S * world.settings.tasks
    deadline = time.monotonic() + within_s
    while True:
        with world.lock:
            healthy, _ = world.elbv2.counts()
            steady = all(service.steady for service in world.ecs.services.values())
        if healthy >= world.settings.tasks and steady:
            return
        if time.monotonic() > deadline:
            raise LabError(
                f"{healthy} of {world.settings.tasks} tasks became healthy within {within_s:.0f} s; {_why(world)}"
            )
        time.sleep(0.02)


def _why(world: World) -> str:
    logs = sorted((world.settings.home / "logs").glob("task-*.log"), key=lambda log: log.stat().st_mtime)
    lines = logs[-1].read_text(errors="replace").strip().splitlines() if logs else []
    return f"the last words of a task: {lines[-1]} (log: {logs[-1]})" if lines else "no task said why"


class _Stop:
    """SIGTERM and SIGINT: an exception while the lab starts, an event once it runs."""

    def __init__(self) -> None:
        self._asked = Event()
        self._raises = False

    def ask(self, number: int, frame: FrameType | None) -> None:
        self._asked.set()
        if self._raises:
            self._raises = False  # once: what takes the lab down must not be interrupted
            raise Stopped

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Raise Stopped in this block when a signal comes, or came before it."""
        self._raises = True
        try:
            if self._asked.is_set():
                raise Stopped
            yield
        finally:
            self._raises = False

    def wait(self) -> None:
        """Wait for a signal."""
        self._asked.wait()


def _stop_on_signals() -> _Stop:
    stop = _Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop.ask)
    return stop
