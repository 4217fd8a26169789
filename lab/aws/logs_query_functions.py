"""The functions of Logs Insights: those of one row, and those of many (`stats`)."""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass

from lab.aws.logs_query_syntax import Call, Literal, Node, Span
from lab.aws.logs_query_tokens import QueryError
from lab.aws.logs_query_values import Instant, Value, number, text

Values = Sequence[Value]
SPECIAL = {"bin": (1, 1), "datefloor": (2, 2), "dateceil": (2, 2)}  # take a length of time


@dataclass(frozen=True, slots=True)
class Function:
    """A function with the least and the most arguments it takes."""

    least: int
    most: int
    compute: Callable[[Values], Value]


def _numeric(compute: Callable[..., float], least: int = 1, most: int = 1) -> Function:
    def call(values: Values) -> Value:
        numbers = [number(value) for value in values]
        if None in numbers:
            return None
        try:
            return compute(*numbers)
        except (ValueError, ZeroDivisionError, OverflowError):
            return None

    return Function(least, most, call)


def _textual(compute: Callable[..., Value], least: int = 1, most: int = 1) -> Function:
    def call(values: Values) -> Value:
        return None if values[0] is None else compute(*(text(value) for value in values))

    return Function(least, most, call)


def _first(values: Values) -> Value:
    return next((value for value in values if value is not None), None)


def _from_millis(values: Values) -> Value:
    millis = number(values[0])
    return None if millis is None else Instant(millis)


def _to_millis(values: Values) -> Value:
    millis = number(values[0])
    return None if millis is None else int(millis)


def _substr(given: str, start: str, length: str = "") -> Value:
    first = int(float(start))
    return given[first : first + int(float(length))] if length else given[first:]


def _is_ip(given: str, version: int | None = None) -> bool:
    try:
        return version in (None, ipaddress.ip_address(given).version)
    except ValueError:
        return False


FUNCTIONS: Mapping[str, Function] = {
    "abs": _numeric(abs),
    "ceil": _numeric(math.ceil),
    "floor": _numeric(math.floor),
    "greatest": _numeric(max, 1, 99),
    "least": _numeric(min, 1, 99),
    "log": _numeric(math.log),
    "sqrt": _numeric(math.sqrt),
    "ispresent": Function(1, 1, lambda values: values[0] is not None),
    "coalesce": Function(1, 99, _first),
    "isempty": Function(1, 1, lambda values: values[0] is None or text(values[0]) == ""),
    "isblank": Function(1, 1, lambda values: values[0] is None or not text(values[0]).strip()),
    "concat": Function(1, 99, lambda values: "".join(map(text, values))),
    "ltrim": _textual(lambda given, signs=None: given.lstrip(signs), 1, 2),
    "rtrim": _textual(lambda given, signs=None: given.rstrip(signs), 1, 2),
    "trim": _textual(lambda given, signs=None: given.strip(signs), 1, 2),
    "strlen": _textual(len),
    "toupper": _textual(str.upper),
    "tolower": _textual(str.lower),
    "substr": _textual(_substr, 2, 3),
    "replace": _textual(str.replace, 3, 3),
    "strcontains": _textual(lambda given, wanted: int(wanted in given), 2, 2),
    "frommillis": Function(1, 1, _from_millis),
    "tomillis": Function(1, 1, _to_millis),
    "now": Function(0, 0, lambda values: int(time.time())),
    "isvalidip": _textual(_is_ip),
    "isvalidipv4": _textual(lambda given: _is_ip(given, 4)),
    "isvalidipv6": _textual(lambda given: _is_ip(given, 6)),
}


def _known(values: Values) -> list[Value]:
    return [value for value in values if value is not None]


def _numbers(values: Values) -> list[float]:
    return [found for value in values if (found := number(value)) is not None]


def _extreme(choose: Callable[[list[float]], float]) -> Callable[[Values], Value]:
    def compute(values: Values) -> Value:
        numbers = _numbers(values)
        return choose(numbers) if numbers else None

    return compute


def _average(values: Values) -> Value:
    numbers = _numbers(values)
    return sum(numbers) / len(numbers) if numbers else None


def _deviation(values: Values) -> Value:
    numbers = _numbers(values)
    if not numbers:
        return None
    mean = sum(numbers) / len(numbers)
    return math.sqrt(sum((value - mean) ** 2 for value in numbers) / len(numbers))


def _by_text(last: bool) -> Callable[[Values], Value]:
    return lambda values: sorted(_known(values), key=text)[-last] if _known(values) else None


def percentile(values: Values, percent: float) -> Value:
    """Return a percentile, interpolated between the two nearest values."""
    numbers = sorted(_numbers(values))
    if not numbers:
        return None
    place = (len(numbers) - 1) * percent / 100
    low = math.floor(place)
    high = min(low + 1, len(numbers) - 1)
    return numbers[low] + (numbers[high] - numbers[low]) * (place - low)


AGGREGATES: Mapping[str, Callable[[Values], Value]] = {
    "count": lambda values: len(_known(values)),
    "count_distinct": lambda values: len(set(map(text, _known(values)))),
    "sum": lambda values: sum(_numbers(values)),
    "avg": _average,
    "min": _extreme(min),
    "max": _extreme(max),
    "stddev": _deviation,
    "pct": lambda values: percentile(values, 50),  # with its second argument: see `percentile`
    "earliest": lambda values: _known(values)[0] if _known(values) else None,  # of rows in the order of their times
    "latest": lambda values: _known(values)[-1] if _known(values) else None,
    "sortsfirst": _by_text(last=False),
    "sortslast": _by_text(last=True),
}


def check_calls(node: Node, *, aggregates: bool) -> None:
    """Refuse functions that do not exist, wrong numbers of arguments, and aggregates where there are none."""
    for call in _calls(node):
        if call.name in AGGREGATES:
            least, most = (0, 1) if call.name == "count" else (2, 2) if call.name == "pct" else (1, 1)
            if not aggregates:
                raise _bad(call, f"the aggregate {call.name} belongs into stats")
        elif call.name in SPECIAL:
            least, most = SPECIAL[call.name]
        elif call.name in FUNCTIONS:
            least, most = FUNCTIONS[call.name].least, FUNCTIONS[call.name].most
        else:
            raise _bad(call, f"unknown function {call.name}")
        if not least <= len(call.arguments) <= most:
            raise _bad(call, f"invalid number of arguments for {call.name}: {len(call.arguments)}")
        _check_last(call)


def _check_last(call: Call) -> None:
    last = call.arguments[-1] if call.arguments else None
    if call.name in SPECIAL and not (isinstance(last, Span) and last.seconds > 0):
        raise _bad(call, f"{call.name} needs a length of time such as 1m")
    if call.name == "pct" and not (isinstance(last, Literal) and isinstance(last.value, float) and last.value <= 100):
        raise _bad(call, "pct needs a number up to 100 as its second argument")


def aggregates(node: Node) -> bool:
    """Does an expression hold an aggregate?"""
    return any(call.name in AGGREGATES for call in _calls(node))


def _bad(call: Call, message: str) -> QueryError:
    return QueryError(message, call.start, call.start + len(call.name))


def _calls(node: object) -> Iterator[Call]:
    if isinstance(node, Call):
        yield node
    if isinstance(node, tuple):
        for item in node:
            yield from _calls(item)
    elif is_dataclass(node):
        for each in fields(node):
            yield from _calls(getattr(node, each.name))
