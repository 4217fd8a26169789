"""Light tasks, for labs with many: real processes, but forked from one that has everything loaded (`lab.zygote`).

They differ from others in how they start, in the size of their connection pool, and in how often they send metrics and
ask the database; `lab status` says so. Only Linux can fork a process that uses threads and sockets without harm, so
elsewhere light tasks are started as all others are.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from lab.links import Address
from lab.processes import Children, Process, own_environment, python
from lab.settings import REGION, LabError, Settings

MOST_ORDINARY = 8  # with more tasks than this, all are light
MOST_ORDINARY_AT_ONCE = 40  # what ECS starts whatever is asked for: 50 MB each
MOST_AT_ONCE = 420  # light ones: 200 that are replaced all at once, and some of other services
POOL_CONNECTIONS = 240  # the largest sum of all tasks' pools
CALLS_PER_S = 20  # the most PutMetricData calls that the tasks make together
ANSWER_S = 15.0
ORPHAN_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Light:
    """What is different with so many tasks."""

    pool: int
    metrics_every_s: float
    probe_every_s: float = 2.0
    ask_every_s: float = 0.25  # how often a task that starts is asked whether it answers

    @classmethod
    def of(cls, settings: Settings) -> Light | None:
        """Return it for a lab with many tasks, None for one with a handful."""
        if settings.tasks <= MOST_ORDINARY:
            return None
        pool = max(1, min(2, POOL_CONNECTIONS // settings.tasks // 2))
        return cls(pool, max(1.0, float(settings.tasks // CALLS_PER_S)))

    def environment(self) -> dict[str, str]:
        """Return the settings of a task's backend."""
        return {
            "POOL_SIZE": str(self.pool),
            "METRICS_EVERY_S": str(self.metrics_every_s),
            "PROBE_EVERY_S": str(self.probe_every_s),
        }

    def connections(self, tasks: int) -> int:
        """Return what max_connections must be: twice the tasks while they are replaced, and some for others."""
        return max(100, 2 * tasks * self.pool + 60)

    def __str__(self) -> str:
        how = "forked" if can_fork() else "not forked on this system"
        return f"light: pool {self.pool}, {how}, metrics every {self.metrics_every_s:g} s"


def can_fork() -> bool:
    """Can tasks be forked here?"""
    return sys.platform.startswith("linux")


@dataclass(eq=False, slots=True)
class Forked:
    """A forked process, with what Popen has of it. Its parent, the zygote, tells when it has ended."""

    pid: int
    created: float
    _over: threading.Event = field(default_factory=threading.Event)
    _code: int | None = None
    _orphan: bool = False

    def poll(self) -> int | None:
        """Return the exit code, None while it runs. Of an orphan nobody knows the code: it counts as killed."""
        if self._orphan and self._code is None and not self._exists():
            self.ended(-signal.SIGKILL)
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code; TimeoutError."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise TimeoutError(f"process {self.pid} has not ended within {timeout} s")
            self._over.wait(ORPHAN_EVERY_S if self._orphan else left)
        return code

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sig)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def ended(self, code: int) -> None:
        """Say that it is over."""
        self._code = code
        self._over.set()

    def orphaned(self) -> None:
        """Say that nobody will tell of its end any more."""
        self._orphan = True
        if self._code is None:
            self._over.set()  # wakes who waits without a limit; poll decides
            self._over = threading.Event()

    def _exists(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            return abs(process.create_time() - self.created) < 1 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


class Nursery:
    """The daemon's end of a zygote: asks it for tasks. One that has died is started anew with the next task."""

    def __init__(self, children: Children, home: Path, api_port: int) -> None:
        self._children = children
        self._log = home / "logs" / "zygote.log"
        self._endpoint = f"http://127.0.0.1:{api_port}"
        self._lock = threading.Lock()
        self._zygote: Process | None = None
        self._channel: socket.socket | None = None
        self._asked = 0
        self._answers: dict[int, Forked] = {}
        self._answered = threading.Condition()

    def start(self) -> None:
        """Start the zygote; it loads while others do their work, and answers when it is ready."""
        mine, its = socket.socketpair()
        with its:
            self._zygote = self._children.spawn(
                "zygote",
                python("lab.zygote", str(its.fileno())),
                env=own_environment(
                    AWS_ENDPOINT_URL=self._endpoint,
                    AWS_REGION=REGION,
                    AWS_DEFAULT_REGION=REGION,
                    AWS_ACCESS_KEY_ID="lab",
                    AWS_SECRET_ACCESS_KEY="lab",
                ),
                log=self._log,
                pass_fds=(its.fileno(),),
            )
        self._channel = mine
        threading.Thread(target=self._listen, args=(mine, self._zygote), name="zygote", daemon=True).start()

    def fork(self, name: str, env: Mapping[str, str], address: Address, log: Path) -> Forked:
        """Start a task; LabError when the zygote does not answer."""
        number = self._ask({"env": dict(env), "host": address[0], "port": address[1], "log": str(log)})
        with self._answered:
            self._answered.wait_for(lambda: number in self._answers or self._is_gone(), ANSWER_S)
            if number not in self._answers:
                raise LabError(f"no task could be forked; see {self._log}")
            child = self._answers.pop(number)
        self._children.adopt(name, child)
        return child

    def _is_gone(self) -> bool:
        return self._zygote is None or self._zygote.poll() is not None

    def _ask(self, order: Mapping[str, object]) -> int:
        """Send an order, to a new zygote if there is none; return its number."""
        with self._lock:
            if self._is_gone():
                self.start()
            assert self._channel is not None
            self._asked += 1
            try:
                self._channel.sendall(json.dumps({"id": self._asked, **order}).encode() + b"\n")
            except OSError as error:
                raise LabError(f"the process that light tasks are forked from is gone: {error}") from error
            return self._asked

    def _listen(self, channel: socket.socket, zygote: Process) -> None:
        """Hear what one zygote tells until it is gone: its children are orphans then, its successor's are not."""
        own: dict[int, Forked] = {}
        with channel, channel.makefile("r") as lines, contextlib.suppress(OSError, ValueError):
            for line in lines:
                message = json.loads(line)
                if "ended" in message:
                    if child := own.pop(message["ended"], None):
                        child.ended(message["code"])
                else:
                    own[message["pid"]] = self._born(message["id"], message["pid"])
        zygote.wait()
        with self._answered:
            self._answered.notify_all()
        for child in own.values():
            child.orphaned()

    def _born(self, number: int, pid: int) -> Forked:
        try:
            created = psutil.Process(pid).create_time()
        except psutil.NoSuchProcess:  # reaped already; its end is the next message
            created = 0.0
        with self._answered:
            child = self._answers[number] = Forked(pid, created)
            self._answered.notify_all()
        return child
