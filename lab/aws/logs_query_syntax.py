"""The language of Logs Insights, first half: the expressions inside a command, as trees.

Operators, loosest first: or, and, not, comparisons (= != < <= > >= like =~ in), + -, * / %, ^, unary minus.
Words are read in lower and upper case alike; a field with other characters than letters, digits, _ @ and . stands in
backticks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from lab.aws.logs_query_tokens import Regex, Token, Tokens

SPAN_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True, slots=True)
class Literal:
    """A text or a number."""

    value: str | float


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time: 5m."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Field:
    """The value of a field; `*` only inside count(*)."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function, in lower case; `start` is where it stands."""

    name: str
    arguments: tuple[Node, ...]
    start: int = 0


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands and an operator: or and = != < <= > >= + - * / % ^."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    inner: Node


@dataclass(frozen=True, slots=True)
class Like:
    """Does a value hold a text, or match a regular expression?"""

    value: Node
    wanted: Regex | Literal


@dataclass(frozen=True, slots=True)
class In:
    """Is a value one of these?"""

    value: Node
    items: tuple[Node, ...]


Node: TypeAlias = Literal | Regex | Span | Field | Call | Binary | Not | Like | In

_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")


def expression(tokens: Tokens) -> Node:
    """Read one expression."""
    node = _and(tokens)
    while tokens.take_word("or"):
        node = Binary("or", node, _and(tokens))
    return node


def _and(tokens: Tokens) -> Node:
    node = _not(tokens)
    while tokens.take_word("and"):
        node = Binary("and", node, _not(tokens))
    return node


def _not(tokens: Tokens) -> Node:
    return Not(_not(tokens)) if tokens.take_word("not") else _comparison(tokens)


def _comparison(tokens: Tokens) -> Node:
    left = _sum(tokens)
    token = tokens.peek()
    if token.kind == "sign" and token.value in _COMPARISONS:
        tokens.take()
        return Binary(token.value, left, _sum(tokens))
    if tokens.take_sign("=~"):
        return Like(left, _pattern(tokens))
    negated = tokens.take_word("not")
    if tokens.take_word("like"):
        node: Node = Like(left, _pattern(tokens))
    elif tokens.take_word("in"):
        tokens.need_sign("[")
        node = In(left, listed(tokens, "]"))
    elif negated:
        raise tokens.unexpected("like or in")
    else:
        return left
    return Not(node) if negated else node


def _pattern(tokens: Tokens) -> Regex | Literal:
    regex = tokens.take_regex()
    if regex is not None:
        return regex
    if tokens.peek().kind != "text":
        raise tokens.unexpected("a text or a regular expression")
    return Literal(tokens.take().value)


def _sum(tokens: Tokens) -> Node:
    node = _product(tokens)
    while (token := tokens.peek()).kind == "sign" and token.value in "+-":
        tokens.take()
        node = Binary(token.value, node, _product(tokens))
    return node


def _product(tokens: Tokens) -> Node:
    node = _power(tokens)
    while (token := tokens.peek()).kind == "sign" and token.value in "*/%":
        tokens.take()
        node = Binary(token.value, node, _power(tokens))
    return node


def _power(tokens: Tokens) -> Node:
    if tokens.take_sign("-"):
        return Binary("-", Literal(0.0), _power(tokens))
    base = _primary(tokens)
    return Binary("^", base, _power(tokens)) if tokens.take_sign("^") else base


def _primary(tokens: Tokens) -> Node:
    regex = tokens.take_regex()
    if regex is not None:
        return regex
    token = tokens.peek()
    if token.kind == "sign" and token.value == "(":
        tokens.take()
        inner = expression(tokens)
        tokens.need_sign(")")
        return inner
    if token.kind in ("sign", "end"):
        raise tokens.unexpected("an expression")
    tokens.take()
    if token.kind == "name" and tokens.take_sign("("):
        return Call(token.value.lower(), _arguments(tokens), token.start)
    return _atom(token)


def _atom(token: Token) -> Node:
    match token.kind:
        case "text":
            return Literal(token.value)
        case "number":
            return Literal(float(token.value))
        case "span":
            unit = token.value.lstrip("0123456789")
            return Span(int(token.value.removesuffix(unit)) * SPAN_S[unit])
        case _:
            return Field(token.value)


def _arguments(tokens: Tokens) -> tuple[Node, ...]:
    if tokens.take_sign("*"):
        tokens.need_sign(")")
        return (Field("*"),)
    return listed(tokens, ")")


def listed(tokens: Tokens, closing: str) -> tuple[Node, ...]:
    """Read expressions separated by commas, up to and with the closing sign."""
    items: list[Node] = []
    if tokens.take_sign(closing):
        return ()
    while True:
        items.append(expression(tokens))
        if tokens.take_sign(closing):
            return tuple(items)
        tokens.need_sign(",")
