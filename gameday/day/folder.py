"""The folder of a day: opened before anything else, and found again by whoever goes on with the day after a crash."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from gameday.config import Environment
from gameday.day.events import Timeline
from gameday.day.plan import Plan
from gameday.day.state import DayState, fold
from gameday.decode import decode
from gameday.engine.setup import facts, run_id, versions
from gameday.errors import Refusal, UsageError
from gameday.model import Json
from gameday.record import Record, write_json, write_whole
from gameday.redact import Redactor
from gameday.safety.process import Mortal
from gameday.source import Source
from gameday.telltale import PLACEHOLDER

HOLDER = "playing.json"  # which process plays the day
LOCK = ".play.lock"


@dataclass(frozen=True, slots=True)
class Opening:
    """What a new day is opened with."""

    path: Path  # of the plan
    plan: Plan
    files: Mapping[str, Path]  # of the experiments, by item or inject
    values: Mapping[str, Mapping[str, Json]]  # what to set, by item or inject
    environment: Environment
    drawn: Mapping[str, float]  # inject: its delay in seconds
    repeat_with: str = ""
    own_lab: bool = False  # a lab is started for it, and stopped at its end


@dataclass(frozen=True, slots=True)
class Opened:
    """A day's folder and what is in it."""

    folder: Path
    plan: Plan
    files: Mapping[str, Path]
    values: Mapping[str, Mapping[str, Json]]
    environment: str
    drawn: Mapping[str, float]
    own_lab: bool
    timeline: Timeline

    @property
    def state(self) -> DayState:
        """Where it stands."""
        return fold(self.timeline.read())


def open_day(asked: Opening, runs: Path, redact: Redactor) -> Opened:
    """Make the folder of a new day, and write down all that is known before it."""
    name = run_id(f"day-{asked.path.stem}", None, runs)
    folder = runs / name
    text = asked.path.read_bytes()
    write_whole(folder / "plan.yaml", text)
    write_json(folder / "plan.json", redact({
        "schema": 1,
        "day": name,
        "plan": {"file": str(asked.path), "sha256": hashlib.sha256(text).hexdigest(), "title": asked.plan.title},
        "resolved": asdict(asked.plan),
        "environment": facts(asked.environment),
        "seed": asked.plan.seed,
        "injects": dict(asked.drawn),
        "files": {name: str(file.resolve()) for name, file in asked.files.items()},
        "values": {name: dict(values) for name, values in asked.values.items()},
        "own_lab": asked.own_lab,
        "versions": versions(),
        "repeat_with": asked.repeat_with,
        "runs_folder": str(runs.resolve()),
    }))  # fmt: skip
    opened = Opened(folder, asked.plan, {name: file.resolve() for name, file in asked.files.items()}, asked.values,
                    asked.environment.name, asked.drawn, asked.own_lab, Timeline(folder, redact))  # fmt: skip
    opened.timeline.add("day.opened", asked.plan.title, plan=str(asked.path), environment=asked.environment.name,
                        pid=os.getpid())  # fmt: skip
    hold(folder)
    return opened


def again(folder: Path, redact: Redactor) -> Opened:
    """Return the day in *folder* as it was opened. Raises UsageError: it is no day's, or a secret of it is not kept."""
    head = Record(folder).document("plan.json")
    if "day" not in head or "resolved" not in head:
        raise UsageError(f"{folder} is no game day's folder; `gameday runs` lists the days there are")
    plan = decode(Plan, Source.yaml(folder / "plan.json"), ("resolved",), head["resolved"])
    files = {name: Path(str(file)) for name, file in _mapping(head, "files").items()}
    values = {name: cast("dict[str, Json]", value) for name, value in _mapping(head, "values").items()}
    if PLACEHOLDER in json.dumps([head.get("files"), head.get("values")]):
        raise UsageError(f"{folder.name} was begun with a secret, which is not written down; begin anew with --fresh")
    drawn = {name: float(cast("float", delay)) for name, delay in _mapping(head, "injects").items()}
    name = str(_mapping(head, "environment").get("name", ""))
    return Opened(folder, plan, files, values, name, drawn, head.get("own_lab") is True, Timeline(folder, redact))


def _mapping(head: Mapping[str, Json], key: str) -> dict[str, Json]:
    found = head.get(key)
    return found if isinstance(found, dict) else {}


def take(opened: Opened) -> None:
    """Go on with a day as its new process. Raises Refusal: another one plays it."""
    refuse_played(opened.folder)
    hold(opened.folder)
    opened.timeline.add("day.resumed", "another process goes on with the day", pid=os.getpid())


def days(runs: Path, stem: str = "") -> list[Path]:
    """Return the folders of days in *runs*, oldest first; with *stem* those of the plan whose file is called so."""
    found = []
    for folder in sorted(runs.glob("*-day-*")) if runs.is_dir() else ():
        if folder.is_dir() and (head := Record(folder).document("plan.json")).get("day"):
            file = str(_mapping(head, "plan").get("file", ""))
            if not stem or Path(file).stem == stem:
                found.append(folder)
    return found


def unfinished(runs: Path, stem: str, now: float) -> Path | None:
    """Return the newest day of a plan when it has not come to its end, and its time is not over; else None.

    A day whose report is lacking has not come to its end.
    """
    for folder in days(runs, stem)[-1:]:
        state = fold(Timeline(folder).read())
        ended = state.phase == "ended" and (folder / "day.json").exists()
        if not ended and is_in_time(again(folder, Redactor()), now):
            return folder
    return None


def is_in_time(opened: Opened, now: float) -> bool:
    """Return whether the time of a day is not over yet."""
    events = opened.timeline.read()
    began = fold(events).began or min((event.at for event in events), default=now)
    return now <= began + opened.plan.when.lasts_s


def hold(folder: Path) -> None:
    """Write down that this process plays the day."""
    write_json(folder / HOLDER, asdict(Mortal.of(os.getpid())))


def is_played(folder: Path) -> bool:
    """Return whether a process plays the day now."""
    told = Record(folder).document(HOLDER)
    pid = told.get("pid")
    return isinstance(pid, int) and pid != os.getpid() and Mortal(pid, str(told.get("born") or "")).alive


def refuse_played(folder: Path) -> None:
    """Raise Refusal when a process plays the day now."""
    if is_played(folder):
        pid = Record(folder).document(HOLDER).get("pid")
        raise Refusal(f"{folder.name} is going on (process {pid}); wait for it, or end it there with `a`")


@contextmanager
def alone(runs: Path) -> Iterator[None]:
    """Let one process at a time look for a day in *runs* and open one. Raises UsageError: *runs* is not to be used."""
    try:
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(runs / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise UsageError(f"{runs} cannot take runs: {error}; name another folder with --runs") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
