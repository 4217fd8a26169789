"""One run as a process of its own: Chaos Toolkit, its signals and its threads stay out of pytest's.

The process hangs on a leash (`gameday.cli._leashed`): when this one is killed, it ends and undoes what it did.
Ctrl-C goes to it once; then it is waited for, because nothing may stay broken.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from gameday.pytest_plugin.played import Played, message

LOOK_S = 0.05
Say = Callable[[str], None]


def leashed(*words: str) -> list[str]:
    """Return the command line of `gameday WORDS` on a leash."""
    return [sys.executable, "-m", "gameday.cli._leashed", *words]


def play(
    file: Path, words: list[str], runs: Path, start: Path, env: Mapping[str, str], build: str | None, say: Say,
    follow: Say | None = None,
) -> Played:  # fmt: skip
    """Play *file* with `gameday run FILE --json WORDS` in *start* and return how it ended.

    *follow* gets what the run says meanwhile. Raises KeyboardInterrupt: this process was interrupted; the run has ended
    and is undone, or *say* was told that it is not.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        with subprocess.Popen(
            leashed("run", str(file), "--json", *words),
            cwd=start,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=errors,
            start_new_session=True,
        ) as process:  # left early, by another plugin's time limit: the leash ends, and the undo is waited for
            interrupted = _wait(process, errors, say, follow)
        findings = _findings(_text(out))
        folder = runs / str(findings["run"]) if findings.get("run") else None
        played = Played(file, process.returncode, findings, folder, _text(errors), build)
    if interrupted:
        say(message(played))
        raise KeyboardInterrupt
    return played


def _wait(process: subprocess.Popen[bytes], errors: IO[bytes], say: Say, follow: Say | None) -> bool:
    """Wait for the end of the run; return whether this process was interrupted meanwhile."""
    interrupts, told = 0, 0
    while process.poll() is None:
        try:
            time.sleep(LOOK_S)
            if follow is not None:
                told = _follow(errors, told, follow)
        except KeyboardInterrupt:
            interrupts += 1
            if interrupts == 1:
                process.send_signal(signal.SIGINT)
            say("interrupted: the run ends and is undone first" if interrupts == 1 else "it is being undone; wait")
    return interrupts > 0


def _follow(errors: IO[bytes], told: int, follow: Say) -> int:
    """Pass on the lines that are new; return how much has been told."""
    text = _text(errors)
    end = text.rfind("\n") + 1
    for line in text[told:end].splitlines():
        follow(line)
    return max(told, end)


def _text(file: IO[bytes]) -> str:
    """Return what the process has written: its offset is ours too, so that reading must not move it."""
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), size, 0).decode(errors="replace")


def last_line(errors: IO[bytes]) -> str:
    """Return the last line that a process wrote."""
    lines = _text(errors).strip().splitlines() or ["it said nothing"]
    return lines[-1].removeprefix("gameday: ")


def _findings(out: str) -> dict[str, Any]:
    with suppress(ValueError):
        found = json.loads(out)
        if isinstance(found, dict):
            return found
    return {}
