"""What is wrong with experiment files, told by one process for all of a session's files.

A check imports the suite's modules and asks Chaos Toolkit; neither shall come into pytest's process, nor onto its path.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from gameday.errors import UsageError
from gameday.pytest_plugin.playing import last_line, leashed


class Checker:
    """A process that answers for one file after the other, as `gameday run` would check it before it begins."""

    def __init__(self, start: Path) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  as long as the process
        self._process = subprocess.Popen(
            leashed("check-files"), cwd=start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            start_new_session=True,
        )  # fmt: skip

    def check(self, file: Path) -> None:
        """Raise UsageError: each reason not to play *file*, as FILE:LINE:COL: what is wrong; what to write instead."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(str(file)).encode() + b"\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise UsageError(f"experiments cannot be checked: {last_line(self._errors)}")
        if said := json.loads(answer):
            raise UsageError(said)

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self._process.wait()
        self._errors.close()
