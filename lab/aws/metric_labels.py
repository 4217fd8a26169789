"""Dynamic labels: `${MAX} at ${MAX_TIME}`, `${PROP('Dim.Service')}`, filled in from a series. Pure functions.

The names are those of "Using dynamic labels". AWS does not say how many digits it shows; here they are six.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

from lab.aws.metric_math import Series
from lab.aws.metrics import Points
from lab.settings import ACCOUNT, REGION

_PLACE = re.compile(r"\$\{([^}]*)\}")
_INSIDE = re.compile(r"\s*([A-Z_]+)\s*(?:\(\s*['\"]([^'\"]*)['\"]\s*\))?\s*")
_ZONE = re.compile(r"([+-])([01]\d|2[0-3])([0-5]\d)")
_NOTHING = "--"  # what a series without points shows


class LabelError(ValueError):
    """A label, or a time zone of labels, that AWS does not know."""


def zone_of(text: str | None) -> timezone:
    """Return the zone of LabelOptions, such as +0130; LabelError for anything else."""
    if text is None:
        return UTC
    match = _ZONE.fullmatch(text)
    if match is None:
        raise LabelError(f"The value {text} for parameter LabelOptions.Timezone is not + or - and four digits.")
    ahead = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(ahead if match[1] == "+" else -ahead)


def is_dynamic(label: str) -> bool:
    """Say whether a label has places to fill in."""
    return "${" in label


def fill(label: str, series: Series, zone: timezone, now: float) -> str:
    """Fill in the places of a label; LabelError for a name that AWS does not have."""

    def value(match: re.Match[str]) -> str:
        inside = _INSIDE.fullmatch(match[1])
        name, argument = inside.groups() if inside else ("", None)
        if name == "PROP" and argument is not None:
            return _property(argument, series)
        if name == "LABEL" and argument is None:
            return series.label
        if argument is not None or name not in _LIVE:
            raise LabelError(f"The dynamic label {match[0]} is not supported.")
        return _LIVE[name](series.points, zone, now) if series.points else _NOTHING

    return _PLACE.sub(value, label)


def _property(name: str, series: Series) -> str:
    metric = series.metric
    known = {"Region": REGION, "AccountId": ACCOUNT, "Period": str(series.window.period), "Stat": series.stat}
    if metric is not None:
        known |= {"MetricName": metric.name, "Namespace": metric.namespace}
        known |= {f"Dim.{dimension}": value for dimension, value in metric.dimensions}
    return known.get(name, "")


_Live = Callable[[Points, timezone, float], str]


def _number(measure: Callable[[Points], float]) -> _Live:
    return lambda points, zone, now: f"{measure(points):.6g}"


def _instant(which: Callable[[Points], int]) -> _Live:
    return lambda points, zone, now: f"{datetime.fromtimestamp(which(points), zone):%Y-%m-%dT%H:%M:%S%z}"


def _ago(which: Callable[[Points], int]) -> _Live:
    return lambda points, zone, now: _span(now - which(points))


def _between(one: Callable[[Points], int], other: Callable[[Points], int]) -> _Live:
    return lambda points, zone, now: _span(abs(one(points) - other(points)))


def _span(seconds: float) -> str:
    """Write a length of time: 1d2h3m4s, without the zeros before."""
    left, parts = int(seconds), list[str]()
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")):
        count, left = divmod(left, size)
        if count or parts or unit == "s":
            parts.append(f"{count}{unit}")
    return "".join(parts)


def _first(points: Points) -> int:
    return min(points)


def _last(points: Points) -> int:
    return max(points)


def _lowest(points: Points) -> int:
    return min(points, key=lambda at: points[at])


def _highest(points: Points) -> int:
    return max(points, key=lambda at: points[at])


_LIVE: dict[str, _Live] = {
    "AVG": _number(lambda points: sum(points.values()) / len(points)),
    "DATAPOINT_COUNT": _number(len),
    "FIRST": _number(lambda points: points[_first(points)]),
    "FIRST_LAST_RANGE": _number(lambda points: points[_last(points)] - points[_first(points)]),
    "FIRST_LAST_TIME_RANGE": _between(_first, _last),
    "FIRST_TIME": _instant(_first),
    "FIRST_TIME_RELATIVE": _ago(_first),
    "LAST": _number(lambda points: points[_last(points)]),
    "LAST_TIME": _instant(_last),
    "LAST_TIME_RELATIVE": _ago(_last),
    "MAX": _number(lambda points: max(points.values())),
    "MAX_TIME": _instant(_highest),
    "MAX_TIME_RELATIVE": _ago(_highest),
    "MIN": _number(lambda points: min(points.values())),
    "MIN_MAX_RANGE": _number(lambda points: max(points.values()) - min(points.values())),
    "MIN_MAX_TIME_RANGE": _between(_lowest, _highest),
    "MIN_TIME": _instant(_lowest),
    "MIN_TIME_RELATIVE": _ago(_lowest),
    "SUM": _number(lambda points: sum(points.values())),
}
