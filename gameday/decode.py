"""Plain data into the dataclasses of `gameday.model`: all problems at once, each with its place and a mend.

The same types give the JSON Schema that editors complete from (`json_schema`).
"""

from __future__ import annotations

import difflib
import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from gameday.errors import InputError, Problem
from gameday.model import Json
from gameday.source import Path_, Source
from gameday.telltale import is_telling, without_shapes

T = TypeVar("T")
_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def suggestion(word: str, known: list[str]) -> str:
    """Return ` (did you mean ...?)`, or the words there are."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(sorted(known))}"


def decode(cls: type[T], source: Source, where: Path_ = (), data: Json | None = None) -> T:
    """Return *data* (default: the whole file) as a *cls*.

    Raises InputError with every problem found.
    """
    value, problems = attempt(cls, source, where, data)
    if problems or value is None:
        raise InputError(problems)
    return value


def attempt(
    cls: type[T], source: Source, where: Path_ = (), data: Json | None = None
) -> tuple[T | None, list[Problem]]:
    """Return as much of *data* as can be read, and the problems. What could not be read has its default, or is None."""
    decoder = Decoder(source)
    value = decoder.value(cls, source.data if data is None else data, where)
    return cast("T | None", value), decoder.problems


class Decoder:
    """Walks data and types side by side and collects what does not fit."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []

    def complain(self, where: Path_, message: str, *, at_key: bool = False) -> None:
        """Note a problem at *where*."""
        self.problems.append(self.source.problem(where, message, at_key=at_key))

    def value(self, kind: Any, data: Json, where: Path_) -> object:
        """Return *data* as *kind*; None after a complaint."""
        origin = get_origin(kind)
        if origin in (Union, types.UnionType):
            return self._union(kind, data, where)
        if origin is Literal:
            return self._literal(kind, data, where)
        if origin is list or origin is tuple:
            return self._list(kind, data, where)
        if origin is not None and issubclass(origin, Mapping):
            return self._mapping(kind, data, where)
        if is_dataclass(kind):
            return self._dataclass(kind, data, where)
        return self._scalar(kind, data, where)

    def _scalar(self, kind: type, data: Json, where: Path_) -> object:
        number = isinstance(data, int | float) and not isinstance(data, bool)
        if kind is float and number:
            return self._finite(cast("float", data), where)
        if isinstance(data, kind) and (kind is bool or not isinstance(data, bool)):
            return data
        self.complain(where, f"{_say(where)} must be {_NAMES.get(kind, kind.__name__)}, not {_show(data, where)}")
        return None

    def _finite(self, data: float, where: Path_) -> float | None:
        if isinstance(data, float) and not math.isfinite(data):
            self.complain(where, f"{_say(where)} must be a finite number, not {data}")
        elif abs(data) < 1e300:
            return float(data)
        else:
            self.complain(where, f"{_say(where)} is too large; write a smaller number")
        return None

    def _union(self, kind: Any, data: Json, where: Path_) -> object:
        options = get_args(kind)
        if data is None and type(None) in options:
            return None
        real = [option for option in options if option is not type(None)]
        if len(real) == 1:
            return self.value(real[0], data, where)
        for option in real:
            attempt = Decoder(self.source)
            value = attempt.value(option, data, where)
            if not attempt.problems:
                return value
        self.complain(where, f"{_say(where)} has the wrong form: {_show(data, where)}")
        return None

    def _literal(self, kind: Any, data: Json, where: Path_) -> object:
        options = [str(option) for option in get_args(kind)]
        if data not in get_args(kind):
            self.complain(where, f"{_say(where)} is {_show(data, where)}; {suggestion(str(data), options)}")
        return data

    def _list(self, kind: Any, data: Json, where: Path_) -> object:
        if not isinstance(data, list):
            self.complain(where, f"{_say(where)} must be a list, not {_show(data, where)}")
            return None
        item = get_args(kind)[0]
        values = [self.value(item, one, (*where, index)) for index, one in enumerate(data)]
        return tuple(values) if get_origin(kind) is tuple else values

    def _mapping(self, kind: Any, data: Json, where: Path_) -> object:
        if not isinstance(data, dict):
            self.complain(where, f"{_say(where)} must be a mapping of names, not {_show(data, where)}")
            return None
        item = get_args(kind)[1]
        return {key: self.value(item, one, (*where, key)) for key, one in data.items()}

    def _dataclass(self, kind: Any, data: Json, where: Path_) -> object:
        if not isinstance(data, dict):
            self.complain(where, f"{_say(where)} must be a mapping, not {_show(data, where)}")
            return None
        known = {field.name: field for field in fields(kind)}
        hints = get_type_hints(kind)
        for key in data:
            if key not in known:
                self.complain((*where, key), f"unknown key {key!r}; {suggestion(str(key), list(known))}", at_key=True)
        for name, field in known.items():
            if name not in data and _required(field):
                self.complain(where, f"{_say(where)} lacks the key {name!r}; add it")
        read = {}
        for name in [name for name in known if name in data]:
            told = len(self.problems)
            value = self.value(hints[name], data[name], (*where, name))
            if value is not None or len(self.problems) == told:
                read[name] = value
        lacking = [name for name, field in known.items() if _required(field) and name not in read]
        return None if lacking else kind(**read)


def json_schema(kind: Any) -> dict[str, object]:
    """Return the JSON Schema (2020-12) of a type made of dataclasses, lists, mappings and plain values."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        real = [json_schema(one) for one in args if one is not type(None)]
        return real[0] if len(real) == 1 else {"anyOf": real}
    if origin is Literal:
        return {"enum": list(args)}
    if origin is list or origin is tuple:
        return {"type": "array", "items": json_schema(args[0])}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": json_schema(args[1])}
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        schema: dict[str, object] = {
            "type": "object",
            "additionalProperties": False,
            "properties": {field.name: json_schema(hints[field.name]) for field in fields(kind)},
        }
        if required := [field.name for field in fields(kind) if _required(field)]:
            schema["required"] = required
        return schema
    return {"type": {str: "string", int: "integer", float: "number", bool: "boolean"}[kind]}


def _required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _say(where: Path_) -> str:
    return repr(".".join(str(step) for step in where)) if where else "the file"


def _show(data: Json, where: Path_) -> str:
    """Return a value for a message; a secret, by its name or its shape, is not repeated."""
    if data and any(isinstance(step, str) and is_telling(step) for step in where):
        return "what stands there"
    text = "nothing" if data is None else without_shapes(repr(data))
    return text if len(text) <= 60 else text[:57] + "..."
