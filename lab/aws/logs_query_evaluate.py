"""Turns the expressions of a query into functions of a row, and those of `stats` into functions of many rows.

A field that an event lacks is None: it is unequal to everything, neither larger nor smaller than anything, and makes
arithmetic None.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from functools import partial

from lab.aws.logs_query_functions import AGGREGATES, FUNCTIONS, percentile
from lab.aws.logs_query_syntax import Binary, Call, Field, In, Like, Literal, Node, Not, Span
from lab.aws.logs_query_tokens import QueryError, Regex
from lab.aws.logs_query_values import Instant, Row, Value, number, text

Compute = Callable[[Row], Value]
Summary = Callable[[Sequence[Row]], Value]

_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": math.fmod,
    "^": operator.pow,
}
_ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compute_of(node: Node) -> Compute:
    """Return the function that computes an expression for a row."""
    match node:
        case Literal():
            constant: Value = node.value
            return lambda row: constant
        case Field():
            name = node.name
            return lambda row: row.get(name)
        case Binary():
            return _binary(node)
        case Not(inner):
            test = test_of(inner)
            return lambda row: not test(row)
        case Like(value, wanted):
            return _like(compute_of(value), wanted)
        case In(value, items):
            found, choices = compute_of(value), [compute_of(item) for item in items]
            return lambda row: any(equal(found(row), choice(row)) for choice in choices)
        case Call():
            return _call(node)
        case Regex() | Span():
            raise QueryError("a regular expression or a length of time cannot stand here", 0, 0)


def test_of(node: Node) -> Callable[[Row], bool]:
    """Return the function that says whether an expression holds for a row."""
    compute = compute_of(node)

    def test(row: Row) -> bool:
        value = compute(row)
        return value not in (None, False, 0, "", "0", "false")

    return test


def summary_of(node: Node) -> Summary:
    """Return the function that computes an expression over the rows of a group."""
    match node:
        case Call(name, arguments) if name in AGGREGATES:
            return _aggregate(name, arguments)
        case Binary(sign, left, right):
            first, second = summary_of(left), summary_of(right)
            return lambda rows: _arithmetic(sign, first(rows), second(rows))
        case Call(name, arguments) if name in FUNCTIONS:
            parts, function = [summary_of(argument) for argument in arguments], FUNCTIONS[name]
            return lambda rows: function.compute([part(rows) for part in parts])
        case Literal(value):
            return lambda rows: value
        case _:
            raise QueryError("only aggregates may stand here", 0, 0)


def equal(left: Value, right: Value) -> bool:
    """Compare as numbers where both are, else as texts; a missing value equals nothing."""
    if left is None or right is None:
        return False
    first, second = number(left), number(right)
    if first is not None and second is not None:
        return first == second
    return text(left) == text(right)


def _binary(node: Binary) -> Compute:
    sign = node.operator
    if sign in ("and", "or"):
        left_test, right_test = test_of(node.left), test_of(node.right)
        if sign == "and":
            return lambda row: left_test(row) and right_test(row)
        return lambda row: left_test(row) or right_test(row)
    left, right = compute_of(node.left), compute_of(node.right)
    if sign == "=":
        return lambda row: equal(left(row), right(row))
    if sign == "!=":
        return lambda row: not equal(left(row), right(row))
    if sign in _ORDER:
        return lambda row: _ordered(sign, left(row), right(row))
    return lambda row: _arithmetic(sign, left(row), right(row))


def _ordered(sign: str, left: Value, right: Value) -> bool:
    first, second = number(left), number(right)
    return first is not None and second is not None and _ORDER[sign](first, second)


def _arithmetic(sign: str, left: Value, right: Value) -> Value:
    first, second = number(left), number(right)
    if first is None or second is None or sign not in _ARITHMETIC:
        return None
    try:
        result = _ARITHMETIC[sign](first, second)
    except (ZeroDivisionError, OverflowError, ValueError):
        return None
    return result if isinstance(result, int | float) else None  # a root of a negative number is complex


def _like(value: Compute, wanted: Regex | Literal) -> Compute:
    search = wanted.pattern.search if isinstance(wanted, Regex) else re.compile(re.escape(text(wanted.value))).search

    def like(row: Row) -> Value:
        found = value(row)
        return found is not None and search(text(found)) is not None

    return like


def _call(node: Call) -> Compute:
    name, arguments = node.name, node.arguments
    if name == "bin":
        return _floored(Field("@timestamp"), arguments[0], math.floor)
    if name in ("datefloor", "dateceil"):
        return _floored(arguments[0], arguments[1], math.floor if name == "datefloor" else math.ceil)
    if name in AGGREGATES:  # named in `sort`, where its column is found by its name first
        return lambda row: None
    parts, function = [compute_of(argument) for argument in arguments], FUNCTIONS[name]
    return lambda row: function.compute([part(row) for part in parts])


def _floored(when: Node, length: Node, rounded: Callable[[float], int]) -> Compute:
    assert isinstance(length, Span)  # as was checked when it was read
    value, step = compute_of(when), int(length.seconds * 1000)

    def compute(row: Row) -> Value:
        millis = number(value(row))
        return None if millis is None else Instant(rounded(millis / step) * step)

    return compute


def _aggregate(name: str, arguments: Sequence[Node]) -> Summary:
    if name == "count" and (not arguments or arguments[0] == Field("*")):
        return len
    value, compute = compute_of(arguments[0]), AGGREGATES[name]
    if name == "pct":
        assert isinstance(arguments[1], Literal)
        compute = partial(percentile, percent=float(arguments[1].value))
    if name in ("earliest", "latest"):
        return lambda rows: compute([value(row) for row in sorted(rows, key=_time)])

    def summary(rows: Sequence[Row]) -> Value:
        return compute([value(row) for row in rows])

    return summary


def _time(row: Row) -> float:
    return number(row.get("@timestamp")) or 0
