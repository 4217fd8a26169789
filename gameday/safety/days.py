"""The game day that goes on an environment on this machine: one at a time, found by `gameday halt` and by the next day.

Between two experiments a day holds no run's lock, and is not to be forgotten then: what it would begin is to be ended
as well. Its folder has the same line as a run's, on which it hears.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gameday.config import Environment
from gameday.record import write_json
from gameday.safety import halt
from gameday.safety.lock import lock_path


def going_on(environment: Environment) -> Path | None:
    """Return the folder of the day that goes on here, on this machine; None: there is none."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        folder = Path(json.loads(_path(environment).read_text(encoding="utf-8"))["folder"])
        return folder if halt.listens(folder) else None
    return None


@contextmanager
def held(environment: Environment, folder: Path, asked: Callable[[str], None]) -> Iterator[None]:
    """Be the day of *environment*: *asked* is called, from a thread, when somebody wants it to end."""
    halt.close(folder)  # of a process that was killed
    halt.listen(folder, asked)
    path = _path(environment)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_json(path, {"folder": str(folder.resolve())})
    try:
        yield
    finally:
        if going_on(environment) == folder.resolve():
            path.unlink(missing_ok=True)
        halt.close(folder)


def _path(environment: Environment) -> Path:
    return lock_path(environment).with_suffix(".day")
