"""Brings what processes write to their log files into CloudWatch Logs, as the awslogs driver and RDS's export do.

A task's lines go where its task definition's logConfiguration says. A line of JSON with "ts" is dated by it, any other
by when it was read, at most `EVERY_S` later; each line is an event of its own, also those of a traceback.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from lab.aws.ecs_model import Status, Task
from lab.aws.ecs_runner import task_log
from lab.aws.logs_store import Group, LogStore, Stream, now_ms
from lab.settings import DATABASE

if TYPE_CHECKING:
    from lab.aws.world import World

EVERY_S = 0.5
PIECE_BYTES = 4_000_000  # read at once from one file
DATABASE_GROUP = f"/aws/rds/instance/{DATABASE}/postgresql"
DATABASE_STREAM = f"{DATABASE}.0"
_POSTGRES_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) ")


class Tail:
    """Reads a file while somebody writes it; a torn last line waits for its rest."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self._torn = b""

    def lines(self) -> list[str]:
        """Return the lines since the last call; none while there is no file."""
        if self._file is None:
            try:
                self._file = self._path.open("rb", buffering=0)
            except FileNotFoundError:
                return []
        pieces = (self._torn + self._file.read(PIECE_BYTES)).split(b"\n")
        self._torn = pieces.pop()
        return [piece.decode(errors="replace") for piece in pieces if piece.strip()]

    @property
    def found(self) -> bool:
        """Has there been a file?"""
        return self._file is not None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


@dataclass(slots=True)
class Source:
    """A task whose output is read, and the stream that it goes to."""

    tail: Tail
    group: str
    stream: str
    create_group: bool
    begun: bool = False  # has the process been started, and so the stream been made?
    ended: bool = False


@dataclass(slots=True)
class Intake:
    """Follows every task and both database servers; `step` is called again and again from one thread."""

    world: World
    sources: dict[str, Source] = field(default_factory=dict)  # by task
    servers: dict[str, Tail] = field(default_factory=dict)  # by the server's name

    @property
    def store(self) -> LogStore:
        """Where the events go."""
        return self.world.logs.store

    def step(self) -> None:
        """Take in what has been written since the last step."""
        with self.world.lock:
            tasks = [(task, task.last is Status.STOPPED) for task in self.world.ecs.tasks.records.values()]
        for task, stopped in tasks:
            if task.id not in self.sources:
                self._follow(task)
            self._read(self.sources[task.id], stopped)
        for gone in self.sources.keys() - {task.id for task, _ in tasks}:
            del self.sources[gone]
        self._read_servers()

    def _follow(self, task: Task) -> None:
        group, stream, create = destination(task)
        tail = Tail(task_log(self.world.settings.home, task.id))
        self.sources[task.id] = Source(tail, group, stream, create, ended=not group)

    def _read(self, source: Source, stopped: bool) -> None:
        if source.ended:
            return
        lines = [(dated(line), line) for line in source.tail.lines()]
        if lines or (source.tail.found and not source.begun):  # the driver makes the stream with the container
            source.begun = True
            self._put(source.group, source.stream, lines, create=source.create_group)
        elif stopped:
            source.tail.close()
            source.ended = True

    def _read_servers(self) -> None:
        pair = self.world.pair
        for node in (pair.primary, pair.standby):
            tail = self.servers.setdefault(node.name, Tail(node.log))
            lines = [(postgres_time(line), line) for line in tail.lines()]
            if lines and node.name == pair.primary.name:  # RDS shows the log of the primary
                self._put(DATABASE_GROUP, DATABASE_STREAM, lines, create=False)

    def _put(self, group: str, stream: str, lines: list[tuple[int, str]], *, create: bool) -> None:
        with self.store.lock:
            found = self.store.groups.get(group)
            if found is None:
                if not create:
                    return  # the driver cannot deliver either when its group is gone
                found = self.store.groups[group] = Group(group, now_ms())
            into = found.streams.setdefault(stream, Stream(stream, now_ms()))
        self.store.put(found, into, lines)


def destination(task: Task) -> tuple[str, str, bool]:
    """Return group, stream, and whether the group may be created; an empty group for a task without awslogs."""
    container: Mapping[str, Any] = task.definition.containers[0]
    configuration = container.get("logConfiguration") or {}
    options: Mapping[str, str] = configuration.get("options") or {}
    if configuration.get("logDriver") != "awslogs" or not options.get("awslogs-group"):
        return "", "", False
    prefix = options.get("awslogs-stream-prefix")
    stream = f"{prefix}/{container['name']}/{task.id}" if prefix else task.id
    return options["awslogs-group"], stream, options.get("awslogs-create-group") == "true"


def dated(line: str) -> int:
    """Return when a task wrote a line, in epoch milliseconds."""
    if line.startswith("{"):
        try:
            return int(json.loads(line)["ts"] * 1000)
        except (ValueError, KeyError, TypeError):
            pass
    return int(time.time() * 1000)


def postgres_time(line: str) -> int:
    """Return when a server wrote a line, in epoch milliseconds; for the further lines of an entry: now."""
    found = _POSTGRES_TIME.match(line)
    if found is None:
        return int(time.time() * 1000)
    return int(datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC).timestamp() * 1000)
