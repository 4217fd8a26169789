"""Several labs for one gate: each experiment that is played at the same time as others has one to itself.

The first is the lab that is up; the others are started for the gate with the same build and denials, on the next free
ports, and are taken only when the same release runs on them: one that somebody deployed by hand is on the first alone.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gameday.aws import Aws
from gameday.cli._shared import free_ports, lab_settings, lab_variables
from gameday.errors import UsageError
from gameday.gate.judging import UNDO_INCOMPLETE, Tried
from gameday.gate.strays import Strays
from gameday.gate.touched import changed, fingerprint

if TYPE_CHECKING:
    from gameday.cli.gate import Wanted
    from gameday.config import Environment
    from gameday.gate.playing import Part, Player
    from gameday.gate.session import Gate

Place = tuple["Environment", dict[str, str]]
ERROR_LINES = 5  # of a run that left no findings


@contextmanager
def labs(
    number: int, gate: Gate, environment: Environment, wanted: Wanted
) -> Iterator[tuple[list[Player], Callable[[], None]]]:
    """Yield a player for each of up to *number* labs, and what asks all their runs to end."""
    running: list[subprocess.Popen[str]] = []
    with ExitStack() as stack:
        places = [(environment, dict(os.environ))]
        for place in range(1, number):
            more = stack.enter_context(_lab(place, gate, environment, wanted))
            if more is None:
                break
            places.append(more)
        players = [
            Strays(there, gate.head.began)(_player(variables, gate, wanted, running)) for there, variables in places
        ]
        yield players, lambda: _stop(running)


@contextmanager
def _lab(place: int, gate: Gate, environment: Environment, wanted: Wanted) -> Iterator[Place | None]:
    """Yield one more lab and the variables that lead to it; None, and a note, when it is not as the first."""
    from lab import control
    from lab.settings import PORTS, LabError

    first = control.status(lab_settings().home)
    assert first is not None
    home = Path(first.home).with_name(f"{Path(first.home).name}-{place + 1}")
    settings = lab_settings(home=home, build=first.build, deny=first.deny, tasks=first.tasks)
    at_a_time = f"{place} experiment{'s' if place > 1 else ''} at a time"
    try:
        settings = replace(settings, port_base=free_ports(first.port_base + place * PORTS, 1))
        gate.say(f"lab {place + 1} starts on port {settings.port_base}")
        state = control.up(settings, lambda sentence: None)
    except (LabError, UsageError) as error:
        gate.note(f"{at_a_time}: another lab did not come up ({error})")
        yield None
        return
    try:
        there = replace(environment, endpoint=state.endpoint, url=state.url)
        if difference := _differs(there, environment):
            gate.note(f"{at_a_time}: a fresh lab is not as the one that is up ({'; '.join(difference.values())})")
        own = {"GAMEDAY_LAB_HOME": str(home), "GAMEDAY_LAB_PORT_BASE": str(settings.port_base),
               "GAMEDAY_STATE": str(home / "gameday-state")}  # fmt: skip
        yield None if difference else (there, {**os.environ, **lab_variables(state, wanted.suite), **own})
    finally:
        control.down(home)
        shutil.rmtree(home, ignore_errors=True)


def _differs(there: Environment, here: Environment) -> dict[str, str]:
    """Return what is different on another lab; what cannot be read is."""
    seen = [fingerprint(Aws(each, read_only=True))[0] for each in (there, here)]
    return changed(*seen)


def _player(
    variables: Mapping[str, str], gate: Gate, wanted: Wanted, running: list[subprocess.Popen[str]]
) -> Player:  # fmt: skip
    """Return what plays an experiment on one lab in a process of its own: Chaos Toolkit plays one a process."""

    def one(part: Part) -> Tried:
        command = [sys.executable, "-m", "gameday", "run", str(part.file), "--on", wanted.env, "--json",
                   "--runs", str(wanted.runs), *(["--yes"] if wanted.yes else [])]  # fmt: skip
        command += [
            word
            for key, value in part.values(wanted.values).items()
            for word in ("--set", f"{key}={json.dumps(value)}")
        ]
        log = gate.folder / f"experiment-{part.number + 1}.log"
        began = time.monotonic()
        with log.open("a", encoding="utf-8") as told:
            log.chmod(0o600)
            pipe = subprocess.PIPE
            process = subprocess.Popen(
                command, env=dict(variables), stdout=pipe, stderr=told, text=True, start_new_session=True
            )
            running.append(process)
            printed, _ = process.communicate()
            running.remove(process)
        return _tried(process.returncode, time.monotonic() - began, printed, log)

    return one


def _tried(code: int, seconds: float, printed: str, log: Path) -> Tried:
    with suppress(ValueError):
        findings = json.loads(printed)
        if isinstance(findings, dict):
            return Tried(code, seconds, findings)
    if code < 0:  # nobody undid anything: nothing may follow on this lab
        left = "what it changed may still be changed; `gameday undo` puts it back"
        return Tried(UNDO_INCOMPLETE, seconds, error=f"the run was ended by signal {-code}; {left}")
    last = " ".join(log.read_text(errors="replace").splitlines()[-ERROR_LINES:]) or "it said nothing"
    return Tried(code, seconds, error=f"exit {code} without findings: {last}")


def _stop(running: list[subprocess.Popen[str]]) -> None:
    """Ask every run to end; each undoes what it did, and is waited for by its player."""
    for process in list(running):
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
