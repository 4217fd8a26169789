"""Our block in an experiment: `extensions: [{name: gameday, ...}]`, decoded and checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, overload

import yaml

from gameday.decode import attempt, decode
from gameday.errors import InputError, Problem, UsageError
from gameday.model import Block
from gameday.source import Path_, Source

NAME = "gameday"


def place_of(experiment: Mapping[str, Any]) -> Path_ | None:
    """Return where our block stands in *experiment*, or None."""
    extensions = experiment.get("extensions")
    if not isinstance(extensions, list):
        return None
    for index, extension in enumerate(extensions):
        if isinstance(extension, dict) and extension.get("name") == NAME:
            return ("extensions", index)
    return None


@overload
def block_of(experiment: Mapping[str, Any]) -> Block: ...
@overload
def block_of(experiment: Mapping[str, Any], *, lenient: bool) -> Block | None: ...
def block_of(experiment: Mapping[str, Any], *, lenient: bool = False) -> Block | None:
    """Return our block of a loaded experiment.

    Raises InputError: it has problems. Raises UsageError: there is none, unless *lenient* (then None, and problems
    are left for the second call).
    """
    where = place_of(experiment)
    if where is None:
        if lenient:
            return None
        raise UsageError("the experiment has no `extensions: [{name: gameday, ...}]`")
    if lenient:
        return Block()
    data = experiment["extensions"][where[1]]
    text = json.dumps(data, default=str)
    source = Source(Path("extensions.gameday"), text, data, yaml.compose(text, Loader=yaml.SafeLoader))
    return decode(Block, source)


def block_in(source: Source) -> Block | None:
    """Return our block of a file, None without one. Raises InputError with file, line and column."""
    block, problems = attempt_block(source)
    if problems:
        raise InputError(problems)
    return block


def attempt_block(source: Source) -> tuple[Block | None, list[Problem]]:
    """Return as much of our block of a file as can be read, None without one, and its problems."""
    if not isinstance(source.data, dict):
        raise UsageError(f"{source.path}:1:1: not an experiment: the file must be a mapping with title and method")
    where = place_of(source.data)
    if where is None:
        return None, []
    data: Any = source.data["extensions"]
    return attempt(Block, source, where, data[where[1]])
