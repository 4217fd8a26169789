"""The functions of metric math that the lab knows; another one is another entry in `FUNCTIONS`, or among the arrays'.

AVG, MAX, MIN and SUM turn one series into a number and an array into one series, as on AWS.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise

from lab.aws.metric_array_functions import ARRAY_FUNCTIONS
from lab.aws.metric_math import Arguments, MathFunction, Scope, Series, Value, as_array, check_count, evaluate
from lab.aws.metric_syntax import MathError, Name, Text
from lab.aws.metrics import Points


def _fold(name: str, measure: Callable[[Sequence[float]], float], *, missing_is_zero: bool = False) -> MathFunction:
    """Make a function that folds a series into a number, and an array into a series."""

    def function(scope: Scope, arguments: Arguments) -> Value:
        check_count(name, arguments, 1, 1)
        value = evaluate(arguments[0], scope)
        if isinstance(value, float):
            raise MathError(f"{name} needs a time series")
        if isinstance(value, list):
            return _fold_array(value, measure, scope, missing_is_zero)
        if not value.points:
            return 0.0
        return float(measure(list(value.points.values())))

    return function


def _fold_array(
    array: list[Series], measure: Callable[[Sequence[float]], float], scope: Scope, missing_is_zero: bool
) -> Series:
    points: Points = {}
    for at in sorted(set().union(*(one.points for one in array))):
        known = [one.points[at] for one in array if at in one.points]
        missing = [0.0] * (len(array) - len(known)) if missing_is_zero else []
        points[at] = float(measure(known + missing))
    return Series(points, array[0].window if array else scope.window)


def _map(name: str, change: Callable[[Points], Points]) -> MathFunction:
    """Make a function that changes each series by itself."""

    def function(scope: Scope, arguments: Arguments) -> Value:
        check_count(name, arguments, 1, 1)
        value = evaluate(arguments[0], scope)
        changed = [one.with_points(change(one.points)) for one in as_array(value)]
        return changed if isinstance(value, list) else changed[0]

    return function


def _each(change: Callable[[float], float]) -> Callable[[Points], Points]:
    return lambda points: {at: float(change(value)) for at, value in points.items()}


def _logarithm(change: Callable[[float], float]) -> Callable[[Points], Points]:
    return lambda points: {at: change(value) for at, value in points.items() if value > 0}


def _difference(points: Points) -> Points:
    return {now: points[now] - points[before] for before, now in pairwise(points)}


def _rate(points: Points) -> Points:
    return {now: (points[now] - points[before]) / (now - before) for before, now in pairwise(points)}


def _running_sum(points: Points) -> Points:
    return dict(zip(points, accumulate(points.values()), strict=True))


def _fill(scope: Scope, arguments: Arguments) -> Value:
    """FILL(series or array, number | series | REPEAT | LINEAR) over the periods of the request."""
    check_count("FILL", arguments, 2, 2)
    value = evaluate(arguments[0], scope)
    filler = arguments[1]
    change = _WORDS.get(filler.id) if isinstance(filler, Name) else None
    if change is None:
        change = _filler(evaluate(filler, scope))
    filled = [one.with_points(change(one)) for one in as_array(value)]
    return filled if isinstance(value, list) else filled[0]


def _filler(filler: Value) -> Callable[[Series], Points]:
    if isinstance(filler, list):
        raise MathError("FILL cannot fill with an array")
    if isinstance(filler, float):
        return lambda one: {at: one.points.get(at, filler) for at in one.window.times()}
    known = filler.points
    return lambda one: {
        at: one.points[at] if at in one.points else known[at]
        for at in one.window.times()
        if at in one.points or at in known
    }


def _repeat(one: Series) -> Points:
    points: Points = {}
    last: float | None = None
    for at in one.window.times():
        last = one.points.get(at, last)
        if last is not None:
            points[at] = last
    return points


def _linear(one: Series) -> Points:
    """Draw lines between neighbours; before the first and after the last point nothing is filled."""
    points = dict(one.points)
    for before, after in pairwise(one.points):
        slope = (one.points[after] - one.points[before]) / (after - before)
        for at in range(before + one.window.period, after, one.window.period):
            points[at] = one.points[before] + slope * (at - before)
    return dict(sorted(points.items()))


_WORDS: dict[str, Callable[[Series], Points]] = {"REPEAT": _repeat, "LINEAR": _linear}


def _if(scope: Scope, arguments: Arguments) -> Value:
    """IF(condition, then[, otherwise]): a missing `then` counts as 0, a missing `otherwise` drops the point."""
    check_count("IF", arguments, 2, 3)
    condition, then, *otherwise = (evaluate(argument, scope) for argument in arguments)
    if isinstance(condition, list) or isinstance(then, list) or any(isinstance(one, list) for one in otherwise):
        raise MathError("IF takes no arrays")
    if isinstance(condition, float):
        if condition:
            return then
        return otherwise[0] if otherwise else Series({}, scope.window)
    points: Points = {}
    for at, truth in condition.points.items():
        value = _branch(then, at, 0.0) if truth else _branch(otherwise[0] if otherwise else None, at, None)
        if value is not None:
            points[at] = value
    return Series(points, condition.window)


def _branch(value: Value | None, at: int, missing: float | None) -> float | None:
    if isinstance(value, Series):
        return value.points.get(at, missing)
    return value if isinstance(value, float) else None


def _metrics(scope: Scope, arguments: Arguments) -> Value:
    """METRICS() or METRICS("part of an id"): the metrics of the request, without the expressions."""
    check_count("METRICS", arguments, 0, 1)
    part = ""
    if arguments:
        if not isinstance(arguments[0], Text):
            raise MathError("METRICS takes a string")
        part = arguments[0].value
    return [one for one in scope.metrics if part in one.id]


def _period(scope: Scope, arguments: Arguments) -> Value:
    check_count("PERIOD", arguments, 1, 1)
    value = evaluate(arguments[0], scope)
    if not isinstance(value, Series):
        raise MathError("PERIOD needs one time series")
    return float(value.window.period)


def _time_series(scope: Scope, arguments: Arguments) -> Value:
    check_count("TIME_SERIES", arguments, 1, 1)
    value = evaluate(arguments[0], scope)
    if not isinstance(value, float):
        raise MathError("TIME_SERIES needs a number")
    return Series(dict.fromkeys(scope.window.times(), value), scope.window)


def _metric_count(scope: Scope, arguments: Arguments) -> Value:
    check_count("METRIC_COUNT", arguments, 1, 1)
    return float(len(as_array(evaluate(arguments[0], scope))))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


FUNCTIONS: dict[str, MathFunction] = {
    "ABS": _map("ABS", _each(abs)),
    "AVG": _fold("AVG", _mean, missing_is_zero=True),
    "CEIL": _map("CEIL", _each(math.ceil)),
    "DATAPOINT_COUNT": _fold("DATAPOINT_COUNT", len),
    "DIFF": _map("DIFF", _difference),
    "FILL": _fill,
    "FLOOR": _map("FLOOR", _each(math.floor)),
    "IF": _if,
    "LOG": _map("LOG", _logarithm(math.log)),
    "LOG10": _map("LOG10", _logarithm(math.log10)),
    "MAX": _fold("MAX", max),
    "METRICS": _metrics,
    "METRIC_COUNT": _metric_count,
    "MIN": _fold("MIN", min),
    "PERIOD": _period,
    "RATE": _map("RATE", _rate),
    "RUNNING_SUM": _map("RUNNING_SUM", _running_sum),
    "STDDEV": _fold("STDDEV", statistics.pstdev),
    "SUM": _fold("SUM", sum),
    "TIME_SERIES": _time_series,
    **ARRAY_FUNCTIONS,
}
