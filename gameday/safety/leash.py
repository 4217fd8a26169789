"""The runner's side of the watchman: start it, tell it what it must know, and notice when it dies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday.config import Environment
from gameday.errors import Refusal
from gameday.safety.process import Mortal

TOLD = ("kind", "region", "account", "endpoint", "name", "lock_table")  # what an undo needs of the environment


@dataclass(slots=True)
class Leash:
    """A watchman that stands watch."""

    process: subprocess.Popen[bytes]
    ending: bool = False

    @classmethod
    def start(
        cls, folder: Path, environment: Environment, secrets: Mapping[str, Any], within_s: float, lock: int,
        died: Callable[[str], None],
    ) -> Leash:  # fmt: skip
        """Start the watchman, which shares the descriptor *lock*; *died* is called from a thread if it ends first.

        Raises Refusal: it did not start, so nothing would put things back after a crash.
        """
        path = os.pathsep.join([entry for entry in sys.path if entry])
        (folder / "watchman.log").touch(mode=0o600)
        with (folder / "watchman.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "gameday.safety.watchman"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                env={**os.environ, "PYTHONPATH": path}, start_new_session=True, pass_fds=[lock] if lock >= 0 else [],
                umask=0o077,
            )  # fmt: skip
        leash = cls(process)
        assert process.stdout is not None
        said = process.stdout.readline()
        if said != b"ready\n":
            words = (folder / "watchman.log").read_text(errors="replace").strip().splitlines()
            raise Refusal(f"the watchman did not start: {words[-1] if words else 'it said nothing'}")
        place = {name: getattr(environment, name) for name in TOLD}
        leash.tell(folder=str(folder.resolve()), environment=place, secrets=dict(secrets), within_s=within_s, lock=lock)
        threading.Thread(target=leash._listen, args=(died,), daemon=True, name="gameday-watchman").start()
        return leash

    def tell(self, **words: object) -> None:
        """Send one line. A watchman that is dead is noticed by the thread that listens."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(words, default=str).encode() + b"\n")
            self.process.stdin.flush()

    def load_started(self, pid: int) -> None:
        """Name the load, which ends with the runner."""
        load = Mortal.of(pid)
        self.tell(load=load.pid, born=load.born)

    def end(self) -> None:
        """The run ended in order: let the watchman go."""
        self.ending = True
        self.tell(over=True)
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)

    def _listen(self, died: Callable[[str], None]) -> None:
        assert self.process.stdout is not None
        while self.process.stdout.read(64):
            pass
        if not self.ending:
            died(f"the watchman (process {self.process.pid}) died, so a crash could no longer be undone")
