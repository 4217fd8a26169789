"""Metrics Insights: `SELECT MAX(x) FROM SCHEMA("NS", Dim) WHERE Dim = 'v' GROUP BY Dim ORDER BY MAX() DESC LIMIT 3`.

A query is read here and told which metrics belong to which group; computing the samples is `metric_data`'s work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lab.aws.metric_syntax import MathError
from lab.aws.metrics import Metric

STATISTICS = {"AVG": "Average", "COUNT": "SampleCount", "MAX": "Maximum", "MIN": "Minimum", "SUM": "Sum"}
MOST_SERIES = 500
_NAME = r'(?:"[^"]+"|[\w./:#-]+)'
_LIST = rf"{_NAME}(?:\s*,\s*{_NAME})*"
_QUERY = re.compile(
    rf"""\s*SELECT\s+(?P<function>\w+)\s*\(\s*(?P<metric>{_NAME})\s*\)
        \s+FROM\s+(?:SCHEMA\s*\(\s*(?P<schema>{_LIST})\s*\)|(?P<namespace>{_NAME}))
        (?:\s+WHERE\s+(?P<where>.+?))?
        (?:\s+GROUP\s+BY\s+(?P<group>{_LIST}))?
        (?:\s+ORDER\s+BY\s+(?P<order>\w+)\s*\(\s*\)(?:\s+(?P<direction>ASC|DESC))?)?
        (?:\s+LIMIT\s+(?P<limit>\d+))?\s*""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(rf"\s*(?P<name>{_NAME})\s*(?P<sign>!?=)\s*'(?P<value>[^']*)'\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """A dimension that must, or must not, have a value."""

    name: str
    value: str
    equal: bool

    def holds(self, dimensions: dict[str, str]) -> bool:
        """Say whether it holds for a metric's dimensions."""
        return self.name in dimensions and (dimensions[self.name] == self.value) is self.equal


@dataclass(frozen=True, slots=True)
class Select:
    """A query that was read."""

    function: str  # AVG, COUNT, MAX, MIN, SUM
    metric: str
    namespace: str
    dimensions: frozenset[str] | None  # of SCHEMA; None takes any
    conditions: tuple[Condition, ...] = ()
    group_by: tuple[str, ...] = ()
    order: str | None = None
    descending: bool = False
    limit: int = MOST_SERIES

    @property
    def stat(self) -> str:
        """The statistic over all samples of a group."""
        return STATISTICS[self.function]

    def groups(self, metrics: Iterable[Metric]) -> dict[tuple[str, ...], list[Metric]]:
        """Return the metrics of each group, by the values that it stands for."""
        found: dict[tuple[str, ...], list[Metric]] = {} if self.group_by else {(): []}
        for metric in metrics:
            dimensions = dict(metric.dimensions)
            if self._takes(metric, dimensions) and all(name in dimensions for name in self.group_by):
                found.setdefault(tuple(dimensions[name] for name in self.group_by), []).append(metric)
        return dict(sorted(found.items()))

    def _takes(self, metric: Metric, dimensions: dict[str, str]) -> bool:
        return (
            (metric.namespace, metric.name) == (self.namespace, self.metric)
            and self.dimensions in (None, dimensions.keys())
            and all(condition.holds(dimensions) for condition in self.conditions)
        )


def is_select(expression: str) -> bool:
    """Say whether an expression is of Metrics Insights, and not of metric math."""
    return re.match(r"\s*SELECT\s", expression, re.IGNORECASE) is not None


def select_of(expression: str) -> Select:
    """Read a query; MathError for one that AWS, or the lab, would not take."""
    match = _QUERY.fullmatch(expression)
    if match is None:
        raise MathError("it is no SELECT function(metric) FROM ... [WHERE] [GROUP BY] [ORDER BY function()] [LIMIT]")
    function, order = match["function"].upper(), match["order"]
    for name in filter(None, (function, order)):
        if name.upper() not in STATISTICS:
            raise MathError(f"the function {name} is not one of {', '.join(STATISTICS)}")
    limit = int(match["limit"] or MOST_SERIES)
    if not 1 <= limit <= MOST_SERIES:
        raise MathError(f"LIMIT lies between 1 and {MOST_SERIES}")
    schema = _names(match["schema"] or match["namespace"])
    return Select(
        function=function,
        metric=_plain(match["metric"]),
        namespace=schema[0],
        dimensions=frozenset(schema[1:]) if match["schema"] else None,
        conditions=_conditions(match["where"]),
        group_by=_names(match["group"]) if match["group"] else (),
        order=order.upper() if order else None,
        descending=(match["direction"] or "").upper() == "DESC",
        limit=limit,
    )


def _conditions(text: str | None) -> tuple[Condition, ...]:
    if text is None:
        return ()
    found = []
    for part in re.split(r"\sAND\s", text, flags=re.IGNORECASE):
        match = _CONDITION.fullmatch(part)
        if match is None:
            raise MathError(f"'{part.strip()}' is no condition: Dimension = 'value' or Dimension != 'value'")
        found.append(Condition(_plain(match["name"]), match["value"], match["sign"] == "="))
    return tuple(found)


def _names(text: str) -> tuple[str, ...]:
    return tuple(_plain(name) for name in re.findall(_NAME, text))


def _plain(name: str) -> str:
    return name.strip('"')
