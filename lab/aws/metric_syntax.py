"""The syntax of metric math: from the text of an expression to its tree.

Operators, loosest first: || && (also OR, AND), comparisons, + -, * /, unary minus, ^ (also **). Functions are
written in capitals, ids begin with a small letter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias


class MathError(ValueError):
    """The expression is not one that can be evaluated; the message says why."""


@dataclass(frozen=True, slots=True)
class Number:
    """A literal number."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A literal string, as in METRICS("errors")."""

    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """The id of a metric or an expression, or a word such as REPEAT."""

    id: str


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands and an operator."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Function:
    """A function and its arguments."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Array:
    """A list in square brackets."""

    items: tuple[Node, ...]


Node: TypeAlias = Number | Text | Name | Binary | Function | Array

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|(?P<text>\"[^\"]*\"|'[^']*')|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>\*\*|==|!=|<=|>=|&&|\|\||[-+*/^<>(),\[\]]))"
)
_WORDS = {"AND": "&&", "OR": "||", "**": "^"}
_LEVELS = (("||",), ("&&",), ("==", "!=", "<", "<=", ">", ">="), ("+", "-"), ("*", "/"))  # loosest first


class _Parser:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = 0

    def parse(self) -> Node:
        node = self._level(0)
        if self._next < len(self._tokens):
            raise MathError(f"unexpected '{self._tokens[self._next][1]}'")
        return node

    def _level(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        node = self._level(level + 1)
        while self._peek() in _LEVELS[level]:
            sign = self._take()
            node = Binary(sign, node, self._level(level + 1))
        return node

    def _unary(self) -> Node:
        if self._peek() == "-":
            self._take()
            return Binary("-", Number(0.0), self._unary())
        base = self._atom()
        if self._peek() == "^":
            self._take()
            return Binary("^", base, self._unary())
        return base

    def _atom(self) -> Node:
        kind, token = self._tokens[self._next] if self._next < len(self._tokens) else ("end", "the end")
        self._next += 1
        if kind == "number":
            return Number(float(token))
        if kind == "text":
            return Text(token[1:-1])
        if kind == "name":
            return Function(token, self._list(")")) if self._peek() == "(" and self._take() else Name(token)
        if token == "(":
            node = self._level(0)
            self._expect(")")
            return node
        if token == "[":
            return Array(self._list("]"))
        raise MathError(f"unexpected '{token}'")

    def _list(self, closing: str) -> tuple[Node, ...]:
        items: list[Node] = []
        while self._peek() != closing:
            if items:
                self._expect(",")
            items.append(self._level(0))
        self._expect(closing)
        return tuple(items)

    def _peek(self) -> str:
        """Return the next sign, or an empty string where something else follows."""
        if self._next < len(self._tokens) and self._tokens[self._next][0] == "sign":
            return self._tokens[self._next][1]
        return ""

    def _take(self) -> str:
        self._next += 1
        return self._tokens[self._next - 1][1]

    def _expect(self, sign: str) -> None:
        if self._peek() != sign:
            raise MathError(f"'{sign}' is missing")
        self._next += 1


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise MathError(f"unexpected '{text[at:].strip()[0]}'")
        token = match[match.lastgroup]
        at = match.end()
        tokens.append(("sign", _WORDS[token]) if token in _WORDS else (match.lastgroup, token))
    return tokens


def parse(text: str) -> Node:
    """Parse one expression; a syntax error raises `MathError`."""
    try:
        return _Parser(text).parse()
    except RecursionError:
        raise MathError("it is nested too deeply") from None


def names(node: Node) -> set[str]:
    """Return the ids that an expression refers to."""
    match node:
        case Name(id=name):
            return {name} if name[0].islower() else set()
        case Binary(left=left, right=right):
            return names(left) | names(right)
        case Function(arguments=parts) | Array(items=parts):
            return set().union(*map(names, parts))
    return set()
