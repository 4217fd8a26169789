"""The load: Locust in a process and session of its own. Its standard input is its leash: closed, it ends.

The word `drain` before that lets it finish what is in flight and read its writes back; without it, it ends at once.
So the load also ends when the suite dies, however it dies. Locust patches sockets and threads on import and must
never enter this process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gameday.errors import UsageError
from gameday.model import LoadPlan

STARTS_WITHIN_S = 15.0
ENDS_WITHIN_S = 25.0  # draining, and reading the writes back


@dataclass(slots=True)
class LoadProcess:
    """One running load."""

    process: subprocess.Popen[bytes]
    folder: Path

    @classmethod
    def start(cls, plan: LoadPlan, url: str, folder: Path, run: str, seed: int, suite: Path) -> LoadProcess:
        """Start *plan*'s journey against *url*, writing into *folder*. Raises UsageError: no such journey or url."""
        journey = suite / plan.journey
        if not journey.is_file():
            raise UsageError(f"no journey {plan.journey} in {suite}; journeys are files such as load/feed.py")
        if not url:
            raise UsageError('the environment has no url for the load; write `url = "https://..."` in gameday.toml')
        facts = {"rate": plan.rate, "folder": str(folder.resolve()), "run": run, "seed": seed}
        command = [sys.executable, "-m", "locust", "-f", str(journey), "--headless", "-u", "1", "-r", "1"]
        command += ["--host", url, "--only-summary", "--loglevel", "WARNING"]
        path = os.pathsep.join([str(suite), *filter(None, [os.environ.get("PYTHONPATH")])])
        (folder / "load.log").touch(mode=0o600)
        with (folder / "load.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                env={**os.environ, "PYTHONPATH": path, "GAMEDAY_LOAD": json.dumps(facts)},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=folder,
                umask=0o077,
            )
        return cls(process, folder)

    def wait_started(self) -> None:
        """Wait for the first answer. Raises UsageError with the load's own last words when it ended instead."""
        deadline = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise UsageError(f"the load ended at once: {self.last_words()}; see {self.folder / 'load.log'}")
            if (self.folder / "samples.jsonl").exists() and (self.folder / "samples.jsonl").stat().st_size:
                return
            time.sleep(0.02)
        raise UsageError(f"the load sent nothing within {STARTS_WITHIN_S:g} s; see {self.folder / 'load.log'}")

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def stop(self) -> None:
        """Let it drain and read its writes back; end it by force if it does not."""
        self._say(b"drain\n")
        self.cut()
        try:
            self.process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def cut(self) -> None:
        """Cut the leash and do not wait. Without the word to drain before it, the load ends at once."""
        if self.process.stdin and not self.process.stdin.closed:
            with suppress(OSError):
                self.process.stdin.close()

    def _say(self, words: bytes) -> None:
        if self.process.stdin and not self.process.stdin.closed:
            with suppress(OSError):
                self.process.stdin.write(words)
                self.process.stdin.flush()

    def kill(self) -> None:
        """End it now, with whatever it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(5)

    def last_words(self) -> str:
        """Return the last line that it printed."""
        lines = (self.folder / "load.log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"
