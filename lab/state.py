"""What a running lab tells about itself, and the files in its home that say so.

A lab is running while its daemon holds the lock on `daemon.lock`: a pid alone could be somebody else's by now.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from lab.light import Light
from lab.settings import ACCOUNT, REGION, LabError, Settings

REMOVED = ("postgres", "envoy", "links", "run", "tasks", "state.json")  # of no use without the processes


@dataclass(frozen=True, slots=True)
class LabState:
    """One running lab; `simulated` holds seconds, `pids` every process by name, `started_at` epoch seconds."""

    url: str
    endpoint: str
    dsn: str
    people: str
    build: str
    simulated: Mapping[str, float]
    pids: Mapping[str, int]
    deny: tuple[str, ...]
    home: str
    postgres: Mapping[str, str]
    started_at: float
    port_base: int
    tasks: int
    multi_az: bool
    light: str | None = None  # what is different with many tasks
    region: str = REGION
    account: str = ACCOUNT

    def as_dict(self) -> dict[str, object]:
        """Return what `lab status --json` prints."""
        return {**asdict(self), "deny": list(self.deny)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LabState:
        """Read back what `as_dict` gave."""
        return cls(**{**data, "deny": tuple(data["deny"])})


def describe(
    settings: Settings,
    *,
    dsn: str,
    pids: Mapping[str, int],
    postgres: Mapping[str, str],
    started_at: float,
    multi_az: bool,
) -> LabState:
    """Return the state of a lab with these settings; `multi_az` is what its database is now."""
    light = Light.of(settings)
    return LabState(
        url=f"http://127.0.0.1:{settings.alb_port}",
        endpoint=f"http://127.0.0.1:{settings.api_port}",
        dsn=dsn,
        people=f"http://127.0.0.1:{settings.people_port}",
        build=settings.build,
        simulated=settings.simulated.as_dict(),
        pids=dict(pids),
        deny=settings.deny,
        home=str(settings.home),
        postgres=dict(postgres),
        started_at=started_at,
        port_base=settings.port_base,
        tasks=settings.tasks,
        multi_az=multi_az,
        light=str(light) if light else None,
    )


@dataclass(frozen=True, slots=True)
class Home:
    """The files of a lab's folder."""

    path: Path

    @property
    def state(self) -> Path:
        """Written when the lab is ready, and again when a process comes or goes."""
        return self.path / "state.json"

    @property
    def lock(self) -> Path:
        """Locked as long as the daemon lives."""
        return self.path / "daemon.lock"

    @property
    def progress(self) -> Path:
        """One sentence a line while the lab starts; an error begins with `ERROR: `."""
        return self.path / "logs" / "boot.log"

    @property
    def daemon_log(self) -> Path:
        """What the daemon prints."""
        return self.path / "logs" / "daemon.log"

    @property
    def truth(self) -> Path:
        """What really happened."""
        return self.path / "truth.jsonl"

    @property
    def audit(self) -> Path:
        """Every call of the AWS API."""
        return self.path / "audit.jsonl"

    @property
    def children(self) -> Path:
        """Where the keeper of child processes has its files."""
        return self.path / "run"

    def hold(self) -> IO[str]:
        """Take the lock; LabError when another daemon has it. Keep the file open for as long as the lab lives."""
        file = self.lock.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise LabError(f"a lab is already running in {self.path}; stop it with `gameday lab down`") from None
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        return file

    def daemon_pid(self) -> int | None:
        """Return the pid of the daemon that lives here, None when there is none."""
        if not self.lock.exists():
            return None
        with self.lock.open("r") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = file.read()
                return int(text) if text.isdigit() else None
            return None

    def write_state(self, state: LabState) -> None:
        """Write the state file by rename, so that a reader never sees half of it."""
        draft = self.state.with_suffix(".tmp")
        draft.write_text(json.dumps(state.as_dict(), indent=1))
        draft.replace(self.state)

    def read_state(self) -> LabState | None:
        """Return the state that was last written, None when there is none."""
        try:
            return LabState.from_dict(json.loads(self.state.read_text()))
        except FileNotFoundError:
            return None


def clear(home: Path, names: Iterable[str]) -> None:
    """Remove files and folders of a lab's folder; a name may be a pattern."""
    for path in (path for name in names for path in home.glob(name)):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
