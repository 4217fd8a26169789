"""Metric math: the values of CloudWatch's expressions and what operators do to them.

Values are scalars, series (points by time) and arrays of series. Between two series an arithmetic operator
gives a point only where both have one; FILL repairs gaps. What is not supported raises `MathError` by name.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from lab.aws.metric_syntax import Array, Binary, Function, MathError, Name, Node, Number
from lab.aws.metrics import Metric, Points, Window


@dataclass(frozen=True, slots=True)
class Series:
    """Points by time in a window; `label` names the metric it came from."""

    points: Points
    window: Window
    label: str = ""
    id: str = ""
    metric: Metric | None = None  # where it is a metric's own statistic
    stat: str = ""

    def with_points(self, points: Points) -> Series:
        """Return the same series with other points."""
        return replace(self, points=points)


Value: TypeAlias = float | Series | list[Series]


def _compare(test: Callable[[float, float], bool]) -> Callable[[float, float], float]:
    return lambda left, right: float(test(left, right))


_OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
    "==": _compare(operator.eq),
    "!=": _compare(operator.ne),
    "<": _compare(operator.lt),
    "<=": _compare(operator.le),
    ">": _compare(operator.gt),
    ">=": _compare(operator.ge),
    "&&": _compare(lambda left, right: left != 0 and right != 0),
    "||": _compare(lambda left, right: left != 0 or right != 0),
}
_ARITHMETIC = frozenset("+-*/^")


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may see: values by id, the metrics among them, and the window for series made of nothing."""

    values: Mapping[str, Value]
    metrics: list[Series]
    window: Window
    functions: Mapping[str, MathFunction] = field(default_factory=dict)
    search: Search | None = None  # None where SEARCH is not allowed


Arguments: TypeAlias = tuple[Node, ...]
MathFunction: TypeAlias = Callable[[Scope, Arguments], Value]
Search: TypeAlias = Callable[[str, str, int | None], list[Series]]  # search, statistic, period or the query's own


def check_count(name: str, arguments: Arguments, least: int, most: int) -> None:
    """Raise MathError where a function has too few or too many arguments."""
    if not least <= len(arguments) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise MathError(f"{name} takes {wanted} argument(s), not {len(arguments)}")


def evaluate(node: Node, scope: Scope) -> Value:
    """Compute a node; raise `MathError` for what is unknown or does not fit."""
    match node:
        case Number(value=value):
            return value
        case Name(id=name):
            if name not in scope.values:
                raise MathError(f"'{name}' is not the id of a metric or an expression in this request")
            return scope.values[name]
        case Binary(operator=sign, left=left, right=right):
            return combine(sign, evaluate(left, scope), evaluate(right, scope))
        case Array(items=items):
            return [series for item in items for series in as_array(evaluate(item, scope))]
        case Function(name=name, arguments=arguments):
            function = scope.functions.get(name)
            if function is None:
                raise MathError(f"the function {name} is not supported")
            return function(scope, arguments)
    raise MathError("a string stands only in METRICS() and SEARCH()")


def as_array(value: Value) -> list[Series]:
    """Return the series of a value; a scalar has none and raises."""
    if isinstance(value, float):
        raise MathError("a number stands where a time series is needed")
    return value if isinstance(value, list) else [value]


def combine(sign: str, left: Value, right: Value) -> Value:
    """Apply an operator, series by series where one side is an array."""
    if isinstance(left, list) and isinstance(right, list):
        raise MathError(f"'{sign}' cannot stand between two arrays")
    if isinstance(left, list):
        return [_single(sign, one, right) for one in left]
    if isinstance(right, list):
        return [_single(sign, left, one) for one in right]
    if isinstance(left, float) and isinstance(right, float):
        result = _apply(sign, left, right)
        if result is None:
            raise MathError(f"{left:g} {sign} {right:g} has no value")
        return result
    return _single(sign, left, right)


def _single(sign: str, left: Value, right: Value) -> Series:
    """Combine two series, or a series and a scalar, point by point."""
    frame = left if isinstance(left, Series) else right
    if not isinstance(frame, Series):
        raise MathError(f"'{sign}' needs a time series")
    points = {}
    for at in _times(sign, left, right):
        value = _apply(sign, _at(left, at), _at(right, at))
        if value is not None:
            points[at] = value
    return frame.with_points(points)


def _times(sign: str, left: Value, right: Value) -> list[int]:
    """Between series arithmetic needs both sides; a comparison needs one and takes the other as 0."""
    sides = [side.points for side in (left, right) if isinstance(side, Series)]
    if len(sides) == 1 or sign in _ARITHMETIC:
        return [at for at in sides[0] if at in sides[-1]]
    return sorted(sides[0].keys() | sides[1].keys())


def _at(value: Value, at: int) -> float:
    if isinstance(value, Series):
        return value.points.get(at, 0.0)
    if isinstance(value, float):
        return value
    raise MathError("an array stands where a time series is needed")


def _apply(sign: str, left: float, right: float) -> float | None:
    """Return the result, or None where there is none (a division by zero drops the point)."""
    try:
        value = _OPERATORS[sign](left, right)
    except (ZeroDivisionError, OverflowError):
        return None
    return value if isinstance(value, float) and math.isfinite(value) else None  # a root of -1 is no float
