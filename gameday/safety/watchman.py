"""The watchman: a small process in a session of its own that outlives a killed run and puts things back.

It sleeps on a pipe that only the runner writes to. The pipe's end without a word means that the runner is dead:
then it ends the load, settles the promises, marks the run and lets go of the lock. Its own output is the runner's
leash on it: when that ends, the watchman is dead, and the runner stops.

Its lines, as JSON: first `{"folder", "environment", "secrets", "within_s", "lock"}`; later
`{"load": pid, "born": text}`; `{"over": true}` when the run ended in order. Secrets come through the pipe only, never
by file or command line.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gameday.aws import Aws
from gameday.config import Environment
from gameday.record import Recorder
from gameday.redact import Redactor
from gameday.safety import secrets
from gameday.safety.hold import give_back
from gameday.safety.lock import LocalLock, RemoteLock
from gameday.safety.process import Mortal, kill_marked
from gameday.safety.promises import Promises, Settled

PATIENCE_S = 120.0  # how long a failing undo is tried again
PATIENT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1)


@dataclass(slots=True)
class Watch:
    """What the runner has told."""

    runner: int
    folder: Path = Path()
    environment: Environment = field(default_factory=lambda: Environment("lab", ""))
    deadline: float = float("inf")
    lock: int = -1
    load: Mortal | None = None
    over: bool = False

    def hear(self, line: dict[str, Any]) -> None:
        """Take in one line."""
        if "folder" in line:
            self.folder = Path(line["folder"])
            self.environment = Environment(**line["environment"])
            self.deadline = time.monotonic() + float(line["within_s"])
            self.lock = int(line["lock"])
            secrets.hold(line["secrets"])
        if "load" in line:
            self.load = Mortal(int(line["load"]), str(line["born"]))
        self.over = self.over or bool(line.get("over"))

    def until_alone(self) -> str:
        """Sleep until the run is over (""), or the runner is dead, or has outlived its time (why)."""
        rest = b""
        while True:
            wait_s = None if self.deadline == float("inf") else max(0.0, self.deadline - time.monotonic())
            ready, _, _ = select.select([0], [], [], wait_s)
            if not ready:
                return self._end_runner()
            chunk = os.read(0, 65536)
            *lines, rest = (rest + chunk).split(b"\n")
            for line in filter(None, lines):
                self.hear(json.loads(line))
            if self.over:
                return ""
            if not chunk:
                return "the runner died without a word (killed, or its machine ran out of memory)"

    def _end_runner(self) -> str:
        """End a runner that hangs: it is our parent for as long as it lives, so its number is its own."""
        if os.getppid() == self.runner:
            os.kill(self.runner, signal.SIGKILL)
        return "the runner outlived its deadline and was ended"

    def settle(self, why: str) -> list[Settled]:
        """End the load, put everything back, and write down what was done."""
        recorder = Recorder(self.folder, Redactor.from_environment(os.environ))
        recorder.redact.learn(secrets.held())
        recorder.mark("interrupted", fsync=True, why=why, by="watchman")
        if self.load:
            self.load.kill_group()
            recorder.mark("load.stopped", by="watchman")
        kill_marked(self.folder)
        settled = Promises(self.folder / "promises.jsonl").settle(PATIENCE_S)
        for each in settled:
            said = each.sentence if each.kept else each.failure
            recorder.mark("undo.verified" if each.kept else "undo.failed", fsync=True, why=said, by="watchman")
        complete = all(each.kept for each in settled)
        recorder.mark("undone", fsync=True, complete=complete, by="watchman")
        if complete:
            self._let_go()
        recorder.sweep()  # last: on a full disk it fails, and nothing must wait for it
        return settled

    def _let_go(self) -> None:
        """Free the environment for the next run."""
        if self.lock >= 0:
            LocalLock(self.environment, self.lock).write_over()
        if self.environment.lock_table:
            give_back(RemoteLock(Aws(self.environment).dynamodb, self.environment), self.folder.name)


def main() -> None:
    """Stand watch until the runner is done, or gone."""
    for number in PATIENT:
        signal.signal(number, signal.SIG_IGN)
    watch = Watch(os.getppid())
    os.write(1, b"ready\n")
    import boto3  # noqa: F401  now, so that nothing is slow when it matters

    why = watch.until_alone()
    if why and watch.folder != Path():  # else it died before it said anything, and so before it did
        watch.settle(why)


if __name__ == "__main__":
    main()
