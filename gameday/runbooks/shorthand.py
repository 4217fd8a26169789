"""The AWS CLI's shorthand for structures: `Name=Service,Value=x`, `awsvpcConfiguration={subnets=[a,b]}`, `a,b`.

Reads what stands there into plain values of the form that a botocore shape has; JSON is read as JSON. What cannot be
known (a variable, `file://`) is left out by the caller before.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import Any

from gameday.decode import suggestion
from gameday.model import Json


class ShorthandError(ValueError):
    """The text is neither shorthand nor JSON."""


def read(text: str, shape: Any) -> Json:
    """Return *text* as a value for *shape*. Raises ShorthandError with what is wrong."""
    stripped = text.strip()
    if stripped[:1] in ("{", "["):
        try:
            value: Json = json.loads(stripped)
        except ValueError as error:
            raise ShorthandError(f"not valid JSON: {error}") from None
        return value
    if shape.type_name in ("structure", "map"):
        return _Reader(stripped).pairs("")
    return scalar(stripped, shape)


def scalar(text: str, shape: Any) -> Json:
    """Return a single value. Raises ShorthandError: it is no number where one is needed."""
    if shape.type_name in ("integer", "long"):
        return _number(text, int)
    if shape.type_name in ("float", "double"):
        return _number(text, float)
    if shape.type_name == "boolean":
        if text.lower() not in ("true", "false"):
            raise ShorthandError(f"{text!r} is neither true nor false")
        return text.lower() == "true"
    return text


def _number(text: str, kind: type[int] | type[float]) -> Json:
    try:
        return kind(text)
    except ValueError:
        raise ShorthandError(f"{text!r} is no {'whole ' if kind is int else ''}number") from None


class _Reader:
    """Reads `key=value,key=value`; a value without a key belongs to the list of the key before it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def pairs(self, end: str) -> Json:
        found: dict[str, Json] = {}
        while self.at < len(self.text) and not self._takes(end):
            key = self._until("=,]}").strip()
            if not key or not self._takes("="):
                raise ShorthandError(f"`KEY=VALUE` is expected at {self.text[self.at - len(key) :][:20]!r}")
            found[key] = self._value()
            self._takes(",")
        return found

    def _value(self) -> Json:
        if self._takes("{"):
            return self.pairs("}")
        if self._takes("["):
            return self._list("]")
        first = self._plain()
        more: list[Json] = []
        while self.text[self.at : self.at + 1] == "," and not self._key_follows():
            self.at += 1
            more.append(self._plain())
        return [first, *more] if more else first

    def _list(self, end: str) -> Json:
        found: list[Json] = []
        while self.at < len(self.text) and not self._takes(end):
            found.append(self.pairs("}") if self._takes("{") else self._plain())
            self._takes(",")
        return found

    def _plain(self) -> str:
        quote = self.text[self.at : self.at + 1]
        if quote and quote in "'\"":
            stop = self.text.find(quote, self.at + 1)
            if stop < 0:
                raise ShorthandError(f"the quote {quote} is never closed")
            value, self.at = self.text[self.at + 1 : stop], stop + 1
            return value
        return self._until(",]}").strip()

    def _key_follows(self) -> bool:
        rest = self.text[self.at + 1 :]
        equals, comma = rest.find("="), rest.find(",")
        return equals >= 0 and (comma < 0 or equals < comma)

    def _until(self, stops: str) -> str:
        begin = self.at
        while self.at < len(self.text) and self.text[self.at] not in stops:
            self.at += 1
        return self.text[begin : self.at]

    def _takes(self, text: str) -> bool:
        if text and self.text.startswith(text, self.at):
            self.at += len(text)
            return True
        return False


def misfits(value: Json, shape: Any, path: str = "") -> Iterator[str]:
    """Yield what does not fit in a value: members that do not exist or are missing, values that are not listed."""
    kind = shape.type_name
    if kind == "list":
        for one in value if isinstance(value, list) else [value]:  # `Values=a` is a list of one
            yield from misfits(one, shape.member, path)
    elif kind in ("structure", "map"):
        if isinstance(value, dict):
            yield from _members(value, shape, path) if kind == "structure" else _values(value, shape, path)
        else:
            yield f"{value!r} must be KEY=VALUE pairs or JSON"
    elif kind == "string" and shape.enum and value not in shape.enum:
        yield f"{value!r} is not among the values; {short(suggestion(str(value), shape.enum))}"


def _values(value: dict[str, Json], shape: Any, path: str) -> Iterator[str]:
    for one in value.values():
        yield from misfits(one, shape.value, path)


def _members(value: dict[str, Json], shape: Any, path: str) -> Iterator[str]:
    for name in value:
        if name not in shape.members:
            yield f"no member {path + name!r}; {short(suggestion(name, list(shape.members)))}"
    for name in shape.required_members:
        if name not in value and name not in meant(list(value), list(shape.members)):
            yield f"lacks {path + name!r}; add it"
    for name in value.keys() & shape.members.keys():
        yield from misfits(value[name], shape.members[name], f"{path}{name}.")


def meant(names: list[str], known: list[str]) -> set[str]:
    """Return which of the *known* names were meant by those that are not known: one mistake is told once."""
    close = [difflib.get_close_matches(name, known, 1) for name in names if name not in known]
    return {match for matches in close for match in matches}


def short(mend: str) -> str:
    """Return a mend that is not a list of everything there is."""
    return mend if len(mend) < 120 else "see `aws help`"
