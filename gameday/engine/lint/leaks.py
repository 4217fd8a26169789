"""Secrets that would be seen: literals in the file, and Chaos Toolkit's journal."""

from __future__ import annotations

from collections.abc import Iterator

from gameday.engine.lint.case import Case, listing, mapping
from gameday.errors import Problem
from gameday.model import Json
from gameday.source import Path_
from gameday.telltale import is_reference, is_telling, without_shapes

FROM_OUTSIDE = "{type: env, key: NAME}"
PROSE = ("title", "description", "tags")


def dynamic(case: Case) -> Iterator[Problem]:
    """Rule: no probe in the configuration beside secrets; Chaos Toolkit hands it all of them, and journals it."""
    if not case.data.get("secrets"):
        return
    for activity in case.activities("configuration"):
        message = "a probe in the configuration beside secrets puts all of them into the journal; move it or them"
        yield case.problem(activity.where, message, at_key=True)


def literals(case: Case) -> Iterator[Problem]:
    """Rule: no secret stands in the file. The value is never repeated in the message."""
    for key, group in mapping(case.data.get("secrets")).items():
        yield from _group(case, ("secrets", key), group)
    for key, part in case.data.items():
        if key not in ("secrets", *PROSE):
            for where in _given_away(part, (key,)):
                yield case.problem(where, f"a secret stands in the file; declare it under `secrets` as {FROM_OUTSIDE}")


def _given_away(data: Json, where: Path_) -> Iterator[Path_]:
    """Yield the place of each text that is a secret by the name that it stands under, or by its shape."""
    if isinstance(data, str):
        told = any(isinstance(step, str) and is_telling(step) for step in where[-1:]) and not is_reference(data)
        if data and (told or without_shapes(data) != data):
            yield where
    for key, value in mapping(data).items():
        yield from _given_away(value, (*where, key))
    for index, value in enumerate(listing(data)):
        yield from _given_away(value, (*where, index))


def _group(case: Case, where: Path_, data: Json) -> Iterator[Problem]:
    if isinstance(data, dict):
        if not isinstance(data.get("type"), str):  # env, vault, or a misspelt one that is told already
            for key, value in data.items():
                yield from _group(case, (*where, key), value)
    elif len(where) > 2:
        yield case.problem(where, f"a secret stands in the file, and its journal; write {FROM_OUTSIDE}")
