"""What JSON and column patterns share: tokens, comparisons, wildcards, and && and || over conditions."""

from __future__ import annotations

import fnmatch
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar


class PatternError(ValueError):
    """The text is no filter pattern; the message says why."""


Subject = TypeVar("Subject")
Test = Callable[[Subject], bool]
Compare = Callable[[object], bool]  # of a value that was found; None when there is none

_TOKEN = re.compile(
    r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<regex>%[^%]+%)|(?P<sign>&&|\|\||!=|<=|>=|[=<>()])'
    r"|(?P<word>[^\s\"=<>!&|()%]+))"
)
_ORDER: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is text, regex, sign or word; `value` has no quotes."""

    kind: str
    value: str


def regex_of(text: str) -> re.Pattern[str]:
    """Compile a regular expression; groups are not allowed in patterns."""
    if re.search(r"(?<!\\)[()]", text):
        raise PatternError("regular expressions in patterns take no parentheses")
    try:
        return re.compile(text)
    except re.error as error:
        raise PatternError(f"{text!r} is no regular expression: {error}") from None


def tokens_of(text: str) -> list[Token]:
    """Cut a condition into tokens."""
    found: list[Token] = []
    place = 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None:
            raise PatternError(f"cannot read {text[place:].strip()[:20]!r}")
        kind = str(match.lastgroup)
        value = match[kind]
        if kind == "text":
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        found.append(Token(kind, value.strip("%") if kind == "regex" else value))
        place = match.end()
    return found


class Reader(Generic[Subject]):
    """Reads `condition && condition || (...)`; && binds tighter. `leaf` reads one condition."""

    def __init__(self, tokens: list[Token], leaf: Callable[[Reader[Subject]], Test[Subject]]) -> None:
        self._tokens = tokens
        self._leaf = leaf
        self._next = 0

    def whole(self) -> Test[Subject]:
        """Read everything."""
        test = self._any()
        if self.peek() is not None:
            raise PatternError(f"{self._tokens[self._next].value!r} was not expected")
        return test

    def peek(self, ahead: int = 0) -> Token | None:
        """Look at a token that comes."""
        place = self._next + ahead
        return self._tokens[place] if place < len(self._tokens) else None

    def take(self, what: str) -> Token:
        """Take the next token; `what` names what is missing."""
        token = self.peek()
        if token is None:
            raise PatternError(f"{what} is missing at the end")
        self._next += 1
        return token

    def _any(self) -> Test[Subject]:
        tests = [self._all()]
        while self.peek() == Token("sign", "||"):
            self._next += 1
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda subject: any(test(subject) for test in tests)

    def _all(self) -> Test[Subject]:
        tests = [self._one()]
        while self.peek() == Token("sign", "&&"):
            self._next += 1
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda subject: all(test(subject) for test in tests)

    def _one(self) -> Test[Subject]:
        if self.peek() != Token("sign", "("):
            return self._leaf(self)
        self._next += 1
        test = self._any()
        if self.take("')'") != Token("sign", ")"):
            raise PatternError("')' is missing")
        return test


def comparison(sign: str, wanted: Token) -> Compare:
    """Return the test of a value against what a pattern compares it with."""
    if sign in _ORDER:
        limit, holds = _number(wanted.value), _ORDER[sign]
        if limit is None:
            raise PatternError(f"{sign} compares with a number, not with {wanted.value!r}")
        return lambda value: (given := _number(value)) is not None and holds(given, limit)
    if sign not in ("=", "!="):
        raise PatternError(f"{sign!r} compares nothing")
    equal = _equal(wanted)
    return equal if sign == "=" else lambda value: value is not None and not equal(value)


def _equal(wanted: Token) -> Compare:
    if wanted.kind == "regex":
        search = regex_of(wanted.value).search
        return lambda value: isinstance(value, str) and search(value) is not None
    number = _number(wanted.value) if wanted.kind == "word" else None
    if number is not None:
        return lambda value: _number(value) == number
    if "*" in wanted.value:
        match = re.compile(fnmatch.translate(wanted.value.replace("[", "[[]").replace("?", "[?]"))).match
        return lambda value: value is not None and match(shown(value)) is not None
    return lambda value: value is not None and shown(value) == wanted.value


def shown(value: object) -> str:
    """Return a value of a message as text."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None
