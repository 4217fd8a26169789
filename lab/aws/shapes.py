"""Does an answer fit botocore's model? A serializer drops what it does not know in silence; this finds it first.

The door asks for every answer of a handler. An answer that does not fit is a bug of the lab and never leaves it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

Misfits = Iterator[str]  # sentences such as "tasks[0].cpu: int instead of string"

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "character": str,
    "integer": int,
    "long": int,
    "boolean": bool,
    "double": (float, int),
    "float": (float, int),
    "timestamp": datetime,
    "blob": (bytes, bytearray),
}
MOST = 5  # of a long list of numbers or times as many are looked at


def misfits(shape: Shape | None, value: Any, where: str = "answer") -> Misfits:
    """Yield what in a value the shape has no place for, what it must have and has not, and texts out of its list."""
    if shape is None:
        if value:
            yield f"{where}: an answer where none is expected"
    elif isinstance(shape, StructureShape):
        yield from _structure(shape, value, where)
    elif isinstance(shape, ListShape):
        yield from _list(shape, value, where)
    elif isinstance(shape, MapShape):
        if not isinstance(value, Mapping):
            yield f"{where}: {type(value).__name__} instead of map"
            return
        for name, each in value.items():
            yield from misfits(shape.value, each, f"{where}[{name}]")
    else:
        yield from _scalar(shape, value, where)


def _structure(shape: StructureShape, value: Any, where: str) -> Misfits:
    if not isinstance(value, Mapping):
        yield f"{where}: {type(value).__name__} instead of structure"
        return
    if shape.metadata.get("document"):
        return
    members = shape.members
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"{where}.{name}: missing"
    for name, each in value.items():
        if name not in members:
            yield f"{where}.{name}: no such member"
        elif each is not None:
            yield from misfits(members[name], each, f"{where}.{name}")


def _list(shape: ListShape, value: Any, where: str) -> Misfits:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence):
        yield f"{where}: {type(value).__name__} instead of list"
        return
    plain = shape.member.type_name in ("double", "float", "integer", "long", "timestamp")
    for number, each in enumerate(value[:MOST] if plain else value):
        yield from misfits(shape.member, each, f"{where}[{number}]")


def _scalar(shape: Shape, value: Any, where: str) -> Misfits:
    kind = shape.type_name
    fits = isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
    if not fits:
        yield f"{where}: {type(value).__name__} instead of {kind}"
        return
    listed = getattr(shape, "enum", None)
    if listed and value not in listed:
        yield f"{where}: {value!r} is none of {', '.join(listed)}"
