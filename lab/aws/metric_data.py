"""Metric data queries, as GetMetricData and metric math alarms take them, computed together.

A query names a metric and a statistic, or is an expression: metric math over other queries and SEARCHes, or a SELECT.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, timezone
from functools import partial
from typing import Any

from lab.aws.metric_array_functions import RANKS
from lab.aws.metric_functions import FUNCTIONS
from lab.aws.metric_insights import Select, is_select, select_of
from lab.aws.metric_labels import LabelError, fill, is_dynamic
from lab.aws.metric_math import Scope, Series, Value, as_array, evaluate
from lab.aws.metric_search import MOST_SERIES, SearchError, labels_of, search_of
from lab.aws.metric_syntax import MathError, names, parse
from lab.aws.metrics import Metric, MetricStore, Points, Window
from lab.aws.registry import AwsError
from lab.aws.statistic import UnknownStatisticError, statistic

SEARCH_PERIOD = 300  # of a SEARCH or SELECT that nobody gave one
FINE_FOR_S = 3 * 3600  # periods below a minute are kept this long


@dataclass(frozen=True, slots=True)
class Query:
    """One member of a request: either `metric` or `expression` is set."""

    id: str
    metric: Metric | None = None
    stat: str = ""
    period: int = 0  # of an expression: 0 takes the metrics' own
    unit: str | None = None
    expression: str | None = None
    label: str | None = None
    returned: bool = True

    def as_dict(self) -> dict[str, object]:
        """Return it in AWS's shape, as DescribeAlarms shows it."""
        shown: dict[str, object] = {"Id": self.id, "ReturnData": self.returned}
        if self.label:
            shown["Label"] = self.label
        if self.metric is None:
            period = {"Period": self.period} if self.period else {}
            return {**shown, "Expression": self.expression, **period}
        stat = {"Metric": metric_as_dict(self.metric), "Period": self.period, "Stat": self.stat}
        if self.unit:
            stat["Unit"] = self.unit
        return {**shown, "MetricStat": stat}


@dataclass(frozen=True, slots=True)
class Result:
    """One series of an answer; an expression over an array gives several with the same id."""

    id: str
    label: str
    points: Points


def metric_of(params: Mapping[str, Any]) -> Metric:
    """Make a metric of the members Namespace, MetricName and Dimensions."""
    dimensions = frozenset((one["Name"], one["Value"]) for one in params.get("Dimensions") or ())
    return Metric(params["Namespace"], params["MetricName"], dimensions)


def dimensions_as_list(metric: Metric) -> list[dict[str, str]]:
    """Return the dimensions in AWS's shape, in order of name."""
    return [{"Name": name, "Value": value} for name, value in sorted(metric.dimensions)]


def metric_as_dict(metric: Metric) -> dict[str, object]:
    """Return a metric in AWS's shape."""
    return {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions_as_list(metric)}


@dataclass(frozen=True, slots=True)
class Span:
    """What a computation is about; instants are epoch seconds, `end` is exclusive."""

    start: float
    end: float
    now: float
    zone: timezone = UTC  # of the times in labels
    searches: bool = True  # an alarm may not SEARCH

    def window(self, period: int) -> Window:
        """Return the window of a period; below a minute there is nothing older than `FINE_FOR_S`."""
        start = max(self.start, self.now - FINE_FOR_S) if period < 60 else self.start
        return Window.of(start, self.end, period)


def compute(store: MetricStore, queries: Sequence[Query], span: Span) -> list[Result]:
    """Return what the queries with ReturnData give, in their order."""
    return compute_with_messages(store, queries, span)[0]


def compute_with_messages(
    store: MetricStore, queries: Sequence[Query], span: Span
) -> tuple[list[Result], list[tuple[str, str]]]:
    """Return the results, and what is to be said about them as a whole: (code, sentence)."""
    run = _Run(store, queries, span)
    return [result for query in queries if query.returned for result in run.results(query)], run.messages


class _Run:
    """The state of one computation: values by id, each computed once."""

    def __init__(self, store: MetricStore, queries: Sequence[Query], span: Span) -> None:
        self._store, self._span = store, span
        self.messages: list[tuple[str, str]] = []
        self._queries = {query.id: query for query in queries}
        self._values: dict[str, Value] = {}
        self._open: list[str] = []  # expressions under way, to find circles
        metrics = [query for query in queries if query.metric is not None]
        for query in metrics:
            self._values[query.id] = self._series(query)
        self._metrics = [one for query in metrics for one in as_array(self._values[query.id])]
        self._period = max((query.period for query in metrics), default=0)

    def results(self, query: Query) -> list[Result]:
        value = self._value(query)
        if isinstance(value, float):
            raise _in_expression(query, "it gives a number, not a time series")
        if isinstance(value, Series):
            plain = query.metric.name if query.metric else query.id
            return [Result(query.id, self._label(query, replace(value, label=plain)), value.points)]
        first = query.label or ("" if query.label == "" or _finds(query) else query.id)
        return [Result(query.id, self._label(query, one, first), one.points) for one in value]

    def _label(self, query: Query, series: Series, first: str | None = None) -> str:
        """Return the label of a series; of one in an array it begins with `first`."""
        if query.label is None or not is_dynamic(query.label):
            return query.label or series.label if first is None else f"{first} {series.label}".strip()
        try:
            return fill(query.label, series, self._span.zone, self._span.now)
        except LabelError as error:
            raise _invalid(str(error)) from None

    def _series(self, query: Query) -> Series:
        assert query.metric is not None
        window = self._span.window(query.period)
        points = self._store.query(query.metric, statistic(query.stat), window, query.unit)
        return Series(points, window, query.label or query.metric.name, query.id, query.metric, query.stat)

    def _value(self, query: Query) -> Value:
        if query.id in self._values:
            return self._values[query.id]
        if query.id in self._open:
            raise _in_expression(query, "it refers to itself")
        self._open.append(query.id)
        try:
            self._values[query.id] = self._evaluate(query)
        except MathError as error:
            raise _in_expression(query, str(error)) from None
        self._open.remove(query.id)
        return self._values[query.id]

    def _evaluate(self, query: Query) -> Value:
        if is_select(query.expression or ""):
            return self._select(query, select_of(query.expression or ""))
        tree = parse(query.expression or query.id)
        for name in sorted(names(tree) & self._queries.keys()):
            self._value(self._queries[name])
        window = self._span.window(query.period or self._period or 60)
        search = partial(self._search, query.period or self._period or SEARCH_PERIOD) if self._span.searches else None
        value = evaluate(tree, Scope(self._values, self._metrics, window, FUNCTIONS, search))
        if isinstance(value, Series):  # an expression is labelled by its own name
            return Series(value.points, value.window, query.label or query.id, query.id)
        return value

    def _search(self, default: int, text: str, stat: str, period: int | None) -> list[Series]:
        """Return a series for each metric that a search finds, in order of their names."""
        try:
            test, measure = search_of(text), statistic(stat)
        except (SearchError, UnknownStatisticError) as error:
            raise MathError(str(error)) from None
        window = self._span.window(period or default)
        found = sorted(filter(test, self._store.metrics()), key=_sort_key)
        if len(found) > MOST_SERIES:
            words = f"A SEARCH found {len(found)} metrics, only {MOST_SERIES} of them are given."
            self.messages.append(("MaxMetricsExceeded", words))
            del found[MOST_SERIES:]
        return [
            Series(self._store.query(metric, measure, window), window, label, "", metric, stat)
            for metric, label in zip(found, labels_of(found), strict=True)
        ]

    def _select(self, query: Query, select: Select) -> Value:
        """Compute a SELECT: one series, or an array with one for each group."""
        window = self._span.window(query.period or self._period or SEARCH_PERIOD)
        series = [
            Series(self._store.query_all(metrics, statistic(select.stat), window), window, " ".join(group), query.id)
            for group, metrics in select.groups(sorted(self._store.metrics(), key=_sort_key)).items()
        ]
        if not select.group_by:
            return replace(series[0], label=query.label or query.id)
        if select.order is not None:
            ordered = sorted((one for one in series if one.points), key=RANKS[select.order], reverse=select.descending)
            series = [*ordered, *(one for one in series if not one.points)]
        return series[: select.limit]


def _sort_key(metric: Metric) -> tuple[str, str, list[tuple[str, str]]]:
    return metric.namespace, metric.name, sorted(metric.dimensions)


def _finds(query: Query) -> bool:
    """Say whether a query's series are found and not named, so that they carry labels of their own."""
    return "SEARCH" in (query.expression or "") or is_select(query.expression or "")


def check_expression(query: Query) -> None:
    """Raise AwsError for an expression that cannot be read; that of a metric is its own id."""
    try:
        if is_select(query.expression or ""):
            select_of(query.expression or "")
        else:
            parse(query.expression or query.id)
    except MathError as error:
        raise _in_expression(query, str(error)) from None


def _in_expression(query: Query, why: str) -> AwsError:
    return _invalid(f"Error in expression '{query.id}': {why} in '{query.expression}'")


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)
