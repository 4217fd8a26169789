"""Filter patterns of CloudWatch Logs: from their text to a test of a message that also tells the fields it found.

ERROR "time out" -retry      all terms, in any order, case counts; -term must not be there; ?a ?b is "a or b"
{ $.status >= 500 && ($.path = "/posts*" || $.task IS NULL) }      a JSON message
[ip, user, ..., status = 5*, bytes > 1000]                         columns, "..." and [...] held together
%5\\d\\d%                                                            a regular expression
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from lab.aws.logs_pattern_columns import columns_of
from lab.aws.logs_pattern_json import condition_of, selected
from lab.aws.logs_pattern_tokens import PatternError, regex_of

__all__ = ["Pattern", "PatternError", "compile_pattern"]

Extract = Mapping[str, str]
_TERM = re.compile(r'\s*(?P<sign>[?-]?)(?:"(?P<phrase>(?:[^"\\]|\\.)*)"|%(?P<regex>[^%]+)%|(?P<word>[^\s"]+))')
LONGEST = 1024


@dataclass(frozen=True, slots=True)
class Pattern:
    """`match` returns the fields that the pattern names and found, or None when the message does not match."""

    text: str
    match: Callable[[str], Extract | None]


@lru_cache(256)
def compile_pattern(text: str) -> Pattern:
    """Read a pattern; PatternError says what is wrong with it."""
    if len(text) > LONGEST:
        raise PatternError(f"the pattern is longer than {LONGEST} characters")
    try:
        return _compiled(text, text.strip())
    except RecursionError:
        raise PatternError("the pattern is nested too deeply") from None


def _compiled(text: str, inner: str) -> Pattern:
    if inner.startswith("{"):
        return Pattern(text, _json(inner))
    if inner.startswith("["):
        return Pattern(text, columns_of(inner))
    return Pattern(text, _terms(inner))


def _json(text: str) -> Callable[[str], Extract | None]:
    if not text.endswith("}"):
        raise PatternError("a JSON pattern ends with '}'")
    condition = condition_of(text[1:-1])

    def match(message: str) -> Extract | None:
        try:
            document = json.loads(message)
        except (ValueError, RecursionError):
            return None
        if not isinstance(document, dict) or not condition.holds(document):
            return None
        return {
            selector: value for selector in condition.selectors if (value := selected(document, selector)) is not None
        }

    return match


def _terms(text: str) -> Callable[[str], Extract | None]:
    needed, optional, excluded = _sorted_terms(text)

    def match(message: str) -> Extract | None:
        if any(test(message) for test in excluded) or not all(test(message) for test in needed):
            return None
        # optional terms count only where there is nothing that must be there
        if optional and not needed and not any(test(message) for test in optional):
            return None
        return {}

    return match


Test = Callable[[str], bool]


def _sorted_terms(text: str) -> tuple[list[Test], list[Test], list[Test]]:
    needed: list[Test] = []
    optional: list[Test] = []
    excluded: list[Test] = []
    place = 0
    while text[place:].strip():
        found = _TERM.match(text, place)
        if found is None:
            raise PatternError(f"cannot read the term at {text[place:][:20].strip()!r}")
        {"": needed, "?": optional, "-": excluded}[found["sign"]].append(_test(found))
        place = found.end()
    return needed, optional, excluded


def _test(found: re.Match[str]) -> Test:
    if found["regex"] is not None:
        search = regex_of(found["regex"]).search
        return lambda message: search(message) is not None
    word = re.sub(r"\\(.)", r"\1", found["phrase"]) if found["phrase"] is not None else found["word"]
    return lambda message: word in message
