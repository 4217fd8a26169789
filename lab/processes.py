"""Child processes, none of which outlives the lab.

Every child gets its own session, is written down in `children.json`, and is told to a keeper process, which ends them
all when this process is gone, be it by SIGKILL. The next lab ends what even the keeper left (`clean_stale`).
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import psutil

from lab.keeper import MARK, Record, end, end_recorded, find, gone, record_of
from lab.settings import LabError

ROOT = Path(__file__).resolve().parents[1]  # the folder that holds the package `lab`
FILE = "children.json"
PASSED_ON = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ")


def server_user() -> str | None:
    """Return the user PostgreSQL runs as: "nobody" when we are root, else None (ourselves)."""
    return "nobody" if os.geteuid() == 0 else None


def own_environment(**more: str) -> dict[str, str]:
    """Return the environment for a Python child of the lab: a few of our variables, the way to `lab`, and `more`."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **more}


def python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module with this interpreter; never one of that name in the working directory."""
    return [sys.executable, "-P", "-m", module, *arguments]


class Process(Protocol):
    """A running or ended process: what is used of Popen, and what a forked one has too."""

    pid: int

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code."""
        ...

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""
        ...

    def kill(self) -> None:
        """SIGKILL."""
        ...


class Children:
    """Starts processes and makes sure that none outlives this one. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mark = uuid.uuid4().hex
        self._lock = threading.RLock()
        self._started: dict[int, tuple[Record, Process]] = {}
        self._keeper: subprocess.Popen[bytes] | None = None

    def spawn(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        log: Path,
        user: str | None = None,
        stop: signal.Signals = signal.SIGTERM,
        cwd: Path | None = None,
        pass_fds: Sequence[int] = (),
    ) -> subprocess.Popen[bytes]:
        """Start a process in its own session, its output appended to `log`. `env` is its whole environment.

        `stop` is the signal that ends it in order, `pass_fds` are descriptors that it inherits.
        Raises OSError when the program cannot be run.
        """
        with self._lock:
            self._ensure_keeper()
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as output:
                process = subprocess.Popen(
                    command,
                    env={**env, MARK: self._mark},
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=pass_fds,
                    user=user,
                    group=pwd.getpwnam(user).pw_gid if user else None,
                    extra_groups=[] if user else None,
                )
            record = record_of(name, process.pid, stop)  # a child that ended at once is a zombie and still there
            self._add(record, process)
        return process

    def adopt(self, name: str, process: Process, stop: signal.Signals = signal.SIGTERM) -> None:
        """Take care of a process that one of the children has started; one that has ended already is not taken."""
        with self._lock, contextlib.suppress(psutil.NoSuchProcess):
            self._add(record_of(name, process.pid, stop), process)

    def _add(self, record: Record, process: Process) -> None:
        self._started[process.pid] = record, process
        self._tell({"add": record.as_dict()})
        self._write()

    def stop(self, process: Process, *, by: signal.Signals | None = None, grace_s: float = 5.0) -> int:
        """End a child by its stop signal (or the one given) and forget it; return its exit code.

        What is left of it and its descendants after `grace_s` seconds is killed. It must not have been forgotten.
        """
        with self._lock:
            known = self._started.get(process.pid)
        if known and (living := find(known[0])):
            end([(living, by or known[0].stop)], grace_s)
        code = process.wait()
        self.forget(process)
        return code

    def kill(self, process: Process) -> int:
        """End a child and its whole tree by SIGKILL at once; forget it; return its exit code."""
        return self.stop(process, by=signal.SIGKILL, grace_s=0)

    def forget(self, process: Process) -> None:
        """Say that this process is over (after it was stopped or has ended)."""
        with self._lock:
            if self._started.pop(process.pid, None) is None:
                return
            self._tell({"forget": process.pid})
            self._write()

    def stop_all(self) -> None:
        """Stop every process, the keeper last, and remove the file that lists them."""
        with self._lock:
            started = list(self._started.values())
            end([(found, record.stop) for record, _ in started if (found := find(record))])
            for _, process in started:
                process.wait()
            self._started.clear()
            self._dismiss_keeper()
            (self._folder / FILE).unlink(missing_ok=True)

    def pids(self) -> dict[str, int]:
        """Return {name: pid} of what is alive, the keeper included as "keeper"."""
        with self._lock:
            alive = {record.name: record.pid for record, process in self._started.values() if process.poll() is None}
            if self._keeper and self._keeper.poll() is None:
                alive["keeper"] = self._keeper.pid
            return alive

    def _ensure_keeper(self) -> None:
        if self._keeper and self._keeper.poll() is None:
            return
        self._close_pipe()
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "keeper.log").open("ab") as output:
            self._keeper = subprocess.Popen(
                python("lab.keeper", self._mark),
                env=own_environment(),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        for record, _ in self._started.values():
            self._send({"add": record.as_dict()})
        threading.Thread(target=self._watch, args=(self._keeper,), name="keeper's keeper", daemon=True).start()

    def _watch(self, keeper: subprocess.Popen[bytes]) -> None:
        """Start another keeper when this one is gone."""
        keeper.wait()
        with self._lock:
            if keeper is self._keeper:
                self._ensure_keeper()
                self._write()

    def _tell(self, message: Mapping[str, object]) -> None:
        """Tell the keeper; one that died meanwhile is replaced, and its successor gets the whole list anyway."""
        try:
            self._send(message)
        except BrokenPipeError:
            if self._keeper:
                self._keeper.wait()
            self._ensure_keeper()

    def _send(self, message: Mapping[str, object]) -> None:
        if self._keeper and self._keeper.stdin:
            self._keeper.stdin.write(json.dumps(message).encode() + b"\n")
            self._keeper.stdin.flush()

    def _dismiss_keeper(self) -> None:
        self._close_pipe()
        if self._keeper:
            self._keeper.wait()
            self._keeper = None

    def _close_pipe(self) -> None:
        if self._keeper and self._keeper.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._keeper.stdin.close()

    def _write(self) -> None:
        """Keep the list on disk for `clean_stale`, replaced in one step."""
        owner = record_of("lab", os.getpid(), signal.SIGTERM)
        listed = [record.as_dict() for record, _ in self._started.values()]
        draft = self._folder / f"{FILE}.new"
        draft.write_text(json.dumps({"mark": self._mark, "owner": owner.as_dict(), "children": listed}))
        draft.replace(self._folder / FILE)


def clean_stale(folder: Path) -> list[str]:
    """End what `folder/children.json` of a dead lab still lists; return the names of what was ended.

    Nothing is touched while the lab that wrote the file is alive, nor a process that only got the same pid later.
    Raises LabError when the file cannot be understood.
    """
    file = folder / FILE
    try:
        listed = json.loads(file.read_text())
        owner, mark = Record(**listed["owner"]), listed["mark"]
        children = [Record(**child) for child in listed["children"]]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError) as error:
        raise LabError(
            f"{file} is not what a lab writes ({error}); end its processes, if any, and remove it"
        ) from error
    living = find(owner)
    if living and not gone(living):
        return []
    ended = end_recorded(children, mark)
    file.unlink(missing_ok=True)
    return ended
