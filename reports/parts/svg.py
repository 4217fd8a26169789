"""The few SVG shapes that the charts need, as text; whatever is written is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

Pair = tuple[float, float]
CHARACTER = 0.58  # mean width of a character, as a share of the font's size


def tag(name: str, content: str = "", **attributes: str | float | None) -> str:
    """Return one element; `class_` and underscores become what SVG calls them. *content* is markup already."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def words(text: str, x: float, y: float, kind: str = "", anchor: str | None = None) -> str:
    """Return a line of text; *kind* is its class."""
    return tag("text", escape(text), x=x, y=y, class_=kind or None, text_anchor=anchor)


def box(x: float, y: float, width: float, height: float, kind: str, radius: float | None = None) -> str:
    """Return a rectangle."""
    return tag("rect", x=x, y=y, width=max(width, 0.0), height=max(height, 0.0), rx=radius, class_=kind)


def rule(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """Return a straight line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)


def path(data: str, kind: str) -> str:
    """Return a path, or nothing when it has no points."""
    return tag("path", d=data, class_=kind) if data else ""


def line(runs: Iterable[Sequence[Pair]], kind: str) -> str:
    """Return a line broken between *runs*; a run of one point is a dot (with round line caps)."""
    parts = []
    for run in runs:
        joined = "L".join(f"{short(x)} {short(y)}" for x, y in run)
        parts.append(f"M{joined}" + ("h.01" if len(run) == 1 else ""))
    return path("".join(parts), kind)


def steps(bars: Sequence[tuple[float, float, float]], base: float, kind: str) -> str:
    """Return an area of bars without gaps, each (left, right, top)."""
    if not bars:
        return ""
    tops = "".join(f"V{short(top)}H{short(right)}" for _, right, top in bars)
    return path(f"M{short(bars[0][0])} {short(base)}{tops}V{short(base)}Z", kind)


def width_of(text: str, size: float) -> float:
    """Return about how wide *text* is."""
    return len(text) * size * CHARACTER


def fitting(text: str, room: float, size: float) -> str:
    """Return *text*, cut so that it takes no more than *room* pixels."""
    most = max(int(room / (size * CHARACTER)), 1)
    return text if len(text) <= most else text[: most - 1] + "\u2026"


def short(value: float) -> str:
    """Return a coordinate to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def _value(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else short(value)
