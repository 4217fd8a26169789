"""SEARCH's own language, `{FoodConnect,Service} MetricName="Errors" (a OR b) NOT canary`: read and matched.

A word in quotes is an exact match of a whole name or value. A bare word is a partial match: names and values are split
into tokens at capitals, digits and signs, and the word must be made of tokens that follow each other, in any case.
Words side by side must all match; NOT binds before AND, AND before OR.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lab.aws.metrics import Metric
from lab.settings import ACCOUNT

LONGEST, MOST_SERIES = 1_024, 500
Test = Callable[[Metric], bool]
_SCHEMA = re.compile(r"\s*\{([^}]*)\}")
_WORD = re.compile(r"""\s*(?:(?P<sign>[()=])|"(?P<quoted>[^"]*)"|(?P<bare>[^\s()="]+))""")
_PART = re.compile(r'\s*(?:"([^"]*)"|([^",\s]+))\s*(?:,|$)')
_TOKENS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_ACCOUNT_KEY = ":aws.AccountId"


class SearchError(ValueError):
    """A search that cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Word:
    """A term, and whether it must match exactly."""

    text: str
    exact: bool

    def fits(self, value: str) -> bool:
        """Say whether a name or a value matches."""
        if self.exact:
            return value == self.text
        tokens = [token.lower() for token in _TOKENS.findall(value)]
        wanted = re.sub(r"[^a-z0-9]", "", self.text.lower())
        return any(wanted == "".join(tokens[i:j]) for i in range(len(tokens)) for j in range(i + 1, len(tokens) + 1))


def search_of(text: str) -> Test:
    """Read a search; return what says whether a metric is found. SearchError for one that cannot be read."""
    if len(text) > LONGEST:
        raise SearchError(f"a search has {LONGEST} characters at most")
    match = _SCHEMA.match(text)
    schema = _schema(match[1]) if match else None
    rest = text[match.end() :] if match else text
    words = _words(rest)
    if schema is None and not words:
        raise SearchError("a search needs a schema or a term")
    terms = _Parser(words).parse() if words else None
    return lambda metric: (schema is None or schema(metric)) and (terms is None or terms(metric))


def labels_of(metrics: Sequence[Metric]) -> list[str]:
    """Return a label for each metric found: the parts in which they differ, or the metric's name."""
    rows = [_parts(metric) for metric in metrics]
    columns = {name for row in rows for name in row}
    varying = {name for name in columns if len({row.get(name) for row in rows}) > 1}
    return [
        " ".join(part for name, part in row.items() if name in varying) or metric.name
        for row, metric in zip(rows, metrics, strict=True)
    ]


def _parts(metric: Metric) -> dict[str, str]:
    return {":namespace": metric.namespace, **dict(sorted(metric.dimensions)), ":name": metric.name}


def _schema(text: str) -> Test:
    parts, at = [], 0
    while at < len(text.rstrip()):
        match = _PART.match(text, at)
        if match is None:
            raise SearchError(f"'{{{text}}}' is no schema: namespace and dimension names, with commas between")
        parts.append(match[1] if match[1] is not None else match[2])
        at = match.end()
    if not parts:
        raise SearchError("a schema begins with a namespace")
    namespace, names = parts[0], set(parts[1:])
    return lambda metric: metric.namespace == namespace and {name for name, _ in metric.dimensions} == names


def _words(text: str) -> list[Word | str]:
    """Return terms, and the signs ( ) = as strings."""
    words: list[Word | str] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _WORD.match(text, at)
        if match is None:
            raise SearchError(f"unexpected '{text[at:].strip()[0]}'")
        at = match.end()
        sign, quoted, bare = match["sign"], match["quoted"], match["bare"]
        words.append(sign or (Word(quoted, exact=True) if quoted is not None else Word(bare.strip("'"), exact=False)))
    return words


class _Parser:
    """Recursive descent; each level returns a test of metrics."""

    def __init__(self, words: Sequence[Word | str]) -> None:
        self._words = words
        self._next = 0

    def parse(self) -> Test:
        test = self._either(_anywhere)
        if self._next < len(self._words):
            raise SearchError("a parenthesis is closed that was not opened, or '=' stands alone")
        return test

    def _either(self, place: Callable[[Word], Test]) -> Test:
        tests = [self._both(place)]
        while self._takes("OR"):
            tests.append(self._both(place))
        return tests[0] if len(tests) == 1 else lambda metric: any(test(metric) for test in tests)

    def _both(self, place: Callable[[Word], Test]) -> Test:
        tests = [self._not(place)]
        while self._takes("AND") or not self._ends():
            tests.append(self._not(place))
        return tests[0] if len(tests) == 1 else lambda metric: all(test(metric) for test in tests)

    def _ends(self) -> bool:
        return self._peek() in (None, ")", "=") or self._is("OR")

    def _not(self, place: Callable[[Word], Test]) -> Test:
        if self._takes("NOT"):
            test = self._not(place)
            return lambda metric: not test(metric)
        return self._term(place)

    def _term(self, place: Callable[[Word], Test]) -> Test:
        word = self._take()
        if word == "(":
            test = self._either(place)
            if self._take() != ")":
                raise SearchError("')' is missing")
            return test
        if isinstance(word, str):
            raise SearchError(f"unexpected '{word}'")
        if self._peek() != "=":
            return place(word)
        self._next += 1
        key = word.text
        return self._term(lambda value: _at(key, value))

    def _is(self, operator: str) -> bool:
        word = self._peek()
        return isinstance(word, Word) and not word.exact and word.text == operator

    def _takes(self, operator: str) -> bool:
        found = self._is(operator)
        self._next += found
        return found

    def _peek(self) -> Word | str | None:
        return self._words[self._next] if self._next < len(self._words) else None

    def _take(self) -> Word | str:
        word = self._peek()
        if word is None:
            raise SearchError("it ends too early")
        self._next += 1
        return word


def _anywhere(word: Word) -> Test:
    """Look in the namespace, the name, and the names and values of dimensions."""

    def test(metric: Metric) -> bool:
        dimensions: Iterable[str] = (part for pair in metric.dimensions for part in pair)
        return any(word.fits(value) for value in (metric.namespace, metric.name, *dimensions))

    return test


def _at(key: str, word: Word) -> Test:
    """Look in one place: MetricName, Namespace, the account, or a dimension."""
    if key == _ACCOUNT_KEY:
        return lambda metric: word.text in (ACCOUNT, "LOCAL")
    if key == "MetricName":
        return lambda metric: word.fits(metric.name)
    if key == "Namespace":
        return lambda metric: word.fits(metric.namespace)
    return lambda metric: any(name == key and word.fits(value) for name, value in metric.dimensions)
