"""Metric math on arrays of series (SEARCH, SORT, SLICE, FIRST, LAST, REMOVE_EMPTY) and on the times of points."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise

from lab.aws.metric_math import Arguments, MathFunction, Scope, Series, Value, as_array, check_count, evaluate
from lab.aws.metric_syntax import MathError, Name, Node, Text

# How a series with points ranks among others, by the function that is named.
RANKS: dict[str, Callable[[Series], float]] = {
    "AVG": lambda one: sum(one.points.values()) / len(one.points),
    "COUNT": lambda one: sum(one.points.values()),
    "MAX": lambda one: max(one.points.values()),
    "MIN": lambda one: min(one.points.values()),
    "SUM": lambda one: sum(one.points.values()),
}


def _search(scope: Scope, arguments: Arguments) -> Value:
    """SEARCH('{schema} terms', 'Statistic'[, period])."""
    check_count("SEARCH", arguments, 2, 3)
    text, stat = arguments[:2]
    if not isinstance(text, Text) or not isinstance(stat, Text):
        raise MathError("SEARCH takes a search and a statistic, both in quotes")
    if scope.search is None:
        raise MathError("the function SEARCH is not supported")
    return scope.search(text.value, stat.value, _whole("SEARCH", arguments[2], scope) if arguments[2:] else None)


def _sort(scope: Scope, arguments: Arguments) -> Value:
    """SORT(array, AVG | MAX | MIN | SUM, ASC | DESC[, limit]); series without points stand last."""
    check_count("SORT", arguments, 2, 4)
    array = as_array(evaluate(arguments[0], scope))
    measure = RANKS.get(_word(arguments[1])) if _word(arguments[1]) != "COUNT" else None
    order = _word(arguments[2]) if arguments[2:] else "DESC"
    if measure is None or order not in ("ASC", "DESC"):
        raise MathError("SORT takes AVG, MAX, MIN or SUM, and ASC or DESC")
    known, empty = [one for one in array if one.points], [one for one in array if not one.points]
    ordered = [*sorted(known, key=measure, reverse=order == "DESC"), *empty]
    return ordered[: _whole("SORT", arguments[3], scope)] if arguments[3:] else ordered


def _slice(scope: Scope, arguments: Arguments) -> Value:
    """SLICE(array, first, after) is an array; SLICE(array, index) is one series."""
    check_count("SLICE", arguments, 2, 3)
    array = as_array(evaluate(arguments[0], scope))
    first = _whole("SLICE", arguments[1], scope)
    if arguments[2:]:
        return array[first : _whole("SLICE", arguments[2], scope)]
    return array[first] if first < len(array) else Series({}, scope.window)


def _end(name: str, index: int) -> MathFunction:
    """Make FIRST or LAST: one series of an array."""

    def function(scope: Scope, arguments: Arguments) -> Value:
        check_count(name, arguments, 1, 1)
        array = as_array(evaluate(arguments[0], scope))
        return array[index] if array else Series({}, scope.window)

    return function


def _remove_empty(scope: Scope, arguments: Arguments) -> Value:
    check_count("REMOVE_EMPTY", arguments, 1, 1)
    return [one for one in as_array(evaluate(arguments[0], scope)) if one.points]


def _of_time(name: str, measure: Callable[[datetime], float]) -> MathFunction:
    """Make a function that gives a part of each point's time, in UTC."""

    def function(scope: Scope, arguments: Arguments) -> Value:
        check_count(name, arguments, 1, 1)
        value = evaluate(arguments[0], scope)
        changed = [
            one.with_points({at: float(measure(datetime.fromtimestamp(at, UTC))) for at in one.points})
            for one in as_array(value)
        ]
        return changed if isinstance(value, list) else changed[0]

    return function


def _diff_time(scope: Scope, arguments: Arguments) -> Value:
    """DIFF_TIME: the seconds between each point and the one before."""
    check_count("DIFF_TIME", arguments, 1, 1)
    value = evaluate(arguments[0], scope)
    changed = [one.with_points({b: float(b - a) for a, b in pairwise(one.points)}) for one in as_array(value)]
    return changed if isinstance(value, list) else changed[0]


def _word(node: Node) -> str:
    return node.id if isinstance(node, Name) else ""


def _whole(name: str, node: Node, scope: Scope) -> int:
    value = evaluate(node, scope)
    if not isinstance(value, float) or value != int(value) or value < 0:
        raise MathError(f"{name} takes a whole number there")
    return int(value)


ARRAY_FUNCTIONS: dict[str, MathFunction] = {
    "DATE": _of_time("DATE", lambda when: when.day),
    "DAY": _of_time("DAY", lambda when: when.isoweekday()),
    "DIFF_TIME": _diff_time,
    "EPOCH": _of_time("EPOCH", lambda when: when.timestamp()),
    "FIRST": _end("FIRST", 0),
    "HOUR": _of_time("HOUR", lambda when: when.hour),
    "LAST": _end("LAST", -1),
    "MINUTE": _of_time("MINUTE", lambda when: when.minute),
    "MONTH": _of_time("MONTH", lambda when: when.month),
    "REMOVE_EMPTY": _remove_empty,
    "SEARCH": _search,
    "SLICE": _slice,
    "SORT": _sort,
    "YEAR": _of_time("YEAR", lambda when: when.year),
}
