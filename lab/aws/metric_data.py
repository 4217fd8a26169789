"""Metric data queries, as GetMetricData and metric math alarms take them: checked, then computed together.

A query names a metric and a statistic, or is an expression over other queries. Errors are AWS's own
ValidationError with the path of the parameter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.aws.metric_functions import FUNCTIONS
from lab.aws.metric_math import Scope, Series, Value, as_array, evaluate
from lab.aws.metric_syntax import MathError, Node, names, parse
from lab.aws.metrics import Metric, MetricStore, Points, Window
from lab.aws.registry import AwsError
from lab.aws.statistic import UnknownStatisticError, statistic

SHORT_PERIODS = (1, 5, 10, 20, 30)
FINE_FOR_S = 3 * 3600  # periods below a minute are kept this long
_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")


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


def period_is_valid(period: int) -> bool:
    """Say whether AWS takes a period of so many seconds in a request for data."""
    return period in SHORT_PERIODS or (period > 0 and period % 60 == 0)


def queries_of(members: Sequence[Mapping[str, Any]], where: str = "MetricDataQueries") -> list[Query]:
    """Check the members of a request and make queries of them; raise AwsError for the first that is wrong."""
    if len(members) > 500:
        raise _invalid(f"The collection {where} must not have a size greater than 500.")
    queries = [_query(member, f"{where}.member.{number}") for number, member in enumerate(members, 1)]
    if len({query.id for query in queries}) < len(queries):
        raise _invalid(f"The values for parameter id in {where} are not unique.")
    for query in queries:
        _tree(query)
    return queries


def _query(member: Mapping[str, Any], where: str) -> Query:
    name, stat, expression = member["Id"], member.get("MetricStat"), member.get("Expression")
    if not _ID.fullmatch(name):
        raise _invalid(
            f"The value {name} for parameter {where}.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$."
        )
    if (stat is None) == (expression is None):
        raise _invalid(f"Exactly one of the parameters {where}.Expression and {where}.MetricStat must be specified.")
    label, returned = member.get("Label"), member.get("ReturnData", True)
    if stat is None:
        period = member.get("Period", 0)
        if period:
            _check_period(period, f"{where}.Period")
        return Query(name, period=period, expression=expression, label=label, returned=returned)
    _check_period(stat["Period"], f"{where}.MetricStat.Period")
    check_stat(stat["Stat"], f"{where}.MetricStat.Stat")
    return Query(name, metric_of(stat["Metric"]), stat["Stat"], stat["Period"], stat.get("Unit"), None, label, returned)


def _check_period(period: int, where: str) -> None:
    if not period_is_valid(period):
        raise _invalid(f"The value {period} for parameter {where} is not 1, 5, 10, 20, 30 or a multiple of 60.")


def check_stat(name: str, where: str) -> None:
    """Raise AwsError for a statistic that AWS, or the lab, does not know."""
    try:
        statistic(name)
    except UnknownStatisticError:
        raise _invalid(f"The value {name} for parameter {where} is not supported.") from None


def compute(store: MetricStore, queries: Sequence[Query], start: float, end: float, now: float) -> list[Result]:
    """Return what the queries with ReturnData give, in their order; times are epoch seconds, `end` is exclusive."""
    run = _Run(store, queries, start, end, now)
    results = []
    for query in queries:
        if query.returned:
            results += run.results(query)
    return results


class _Run:
    """The state of one computation: values by id, each computed once."""

    def __init__(self, store: MetricStore, queries: Sequence[Query], start: float, end: float, now: float) -> None:
        self._queries = {query.id: query for query in queries}
        self._range = start, end, now
        self._values: dict[str, Value] = {}
        self._open: list[str] = []  # expressions under way, to find circles
        metrics = [query for query in queries if query.metric is not None]
        for query in metrics:
            self._values[query.id] = self._series(store, query)
        self._metrics = [one for query in metrics for one in as_array(self._values[query.id])]
        self._period = max((query.period for query in metrics), default=60)

    def results(self, query: Query) -> list[Result]:
        value = self._value(query)
        if isinstance(value, float):
            raise _in_expression(query, "it gives a number, not a time series")
        if isinstance(value, Series):
            return [Result(query.id, query.label or value.label or query.id, value.points)]
        label = query.id if query.label is None else query.label
        return [Result(query.id, f"{label} {one.label}".strip(), one.points) for one in value]

    def _series(self, store: MetricStore, query: Query) -> Series:
        start, end, now = self._range
        if query.period < 60:
            start = max(start, now - FINE_FOR_S)
        window = Window.of(start, end, query.period)
        assert query.metric is not None
        points = store.query(query.metric, statistic(query.stat), window, query.unit)
        return Series(points, window, query.label or query.metric.name, query.id)

    def _value(self, query: Query) -> Value:
        if query.id in self._values:
            return self._values[query.id]
        if query.id in self._open:
            raise _in_expression(query, "it refers to itself")
        self._open.append(query.id)
        tree = _tree(query)
        for name in sorted(names(tree) & self._queries.keys()):
            self._value(self._queries[name])
        self._open.remove(query.id)
        self._values[query.id] = self._evaluate(query, tree)
        return self._values[query.id]

    def _evaluate(self, query: Query, tree: Node) -> Value:
        start, end, _ = self._range
        window = Window.of(start, end, query.period or self._period)
        try:
            value = evaluate(tree, Scope(self._values, self._metrics, window, FUNCTIONS))
        except MathError as error:
            raise _in_expression(query, str(error)) from None
        if isinstance(value, Series):  # an expression is labelled by its own name
            return Series(value.points, value.window, query.label or query.id, query.id)
        return value


def _tree(query: Query) -> Node:
    """Parse the expression of a query; that of a metric is its own id."""
    try:
        return parse(query.expression or query.id)
    except MathError as error:
        raise _in_expression(query, str(error)) from None


def _in_expression(query: Query, why: str) -> AwsError:
    return _invalid(f"Error in expression '{query.id}': {why} in '{query.expression}'")


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)
