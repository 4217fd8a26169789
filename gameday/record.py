"""The run folder: opened before anything is touched, appended while running, read back by everything later.

Writing: `Recorder`. Reading: `Record`. Files are 0600 in a 0700 folder; secrets are redacted at the write.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import cast

from gameday.errors import UsageError
from gameday.model import Json, Mark, Point, Pulse, Sample, Write
from gameday.redact import Redactor as Redactor

DAY_FILES = ("day.json", "events.jsonl", "plan.yaml")
SWEPT = (".jsonl", ".json", ".log", ".txt")


def append_line(path: Path, value: object, *, fsync: bool = False) -> None:
    """Append one JSON line. With *fsync* a crash afterwards cannot lose it.

    A record begins with a newline, so that the torn last line of a crash costs nothing but itself. Raises OSError: it
    is not written, or not whole.
    """
    new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        rest = b"\n" + json.dumps(value, default=str).encode() + b"\n"
        while rest:  # a disk that is nearly full takes a part, and says so only the next time
            rest = rest[os.write(descriptor, rest) :]
        if fsync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if fsync and new:
        fsync_folder(path.parent)


def fsync_folder(folder: Path) -> None:
    """Make a new file's name durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_lines(path: Path) -> Iterator[Json]:
    """Yield what was written; a torn or foreign line is left out."""
    if not path.exists():
        return
    for raw in path.read_bytes().split(b"\n"):
        if raw:
            with suppress(ValueError):
                yield json.loads(raw)


def write_json(path: Path, value: object) -> None:
    """Write a whole file at once: by rename, so that a reader never sees half of it."""
    write_whole(path, json.dumps(value, indent=1, default=str).encode() + b"\n")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file for its owner alone, by rename. Raises OSError."""
    draft = path.with_name(path.name + ".tmp")
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    draft.replace(path)


class Recorder:
    """The writing half of one run folder.

    Once the run goes on, a line that cannot be written must not stop what protects the system: it is lost, `lost` says
    so, and the verdict hears of it. Promises are no such lines: they are written by `append_line`, which raises.
    """

    def __init__(self, folder: Path, redact: Redactor | None = None) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self.redact = redact or Redactor()
        self.lost = ""  # why something could not be written
        self._lock = threading.RLock()  # a signal's handler may come in while this thread holds it

    def plan(self, plan: Mapping[str, object]) -> None:
        """Save the run as resolved, before anything is touched."""
        write_json(self.folder / "plan.json", self.redact(plan))

    def mark(self, name: str, at: float | None = None, /, *, fsync: bool = False, **details: object) -> Mark:
        """Append an instant; *at* is now unless given."""
        mark = Mark(time.time() if at is None else at, name, cast("dict[str, Json]", self.redact(details)))
        self._append("marks.jsonl", asdict(mark), fsync=fsync)
        return mark

    def points(self, points: list[Point]) -> None:
        """Append sampled points of metrics."""
        for point in points:
            self._append("metrics.jsonl", asdict(point))

    def log(self, level: str, message: str, **details: object) -> None:
        """Append to the run's own log."""
        line = {"at": time.time(), "level": level, "message": message, **details}
        self._append("log.jsonl", self.redact(line))

    def save(self, name: str, value: object) -> None:
        """Write a whole JSON file, such as `findings.json`."""
        try:
            write_json(self.folder / name, self.redact(value))
        except OSError as error:
            self.lost = str(error)

    def _append(self, name: str, value: object, *, fsync: bool = False) -> None:
        with self._lock:
            try:
                append_line(self.folder / name, value, fsync=fsync)
            except OSError as error:
                self.lost = str(error)

    def sweep(self) -> list[str]:
        """Redact, with what is known by now, what other processes wrote and what was written early; make all 0600.

        Returns the names of the files that were changed. Call it when nobody else writes. Promises are left alone:
        an undo must stay executable, and its arguments are names.
        """
        with self._lock:
            files = [path for path in sorted(self.folder.iterdir()) if path.is_file() and not path.is_symlink()]
            for path in files:
                path.chmod(0o600)
            swept = [path for path in files if path.suffix in SWEPT and path.name != "promises.jsonl"]
            return [path.name for path in swept if _swept(path, self.redact)]


def _swept(path: Path, redact: Redactor) -> bool:
    """Rewrite *path* without secrets; return whether it had any. Lines of JSON stay lines of JSON."""
    text = path.read_bytes().decode(errors="surrogateescape")
    if path.suffix == ".jsonl":
        clean = "\n".join(_clean_lines(text.split("\n"), redact))
    else:
        clean = _clean_json(text, redact, indent=1)
    if clean != text:
        write_whole(path, clean.encode(errors="surrogateescape"))
    return clean != text


def _clean_lines(lines: list[str], redact: Redactor) -> Iterator[str]:
    """Yield lines of JSON without secrets; most have none, so they are looked at many at a time."""
    for first in range(0, len(lines), 200):
        block = lines[first : first + 200]
        text = "\n".join(block)
        yield from block if redact.text(text) == text else (_clean_json(line, redact) for line in block)


def _clean_json(text: str, redact: Redactor, indent: int | None = None) -> str:
    """Return one JSON value without secrets, unchanged when it has none; a text that is no JSON is redacted as text."""
    if not text.strip():
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return redact.text(text)
    clean = redact(value)
    return text if clean == value else json.dumps(clean, indent=indent)


class Record:
    """The reading half of one run folder; every reader tolerates a run that was cut short."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise UsageError(f"no run folder at {folder}; `gameday runs` lists the runs there are")
        self.folder = folder

    def document(self, name: str) -> dict[str, Json]:
        """Read `plan.json`, `findings.json` or `journal.json`; {} when it is not there."""
        path = self.folder / name
        with suppress(OSError, ValueError):
            return cast("dict[str, Json]", json.loads(path.read_text()))
        return {}

    def samples(self) -> list[Sample]:
        """Every request, ordered by due time."""
        rows = [line for line in read_lines(self.folder / "samples.jsonl") if isinstance(line, list) and len(line) == 6]
        return sorted((Sample(*row) for row in rows), key=lambda sample: sample.due)  # type: ignore[arg-type]

    def points(self) -> list[Point]:
        """Every sampled metric point, in the order in which it was seen."""
        return [Point(**line) for line in read_lines(self.folder / "metrics.jsonl") if isinstance(line, dict)]  # type: ignore[arg-type]

    def marks(self) -> list[Mark]:
        """The named instants, ordered by time."""
        found = [Mark(**line) for line in read_lines(self.folder / "marks.jsonl") if isinstance(line, dict)]  # type: ignore[arg-type]
        return sorted(found, key=lambda mark: mark.at)

    def pulses(self) -> list[Pulse]:
        """The load's own counts, oldest first."""
        return [Pulse(**line) for line in read_lines(self.folder / "load.jsonl") if isinstance(line, dict)]  # type: ignore[arg-type]

    def writes(self) -> list[Write]:
        """The load's writes, each with what was found of it afterwards."""
        return [Write(**line) for line in read_lines(self.folder / "writes.jsonl") if isinstance(line, dict)]  # type: ignore[arg-type]


def run_folders(runs: Path) -> list[Path]:
    """Return the run folders in *runs*, oldest first; game days are none."""
    if not runs.is_dir():
        return []
    return sorted(path for path in runs.iterdir() if (path / "plan.json").exists() and not is_day(path))


def changing_folders(runs: Path) -> list[Path]:
    """Return the folders of whatever may have changed something, oldest first: runs, and game days by their injects."""
    return sorted([*run_folders(runs), *day_folders(runs)])


def is_day(folder: Path) -> bool:
    """Return whether *folder* is a game day's: also of one that was killed as it began."""
    return any((folder / name).is_file() for name in DAY_FILES)


def day_folders(runs: Path) -> list[Path]:
    """Return the folders of game days in *runs*, oldest first."""
    return sorted(path for path in runs.iterdir() if is_day(path)) if runs.is_dir() else []


def find_day(runs: Path, name: str) -> Path | None:
    """Return the game day called *name*: a folder, its name, a unique prefix of it, or `last-day`; None: there is none.

    Raises UsageError: several days or runs begin with it.
    """
    for folder in (Path(name), runs / name):
        if is_day(folder):
            return folder
    days = day_folders(runs)
    if name == "last-day":
        return days[-1] if days else None
    matches = [folder for folder in days if folder.name.startswith(name)]
    others = [folder for folder in run_folders(runs) if folder.name.startswith(name)] if matches else []
    if len(matches) + len(others) > 1 and name not in (folder.name for folder in others):
        raise UsageError(f"{len(matches) + len(others)} days and runs begin with {name!r} in {runs}; "
                         "`gameday runs` lists them")  # fmt: skip
    return matches[0] if len(matches) == 1 and not others else None


def find_run(runs: Path, name: str) -> Record:
    """Return the run called *name*: a folder, its name, a unique prefix of it, or `last`. Raises UsageError."""
    _refuse_others(runs, name)
    if Path(name).is_dir() and (Path(name) / "plan.json").exists():
        return Record(Path(name))
    folders = run_folders(runs)
    if not folders:
        raise UsageError(f"no runs in {runs}; `gameday run FILE` makes one")
    if name == "last":
        return Record(folders[-1])
    matches = [folder for folder in folders if folder.name == name] or [
        folder for folder in folders if folder.name.startswith(name)
    ]
    if len(matches) != 1:
        what = "no run begins with" if not matches else f"{len(matches)} runs begin with"
        raise UsageError(f"{what} {name!r} in {runs}; `gameday runs` lists them")
    return Record(matches[0])


def _refuse_others(runs: Path, name: str) -> None:
    """Raise UsageError: *name* is the folder of something else than a run."""
    for kind, page in (("gate", "report.html"), ("watch", "watch.json")):
        for folder in (Path(name), runs / name):
            if (folder / f"{kind}.json").is_file():
                raise UsageError(f"{name} is a {kind}, not a run of an experiment; read {folder / page}")
    for folder in (Path(name), runs / name):
        if is_day(folder):
            raise UsageError(f"{name} is a game day, not a run of an experiment; `gameday show {name}` tells of it")
