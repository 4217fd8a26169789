"""The language of Logs Insights, second half: the commands between the pipes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from lab.aws.logs_query_functions import AGGREGATES, aggregates, check_calls
from lab.aws.logs_query_syntax import Field, Node, expression
from lab.aws.logs_query_tokens import QueryError, Tokens

MOST_ROWS = 100_000
DEFAULT_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Column:
    """An expression and the name that it has in the result."""

    name: str
    node: Node


@dataclass(frozen=True, slots=True)
class Fields:
    """`fields`: add columns."""

    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Display:
    """`display`: show these columns and no others."""

    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """`filter`: keep what this holds for."""

    node: Node


@dataclass(frozen=True, slots=True)
class Parse:
    """`parse`: take fields out of a text, named in the order of the pattern's groups."""

    source: Node
    pattern: re.Pattern[str]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stats:
    """`stats`: one row for each combination of `by`."""

    columns: tuple[Column, ...]
    by: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Sort:
    """`sort`: (column, largest first) by importance; after `stats` a column is named as it was written there."""

    keys: tuple[tuple[Column, bool], ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """`limit`."""

    rows: int


@dataclass(frozen=True, slots=True)
class Dedup:
    """`dedup`: the first row of each combination of values."""

    columns: tuple[Column, ...]


Command: TypeAlias = Fields | Display | Filter | Parse | Stats | Sort | Limit | Dedup


def parse_query(text: str) -> tuple[Command, ...]:
    """Read a query; QueryError says what is wrong and where."""
    try:
        return _commands(text)
    except RecursionError:
        raise QueryError("the query is nested too deeply", 0, len(text)) from None


def _commands(text: str) -> tuple[Command, ...]:
    tokens = Tokens(text)
    commands = [_command(tokens)]
    while tokens.take_sign("|"):
        commands.append(_command(tokens))
    if tokens.peek().kind != "end":
        raise tokens.unexpected("'|' or the end of the query")
    if sum(isinstance(command, Stats) for command in commands) > 2:
        raise QueryError("a query takes two stats commands at most", 0, len(text))
    return tuple(commands)


def _command(tokens: Tokens) -> Command:
    token = tokens.peek()
    read = _COMMANDS.get(token.value.lower()) if token.kind == "name" else None
    if read is None:
        raise tokens.unexpected(f"one of the commands {', '.join(_COMMANDS)}")
    tokens.take()
    return read(tokens)


def _columns(tokens: Tokens, *, aggregate: bool = False) -> tuple[Column, ...]:
    columns = [_column(tokens, aggregate)]
    while tokens.take_sign(","):
        columns.append(_column(tokens, aggregate))
    return tuple(columns)


def _column(tokens: Tokens, aggregate: bool) -> Column:
    start = tokens.place
    node = _checked(tokens, aggregate)
    name = node.name if isinstance(node, Field) else tokens.text[start : tokens.last_end].strip()
    if tokens.take_word("as"):
        name = _name(tokens)
    return Column(name, node)


def _checked(tokens: Tokens, aggregate: bool = False) -> Node:
    node = expression(tokens)
    check_calls(node, aggregates=aggregate)
    return node


def _name(tokens: Tokens) -> str:
    if tokens.peek().kind not in ("name", "field"):
        raise tokens.unexpected("a name")
    return tokens.take().value


def _fields(tokens: Tokens) -> Fields:
    return Fields(_columns(tokens))


def _display(tokens: Tokens) -> Display:
    return Display(_columns(tokens, aggregate=True))


def _filter(tokens: Tokens) -> Filter:
    return Filter(_checked(tokens))


def _stats(tokens: Tokens) -> Stats:
    columns = [_summary(tokens)]
    while tokens.take_sign(","):
        columns.append(_summary(tokens))
    return Stats(tuple(columns), _columns(tokens) if tokens.take_word("by") else ())


def _summary(tokens: Tokens) -> Column:
    start = tokens.place
    column = _column(tokens, aggregate=True)
    if not aggregates(column.node):
        message = f"{column.name} is no aggregate; stats takes {', '.join(sorted(AGGREGATES))}"
        raise QueryError(message, start, tokens.last_end)
    return column


def _sort(tokens: Tokens) -> Sort:
    keys: list[tuple[Column, bool]] = []
    while True:
        key = _column(tokens, aggregate=True)
        descending = tokens.take_word("desc")
        if not descending:
            tokens.take_word("asc")
        keys.append((key, descending))
        if not tokens.take_sign(","):
            return Sort(tuple(keys))


def _limit(tokens: Tokens) -> Limit:
    token = tokens.peek()
    if token.kind != "number" or not token.value.isdigit() or not 0 < int(token.value) <= MOST_ROWS:
        raise tokens.unexpected(f"a number from 1 to {MOST_ROWS}")
    tokens.take()
    return Limit(int(token.value))


def _dedup(tokens: Tokens) -> Dedup:
    return Dedup(_columns(tokens))


def _parse(tokens: Tokens) -> Parse:
    source: Node = Field("@message")
    if tokens.peek().kind in ("name", "field"):
        source = Field(tokens.take().value)
    regex = tokens.take_regex()
    if regex is not None:
        return _by_regex(tokens, source, regex.pattern)
    token = tokens.peek()
    if token.kind != "text":
        raise tokens.unexpected("a glob in quotes or a regular expression")
    tokens.take()
    names = _names(tokens)
    if token.value.count("*") != len(names):
        message = f"the glob has {token.value.count('*')} wildcards and {len(names)} names"
        raise QueryError(message, token.start, token.end)
    return Parse(source, _glob(token.value), names)


def _by_regex(tokens: Tokens, source: Node, pattern: re.Pattern[str]) -> Parse:
    names = tuple(pattern.groupindex)
    if not names or tokens.peek().is_word("as"):
        names = _names(tokens)
    if pattern.groups != len(names):
        raise QueryError(f"the pattern has {pattern.groups} groups and {len(names)} names", 0, tokens.last_end)
    return Parse(source, pattern, names)


def _names(tokens: Tokens) -> tuple[str, ...]:
    if not tokens.take_word("as"):
        raise tokens.unexpected("as")
    names = [_name(tokens)]
    while tokens.take_sign(","):
        names.append(_name(tokens))
    return tuple(names)


def _glob(text: str) -> re.Pattern[str]:
    """Turn a glob into a regular expression; a wildcard at the end takes the rest, any other as little as it can."""
    pieces = text.split("*")
    body = "(.*?)".join(re.escape(piece) for piece in pieces)
    return re.compile(f"{body.removesuffix('(.*?)')}(.*)" if not pieces[-1] and len(pieces) > 1 else body, re.DOTALL)


_COMMANDS: dict[str, Callable[[Tokens], Command]] = {
    "fields": _fields,
    "filter": _filter,
    "parse": _parse,
    "stats": _stats,
    "sort": _sort,
    "limit": _limit,
    "display": _display,
    "dedup": _dedup,
}
