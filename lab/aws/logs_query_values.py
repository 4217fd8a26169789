"""What queries compute with: a row's fields, found in JSON messages as Logs Insights finds them, and values as text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from lab.aws.logs_store import Event
from lab.aws.names import instant
from lab.settings import ACCOUNT

MOST_FIELDS = 1_000


class Instant(int):
    """Epoch milliseconds that are shown as a date."""


Value: TypeAlias = str | int | float | bool | None  # Instant is an int
Fields: TypeAlias = Mapping[str, Value]


class Row:
    """One event, or one group of `stats`. `own` holds what commands have added, which hides what was found."""

    __slots__ = ("_found", "event", "group", "own", "stream")

    def __init__(self, event: Event | None = None, stream: str = "", group: str = "") -> None:
        self.event = event
        self.stream = stream
        self.group = group
        self.own: dict[str, Value] = {}
        self._found: Fields | None = None

    def get(self, name: str) -> Value:
        """Return a field; None when there is none."""
        if name in self.own:
            return self.own[name]
        if self.event is None:
            return None
        if name.startswith("@"):
            return self._named(name, self.event)
        if self._found is None:
            self._found = discovered(self.event.message)
        return self._found.get(name)

    def names(self) -> Iterator[str]:
        """Yield the names of all fields of an event."""
        yield from ("@timestamp", "@message", "@logStream", "@log", "@ingestionTime")
        yield from discovered(self.event.message) if self.event else ()

    def pointer(self) -> str | None:
        """Return @ptr, which names the event to GetLogRecord."""
        return None if self.event is None else f"{self.group}|{self.stream}|{self.event.id}"

    def _named(self, name: str, event: Event) -> Value:
        match name:
            case "@timestamp":
                return Instant(event.at)
            case "@message":
                return event.message
            case "@logStream":
                return self.stream
            case "@log":
                return f"{ACCOUNT}:{self.group}"
            case "@ingestionTime":
                return Instant(event.ingested)
            case "@ptr":
                return self.pointer()
            case _:
                return None


def discovered(message: str) -> Fields:
    """Return the fields of a JSON message, nested ones as `a.b.0`; nothing for other messages."""
    if not message.startswith("{"):
        return {}
    try:
        fields: dict[str, Value] = {}
        _flatten(json.loads(message), "", fields)
    except (ValueError, RecursionError):
        return {}
    return fields


def _flatten(document: Any, prefix: str, fields: dict[str, Value]) -> None:
    pairs = document.items() if isinstance(document, dict) else enumerate(document)
    for name, value in pairs:
        if isinstance(value, dict | list):
            _flatten(value, f"{prefix}{name}.", fields)
        elif value is not None and len(fields) < MOST_FIELDS:
            fields[f"{prefix}{name}"] = int(value) if isinstance(value, bool) else value


def number(value: Value) -> float | None:
    """Return a value as a number, None when it is none. Texts that hold a number are one."""
    if value is None or isinstance(value, int | float):
        return value
    try:
        return float(value)
    except ValueError:
        return None


def text(value: Value) -> str:
    """Return a value as results show it."""
    if isinstance(value, Instant):
        return f"{instant(value / 1000):%Y-%m-%d %H:%M:%S}.{value % 1000:03d}"
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    return "" if value is None else str(int(value)) if isinstance(value, int) else value
