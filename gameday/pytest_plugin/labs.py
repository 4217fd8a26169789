"""The lab of a session: the one that is up, or one that a leashed process holds until the session ends.

Each worker of pytest-xdist gets a lab of its own, with its own home, ports and state, unless one is up already.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday.errors import UsageError
from gameday.pytest_plugin.playing import last_line, leashed

STOP_S = 150.0  # longer than a lab waits for the undo of a run


@dataclass(frozen=True, slots=True)
class Lab:
    """A running lab, as `gameday lab status --json` tells it."""

    url: str  # of the load balancer
    endpoint: str  # of the AWS API
    dsn: str  # of the database
    build: str
    home: Path
    simulated: Mapping[str, float]  # seconds that are not real
    pids: Mapping[str, int]
    variables: Mapping[str, str]  # that point any AWS client at the lab, and nowhere else
    found_by: Mapping[str, str]  # variables by which `gameday` finds it
    ours: bool  # started for this session


class HeldLab:
    """A lab and the process that holds it."""

    def __init__(self, env: str, build: str | None, worker: str | None, start: Path) -> None:
        words = [env, *(["--build", build] if build else []), *(["--worker", worker] if worker else [])]
        with tempfile.TemporaryFile() as errors:
            self._process = subprocess.Popen(
                leashed("hold-lab", *words), cwd=start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                start_new_session=True,
            )  # fmt: skip
            assert self._process.stdout is not None
            try:
                said = self._process.stdout.readline()
            except BaseException:  # an interrupt: nothing may stay behind
                self.close()
                raise
            if not said:
                self.close()
                raise UsageError(f"no lab: {last_line(errors)}")
        self.lab = _lab(json.loads(said))
        if not self.lab.ours:
            self.close()

    def close(self) -> None:
        """Let go of the lab, and wait until it is down if it was started here."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.terminate()
            self._process.wait()


def _lab(told: Mapping[str, Any]) -> Lab:
    state = told["state"]
    same = {name: state[name] for name in ("url", "endpoint", "dsn", "build", "simulated", "pids")}
    return Lab(
        **same, home=Path(state["home"]), variables=told["variables"], found_by=told["found_by"], ours=told["ours"]
    )
