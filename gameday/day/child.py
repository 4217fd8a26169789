"""An experiment of a day as a process of its own, so that neither needs the other: it outlives a day that was killed.

The process waits until it stands in the day's events, and begins only then: a day that dies in between has played
nothing. What came of it is read from what it printed, else from its run folder; what was killed is put back first.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, cast

from gameday.day.later import Later
from gameday.errors import UndoIncomplete
from gameday.model import Verdict, worst_exit
from gameday.record import Record, run_folders
from gameday.safety.process import Mortal

WORDS = {2: "invalid", 3: "refused", 5: "aborted", 6: "undo incomplete", 130: "interrupted"}
CRASHED = 70
INTERRUPTED, UNKNOWN = Verdict.INTERRUPTED, Verdict.INCONCLUSIVE.exit_code
SLACK_S = 1.0  # folders are named to the second
BEGIN = (  # waits for one byte; with the end of the file instead nobody wants it any more
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.read(0, 1) and os.execv(sys.argv[1], sys.argv[1:])"
)


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of an experiment."""

    verdict: str
    exit: int
    run: str = ""
    requests: int = 0
    errors: int = 0
    hit_at: float | None = None  # the fault's instant; None: there was none
    why: str = ""
    never: bool = False  # it never began


class Child(Protocol):
    """An experiment that is played in a process of its own."""

    @property
    def pid(self) -> int:
        """The number of its process."""

    @property
    def born(self) -> str:
        """When the process began; with its number it names one process for good."""

    def begin(self) -> None:
        """Let it begin: only now, when its process stands in the day's events."""

    def ended(self) -> Ended | None:
        """Return what came of it; None while it goes on."""

    def interrupt(self) -> None:
        """Ask it to end and to put everything back."""


Settle = Callable[[Path], tuple[bool, str]]  # a run folder: whether nothing is left changed, and a sentence


@dataclass(frozen=True, slots=True)
class Place:
    """Where an experiment leaves its traces."""

    file: Path
    runs: Path
    out: Path  # what it prints: its findings
    log: Path
    settle: Settle


def start(words: Sequence[str], place: Place, environ: Mapping[str, str] | None = None) -> Process:
    """Start `gameday WORDS`, waiting. Raises OSError."""
    command = [sys.executable, "-c", BEGIN, sys.executable, "-m", "gameday", *words]
    since = time.time()
    with _own(place.out) as out, _own(place.log) as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=log, start_new_session=True,
                                   env=environ)  # fmt: skip
    return Process(Mortal.of(process.pid), place, since, process)


def _own(path: Path) -> Any:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


class Process:
    """A process that was started here, or by the day's process before this one."""

    def __init__(
        self, mortal: Mortal, place: Place, since: float, process: subprocess.Popen[bytes] | None = None
    ) -> None:  # fmt: skip
        self._mortal, self._place, self._since, self._process = mortal, place, since, process
        self._settled: Later[tuple[bool, str]] = Later(lambda error: (False, f"{type(error).__name__}: {error}"))

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._mortal.pid

    @property
    def born(self) -> str:
        """When the process began."""
        return self._mortal.born

    def begin(self) -> None:
        """Let it begin."""
        assert self._process and self._process.stdin
        with suppress(BrokenPipeError), self._process.stdin as pipe:
            pipe.write(b"!")

    def interrupt(self) -> None:
        """Ask it to end, as Ctrl-C would."""
        if self._alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGINT)

    def ended(self) -> Ended | None:
        """Return what came of it; None while it goes on. What was killed is put back before it answers."""
        return None if self._alive() else self._result()

    def _alive(self) -> bool:
        return self._process.poll() is None if self._process else self._mortal.alive

    def _result(self) -> Ended | None:
        code = self._process.returncode if self._process else None
        if (printed := _json(self._place.out)) is not None:
            return _at_least(of_findings(printed), code or 0, self._place.log)
        if self._process and self._process.stdin:
            self._process.stdin.close()
        folder = self._folder()
        if folder is None:
            return self._without_folder(code)
        if findings := Record(folder).document("findings.json"):
            return of_findings(findings)
        settled = self._settled.ask(folder.name, lambda: self._place.settle(folder))
        if settled is None:
            return None
        clean, sentence = settled
        made = Record(folder).samples()  # users paid for them all the same
        code = INTERRUPTED.exit_code if clean else UndoIncomplete.exit_code
        return Ended("interrupted", code, folder.name, len(made), sum(one.failed for one in made),
                     why=f"it was killed; {sentence}")  # fmt: skip

    def _without_folder(self, code: int | None) -> Ended:
        """Return the end of what has no record: it said no before that, or it never began."""
        said = _last_line(self._place.log)
        if code is None and said:
            return Ended("inconclusive", UNKNOWN, why=said)
        if code is None:
            return Ended("interrupted", INTERRUPTED.exit_code, why="it had not begun", never=True)
        code = INTERRUPTED.exit_code if code < 0 else code
        known = code in WORDS or code == CRASHED  # any other, such as Python's own 1, says nothing of the system
        return Ended(WORDS.get(code, "inconclusive"), code if known else UNKNOWN, why=said)

    def _folder(self) -> Path | None:
        """Return the run's folder: the newest of this file that began with it."""
        for folder in reversed(run_folders(self._place.runs)):
            told = Record(folder).document("plan.json").get("experiment")
            if isinstance(told, dict) and told.get("file") == str(self._place.file) and _began(folder) >= self._since:
                return folder
        return None


def of_findings(findings: Mapping[str, Any]) -> Ended:
    """Return what the findings of a run say, as far as a day needs it."""
    from gameday.engine.runner import exit_code

    phases = [each for each in (findings.get("phases") or {}).values() if isinstance(each, dict)]
    fault = (findings.get("phases") or {}).get("fault") or {}
    why = [str(each) for each in findings.get("why") or []]
    return Ended(
        str(findings["verdict"]), exit_code(findings), str(findings.get("run") or ""),
        sum(int(each.get("requests") or 0) for each in phases), sum(int(each.get("errors") or 0) for each in phases),
        datetime.fromisoformat(fault["from"]).timestamp() if fault.get("from") else None, why[0] if why else "",
    )  # fmt: skip


def _at_least(ended: Ended, code: int, log: Path) -> Ended:
    """Return what findings say, unless the process ended worse than they do: what came after them failed."""
    if code <= 0 or code == ended.exit:
        return ended
    code = code if code in WORDS else CRASHED
    if worst_exit([ended.exit, code]) == ended.exit:
        return ended
    return replace(ended, exit=code, why=f"exit {code} after its findings: {_last_line(log)}")


def _json(path: Path) -> dict[str, Any] | None:
    with suppress(OSError, ValueError):
        found = json.loads(path.read_text(encoding="utf-8"))
        return cast("dict[str, Any]", found) if isinstance(found, dict) and "verdict" in found else None
    return None


def _last_line(path: Path) -> str:
    with suppress(OSError):
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")
    return ""


def _began(folder: Path) -> float:
    """Return a bit more than when the run in *folder* began, by its name."""
    with suppress(ValueError):
        return datetime.strptime(folder.name[:20] + "+0000", "%Y-%m-%dT%H-%M-%SZ%z").timestamp() + SLACK_S
    return 0.0
