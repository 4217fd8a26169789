"""The language of Logs Insights, first half: from text to tokens, and the expressions inside a command to a tree.

Operators, loosest first: or, and, not, comparisons (= != < <= > >= like =~ in), + -, * / %, ^, unary minus.
Words are read in lower and upper case alike; a field with other characters than letters, digits, _ @ and . stands in
backticks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

SPAN_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class QueryError(ValueError):
    """The query cannot be read; `start` and `end` are places in its text, counted in characters."""

    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__(message)
        self.start = start
        self.end = end


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the query; `kind` is text, regex, span, number, name, sign or end."""

    kind: str
    value: str
    start: int
    end: int

    def is_word(self, *words: str) -> bool:
        """Is it one of these keywords?"""
        return self.kind == "name" and self.value.lower() in words


@dataclass(frozen=True, slots=True)
class Literal:
    """A text or a number."""

    value: str | float


@dataclass(frozen=True, slots=True)
class Regex:
    """What stands between slashes."""

    pattern: re.Pattern[str]


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

_TOKEN = re.compile(
    r"(?:\s|#[^\n]*)*(?:(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|(?P<quoted>`[^`]+`)"
    r"|(?P<span>\d+(?:ms|[smhdw])\b)|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_@][\w@.]*)"
    r"|(?P<sign>!=|<=|>=|=~|[-+*/%^=<>(),|\[\]]))"
)
_REGEX = re.compile(r"\s*/(?P<regex>(?:[^/\\\n]|\\.)+)/")
_GROUP = re.compile(r"\(\?<(?=[A-Za-z])")
_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")


class Tokens:
    """The tokens of a query, read one after the other. A slash begins a regular expression only where one may stand."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._place = 0
        self._next: Token | None = None

    def peek(self) -> Token:
        """Look at the next token."""
        if self._next is None:
            self._next = self._read()
        return self._next

    def take(self) -> Token:
        """Take the next token."""
        token = self.peek()
        self._next, self._place = None, token.end
        return token

    def take_sign(self, sign: str) -> bool:
        """Take this sign if it comes next."""
        if self.peek().kind == "sign" and self.peek().value == sign:
            self.take()
            return True
        return False

    def take_word(self, *words: str) -> bool:
        """Take one of these keywords if it comes next."""
        if self.peek().is_word(*words):
            self.take()
            return True
        return False

    def need_sign(self, sign: str) -> None:
        """Take this sign, or fail."""
        if not self.take_sign(sign):
            raise self.unexpected(repr(sign))

    def take_regex(self) -> Regex | None:
        """Take a regular expression if one comes next."""
        found = _REGEX.match(self.text, self._place)
        if found is None:
            return None
        try:
            pattern = re.compile(_GROUP.sub("(?P<", found["regex"].replace("\\/", "/")))
        except re.error as error:
            raise QueryError(f"invalid regular expression: {error}", found.start("regex"), found.end("regex")) from None
        self._next, self._place = None, found.end()
        return Regex(pattern)

    def unexpected(self, wanted: str) -> QueryError:
        """Return the error that the next token is not what was wanted."""
        token = self.peek()
        shown = "end of query" if token.kind == "end" else f"symbol {self.text[token.start : token.end]}"
        return QueryError(f"unexpected {shown}, expected {wanted}", token.start, token.end)

    @property
    def place(self) -> int:
        """Where the next token begins."""
        return self.peek().start

    @property
    def last_end(self) -> int:
        """Where the last token ended."""
        return self._place

    def _read(self) -> Token:
        found = _TOKEN.match(self.text, self._place)
        if found is None:
            rest = re.compile(r"(?:\s|#[^\n]*)*").match(self.text, self._place)
            start = rest.end() if rest else self._place
            if start < len(self.text):
                raise QueryError(f"unexpected symbol {self.text[start]}", start, start + 1)
            return Token("end", "", start, start)
        kind = str(found.lastgroup)
        value = found[kind]
        if kind == "text":
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        if kind == "quoted":
            return Token("field", value[1:-1], found.start(kind), found.end(kind))
        return Token(kind, value, found.start(kind), found.end(kind))


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
