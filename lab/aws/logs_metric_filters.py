"""Metric filters: every batch of events that comes in is matched, and what matches becomes metric data.

AWS publishes by the minute; so does this. A default value stands for a minute in which events came and none matched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.aws.logs_find import find_group, invalid, missing, paged
from lab.aws.logs_pattern import Pattern, PatternError, compile_pattern
from lab.aws.logs_store import Event, Group, MetricFilter, now_ms, size_of
from lab.aws.metrics import MetricStore
from lab.aws.registry import AwsError, Call, Params, handles
from lab.aws.unplayed import refuse_unplayed

if TYPE_CHECKING:
    from lab.aws.world import World

MOST_FILTERS, MOST_DIMENSIONS = 100, 3
UNPLAYED = ("applyOnTransformedLogs", "fieldSelectionCriteria", "emitSystemFieldDimensions")


@dataclass(slots=True)
class Publisher:
    """Turns events into metric data; hears of every batch."""

    metrics: MetricStore
    _told: dict[tuple[str, str], int] = field(default_factory=dict)  # (group, filter) -> the last minute with a value

    def hear(self, group: Group, events: Sequence[Event]) -> None:
        """Match a batch with the group's filters, and count it in AWS/Logs."""
        self._count(group, events)
        for each in tuple(group.filters.values()):
            pattern = compile_pattern(each.pattern)
            for event in events:
                self._publish(group, each, pattern.match(event.message), event.at)

    def _count(self, group: Group, events: Sequence[Event]) -> None:
        minute, names = events[0].ingested // 60_000 * 60, {"LogGroupName": group.name}
        size = float(sum(map(size_of, events)))
        self.metrics.put("AWS/Logs", "IncomingLogEvents", names, float(len(events)), at=minute, unit="None")
        self.metrics.put("AWS/Logs", "IncomingBytes", names, size, at=minute, unit="Bytes")

    def _publish(self, group: Group, each: MetricFilter, found: Mapping[str, str] | None, at: int) -> None:
        minute, key, transformation = at // 60_000 * 60, (group.name, each.name), each.transformation
        value = None if found is None else _value(transformation["metricValue"], found)
        dimensions = _dimensions(transformation, found or {})
        if value is None:
            if "defaultValue" not in transformation or self._told.get(key) == minute:
                return
            value = transformation["defaultValue"]
        elif dimensions is None:  # AWS publishes nothing without them
            return
        self._told[key] = minute
        unit, name = transformation.get("unit", "None"), transformation["metricName"]
        self.metrics.put(transformation["metricNamespace"], name, dimensions or {}, value, at=minute, unit=unit)


def _dimensions(transformation: Mapping[str, Any], found: Mapping[str, str]) -> dict[str, str] | None:
    """Return the values of the dimensions; None if one was not found."""
    wanted = transformation.get("dimensions") or {}
    values = {name: found[source] for name, source in wanted.items() if source in found}
    return values if len(values) == len(wanted) else None


def _value(written: str, found: Mapping[str, str]) -> float | None:
    """Return the number that a metricValue stands for: itself, or the field that it names."""
    try:
        return float(found.get(written, "") if written.startswith("$") else written)
    except ValueError:
        return None


@handles("logs", "PutMetricFilter")
def put_filter(world: World, params: Params, call: Call) -> dict[str, object]:
    """Create or replace a filter; it sees the events that come from now on.

    Missing: transformed logs, field selection and system field dimensions are refused.
    """
    group, name = find_group(world.logs.store, params["logGroupName"]), params["filterName"]
    refuse_unplayed("InvalidParameterException", params, UNPLAYED)
    _compiled(params["filterPattern"])
    transformations = params["metricTransformations"]
    if len(transformations) != 1:
        raise invalid("A metric filter takes exactly one metric transformation.")
    _check(transformations[0])
    if name not in group.filters and len(group.filters) >= MOST_FILTERS:
        raise AwsError("LimitExceededException", "Resource limit exceeded.")
    group.filters[name] = MetricFilter(name, now_ms(), params["filterPattern"], transformations[0])
    return {}


def _check(transformation: Mapping[str, Any]) -> None:
    dimensions, value = transformation.get("dimensions") or {}, transformation["metricValue"]
    if dimensions and "defaultValue" in transformation:
        raise invalid("Invalid metric transformation: dimensions and default value are mutually exclusive properties.")
    if len(dimensions) > MOST_DIMENSIONS:
        raise invalid(f"A metric filter takes {MOST_DIMENSIONS} dimensions at most.")
    if not value.startswith("$") and _value(value, {}) is None:
        raise invalid(f"Invalid metric transformation: {value!r} is neither a number nor a field such as $.ms.")


@handles("logs", "DeleteMetricFilter")
def delete_filter(world: World, params: Params, call: Call) -> dict[str, object]:
    """Delete a filter."""
    group = find_group(world.logs.store, params["logGroupName"])
    if group.filters.pop(params["filterName"], None) is None:
        raise missing("metric filter")
    return {}


@handles("logs", "DescribeMetricFilters")
def describe_filters(world: World, params: Params, call: Call) -> dict[str, object]:
    """List filters by group and prefix, or by the metric that they make."""
    store, name = world.logs.store, params.get("logGroupName")
    groups = [find_group(store, name)] if name else list(store.groups.values())
    found = [
        {"logGroupName": group.name, **each.as_dict()}
        for group in groups
        for each in sorted(group.filters.values(), key=lambda each: each.name)
        if each.name.startswith(params.get("filterNamePrefix") or "") and _makes(each, params)
    ]
    listed, token = paged(found, params)
    return {"metricFilters": listed, **token}


def _makes(each: MetricFilter, params: Mapping[str, Any]) -> bool:
    return all(params.get(key) in (None, each.transformation[key]) for key in ("metricName", "metricNamespace"))


@handles("logs", "TestMetricFilter")
def test_filter(world: World, params: Params, call: Call) -> dict[str, object]:
    """Say which messages a pattern matches, and what it finds in them."""
    pattern = _compiled(params["filterPattern"])
    matches = [
        {"eventNumber": number, "eventMessage": message, "extractedValues": dict(found)}
        for number, message in enumerate(params["logEventMessages"], 1)
        if (found := pattern.match(message)) is not None
    ]
    return {"matches": matches}


def _compiled(pattern: str) -> Pattern:
    try:
        return compile_pattern(pattern)
    except PatternError as error:
        raise invalid(f"Invalid metric filter pattern: {error}") from None
