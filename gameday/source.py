"""A text file that knows where each of its values stands, so that an error can name file, line and column.

`Source.yaml` and `Source.toml` load; `locate` answers with the place of a path such as ("load", "rate").
Whatever stands in the file, loading ends soon: with data, or with a problem that has a place.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import yaml

from gameday.errors import InputError, Problem, UsageError
from gameday.model import Json

Path_ = tuple[str | int, ...]
Node = yaml.nodes.Node
MOST_BYTES = 2**17
MOST_DEPTH = 60
MOST_VALUES = 10_000
MOST_BITS = 256  # of a whole number
_MISREAD = (ValueError, KeyError, AttributeError, TypeError, OverflowError)  # PyYAML, on `2026-99-99` or `!!int x`
_KEY = re.compile(r"^\s*((?:[\w.-]|\"[^\"]*\"|'[^']*')+)\s*=")


def read_text(path: Path) -> str:
    """Read a file of the user's.

    Raises UsageError: it is missing, unreadable, too large or not UTF-8.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; `gameday list` names the experiments there are") from None
    except IsADirectoryError:
        raise UsageError(f"{path}: is a folder; name a file in it, such as {path}/NAME.yaml") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(raw) > MOST_BYTES:
        raise InputError([Problem(str(path), 1, 1, f"{len(raw)} bytes are too many, {MOST_BYTES} the most; split it")])
    try:
        return raw.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        message = f"not UTF-8 text (byte {error.start}); save it as UTF-8"
        raise InputError([Problem(str(path), line, column, message)]) from None


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, with a place where the original would only raise, and an end to nesting."""

    depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        """Refuse what is nested too deep."""
        if self.depth > MOST_DEPTH:
            raise yaml.composer.ComposerError(None, None, _TOO_DEEP, self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        """Give a place to a value that cannot be built."""
        try:
            value = super().construct_object(node, deep=deep)
        except _MISREAD:
            kind = node.tag.rpartition(":")[2]
            raise _unreadable(f"{str(node.value)[:40]!r} is no {kind}", node) from None
        if isinstance(value, int) and value.bit_length() > MOST_BITS:
            raise _unreadable("this number is too large", node)
        return value


_TOO_DEEP = f"nested deeper than {MOST_DEPTH}"


def _unreadable(what: str, node: Node) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, what, node.start_mark)


@dataclass(frozen=True, slots=True)
class Source:
    """A loaded file: its data as plain values, and the places of them."""

    path: Path
    text: str
    data: Json
    root: Node | None  # None for TOML

    @classmethod
    def yaml(cls, path: Path) -> Source:
        """Load YAML or JSON. Raises InputError with the place of a syntax error or of a key that stands twice."""
        text = read_text(path)
        if path.suffix == ".json":
            text = text.replace("\t", " ")  # white space in JSON, an error in YAML
        try:
            loader = _Loader(text)
            root = loader.get_single_node()
            if root is not None:
                _weigh(root, {})
            if twice := list(_repeated_keys(path, root)):
                raise InputError(twice)
            data = None if root is None else loader.construct_document(root)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            raise InputError([Problem(str(path), line, column, _say(error))]) from None
        except yaml.reader.ReaderError as error:
            line, column = _line_and_column(text, error.position)
            message = f"not text: the character {error.character!r} is not allowed; take it out"
            raise InputError([Problem(str(path), line, column, message)]) from None
        return cls(path, text, data, root)

    @classmethod
    def toml(cls, path: Path) -> Source:
        """Load TOML. Raises InputError with the place of a syntax error."""
        text = read_text(path)
        try:
            data = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # also what tomllib lets through, such as 5000 digits
            place = re.search(r"line (\d+), column (\d+)", str(error))
            line, column = (int(place[1]), int(place[2])) if place else (text.count("\n") + 1, 1)
            raise InputError([Problem(str(path), line, column, f"not valid TOML: {error}")]) from None
        return cls(path, text, cast("Json", data), None)

    def problem(self, where: Path_, message: str, *, at_key: bool = False) -> Problem:
        """Return *message* with the place of the value (or of its key) at *where*."""
        line, column = self.locate(where, at_key=at_key)
        return Problem(str(self.path), line, column, message)

    def scalar(self, where: Path_) -> str | None:
        """Return the text of the one value at *where* as it stands in a YAML file: `10:00`, which YAML reads as 600."""
        node = self.root
        for step in where:
            found = _child(node, step) if node is not None else None
            node = found[1] if found else None
        return str(node.value) if isinstance(node, yaml.ScalarNode) else None

    def locate(self, where: Path_, *, at_key: bool = False) -> tuple[int, int]:
        """Return (line, column), counted from 1, of what stands at *where*, or of the nearest thing around it."""
        if self.root is None:
            return _line_and_column(self.text, _offset_in_toml(self.text, where))
        node, mark = self.root, self.root.start_mark
        for step in where:
            found = _child(node, step)
            if found is None:
                break
            key, node = found
            mark = (key if at_key and key is not None else node).start_mark
        return mark.line + 1, mark.column + 1


def _line_and_column(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _say(error: yaml.MarkedYAMLError) -> str:
    what = error.problem or error.context or "cannot be read"
    if "'\\t'" in what:
        what = "a tab; indent with spaces"
    elif "scanning an alias" in str(error.context):
        what += ' (a text that begins with "*" needs quotes)'
    elif "mapping values are not allowed here" in what:
        what += ' (a text with ": " in it needs quotes)'
    return f"not valid YAML: {what}; mend it here"


def _weigh(node: Node, known: dict[int, tuple[int, int] | None]) -> tuple[int, int]:
    """Return (values, depth) of *node* with every `*alias` written out.

    Raises ComposerError: an anchor contains itself, or the whole is too large or too deep.
    """
    if id(node) in known:
        found = known[id(node)]
        if found is None:
            raise yaml.composer.ComposerError(None, None, "an anchor that contains itself", node.start_mark)
        return found
    if isinstance(node, yaml.ScalarNode):
        return 1, 1
    known[id(node)] = None
    children = [_weigh(child, known) for item in node.value for child in (item if isinstance(item, tuple) else (item,))]
    size = 1 + sum(child[0] for child in children)
    depth = 1 + max((child[1] for child in children), default=0)
    if size > MOST_VALUES or depth > MOST_DEPTH:
        what = _TOO_DEEP if depth > MOST_DEPTH else f"more than {MOST_VALUES} values when its anchors are written out"
        raise yaml.composer.ComposerError(None, None, what, node.start_mark)
    known[id(node)] = size, depth
    return size, depth


def _repeated_keys(path: Path, node: Node | None) -> Iterator[Problem]:
    todo, done = [node], {id(None)}
    while todo:
        node = todo.pop()
        if id(node) in done or not isinstance(node, yaml.CollectionNode):
            continue
        done.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            todo += node.value
            continue
        seen = set()
        for key, value in node.value:
            todo += [key, value]
            if isinstance(key, yaml.ScalarNode) and (key.tag, key.value) in seen:
                place = key.start_mark
                message = f"the key {key.value!r} stands twice; the first one would be lost: keep one"
                yield Problem(str(path), place.line + 1, place.column + 1, message)
            seen.add((key.tag, key.value) if isinstance(key, yaml.ScalarNode) else (key.tag, str(id(key))))


def _child(node: Node, step: Hashable) -> tuple[Node | None, Node] | None:
    """Return (key node, value node) one step down; of keys that stand twice (after `<<`), the one that counts."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in reversed(node.value) if _is(key, step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return None, node.value[step]
    return None


def _is(key: Node, step: Hashable) -> bool:
    if not isinstance(key, yaml.ScalarNode):
        return False
    return key.value == step or (not isinstance(step, str) and bool(_Loader("").construct_object(key) == step))


def _offset_in_toml(text: str, where: Path_) -> int:
    """Return where *where*, or the nearest thing around it, begins in a TOML file; inline tables are searched."""
    places, offsets = _places_in_toml(text)
    length = next((n for n in range(len(where), 0, -1) if where[:n] in places), 0)
    if not length:
        return 0
    position = places[where[:length]]
    after = bisect_right(offsets, position)
    following = offsets[after] if after < len(offsets) else len(text)
    for step in where[length:]:
        if isinstance(step, int):
            found = list(re.finditer(r"\{|\"[^\"\n]*\"|[\[,]\s*(?=[\w.-])", text[position:following]))
            tables = [one for one in found if one[0] == "{"] or found
            position += tables[step].start() if step < len(tables) else 0
        elif inside := re.compile(rf"\b{re.escape(step)}\"?\s*=").search(text, position, following):
            position = inside.start()
    return position


@lru_cache(maxsize=4)
def _places_in_toml(text: str) -> tuple[dict[Path_, int], list[int]]:
    """Return the offset of every table and of every key that begins a line; and all offsets in order."""
    places: dict[Path_, int] = {}
    table: Path_ = ()
    offset = 0
    for line in text.splitlines(keepends=True):
        stripped = line.strip()
        if stripped.startswith("[") and "]" in stripped:
            table = _steps(stripped[: stripped.index("]")].strip("[ "))
            if stripped.startswith("[["):
                table = (*table, sum(path[:-1] == table for path in places if path and isinstance(path[-1], int)))
            for length in range(1, len(table) + 1):
                places.setdefault(table[:length], offset + line.index("["))
        elif key := _KEY.match(line):
            places.setdefault((*table, *_steps(key[1])), offset + key.start(1))
        offset += len(line)
    return places, sorted(set(places.values()))


def _steps(dotted: str) -> Path_:
    return tuple(part.strip().strip("\"'") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.]+", dotted))
