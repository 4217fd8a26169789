"""A run in the middle of its fault, as tests of crashes need it, and what really happened by the lab's own account."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday.model import Mark
from gameday.record import Record
from tests.e2e.conftest import Desk, Edited, Ended, truth
from tests.lab import bench

LATENCY = "latency/backend-to-database.yaml"
Change = Callable[[dict[str, Any]], None]


@dataclass
class Scene:
    """One run whose delay is in."""

    desk: Desk
    process: subprocess.Popen[str]
    folder: Path

    def marks(self, name: str) -> list[Mark]:
        """The run's marks of one name."""
        return [mark for mark in Record(self.folder).marks() if mark.name == name]

    def pid_of(self, mark: str) -> int:
        """The process that a mark names."""
        pid = self.marks(mark)[0].details["pid"]
        assert isinstance(pid, int)
        return pid

    def end(self) -> Ended:
        """Wait for its end."""
        return self.desk.finish(self.process)


def long_delay(data: dict[str, Any]) -> None:
    """Make the delay last far longer than any test, and the phases before it short."""
    data["method"][0]["provider"]["arguments"] = {"delay_ms": 100, "duration_s": 300}
    data["extensions"][0]["load"] |= {"warmup_s": 0, "baseline_s": 4}


def in_the_fault(
    desk: Desk, edited: Edited, change: Change = long_delay, command: list[str] | None = None, **more: str
) -> Scene:
    """Start a run and wait until its delay is really in. With *command*, `{file}` in it is the experiment."""
    before = really(desk, "latency.on")
    known = set(_folders(desk))
    file = str(edited(LATENCY, change))
    if command:
        process = desk.process([word.replace("{file}", file) for word in command], more)
    else:
        process = desk.start("run", file, "--json", **more)
    wait_until(lambda: really(desk, "latency.on") >= before + 3 or process.poll() is not None, 40)
    if process.poll() is not None:
        ended = desk.finish(process)
        raise AssertionError(f"the run ended before its fault: {ended.code} {ended.err[-3000:]} {ended.out[-500:]}")
    (folder,) = set(_folders(desk)) - known
    return Scene(desk, process, folder)


def _folders(desk: Desk) -> list[Path]:
    runs = desk.suite / "runs"
    return sorted(path for path in runs.iterdir() if path.is_dir()) if runs.is_dir() else []


def really(desk: Desk, what: str) -> int:
    """Return how often something really happened in the lab, by its ground truth."""
    return [fact["what"] for fact in truth(desk)].count(what)


def delays_left(desk: Desk) -> int:
    """Return how many links are delayed now."""
    return really(desk, "latency.on") - really(desk, "latency.off")


def feed_ms(desk: Desk) -> float:
    """Return how long the feed takes now: it asks the database, through the link that the fault delays."""
    url = json.loads(desk("lab", "status", "--json").out)["url"]
    began = time.monotonic()
    with urllib.request.urlopen(f"{url}/posts", timeout=5) as answer:
        answer.read()
    return (time.monotonic() - began) * 1e3


def is_gone(pid: int) -> bool:
    """Return whether there is no such process any more."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def wait_until(condition: Callable[[], object], within_s: float) -> float:
    """Poll until *condition* holds; return the seconds it took. *within_s* is as in `tests.lab.bench`."""
    return bench.wait_until(condition, within_s, "what the run or its lab should come to")
