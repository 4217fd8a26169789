"""PutMetricData: every datum is checked as AWS checks it before the first is stored.

Regular resolution (the default) is stored by the minute, StorageResolution=1 to the second.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.aws.metric_data import metric_of
from lab.aws.metrics import Metric, MetricStore
from lab.aws.paging import epoch
from lab.aws.registry import AwsError

TWO_WEEKS_S, TWO_HOURS_S = 14 * 86400, 2 * 3600
LARGEST = 2.0**360
_SCALES = ("Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits", "Kilobits", "Megabits", "Gigabits")
_RATES = (*_SCALES, "Terabits", "Count")
UNITS = ("Seconds", "Microseconds", "Milliseconds", "Percent", *_RATES, *(f"{unit}/Second" for unit in _RATES), "None")
_KINDS = ("Value", "Values", "StatisticValues")


@dataclass(frozen=True, slots=True)
class _Row:
    """What one put of the store takes."""

    metric: Metric
    total: float
    count: float
    low: float
    high: float
    at: float
    unit: str


def put_metric_data(store: MetricStore, params: Mapping[str, Any], now: float | None = None) -> None:
    """Store the data of a request; raise AwsError, and store nothing, if any of it is wrong."""
    at = time.time() if now is None else now
    namespace = params["Namespace"]
    of_entities = [one for entity in params.get("EntityMetricData") or () for one in entity.get("MetricData") or ()]
    data = [*(params.get("MetricData") or ()), *of_entities]  # an entity only relates metrics to telemetry
    if namespace.startswith("AWS/"):
        raise _invalid(f"The value {namespace} for parameter Namespace is invalid.")
    if not data:
        raise AwsError("MissingParameter", "The parameter MetricData is required.")
    _check_size(data, "MetricData", 1000)
    rows = [row for number, datum in enumerate(data, 1) for row in _rows(namespace, datum, number, at)]
    for row in rows:
        store.put_set(row.metric, row.total, row.count, row.low, row.high, row.at, row.unit)


def _rows(namespace: str, datum: Mapping[str, Any], number: int, now: float) -> Iterator[_Row]:
    where = f"MetricData.member.{number}"
    _check_size(datum.get("Dimensions") or (), f"{where}.Dimensions", 30)
    metric = metric_of({"Namespace": namespace, **datum})
    unit = datum.get("Unit", "None")
    if unit not in UNITS:
        raise _invalid(f"The parameter {where}.Unit must be a value in the set [ {', '.join(UNITS)} ].")
    at = _time(datum, where, now)
    given = [kind for kind in _KINDS if datum.get(kind) is not None]
    if not given:
        raise AwsError("MissingParameter", f"At least one of {where}.Value, .Values or .StatisticValues is required.")
    if len(given) > 1:
        raise AwsError(
            "InvalidParameterCombination",
            f"The parameters {where}.{given[0]} and {where}.{given[1]} are mutually exclusive and you have "
            "specified both.",
        )
    if given == ["StatisticValues"]:
        yield _Row(metric, *_statistic_set(datum["StatisticValues"], f"{where}.StatisticValues"), at, unit)
        return
    for value, count in _values(datum, where):
        yield _Row(metric, value * count, count, value, value, at, unit)


def _values(datum: Mapping[str, Any], where: str) -> Iterator[tuple[float, float]]:
    if "Value" in datum:
        yield _number(datum["Value"], f"{where}.Value"), 1.0
        return
    values, counts = datum["Values"], datum.get("Counts")
    _check_size(values, f"{where}.Values", 150)
    if counts is not None and len(counts) != len(values):
        raise _invalid(f"The parameters {where}.Values and {where}.Counts must be of the same size.")
    for value, count in zip(values, counts or [1.0] * len(values), strict=True):
        if count <= 0:
            raise _invalid(f"The value {count} for parameter {where}.Counts is invalid.")
        yield _number(value, f"{where}.Values"), _number(count, f"{where}.Counts")


def _statistic_set(given: Mapping[str, float], where: str) -> tuple[float, float, float, float]:
    """Return sum, count, minimum, maximum."""
    total, count, low, high = (
        _number(given[name], f"{where}.{name}") for name in ("Sum", "SampleCount", "Minimum", "Maximum")
    )
    if count <= 0:
        raise _invalid(f"The value {count} for parameter {where}.SampleCount is invalid.")
    if low > high:
        raise _invalid(f"The parameter {where}.Maximum must be greater than or equal to {where}.Minimum.")
    return total, count, low, high


def _number(value: float, where: str) -> float:
    if not math.isfinite(value) or abs(value) > LARGEST:
        raise _invalid(f"The value {value} for parameter {where} is invalid.")
    return float(value)


def _time(datum: Mapping[str, Any], where: str, now: float) -> float:
    """Return when the datum was, rounded down to the resolution it is stored with."""
    resolution = datum.get("StorageResolution", 60)
    if resolution not in (1, 60):
        raise _invalid(f"The parameter {where}.StorageResolution must be a value in the set [ 1, 60 ].")
    at = epoch(datum["Timestamp"]) if datum.get("Timestamp") is not None else now
    if at < now - TWO_WEEKS_S:
        raise _invalid(f"The parameter {where}.Timestamp must specify a time within the past two weeks.")
    if at > now + TWO_HOURS_S:
        raise _invalid(f"The parameter {where}.Timestamp must specify a time no more than two hours in the future.")
    return float(math.floor(at / resolution) * resolution)


def _check_size(collection: Sequence[object], where: str, most: int) -> None:
    if len(collection) > most:
        raise _invalid(f"The collection {where} must not have a size greater than {most}.")


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", message)
