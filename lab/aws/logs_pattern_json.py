"""JSON conditions of filter patterns: `$.status >= 500`, `$.error IS NULL`, `$.tags[0] NOT EXISTS`, && and ||."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lab.aws.logs_pattern_tokens import PatternError, Reader, Test, comparison, shown, tokens_of

Document = Mapping[str, Any]
_STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>\d+)\]|\[['\"](?P<quoted>[^'\"]+)['\"]\]")
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on a document, and the selectors that it names."""

    holds: Test[Document]
    selectors: tuple[str, ...]


def condition_of(text: str) -> Condition:
    """Read the inside of a JSON pattern; PatternError when it is none."""
    seen: list[str] = []

    def leaf(reader: Reader[Document]) -> Test[Document]:
        selector = reader.take("a selector such as $.status").value
        path = path_of(selector)
        seen.append(selector)
        return _tested(reader, path)

    tokens = tokens_of(text)
    if not tokens:
        raise PatternError("the JSON pattern is empty")
    return Condition(Reader(tokens, leaf).whole(), tuple(dict.fromkeys(seen)))


def _tested(reader: Reader[Document], path: list[str | int]) -> Test[Document]:
    sign = reader.take("a comparison")
    word = sign.value.upper() if sign.kind == "word" else ""
    if word in ("IS", "NOT"):
        return _named(f"{word} {reader.take('what follows it').value.upper()}", path)
    if word == "EXISTS":
        return lambda document: _walk(document, path) is not _MISSING
    test = comparison(sign.value, reader.take("what to compare with"))

    def holds(document: Document) -> bool:
        found = _walk(document, path)
        return test(None if found is _MISSING or isinstance(found, dict | list) else found)

    return holds


def _named(words: str, path: list[str | int]) -> Test[Document]:
    tests: dict[str, Callable[[object], bool]] = {
        "IS NULL": lambda found: found is None,
        "IS TRUE": lambda found: found is True,
        "IS FALSE": lambda found: found is False,
        "NOT EXISTS": lambda found: found is _MISSING,
    }
    if words not in tests:
        raise PatternError(f"{words!r} is none of {', '.join(tests)}")
    return lambda document: tests[words](_walk(document, path))


def path_of(selector: str) -> list[str | int]:
    """Return the steps of `$.a.b[0]`; PatternError when it is no selector."""
    steps: list[str | int] = []
    place = 1
    if not selector.startswith("$") or len(selector) == 1:
        raise PatternError(f"{selector!r} is no selector; write $.name")
    while place < len(selector):
        found = _STEP.match(selector, place)
        if found is None:
            raise PatternError(f"{selector!r} is no selector")
        steps.append(int(found["index"]) if found["index"] else found["name"] or found["quoted"])
        place = found.end()
    return steps


def selected(document: Document, selector: str) -> str | None:
    """Return what a selector finds, as text; None when there is nothing."""
    found = _walk(document, path_of(selector))
    if found is _MISSING or found is None:
        return None
    return json.dumps(found) if isinstance(found, dict | list) else shown(found)


def _walk(document: object, path: list[str | int]) -> object:
    found: Any = document
    for step in path:
        if isinstance(found, str):  # a text can be indexed too
            return _MISSING
        try:
            found = found[step]
        except (LookupError, TypeError):
            return _MISSING
    return found
