"""The panels of the timeline, each drawn in its own coordinates: x as given, y from the panel's top."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from reports.parts.scale import Scale, linear, log
from reports.parts.svg import Pair, box, line, rule, steps, tag
from reports.parts.timeline import Bin, Series, Timeline
from reports.parts.words import milliseconds, plain

DOTS_UP_TO = 90
GAP_FACTOR = 3  # a metric's line breaks where its points are this much further apart than usual
SHORTEST_S = 0.05  # a shorter bin at an edge would make a rate out of one request
SUFFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
AxisLike = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Panel:
    """`keys` are (class, label) of what is drawn; `body` is SVG."""

    title: str
    keys: tuple[tuple[str, str], ...]
    height: float
    scale: Scale
    label: Callable[[float], str]
    body: str


def rate_panel(timeline: Timeline, axis: AxisLike, height: float) -> Panel:
    """Draw the requests per second: the good ones, and stacked on them those that failed."""
    rates = [(axis(one.begin), axis(one.end), *_rates(one)) for one in timeline.bins]
    scale = linear((good + failed for _, _, good, failed in rates), height)
    total = [(left, right, scale(good + failed)) for left, right, good, failed in rates]
    good_only = [(left, right, scale(good)) for left, right, good, _ in rates]
    body = steps(total, height, "area-failed") + steps(good_only, height, "area-good")
    title = "Requests per second"
    return Panel(title, (("area-good", "good"), ("area-failed", "failed")), height, scale, compact, body)


def latency_panel(timeline: Timeline, axis: AxisLike, height: float) -> Panel:
    """Draw p50 and p99 of the requests due in each bin, on a logarithmic scale, with the objective."""
    limit = timeline.p99_limit_ms
    seen = [value for one in timeline.bins for value in (one.p50_ms, one.p99_ms) if value is not None]
    scale = log([*seen, *([limit] if limit else [])], height)
    p99 = line(_runs(timeline.bins, lambda one: one.p99_ms, axis, scale), "line-p99")
    p50 = line(_runs(timeline.bins, lambda one: one.p50_ms, axis, scale), "line-p50")
    keys = [("line-p99", "p99"), ("line-p50", "p50")]
    limit_line = ""
    if limit:
        keys.append(("limit", f"p99 at most {milliseconds(limit)}"))
        limit_line = _across(timeline, axis, scale(limit))
    return Panel("Latency", tuple(keys), height, scale, milliseconds, limit_line + p50 + p99)


def metric_panel(series: Series, axis: AxisLike, height: float) -> Panel:
    """Draw one sampled metric with its limits; points outside them stand out."""
    values = [value for _, value in series.points]
    bounds = [bound for bound in (series.max, series.min) if bound is not None]
    scale = linear([*values, *bounds], height, 3)
    dots = [(axis(at), scale(value), _outside(series, value)) for at, value in series.points]
    body = [_beyond(series, axis, scale, height), line(_pieces(series, axis, scale), "line-metric")]
    body += [
        tag("circle", cx=x, cy=y, r=3.5 if outside else 2, class_="dot-outside" if outside else "dot")
        for x, y, outside in dots
        if outside or len(dots) <= DOTS_UP_TO
    ]
    keys = [("limit", text) for text in _limit_words(series)]
    keys.append(("line-metric", f"{compact(min(values))} to {compact(max(values))}"))
    return Panel(plain(series.name), tuple(keys), height, scale, compact, "".join(body))


def compact(value: float) -> str:
    """Return a number short enough for an axis: `1.5k`, `0.25`."""
    for size, suffix in SUFFIXES:
        if abs(value) >= size:
            return f"{value / size:.3g}{suffix}"
    return f"{value:.3g}" if abs(value) >= 1 else f"{value:.2g}"


def _rates(one: Bin) -> Pair:
    covered = max(one.end - one.begin, SHORTEST_S)
    return one.good / covered, one.failed / covered


def _runs(bins: Iterable[Bin], value: Callable[[Bin], float | None], axis: AxisLike, scale: Scale) -> list[list[Pair]]:
    """The points of a line, cut wherever a bin has no value."""
    runs: list[list[Pair]] = [[]]
    for one in bins:
        found = value(one)
        if found is None:
            runs.append([])
        else:
            runs[-1].append((axis((one.begin + one.end) / 2), scale(found)))
    return [run for run in runs if run]


def _pieces(series: Series, axis: AxisLike, scale: Scale) -> list[list[Pair]]:
    """The points of a metric's line, cut where data is missing."""
    times = [at for at, _ in series.points]
    usual = median([b - a for a, b in pairwise(times)]) if len(times) > 1 else 0.0
    pieces: list[list[Pair]] = []
    before = None
    for at, value in series.points:
        if before is None or at - before > GAP_FACTOR * usual:
            pieces.append([])
        pieces[-1].append((axis(at), scale(value)))
        before = at
    return pieces


def _outside(series: Series, value: float) -> bool:
    return (series.max is not None and value > series.max) or (series.min is not None and value < series.min)


def _beyond(series: Series, axis: AxisLike, scale: Scale, height: float) -> str:
    """Shade where the metric must not be, and draw its limits."""
    left, right = axis(float("-inf")), axis(float("inf"))
    drawn = ""
    if series.max is not None:
        y = scale(series.max)
        drawn += box(left, 0, right - left, y, "beyond") + rule(left, y, right, y, "limit")
    if series.min is not None:
        y = scale(series.min)
        drawn += box(left, y, right - left, height - y, "beyond") + rule(left, y, right, y, "limit")
    return drawn


def _limit_words(series: Series) -> list[str]:
    said = [] if series.max is None else [f"at most {compact(series.max)}"]
    return said + ([] if series.min is None else [f"at least {compact(series.min)}"])


def _across(timeline: Timeline, axis: AxisLike, y: float) -> str:
    return rule(axis(timeline.shown[0]), y, axis(timeline.shown[1]), y, "limit")
