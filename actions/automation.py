"""Whoever is to roll a bad release back, started for a drill and ended with it: what a drill tests is this.

`ecs`: nobody is started, ECS's own alarms and circuit breaker are tested. `watch`: `gameday watch`. `script`: the rule
that many pipelines begin with, which goes back to the previous task definition whatever its image means by now.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

from gameday.config import find_suite
from gameday.errors import Refusal, UndoIncomplete
from gameday.safety.armed import Run
from gameday.safety.intent import Fault, Intent, Undo, fault
from gameday.safety.process import Mortal
from gameday.safety.targets import Service, read_service

KINDS = ("ecs", "watch", "script")
LOG = "automation.jsonl"  # in the run folder: what it said, line by line
ENDS_WITHIN_S = 20.0  # a rollback under way is not cut at once


@fault
def start(run: Run, kind: str = "ecs", cluster: str | None = None, service: str | None = None) -> Fault[dict[str, Any]]:
    """Start what is to notice a bad release and roll it back: *kind* is `ecs`, `watch` or `script`.

    It runs as a process of its own beside the run and writes into the run folder's `automation.jsonl`. Returns
    {"kind", "pid"}; the pid is None for `ecs`. The undo ends the process.

    Raises Refusal: another kind, or a service that is not allowed or lacks its tag.
    """
    found = read_service(run, run.named("cluster", cluster), run.named("service", service))
    yield _intent(run, found, kind)
    started = None if kind == "ecs" else _start(run, found, kind)
    pid = started.pid if started else None
    run.recorder.mark("automation.started", fsync=True, kind=kind, pid=pid, born=started.born if started else None)
    return {"kind": kind, "pid": pid}


def stop(pid: int, born: str) -> str:
    """End a process that was started here: SIGTERM, then SIGKILL to its group. Idempotent.

    Returns what was read back. Raises UndoIncomplete: it still runs.
    """
    mortal = Mortal(pid, born)
    if mortal.alive:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        _wait(mortal, ENDS_WITHIN_S)
        mortal.kill_group()
        _wait(mortal, 2.0)
    if mortal.alive:
        raise UndoIncomplete(f"the automation's process {pid} still runs")
    return f"the automation's process {pid} has ended"


def _wait(mortal: Mortal, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while mortal.alive and time.monotonic() < deadline:
        time.sleep(0.05)


def _intent(run: Run, found: Service, kind: str) -> Intent:
    refusals = list(found.forbidden(run.environment))
    if kind not in KINDS:
        refusals.append(f"there is no automation {kind!r}; choose one of {', '.join(KINDS)}")
    if kind == "ecs":
        return Intent(
            f"leave the rollback of {found.title} to ECS itself",
            targets=(found.target,),
            why_no_undo="nothing is started",
            refusals=tuple(refusals),
        )
    return Intent(
        f"start {kind}, which is to roll a bad release of {found.title} back",
        targets=(found.target,),
        calls_known=False,
        undo=(Undo("end the process", "kill PID, as the run's mark automation.started has it"),),
        refusals=tuple(refusals),
    )


def _command(run: Run, found: Service, kind: str) -> list[str]:
    environment = run.environment
    if kind == "watch":
        words = ["--service", found.name, "--cluster", found.cluster, "--on", environment.name]
        runs = str(run.recorder.folder.resolve().parent)
        return [sys.executable, "-m", "gameday", "watch", *words, "--runs", runs, "--drill", "--yes"]
    facts = {
        "cluster": found.cluster, "service": found.name, "region": environment.region, "kind": environment.kind,
        "endpoint": environment.endpoint, "period_s": environment.sampling.period_s,
    }  # fmt: skip
    return [sys.executable, "-m", "actions._naive_rollback", json.dumps(facts)]


def _start(run: Run, found: Service, kind: str) -> Mortal:
    """Start the process and promise its end; it does no harm before that promise, which needs its number."""
    log = run.recorder.folder / LOG
    log.touch(mode=0o600)
    with log.open("ab") as out:
        process = subprocess.Popen(
            _command(run, found, kind), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            start_new_session=True, cwd=find_suite(), umask=0o077,
        )  # fmt: skip
    mortal = Mortal.of(process.pid)
    try:
        _promise(run, mortal)
    except BaseException:
        process.kill()
        process.wait()
        raise
    with suppress(subprocess.TimeoutExpired):
        if code := process.wait(1.0):
            raise Refusal(f"the automation {kind} ended at once with {code}: {_last_words(run)}")
    return mortal


def _promise(run: Run, mortal: Mortal) -> None:
    run.promises.make(
        "actions.automation:stop", f"the automation's process {mortal.pid} ends", f"kill {mortal.pid}",
        target=f"process {mortal.pid}", pid=mortal.pid, born=mortal.born,
    )  # fmt: skip


def _last_words(run: Run) -> str:
    lines = (run.recorder.folder / LOG).read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
