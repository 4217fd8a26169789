"""Column patterns: `[ip, ..., status = 5*, bytes > 1000]`, for messages whose words are separated by blanks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lab.aws.logs_pattern_tokens import PatternError, Reader, Test, comparison, tokens_of

_WORD = re.compile(r'\[(?P<square>[^\]]*)\]|"(?P<quoted>[^"]*)"|(?P<plain>\S+)')
_NAME = re.compile(r"\w+")
REST = "..."


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name (empty: any) and the test of its text."""

    name: str
    holds: Test[str] | None = None


def columns_of(text: str) -> Callable[[str], Mapping[str, str] | None]:
    """Read a column pattern; the result tells the columns by `$name`, or None."""
    if not text.endswith("]"):
        raise PatternError("a column pattern ends with ']'")
    columns = [_column(part.strip()) for part in text[1:-1].split(",")]
    names = [column.name for column in columns]
    if names.count(REST) > 1:
        raise PatternError("'...' may stand once")

    def match(message: str) -> Mapping[str, str] | None:
        values = _fitted([_text(word) for word in _WORD.finditer(message)], names)
        if values is None:
            return None
        pairs = list(zip(columns, values, strict=True))
        if not all(column.holds is None or column.holds(value) for column, value in pairs):
            return None
        return {
            f"${column.name or place}": value for place, (column, value) in enumerate(pairs, 1) if column.name != REST
        }

    return match


def _text(word: re.Match[str]) -> str:
    return word[str(word.lastgroup)]


def _fitted(words: list[str], names: list[str]) -> list[str] | None:
    """Return one text for each column, None when there are too few or too many words; '...' takes what is left."""
    if REST not in names:
        return words if len(words) == len(names) else None
    place, after = names.index(REST), len(names) - names.index(REST) - 1
    if len(words) < len(names) - 1:
        return None
    end = len(words) - after
    return [*words[:place], " ".join(words[place:end]), *words[end:]]


def _column(text: str) -> Column:
    if text in ("", REST):
        return Column(text)
    tokens = tokens_of(text)
    first = next((token for token in tokens if token.value != "("), None)
    if first is None or not _NAME.fullmatch(first.value):
        raise PatternError(f"{text!r} does not begin with a column's name")
    if len(tokens) == 1:
        return Column(first.value)

    def leaf(reader: Reader[str]) -> Test[str]:
        named = reader.take("a column's name")
        if named.value != first.value:
            raise PatternError(f"the column {first.value!r} cannot test {named.value!r}")
        return comparison(reader.take("a comparison").value, reader.take("what to compare with"))

    return Column(first.value, Reader(tokens, leaf).whole())
