"""The day as a picture: people above, machines below, one clock, and through both the bands in which users were hurt.

Inline SVG from `day.json` alone, once for a wide page and once for a narrow one. Everything drawn stands in the list
beside it too, so the picture needs no pointer and no JavaScript.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

from gameday.model import from_iso
from reports.parts.svg import box, fitting, rule, tag, width_of, words

LABEL, FONT, ROW, AXIS = 12.0, 12.0, 34.0, 24.0
STEPS_S = (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
NEAR = 15.0  # pixels; dots that are nearer are drawn as one with their number
LETTERS = {"Diagnosis": "D", "Mitigation": "M", "Communication": "C", "Decision": "G", "Action": "A"}


@dataclass(frozen=True, slots=True)
class Frame:
    """Where an instant lies on the picture."""

    width: float
    left: float
    begin: float
    end: float

    @property
    def narrow(self) -> bool:
        """Whether the labels stand above their rows."""
        return self.left < 60

    def x(self, at: float) -> float:
        """Return the place of an instant; what lies outside stands at the edge."""
        share = (at - self.begin) / max(self.end - self.begin, 1.0)
        return self.left + (self.width - self.left - 14) * min(max(share, 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Dot:
    """An instant of a row: `kind` is its class, `letter` what stands in it."""

    at: float
    text: str
    kind: str
    letter: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A time of a row."""

    begin: float
    end: float
    text: str
    kind: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Lane:
    """One row. `side` is `people` or `machines`."""

    title: str
    side: str
    dots: tuple[Dot, ...] = ()
    bars: tuple[Bar, ...] = ()


def pictures(day: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (`wide` or `narrow`, SVG); nothing for a day that never began."""
    span = _span(day)
    if span is None:
        return []
    lanes_ = lanes(day, span[1])
    if not any(lane.dots or lane.bars for lane in lanes_):
        return []
    return [(name, _picture(Frame(width, left, *span), lanes_, _bands(day, span[1]), name))
            for name, width, left in (("wide", 1080.0, 132.0), ("narrow", 380.0, 10.0))]  # fmt: skip


def lanes(day: Mapping[str, Any], end: float) -> list[Lane]:
    """Return the rows that have something in them, people's first."""
    rows = [row for row in day["timeline"] if row["source"] != "machines" or row["kind"] != "mark"]
    people = [row for row in rows if row["source"] == "people"]
    found = [
        Lane(
            "said", "people", tuple(_said(row) for row in people if row["kind"] == "note" or row["kind"][:4] == "day.")
        ),
        Lane("told others", "people", _dots(people, "told", "chat.said", "status-page.changed")),
        Lane("pages", "people", _dots(people, "page", "page.acknowledged"), _pages(rows, end)),
        Lane("steps ticked", "people", _dots(people, "step", "step.ticked")),
        Lane("alarms", "machines", (), _alarms(rows)),
        Lane("injects", "machines", _dots(rows, "inject", "inject.fired", "inject.failed")),
        Lane("agenda", "machines", (), tuple(_agenda(day, end))),
    ]
    return [lane for lane in found if lane.dots or lane.bars or lane.title in ("said", "agenda")]


def _span(day: Mapping[str, Any]) -> tuple[float, float] | None:
    instants = [from_iso(row["at"]) for row in day["timeline"]]
    began = from_iso(day["began"]) if day["began"] else min(instants, default=None)
    ended = from_iso(day["ended"]) if day["ended"] else max(instants, default=None)
    return None if began is None or ended is None or ended <= began else (began, ended)


def _said(row: Mapping[str, Any]) -> Dot:
    letter = next((mark for word, mark in LETTERS.items() if row["text"].startswith(word)), "")
    return Dot(from_iso(row["at"]), _tip(row), "said" if letter else "note", letter)


def _dots(rows: Sequence[Mapping[str, Any]], kind: str, *kinds: str) -> tuple[Dot, ...]:
    return tuple(Dot(from_iso(row["at"]), _tip(row), kind) for row in rows if row["kind"] in kinds)


def _tip(row: Mapping[str, Any]) -> str:
    return f"{row['at'][11:19]} {row['who']}: {row['text']}"


def _pages(rows: Sequence[Mapping[str, Any]], end: float) -> tuple[Bar, ...]:
    """Return each page: until somebody acknowledged, and from then until it was resolved."""
    found = []
    for ref in dict.fromkeys(row["ref"] for row in rows if row["kind"] == "page.triggered"):
        at = {row["kind"]: from_iso(row["at"]) for row in reversed(rows) if row["ref"] == ref}
        begin, over = at["page.triggered"], at.get("page.resolved", end)
        seen = min(at.get("page.acknowledged", over), over)
        found.append(Bar(begin, seen, f"{ref}: paged, not yet acknowledged", "waiting"))
        if seen < over:
            found.append(Bar(seen, over, f"{ref}: acknowledged, not yet resolved", "working"))
    return tuple(found)


def _alarms(rows: Sequence[Mapping[str, Any]]) -> tuple[Bar, ...]:
    """Return each time of an alarm; of one whose end nobody saw only its beginning."""
    found = []
    for row in rows:
        if row["kind"] == "alarm.fired":
            at = from_iso(row["at"])
            ends = (from_iso(one["at"]) for one in rows if one["kind"] == "alarm.over" and one["ref"] == row["ref"])
            found.append(Bar(at, next((one for one in ends if one >= at), at), _tip(row), "alarm"))
    return tuple(found)


def _agenda(day: Mapping[str, Any], end: float) -> list[Bar]:
    found = []
    for row in (*day["agenda"], *day["injects"]):
        if row.get("began"):
            begin, over = from_iso(row["began"]), from_iso(row["ended"]) if row["ended"] else end
            kind = "pause" if row["kind"] == "pause" else f"verdict {row['verdict'] or 'none'}"
            said = f"{row['name']}: {row['verdict']}" if row.get("verdict") else str(row["name"])
            found.append(Bar(begin, over, said, kind, said))
    return sorted(found, key=lambda bar: bar.begin)


def _bands(day: Mapping[str, Any], end: float) -> list[tuple[float, float]]:
    """Return when users were hurt, or could have been: from each fault until they were well."""
    hit = [row for row in (*day["agenda"], *day["injects"]) if row.get("fault_at")]
    return [(from_iso(row["fault_at"]), from_iso(row["well_at"] or row["ended"] or day["ended"] or row["fault_at"]))
            for row in hit]  # fmt: skip


def _picture(frame: Frame, rows: Sequence[Lane], bands: Sequence[tuple[float, float]], name: str) -> str:
    top, parts, side = 6.0, [], ""
    for lane in rows:
        if lane.side != side:
            side = lane.side
            parts.append(_heading(frame, side, top))
            top += 26.0 if frame.narrow else 22.0
        height = _height(frame, lane)
        parts.append(_lane(frame, lane, top, height))
        top += height
    ground = [_band(frame, band, top) for band in bands]
    axis = _axis(frame, top)
    said = "The day on one clock: people above, machines below. Everything in it stands in the list that follows."
    content = f"<title>{escape(said)}</title>" + "".join([*ground, *axis, *parts])
    size = {"viewBox": f"0 0 {frame.width:g} {top + AXIS:g}", "class_": f"chart {name}", "role": "img"}
    return tag("svg", content, **size)


def _height(frame: Frame, lane: Lane) -> float:
    labels = max((level for _, _, level in _labels(frame, lane.bars)), default=-1) + 1
    return ROW + (14.0 if frame.narrow else 0.0) + 15.0 * labels


def _heading(frame: Frame, side: str, top: float) -> str:
    line = rule(0, top + 2, frame.width, top + 2, "axis")
    return line + words(side.upper(), 4 if frame.narrow else 0, top + 17, "side")


def _lane(frame: Frame, lane: Lane, top: float, height: float) -> str:
    y = top + (14.0 if frame.narrow else 0.0) + ROW / 2
    label = words(lane.title, 4 if frame.narrow else 0, top + 10 if frame.narrow else y + 4, "lane")
    line = rule(frame.left, y, frame.width - 8, y, "grid")
    bars = [_bar(frame, bar, y) for bar in lane.bars]
    names = [words(text, x, y + 22 + 15 * level, "name") for text, x, level in _labels(frame, lane.bars)]
    return label + line + "".join([*bars, *names, *_clusters(frame, lane.dots, y)])


def _bar(frame: Frame, bar: Bar, y: float) -> str:
    left, right = frame.x(bar.begin), frame.x(bar.end)
    shape = box(left, y - 7, max(right - left, 4.0), 14, f"bar {bar.kind}", 3)
    return tag("g", f"<title>{escape(bar.text)}</title>{shape}")


def _labels(frame: Frame, bars: Sequence[Bar]) -> list[tuple[str, float, int]]:
    """Return (text, x, level) of the names of bars: one below the other where they would overlap."""
    ends: list[float] = []
    found = []
    for bar in bars:
        if bar.label:
            text = fitting(bar.label, frame.width - frame.left, FONT)
            wide = width_of(text, FONT) + 10
            x = max(frame.left, min(frame.x(bar.begin), frame.width - wide))
            level = next((index for index, until in enumerate(ends) if until <= x), len(ends))
            ends[level:level + 1] = [x + wide]  # fmt: skip
            found.append((text, x, level))
    return found


def _clusters(frame: Frame, dots: Sequence[Dot], y: float) -> list[str]:
    """Return the dots, those that would overlap as one with their number."""
    groups: list[list[Dot]] = []
    for dot in sorted(dots, key=lambda dot: dot.at):
        if groups and frame.x(dot.at) - frame.x(groups[-1][0].at) < NEAR:
            groups[-1].append(dot)
        else:
            groups.append([dot])
    return [_dot(frame, group, y) for group in groups]


def _dot(frame: Frame, group: Sequence[Dot], y: float) -> str:
    first, many = group[0], len(group) > 1
    x, letter = frame.x(first.at), str(len(group)) if many else first.letter
    tip = escape("\n".join(dot.text for dot in group))
    shape = tag("circle", cx=x, cy=y, r=8 if letter else 5, class_=f"dot {first.kind}")
    inside = tag("text", escape(letter), x=x, y=y + 4, class_="letter", text_anchor="middle") if letter else ""
    return tag("g", f"<title>{tip}</title>{shape}{inside}")


def _band(frame: Frame, band: tuple[float, float], bottom: float) -> str:
    left, right = frame.x(band[0]), frame.x(band[1])
    return box(left - 1, 4, max(right - left, 2.0) + 2, bottom - 4, "hurt")


def _axis(frame: Frame, top: float) -> list[str]:
    """Return the hours and minutes below, and a line up through all rows at each."""
    most = 4 if frame.narrow else 9
    span = frame.end - frame.begin
    step = next((step for step in STEPS_S if span / step <= most), 86400)
    first = -(-frame.begin // step) * step
    ticks = [first + step * index for index in range(int((frame.end - first) // step) + 1)]
    form = "%H:%M" if step >= 60 else "%H:%M:%S"
    found = [rule(0, top, frame.width, top, "axis")]
    for at in ticks:
        x = frame.x(at)
        anchor = "end" if x > frame.width - 30 else "middle" if x > frame.left + 16 else "start"
        found.append(rule(x, 6, x, top + 5, "tick-line"))
        found.append(words(datetime.fromtimestamp(at, UTC).strftime(form), x, top + 18, "tick", anchor))
    return found
