"""Starts, stops and looks at a lab from another process. The lab itself is a daemon, `python -m lab`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import psutil

from lab.builds import with_build
from lab.keeper import wait_gone
from lab.processes import ROOT, clean_stale, python
from lab.settings import LabError, Settings
from lab.state import REMOVED, Home, LabState, clear

__all__ = ["LabState", "down", "status", "up"]

READY_S = 45.0  # the longest a start may take
EACH_S = 0.3  # and as much longer for each task
GONE_S = 12.0  # the longest an orderly end may take
ERROR = "ERROR: "


def up(settings: Settings, progress: Callable[[str], None]) -> LabState:
    """Start a lab in the background and wait until its tasks are healthy; `progress` gets a sentence a step.

    Raises LabError with what mends it; a failed start leaves nothing running.
    """
    settings = with_build(settings)
    home = Home(settings.home)
    if home.daemon_pid() is not None:
        raise LabError(f"a lab is already running in {settings.home}; stop it with `gameday lab down`")
    daemon = _spawn(settings)
    try:
        state = _wait_ready(home, daemon, READY_S + EACH_S * settings.tasks, progress)
    except BaseException:  # also an interrupt: nothing may stay behind
        _end(home, daemon.pid)
        daemon.wait()
        raise
    Thread(target=daemon.wait, daemon=True, name="lab's end").start()  # so that no zombie stays if we live longer
    return state


def down(home: Path) -> bool:
    """Stop the lab of this home and everything it started; True if there was one."""
    there = Home(home)
    pid = there.daemon_pid()
    if pid is not None:
        _end(there, pid)
    else:
        _clean(there)
    if there.lock.exists():
        with contextlib.suppress(LabError), there.hold():  # unless the next lab has begun already
            clear(home, REMOVED)  # what a daemon that was killed left
    return pid is not None


def status(home: Path) -> LabState | None:
    """Return the running lab of this home; None if there is none, after cleaning up what a dead one left."""
    there = Home(home)
    if there.daemon_pid() is not None:
        return there.read_state()
    _clean(there)
    return None


def arguments(settings: Settings) -> list[str]:
    """Return the command line that makes `python -m lab` run with these settings."""
    options = [f"--home={settings.home}", f"--port-base={settings.port_base}", f"--build={settings.build}"]
    options += [f"--tasks={settings.tasks}", f"--stop-timeout-s={settings.stop_timeout_s}"]
    options += [f"--replication={settings.replication}"]
    options += [f"--deny={action}" for action in settings.deny]
    options += [f"--simulate={name}={value}" for name, value in settings.simulated.as_dict().items()]
    return options if settings.multi_az else [*options, "--single-az"]


def _spawn(settings: Settings) -> subprocess.Popen[bytes]:
    home = Home(settings.home)
    try:
        home.progress.parent.mkdir(parents=True, exist_ok=True)
        home.progress.write_text("")
        home.state.unlink(missing_ok=True)
    except OSError as error:
        raise LabError(f"cannot write to {settings.home} ({error.strerror}); choose another home with --home") from None
    path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
    with home.daemon_log.open("wb") as log:
        return subprocess.Popen(
            python("lab", *arguments(settings)),
            env={**os.environ, "PYTHONPATH": path},
            cwd=settings.home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _wait_ready(
    home: Home, daemon: subprocess.Popen[bytes], within_s: float, progress: Callable[[str], None]
) -> LabState:
    told, deadline = 0, time.monotonic() + within_s
    while time.monotonic() < deadline:
        ended = daemon.poll() is not None  # asked first, so that its last words are read below
        sentences = home.progress.read_text().splitlines()
        for sentence in sentences[told:]:
            if sentence.startswith(ERROR):
                raise LabError(sentence.removeprefix(ERROR))
            progress(sentence)
        told = len(sentences)
        if ended:
            raise LabError(f"the lab ended while it started: {_last_words(home)}")
        state = home.read_state()
        if state is not None:
            return state
        time.sleep(0.02)
    raise LabError(f"the lab was not ready within {within_s:.0f} s; its log is {home.daemon_log}")


def _last_words(home: Home) -> str:
    lines = home.daemon_log.read_text(errors="replace").strip().splitlines()
    return f"{lines[-1] if lines else 'it said nothing'} (log: {home.daemon_log})"


def _end(home: Home, pid: int) -> None:
    """End the daemon: in order, else by force; the keeper ends its children in any case."""
    with contextlib.suppress(psutil.NoSuchProcess):
        daemon = psutil.Process(pid)
        daemon.send_signal(signal.SIGTERM)
        if wait_gone([daemon], GONE_S):
            daemon.kill()
            wait_gone([daemon], GONE_S)
    _clean(home)


def _clean(home: Home) -> None:
    if home.children.exists():
        clean_stale(home.children)
    if home.state.exists():  # also asked of a home that is no folder at all
        home.state.unlink(missing_ok=True)
