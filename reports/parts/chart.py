"""The timeline as one SVG: panels over the same seconds, the fault shaded, phases named, events as numbered flags.

Pure functions of a `Timeline`; colours are classes, so that the page decides them, light or dark. A chart is drawn in
three sizes, and the page shows the one that fits: its letters stay readable on a phone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from reports.parts.flags import flags, stems
from reports.parts.panels import Panel, latency_panel, metric_panel, rate_panel
from reports.parts.scale import time_ticks
from reports.parts.svg import box, fitting, rule, short, tag, width_of, words
from reports.parts.timeline import Timeline
from reports.parts.words import between, milliseconds, percent

FONT = 12
PHASE_STRIP = 22
FLAG_STRIP = 26
PANEL_GAP = 16
AXIS = 42
MINUTES_FROM_S = 900
TITLE_FONT = 13.5  # bold letters are wider
KEY_MARK = 17
KEY_GAP = 14


@dataclass(frozen=True, slots=True)
class Size:
    """The measures of one variant, in pixels; `roomy` puts a panel's title and its key on one line."""

    name: str
    width: float
    left: float
    right: float
    heights: tuple[float, float, float]  # of the panels for requests, latency and each metric
    ticks: int
    roomy: bool

    @property
    def header(self) -> float:
        """The room above each panel."""
        return 22 if self.roomy else 40


SIZES = (
    Size("wide", 1060, 62, 14, (130, 160, 72), 14, True),
    Size("medium", 600, 56, 12, (110, 140, 64), 9, True),
    Size("narrow", 328, 50, 8, (96, 130, 56), 5, False),
)


@dataclass(frozen=True, slots=True)
class Axis:
    """Seconds to pixels."""

    begin: float
    end: float
    left: float
    right: float

    def __call__(self, at: float) -> float:
        """Return the x of a time; outside the chart its nearest edge."""
        share = (at - self.begin) / (self.end - self.begin)
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)


def charts(timeline: Timeline, ident: str) -> list[tuple[str, str]]:
    """Return (size's name, SVG) of each variant; *ident* makes the ids in the page unique."""
    return [(size.name, chart(timeline, size, f"{ident}-{size.name}")) for size in SIZES]


def chart(timeline: Timeline, size: Size, ident: str) -> str:
    """Return one SVG element."""
    axis = Axis(*timeline.shown, size.left, size.width - size.right)
    panels = _panels(timeline, size, axis)
    top = PHASE_STRIP + FLAG_STRIP
    bottom = top + sum(size.header + panel.height + PANEL_GAP for panel in panels) - PANEL_GAP
    content = [
        tag("title", "Timeline of the run", id=f"{ident}-title"),
        tag("desc", escape(describe(timeline)), id=f"{ident}-desc"),
        _phases(timeline, axis, bottom),
        _stack(panels, size, top, _plot),
        stems(timeline.events, axis, timeline.shown, PHASE_STRIP, bottom),
        _stack(panels, size, top, _header),
        flags(timeline.events, axis, timeline.shown, PHASE_STRIP),
        _time_axis(timeline, size, axis, bottom),
    ]
    return tag(
        "svg",
        "".join(content),
        viewBox=f"0 0 {short(size.width)} {short(bottom + AXIS)}",
        class_=f"chart {size.name}",
        role="img",
        aria_labelledby=f"{ident}-title {ident}-desc",
        data_left=axis.left,
        data_right=axis.right,
        data_top=top,
        data_bottom=bottom,
    )


def describe(timeline: Timeline) -> str:
    """Say in a sentence or two what the chart shows, for those who cannot see it."""
    what = f"From {between(timeline.begin, timeline.end)} after {timeline.since}: requests per second, latency"
    said = [
        what + " and " + ", ".join(f"{series.name}" for series in timeline.series) + "."
        if timeline.series
        else what + "."
    ]
    worst = max(timeline.bins, key=lambda one: one.failed / max(one.good + one.failed, 1), default=None)
    if worst and worst.failed:
        ratio = worst.failed / (worst.good + worst.failed)
        said.append(f"At worst {percent(ratio)} of the requests failed, {between(worst.begin, worst.end)}.")
    elif timeline.bins:
        said.append("No request failed.")
    slowest = max((one.p99_ms for one in timeline.bins if one.p99_ms is not None), default=None)
    if slowest is not None:
        said.append(f"The highest p99 was {milliseconds(slowest)}.")
    return " ".join(said)


def _panels(timeline: Timeline, size: Size, axis: Axis) -> list[Panel]:
    rate, latency, metric = size.heights
    panels = [rate_panel(timeline, axis, rate), latency_panel(timeline, axis, latency)] if timeline.bins else []
    return [*panels, *(metric_panel(series, axis, metric) for series in timeline.series)]


def _stack(panels: Sequence[Panel], size: Size, top: float, draw: Callable[[Panel, Size], str]) -> str:
    """Draw something of each panel where the panel stands."""
    placed = []
    for panel in panels:
        placed.append(tag("g", draw(panel, size), transform=f"translate(0 {short(top + size.header)})"))
        top += size.header + panel.height + PANEL_GAP
    return "".join(placed)


def _plot(panel: Panel, size: Size) -> str:
    """The grid and the data."""
    return _grid(panel, size) + panel.body


def _header(panel: Panel, size: Size) -> str:
    """The panel's title, and the key to its lines: on the right, or below where there is no room."""
    keys_width = sum(_key_width(label) for _, label in panel.keys) - KEY_GAP
    left, right = (size.left, size.width - size.right) if size.roomy else (0.0, size.width)
    x = right - keys_width if size.roomy else left
    room = x - left - KEY_GAP if size.roomy else right - left
    title = words(fitting(panel.title, room, TITLE_FONT), left, -9 if size.roomy else -27, "panel-title")
    keys = []
    for kind, label in panel.keys:
        area = kind.startswith("area")
        keys.append(box(x, -18, 10, 10, kind, 2) if area else rule(x, -13, x + 13, -13, kind))
        keys.append(words(label, x + KEY_MARK, -9, "key"))
        x += _key_width(label)
    return title + "".join(keys)


def _key_width(label: str) -> float:
    return KEY_MARK + width_of(label, FONT) + KEY_GAP


def _grid(panel: Panel, size: Size) -> str:
    lines = []
    for value in panel.scale.ticks():
        y = panel.scale(value)
        lines.append(rule(size.left, y, size.width - size.right, y, "grid"))
        lines.append(words(panel.label(value), size.left - 6, y + 4, "tick", "end"))
    return "".join(lines)


def _phases(timeline: Timeline, axis: Axis, bottom: float) -> str:
    """The shaded fault, the strip of phases, and their names where they fit."""
    drawn = []
    for span in timeline.spans:
        begin, end = axis(span.begin), axis(span.end)
        kind = "phase phase-fault" if span.name == "fault" else "phase"
        if span.name == "fault":
            drawn.append(box(begin, PHASE_STRIP, max(end - begin, 2), bottom - PHASE_STRIP, "fault-band"))
        drawn.append(box(begin + 0.5, 2, end - begin - 1, PHASE_STRIP - 4, kind, 3))
        if width_of(span.name, FONT) < end - begin - 4:
            drawn.append(words(span.name, (begin + end) / 2, 15.5, "phase-name", "middle"))
    return "".join(drawn)


def _time_axis(timeline: Timeline, size: Size, axis: Axis, bottom: float) -> str:
    minutes = axis.end - axis.begin > MINUTES_FROM_S
    drawn = [rule(size.left, bottom, size.width - size.right, bottom, "axis")]
    for at in time_ticks(axis.begin, axis.end, size.ticks):
        label = f"{at / 60:g}" if minutes else f"{at:g}"
        drawn.append(rule(axis(at), bottom, axis(at), bottom + 5, "axis"))
        drawn.append(words(label, axis(at), bottom + 18, "tick zero" if at == 0 else "tick", "middle"))
    unit = "minutes" if minutes else "seconds"
    drawn.append(words(f"{unit} since {timeline.since}", (axis.left + axis.right) / 2, bottom + 36, "tick", "middle"))
    return "".join(drawn)
