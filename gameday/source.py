"""A text file that knows where each of its values stands, so that an error can name file, line and column.

`Source.yaml` and `Source.toml` load; `locate` answers with the place of a path such as ("load", "rate").
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import yaml

from gameday.errors import InputError, Problem, UsageError
from gameday.model import Json

Path_ = tuple[str | int, ...]
Node = yaml.nodes.Node


def read_text(path: Path) -> str:
    """Read a file of the user's.

    Raises UsageError: it is missing, unreadable or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; `gameday list` names the experiments there are") from None
    except IsADirectoryError:
        raise UsageError(f"{path}: is a folder; name a file in it, such as {path}/NAME.yaml") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


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
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
            data = yaml.safe_load(text)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            what = error.problem or error.context or "cannot be read"
            raise InputError([Problem(str(path), line, column, f"not valid YAML: {what}; mend it here")]) from None
        except yaml.YAMLError as error:
            raise InputError([Problem(str(path), 1, 1, f"not valid YAML: {error}")]) from None
        source = cls(path, text, data, root)
        if twice := list(source._repeated_keys(root)):
            raise InputError(twice)
        return source

    @classmethod
    def toml(cls, path: Path) -> Source:
        """Load TOML. Raises InputError with the place of a syntax error."""
        text = read_text(path)
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            place = re.search(r"line (\d+), column (\d+)", str(error))
            line, column = (int(place[1]), int(place[2])) if place else (text.count("\n") + 1, 1)
            raise InputError([Problem(str(path), line, column, f"not valid TOML: {error}")]) from None
        return cls(path, text, cast("Json", data), None)

    def problem(self, where: Path_, message: str, *, at_key: bool = False) -> Problem:
        """Return *message* with the place of the value (or of its key) at *where*."""
        line, column = self.locate(where, at_key=at_key)
        return Problem(str(self.path), line, column, message)

    def locate(self, where: Path_, *, at_key: bool = False) -> tuple[int, int]:
        """Return (line, column), counted from 1, of what stands at *where*, or of the nearest thing around it."""
        if self.root is None:
            return self._locate_in_toml(where)
        node, mark = self.root, self.root.start_mark
        for step in where:
            found = _child(node, step)
            if found is None:
                break
            key, node = found
            mark = (key if at_key and key is not None else node).start_mark
        return mark.line + 1, mark.column + 1

    def _locate_in_toml(self, where: Path_) -> tuple[int, int]:
        tables = [str(step) for step in where]
        best = (1, 1)
        position = 0
        for name in tables:
            pattern = rf"(?m)^\s*(\[[^\]\n]*\b{re.escape(name)}\b[^\]\n]*\]|\"?{re.escape(name)}\"?\s*=)"
            found = re.compile(pattern).search(self.text, position)
            if found:
                position = found.start(1)
                best = (self.text.count("\n", 0, position) + 1, position - self.text.rfind("\n", 0, position))
        return best

    def _repeated_keys(self, node: Node | None) -> list[Problem]:
        if isinstance(node, yaml.SequenceNode):
            return [problem for item in node.value for problem in self._repeated_keys(item)]
        if not isinstance(node, yaml.MappingNode):
            return []
        seen: set[str] = set()
        problems = []
        for key, value in node.value:
            if key.value in seen:
                place = key.start_mark
                message = f"the key {key.value!r} stands twice; the first one would be lost: keep one"
                problems.append(Problem(str(self.path), place.line + 1, place.column + 1, message))
            seen.add(key.value)
            problems += self._repeated_keys(value)
        return problems


def _child(node: Node, step: str | int) -> tuple[Node | None, Node] | None:
    """Return (key node, value node) one step down."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return None, node.value[step]
    return None
