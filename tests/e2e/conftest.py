"""A real lab on free ports, and a suite folder whose phases are short enough for tests."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ports import free_port_base
from tests.shelf import Shelf

ROOT = Path(__file__).parents[2]
RATE = 30  # requests a second; half of what our experiments ask for costs half of the processor
SHORT = {
    "warmup_s = 3": "warmup_s = 1",
    "baseline_s = 8": "baseline_s = 4",
    "fault_s = 8": "fault_s = 4",
    "recovery_s = 10": "recovery_s = 4",
    "proof_within_s = 30": "proof_within_s = 15",
    "look_back_s = 8": "look_back_s = 4",
}


@dataclass
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def findings(self) -> dict[str, Any]:
        """What `--json` printed."""
        found = json.loads(self.out)
        assert isinstance(found, dict), self.err
        return found


@dataclass
class Desk:
    """Runs the command line as a user would: as a process, in a suite folder."""

    suite: Path
    environment: Mapping[str, str]
    more: dict[str, str] = field(default_factory=dict)

    def start(self, *words: str, **more: str) -> subprocess.Popen[str]:
        """Start `gameday WORDS`."""
        return self.process([sys.executable, "-m", "gameday", *words], more)

    def process(self, command: list[str], more: Mapping[str, str]) -> subprocess.Popen[str]:
        """Start any command in the suite's folder."""
        env = {**self.environment, **self.more, **more}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self.suite, env=env, stdout=pipe, stderr=pipe, text=True)

    def __call__(self, *words: str, **more: str) -> Ended:
        """Run `gameday WORDS` to its end."""
        return self.finish(self.start(*words, **more))

    @staticmethod
    def finish(process: subprocess.Popen[str]) -> Ended:
        """Wait for a process, at most two minutes."""
        try:
            out, err = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return Ended(process.returncode, out, err)

    def run(self, file: str | Path, **more: str) -> Ended:
        """Play one experiment and return its findings."""
        return self("run", str(file), "--json", **more)


@pytest.fixture(scope="session")
def short_suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite folder: ours, by links, with its own gameday.toml."""
    folder = tmp_path_factory.mktemp("suite")
    for name in ("actions", "docs", "experiments", "lab", "load", "probes", "reports"):
        (folder / name).symlink_to(ROOT / name)
    text = (ROOT / "gameday.toml").read_text()
    for long, short in SHORT.items():
        text, count = re.subn(rf"(?m)^{re.escape(long)}(?=\s)", short, text, count=1)
        assert count == 1, long
    allowed = 'actions = ["ecs.stop_task"'
    assert allowed in text
    more = 'actions = ["process:true", "process:sleep", "ecs.stop_task"'
    (folder / "gameday.toml").write_text(text.replace(allowed, more, 1))
    return folder


def clean_environment() -> dict[str, str]:
    """Return this process's variables without anything of AWS or of a lab."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "GAMEDAY_"))}


LabDesk = Callable[..., Desk]


@pytest.fixture(scope="session")
def open_desk(short_suite: Path) -> Callable[[], AbstractContextManager[LabDesk]]:
    """Return what opens a desk whose lab has the build and denials asked for; one lab at a time, kept while it fits."""

    @contextmanager
    def opened() -> Iterator[LabDesk]:
        home = Path(tempfile.mkdtemp(prefix="gameday-e2e-"))
        home.chmod(0o755)  # as root PostgreSQL runs as another user
        variables = {
            "GAMEDAY_LAB_HOME": str(home),
            "GAMEDAY_LAB_PORT_BASE": str(free_port_base()),
            "GAMEDAY_STATE": str(home / "state"),
        }
        desk = Desk(short_suite, {**clean_environment(), **variables, "PYTHONPATH": str(ROOT)})
        try:
            yield _asking(desk)
        finally:
            desk("lab", "down")
            shutil.rmtree(home, ignore_errors=True)

    return opened


def _asking(desk: Desk) -> LabDesk:
    current: list[tuple[str, ...]] = []

    def ask(*options: str) -> Desk:
        if current != [options]:
            desk("lab", "down")
            current[:] = [options]
            up = desk("lab", "up", *options)
            assert up.code == 0, up.err
        return desk

    return ask


@pytest.fixture(scope="module")
def lab_desk(shelf: Shelf, open_desk: Callable[[], AbstractContextManager[LabDesk]]) -> LabDesk:
    """Return the desk, the same for all files until another kind of lab is asked for."""
    return shelf.take(open_desk)


@pytest.fixture
def desk(lab_desk: LabDesk) -> Desk:
    """A desk with the default lab up."""
    return lab_desk()


Edited = Callable[[str, Callable[[dict[str, Any]], None]], Path]


@pytest.fixture
def edited(tmp_path: Path) -> Edited:
    """Return a function that writes a changed copy of one of our experiments, with less load."""

    def edit(name: str, change: Callable[[dict[str, Any]], None]) -> Path:
        data: dict[str, Any] = yaml.safe_load((ROOT / "experiments" / name).read_text())
        data["extensions"][0]["load"]["rate"] = RATE
        change(data)
        path = tmp_path / Path(name).name
        path.write_text(yaml.safe_dump(data, sort_keys=False))
        return path

    return edit


def truth(desk: Desk) -> list[dict[str, Any]]:
    """Return what the lab wrote down about what really happened."""
    path = Path(desk.environment["GAMEDAY_LAB_HOME"]) / "truth.jsonl"
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines() if line]
