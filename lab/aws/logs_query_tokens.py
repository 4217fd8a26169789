"""The tokens of Logs Insights' language. A slash begins a regular expression only where one may stand."""

from __future__ import annotations

import re
from dataclasses import dataclass


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
class Regex:
    """What stands between slashes."""

    pattern: re.Pattern[str]


_TOKEN = re.compile(
    r"(?:\s|#[^\n]*)*(?:(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|(?P<quoted>`[^`]+`)"
    r"|(?P<span>\d+(?:ms|[smhdw])\b)|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_@][\w@.]*)"
    r"|(?P<sign>!=|<=|>=|=~|[-+*/%^=<>(),|\[\]]))"
)
_REGEX = re.compile(r"\s*/(?P<regex>(?:[^/\\\n]|\\.)+)/")
_GROUP = re.compile(r"\(\?<(?=[A-Za-z])")


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
