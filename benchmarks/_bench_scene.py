"""One run, killed at its moment, and what is left of it: the processes, the promises, the locks, the system."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks._bench import Eyes, Lab, delays_in, last_off, wait_until
from benchmarks._bench_kills import Kill
from gameday.model import Json, Mark
from gameday.record import Record, read_lines
from gameday.safety.lock import RemoteLock, is_held
from gameday.safety.promises import Promises

ENDS_WITHIN_S = 60.0  # a runner whose load drains takes up to 25 s
GONE_WITHIN_S = 15.0
BACK_WITHIN_S = 10.0
WELL_WITHIN_S = 40.0  # ECS and RDS repair themselves
VERDICTS = (0, 1, 3, 4, 5, 130)  # exit codes that say that nothing is left changed
WORDS = {"watchman": "gameday.safety.watchman", "load": "locust"}


@dataclass(slots=True)
class Came:
    """What came of one kill."""

    kill: Kill
    victim: str = ""  # who really died; "" when the run had ended before
    at_s: float = 0.0  # from the start of the process
    code: int | None = None  # of the runner
    delayed: bool = False  # links were delayed at the kill
    undone_s: float | None = None  # from the kill to the last delay gone
    left: list[str] = field(default_factory=list)  # residual changes
    odd: str = ""  # an end of the runner that is no verdict, though nothing is left changed
    freed: bool = False  # the lock was kept by its lease alone, and `gameday undo` freed it
    folders: list[Path] = field(default_factory=list)


class Scene:
    """One run under way."""

    def __init__(self, lab: Lab, eyes: Eyes, file: Path) -> None:
        self.lab = lab
        self.eyes = eyes
        self.known = lab.runs
        self.began = time.monotonic()
        self.runner = lab.run(file)

    def folders(self) -> list[Path]:
        """The folder of this run, if there is one yet."""
        return sorted(self.lab.runs - self.known)

    def marks(self) -> list[Mark]:
        """What the run has marked."""
        return [mark for folder in self.folders() for mark in Record(folder).marks()]

    def wait_for(self, anchor: str, seconds: float, stop: Callable[[], bool]) -> bool:
        """Sleep until *seconds* after *anchor*; return whether the run still goes on."""
        wall = time.time() - (time.monotonic() - self.began)
        if anchor:
            wait_until(lambda: self._at(anchor) or self.runner.poll() is not None or stop(), ENDS_WITHIN_S)
            wall = self._at(anchor) or wall
        with suppress(subprocess.TimeoutExpired):
            self.runner.wait(max(0.0, wall + seconds - time.time()))
        return self.runner.poll() is None

    def _at(self, mark: str) -> float | None:
        for folder in self.folders():
            for line in read_lines(folder / "marks.jsonl"):
                if isinstance(line, dict) and line.get("name") == mark:
                    return _number(line["at"])
        return None

    def child(self, what: str) -> psutil.Process | None:
        """Return the run's watchman or load, None when it has not been started yet."""
        with suppress(psutil.Error):
            for child in psutil.Process(self.runner.pid).children():
                if WORDS[what] in child.cmdline():
                    return child
        return None

    def strike(self, one: Kill) -> str:
        """Kill whom *one* names, or the runner when that one does not exist yet; return who died."""
        if one.victim == "both":
            watchman = self.child("watchman")
            if not watchman:
                self.runner.kill()
                return "runner"
            for victim in (watchman, self.runner) if one.watchman_first else (self.runner, watchman):
                with suppress(psutil.NoSuchProcess):
                    victim.kill()
            return "both"
        who = one.victim.removesuffix("'s group")
        pid = self.runner.pid
        if who != "runner":
            child = self.child(who)
            if child is None:
                self.runner.kill()
                return "runner"
            pid = child.pid
        with suppress(ProcessLookupError):
            (os.killpg if who != one.victim else os.kill)(pid, signal.SIGKILL)
        return one.victim

    def end(self) -> int | None:
        """Wait for the runner's own end; return its code, None when it had to be ended."""
        with suppress(subprocess.TimeoutExpired):
            return self.runner.wait(ENDS_WITHIN_S)
        self.runner.kill()
        self.runner.wait(10)
        return None


def strays(lab: Lab) -> list[psutil.Process]:
    """Return the runners, watchmen and loads of this lab's suite that are alive."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            line = " ".join(process.cmdline())
            ours = any(word in line for word in (*WORDS.values(), "-m gameday")) and process.status() != "zombie"
            if ours and process.environ().get("GAMEDAY_STATE") == lab.variables["GAMEDAY_STATE"]:
                found.append(process)
    return found


def play(lab: Lab, eyes: Eyes, file: Path, one: Kill, when: tuple[str, float], stop: Callable[[], bool]) -> Came:
    """Play one run, kill, wait for what is to put it back, and read everything back."""
    came = Came(one)
    before = len(lab.truth())
    scene = Scene(lab, eyes, file)
    try:
        if scene.wait_for(*when, stop):
            came.delayed = delays_in(lab.truth()) > 0
            struck, came.at_s = time.time(), time.monotonic() - scene.began
            came.victim = scene.strike(one)
        came.code = scene.end()
        if not wait_until(lambda: not strays(lab), GONE_WITHIN_S, 0.1):
            came.left += [f"process {each.pid} is alive: {' '.join(each.cmdline())[:90]}" for each in strays(lab)]
        if came.victim == "both":
            _undo(lab, came)
        came.folders = scene.folders()
        wait_until(lambda: not changed(lab, eyes, came.folders), BACK_WITHIN_S, 0.1)
        came.left += changed(lab, eyes, came.folders)
        _free(lab, eyes, came)
        if not wait_until(lambda: not eyes.unwell(), WELL_WITHIN_S, 0.2):
            came.left += [f"not well after {WELL_WITHIN_S:g} s: {each}" for each in eyes.unwell()]
        if came.victim and came.delayed and (off := last_off(lab.truth()[before:], struck)):
            came.undone_s = off - struck
    finally:
        scene.runner.kill()
        for process in strays(lab):
            with suppress(psutil.Error):
                process.kill()
    if came.victim and not is_proper(came.victim, came.code):
        came.odd = f"the runner ended with {came.code}: {lab.said()[-300:]}"
    return came


def is_proper(victim: str, code: int | None) -> bool:
    """Return whether a runner may end so: a killed one by the kill, another one by a verdict."""
    killed = victim == "both" or victim.startswith("runner")
    return code in VERDICTS or (killed and code == -signal.SIGKILL)


def changed(lab: Lab, eyes: Eyes, folders: list[Path]) -> list[str]:
    """Return the residual changes: delays, FIS experiments and templates, open promises, locks."""
    left = []
    if delays := delays_in(lab.truth()):
        left.append(f"{delays} links are still delayed")
    left += [f"FIS experiment {each} is not over" for each in eyes.running()]
    left += [f"FIS template {each} is left" for each in eyes.templates()]
    for folder in folders:
        left += [f"open promise: {promise.sentence}" for promise in Promises(folder / "promises.jsonl").open()]
    left += [f"the lock {each.name} is held" for each in (lab.base / "state").glob("locks/*.json") if is_held(each)]
    item = _remote(eyes).look()
    left += [f"the lock table has an open promise: {each.sentence}" for each in (item.promises if item else [])]
    return left


def _remote(eyes: Eyes) -> RemoteLock:
    return RemoteLock(eyes.aws.dynamodb, eyes.environment)


def _undo(lab: Lab, came: Came) -> None:
    said = lab.gameday("undo")
    if said.returncode:
        came.left.append(f"`gameday undo` ended with {said.returncode}: {said.stderr.strip()[-300:]}")


def _free(lab: Lab, eyes: Eyes, came: Came) -> None:
    """Free an environment that only a lease still holds, so that the next run need not wait for its end."""
    if _remote(eyes).look() is not None:
        came.freed = True
        _undo(lab, came)
        if _remote(eyes).look() is not None:
            came.left.append("`gameday undo` did not free the lock table")


def _number(value: Json) -> float:
    assert isinstance(value, int | float)
    return float(value)


def as_json(came: Came) -> str:
    """Return one kill as a line, for the file of all kills."""
    one = came.kill
    return json.dumps({
        "number": one.number, "attempt": one.attempt, "experiment": one.experiment, "victim": one.victim,
        "died": came.victim, "near": one.near, "at_s": round(came.at_s, 3), "code": came.code,
        "delayed": came.delayed, "undone_s": came.undone_s and round(came.undone_s, 3), "freed": came.freed,
        "left": came.left, "odd": came.odd,
    })  # fmt: skip
