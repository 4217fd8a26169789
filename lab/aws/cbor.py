"""CBOR (RFC 8949), as far as Smithy's RPC v2 needs it: plain values, lists, maps, and tag 1 for instants.

Values go in and out as Python's own; an instant is an aware datetime. Reading takes indefinite lengths and small floats
as well, because SDKs write them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _LIST, _MAP, _TAG, _SIMPLE = range(8)
_INDEFINITE, _INSTANT = 31, 1
_BREAK = 0xFF
_SIZES = {24: 1, 25: 2, 26: 4, 27: 8}
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}
_CONSTANTS: dict[int, object] = {20: False, 21: True, 22: None, 23: None}
DEEPEST = 64  # lists and maps within each other


Item = TypeVar("Item")


class CborError(ValueError):
    """Bytes that are no CBOR, or a kind of it that nobody here reads."""


def encode(value: object) -> bytes:
    """Write a value: None, bool, int, float, str, bytes, datetime, or a list or map of such."""
    out = bytearray()
    _write(out, value)
    return bytes(out)


def _write(out: bytearray, value: object) -> None:
    if value is None or isinstance(value, bool):
        out.append({None: 0xF6, True: 0xF5, False: 0xF4}[value])
    elif isinstance(value, int):
        _head(out, *((_UNSIGNED, value) if value >= 0 else (_NEGATIVE, -1 - value)))
    elif isinstance(value, float):
        out += b"\xfb" + struct.pack(">d", value)
    elif isinstance(value, datetime):
        _head(out, _TAG, _INSTANT)
        _write(out, value.timestamp())
    else:
        _write_long(out, value)


def _write_long(out: bytearray, value: object) -> None:
    """Write what has a length."""
    if isinstance(value, str | bytes):
        encoded = value.encode() if isinstance(value, str) else value
        _head(out, _TEXT if isinstance(value, str) else _BYTES, len(encoded))
        out += encoded
    elif isinstance(value, Mapping):
        _head(out, _MAP, len(value))
        for key, one in value.items():
            _write(out, key)
            _write(out, one)
    elif isinstance(value, Sequence):
        _head(out, _LIST, len(value))
        for one in value:
            _write(out, one)
    else:
        raise CborError(f"{type(value).__name__} cannot be written as CBOR")


def _head(out: bytearray, kind: int, number: int) -> None:
    if number < 24:
        out.append(kind << 5 | number)
        return
    for info, size in _SIZES.items():
        if number < 1 << 8 * size:
            out.append(kind << 5 | info)
            out += number.to_bytes(size, "big")
            return
    raise CborError(f"{number} has more than 64 bits")


def decode(data: bytes) -> object:
    """Read one value; raise CborError for anything else, also for bytes after it."""
    reader = _Reader(data)
    value = reader.value(0)
    if reader.at < len(data):
        raise CborError(f"{len(data) - reader.at} bytes follow the value")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.at = 0
        self._data = data

    def value(self, depth: int) -> object:
        if depth > DEEPEST:
            raise CborError("it is nested too deeply")
        first = self._take(1)[0]
        kind, info = first >> 5, first & 31
        if kind == _SIMPLE:
            return self._simple(info)
        if kind == _TAG:
            return self._tagged(self._number(info), depth)
        if kind in (_UNSIGNED, _NEGATIVE):
            number = self._number(info)
            return number if kind == _UNSIGNED else -1 - number
        if kind in (_BYTES, _TEXT):
            return self._string(kind, info)
        if kind == _LIST:
            return self._items(info, lambda: self.value(depth + 1))
        return {key: one for key, one in self._items(info, lambda: self._pair(depth + 1)) if one is not None}

    def _pair(self, depth: int) -> tuple[str, object]:
        key = self.value(depth)
        if not isinstance(key, str):
            raise CborError("the key of a map is no text")
        return key, self.value(depth)

    def _items(self, info: int, read: Callable[[], Item]) -> list[Item]:
        if info != _INDEFINITE:
            return [read() for _ in range(self._number(info))]
        items = []
        while self._peek() != _BREAK:
            items.append(read())
        self.at += 1
        return items

    def _string(self, kind: int, info: int) -> str | bytes:
        if info == _INDEFINITE:
            parts = self._items(info, lambda: self._take(self._number(self._take(1)[0] & 31)))
            whole = b"".join(parts)
        else:
            whole = self._take(self._number(info))
        return whole if kind == _BYTES else whole.decode()

    def _tagged(self, tag: int, depth: int) -> object:
        value = self.value(depth + 1)
        if tag != _INSTANT or not isinstance(value, int | float):
            raise CborError(f"tag {tag} is not read")
        return datetime.fromtimestamp(value, UTC)

    def _simple(self, info: int) -> object:
        if info in _FLOATS:
            (number,) = struct.unpack(_FLOATS[info], self._take(_SIZES[info]))
            return float(number)
        if info not in _CONSTANTS:
            raise CborError(f"the simple value {info} is not read")
        return _CONSTANTS[info]

    def _number(self, info: int) -> int:
        if info < 24:
            return info
        if info not in _SIZES:
            raise CborError(f"the length {info} is not read")
        return int.from_bytes(self._take(_SIZES[info]), "big")

    def _peek(self) -> int:
        if self.at >= len(self._data):
            raise CborError("it ends too early")
        return self._data[self.at]

    def _take(self, size: int) -> bytes:
        part = self._data[self.at : self.at + size]
        if len(part) < size:
            raise CborError("it ends too early")
        self.at += size
        return part
