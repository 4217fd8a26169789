"""Filter expressions of X-Ray: from their text to a test of a trace.

service("foodconnect-backend") { fault = true OR responsetime > 2.5 } AND annotation.task = "12ab"
ok !partial duration < 3 http.url CONTAINS "/posts"        expressions side by side mean AND
edge("foodconnect-backend", id(name: "foodconnect-db", type: "Database::SQL")) { fault }
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable

from lab.aws.xray_keywords import SIMPLE, Subject, Value
from lab.aws.xray_segments import Part
from lab.aws.xray_store import Trace, Visit


class FilterError(ValueError):
    """The expression cannot be read; the message says why."""


Test = Callable[[Subject], bool]
Chosen = Callable[[str, str], bool]  # of a service's name and type

_TOKEN = re.compile(
    r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)|(?P<sign>!=|<=|>=|[=<>!(){},:])'
    r"|(?P<word>[A-Za-z_][\w.]*(?:\[[^\]]+\])?))"
)
_ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TEXT: dict[str, Callable[[str, str], bool]] = {
    "CONTAINS": lambda given, wanted: wanted in given,
    "BEGINSWITH": str.startswith,
    "ENDSWITH": str.endswith,
}


def compile_filter(text: str) -> Callable[[Trace], bool]:
    """Read an expression; FilterError when it is none."""
    reader = _Reader(text)
    try:
        test = reader.any()
    except RecursionError:
        raise FilterError("it is nested too deeply") from None
    if reader.peek()[0] != "end":
        raise FilterError(f"unexpected {reader.peek()[1]!r}")
    return lambda trace: test(Subject(trace, trace.root))


class _Reader:
    """Recursive descent; OR binds loosest, then AND and standing side by side."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = 0

    def peek(self) -> tuple[str, str]:
        return self._tokens[self._next]

    def any(self) -> Test:
        tests = [self._all()]
        while self._take_word("OR"):
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda subject: any(test(subject) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._take_word("AND") or (self.peek()[0] == "word" and self.peek()[1].upper() != "OR") or self._begins():
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda subject: all(test(subject) for test in tests)

    def _begins(self) -> bool:
        return self.peek() in (("sign", "!"), ("sign", "("))

    def _one(self) -> Test:
        if self._take("!") or self._take_word("NOT"):
            inner = self._one()
            return lambda subject: not inner(subject)
        if self._take("("):
            test = self.any()
            self._need(")")
            return test
        kind, word = self._pop()
        if kind != "word":
            raise FilterError(f"a keyword is missing at {word!r}" if word else "the expression is not complete")
        if word.lower() == "service":
            return self._service()
        if word.lower() == "edge":
            return self._edge()
        return self._comparison(_keyword(word))

    def _comparison(self, keyword: str) -> Test:
        kind, sign = self.peek()
        if kind == "sign" and sign in ("=", "!=", *_ORDER):
            self._next += 1
            return _compared(keyword, sign, self._value())
        if kind == "word" and sign.upper() in _TEXT:
            self._next += 1
            wanted, holds = self._value(), _TEXT[sign.upper()]
            return lambda subject: any(holds(str(value), str(wanted)) for value in subject.values(keyword))
        if keyword.startswith("annotation."):
            return lambda subject: bool(subject.values(keyword))
        return lambda subject: any(value is True for value in subject.values(keyword))

    def _service(self) -> Test:
        named, inner = self._named() or [_anything], self._braces()
        if len(named) > 1:
            raise FilterError("service() takes one service")
        choose = named[0]
        return _visited(lambda visit: choose(*visit.key), inner, lambda visit: visit.part)

    def _edge(self) -> Test:
        ends = self._named()
        if len(ends) != 2:
            raise FilterError("edge() takes two services")
        first, second = ends

        def runs(visit: Visit) -> bool:
            return visit.caller is not None and first(*visit.caller) and second(*visit.key)

        return _visited(runs, self._braces(), lambda visit: visit.call)

    def _named(self) -> list[Chosen]:
        """Read the services in parentheses."""
        named: list[Chosen] = []
        if not self._take("("):
            return named
        while not self._take(")"):
            named.append(self._chosen())
            if self.peek() != ("sign", ")"):
                self._need(",")
        return named

    def _chosen(self) -> Chosen:
        if not self._take_word("ID"):
            wanted = str(self._value())
            return lambda name, kind: name == wanted
        self._need("(")
        parts: dict[str, str] = {}
        while not self._take(")"):
            label = self._pop()[1].lower()
            self._need(":")
            parts[label] = str(self._value())
            self._take(",")
        name, kind = parts.get("name"), parts.get("type")
        return lambda given, type_: name in (None, given) and kind in (None, type_)

    def _braces(self) -> Test | None:
        if not self._take("{"):
            return None
        test = self.any()
        self._need("}")
        return test

    def _value(self) -> Value:
        kind, value = self._pop()
        if kind == "text":
            return re.sub(r"\\(.)", r"\1", value[1:-1])
        if kind == "number":
            return float(value)
        if value.lower() in ("true", "false"):
            return value.lower() == "true"
        raise FilterError(f"a value is missing at {value!r}")

    def _pop(self) -> tuple[str, str]:
        token = self.peek()
        self._next += token[0] != "end"
        return token

    def _take(self, sign: str) -> bool:
        found = self.peek() == ("sign", sign)
        self._next += found
        return found

    def _take_word(self, word: str) -> bool:
        kind, value = self.peek()
        found = kind == "word" and value.upper() == word
        self._next += found
        return found

    def _need(self, sign: str) -> None:
        if not self._take(sign):
            raise FilterError(f"{sign!r} is missing at {self.peek()[1]!r}")


def _anything(name: str, kind: str) -> bool:
    return True


def _visited(chosen: Callable[[Visit], bool], inner: Test | None, seen: Callable[[Visit], Part]) -> Test:
    """Is there a visit of this kind for which the inner expression holds?"""

    def test(subject: Subject) -> bool:
        visits: Iterable[Visit] = filter(chosen, subject.trace.visits())
        return any(inner is None or inner(Subject(subject.trace, seen(visit), whole=False)) for visit in visits)

    return test


def _compared(keyword: str, sign: str, wanted: Value) -> Test:
    if sign == "=":
        return lambda subject: any(value == wanted for value in subject.values(keyword))
    if sign == "!=":
        return lambda subject: all(value != wanted for value in subject.values(keyword))
    if not isinstance(wanted, float):
        raise FilterError(f"{sign} compares with a number")
    limit, holds = wanted, _ORDER[sign]
    return lambda subject: any(isinstance(v, int | float) and holds(v, limit) for v in subject.values(keyword))


def _keyword(word: str) -> str:
    """Return a keyword in lower case; an annotation's key keeps its case."""
    prefix, bracket, rest = word.partition("[")
    if prefix.lower() == "annotation" and bracket:
        return f"annotation.{rest.removesuffix(']').strip(chr(34))}"
    if word.lower().startswith("annotation."):
        return f"annotation.{word.partition('.')[2]}"
    if word.lower() not in SIMPLE:
        raise FilterError(f"{word!r} is none of the keywords {', '.join(SIMPLE)}, annotation.KEY, service(), edge()")
    return word.lower()


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    place = 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None:
            raise FilterError(f"cannot read {text[place:].strip()[:20]!r}")
        kind = str(match.lastgroup)
        found.append((kind, match[kind]))
        place = match.end()
    return [*found, ("end", "")]
