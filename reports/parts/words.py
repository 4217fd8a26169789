"""Numbers with their units and names in plain English, the same in every format."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from gameday.model import Json, from_iso
from reports.parts.dig import in_words

UNKNOWN = "unknown"
OBJECTIVES = {
    "recover_within_s": "Recovery time",
    "rolled_back_within_s": "Rollback time",
    "error_budget": "Failed requests",
    "p99_ms": "Latency, 99th percentile",
    "p95_ms": "Latency, 95th percentile",
    "lost_writes": "Writes lost",
    "duplicated_writes": "Writes stored twice",
}
ACRONYMS = {"alb", "aws", "ecs", "fis", "http", "rds", "sns"}
PHASES = {"warmup": "warm-up", "cooldown": "cool-down"}
ARN = re.compile(r"\barn:aws[\w-]*:[^:,\s]*:[^:,\s]*:\d*:")  # what stands before a resource's own name
STAMP = re.compile(r"\b\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)\.(\d{3})\d*Z")
UNITS = ("_ms", "_s")


def count(value: float | None) -> str:
    """`1,800`."""
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def seconds(value: float | None) -> str:
    """`2.3 s`, `41.5 s`; from five minutes on `20 min 40 s`, `1 h 5 min`."""
    if value is None:
        return UNKNOWN
    size = abs(value)
    if size >= 300:
        minutes, rest = divmod(round(size), 60)
        hours, minutes = divmod(minutes, 60)
        sign = "-" if value < 0 else ""
        parts = [(hours, "h"), (minutes, "min"), (0 if hours else rest, "s")]
        return sign + " ".join(f"{part} {unit}" for part, unit in parts if part)
    return f"{_significant(value)} s"


def milliseconds(value: float | None) -> str:
    """`3.1 ms`, `312 ms`, `1.25 s`."""
    if value is None:
        return UNKNOWN
    return f"{_significant(value)} ms" if abs(value) < 1000 else seconds(value / 1000)


def percent(ratio: float | None) -> str:
    """`0%`, `0.42%`, `34%`; something that is not nothing never reads as 0%."""
    if ratio is None:
        return UNKNOWN
    value = ratio * 100
    if 0 < value < 0.01:
        return "< 0.01%"
    if 99.9 < value < 100:
        return "> 99.9%"
    return f"{value:.0f}%" if value >= 99.95 or value == int(value) else f"{_significant(value)}%"


def quantity(value: float | None, unit: str) -> str:
    """Return *value* with *unit* (`s`, `ms`, `ratio`, or any noun)."""
    readers = {"s": seconds, "ms": milliseconds, "ratio": percent, "share": percent, "": count}
    if unit in readers:
        return readers[unit](value)
    return count(value) if value is None else f"{count(value)} {unit}"


def after(offset_s: float | None) -> str:
    """Return a time relative to the fault: `+2.3 s`, `-8 s`."""
    if offset_s is None:
        return UNKNOWN
    size = seconds(abs(offset_s))
    return size if size == "0 s" else f"{'-' if offset_s < 0 else '+'}{size}"


def between(low_s: float, high_s: float) -> str:
    """`-14 to 30.5 s`, `-7 min to 0 s`."""
    low, high = seconds(low_s), seconds(high_s)
    both_in_seconds = "min" not in low + high and "h" not in low + high
    return f"{low.removesuffix(' s') if both_in_seconds else low} to {high}"


def clock(at: float | None) -> str:
    """`2026-12-01 10:00:14 UTC`."""
    return UNKNOWN if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def instant(value: str) -> float | None:
    """Return the epoch seconds of an ISO 8601 text; None when it is none."""
    try:
        return from_iso(value)
    except ValueError:
        return None


def plain(name: str) -> str:
    """Turn a name of the code into words: `task_start_s` becomes `task start`."""
    for unit in UNITS:
        name = name.removesuffix(unit)
    return name.replace("_", " ")


def measure(name: str, value: Json) -> str:
    """Return a named value with the unit that its name carries: `task_start_s`, 2 becomes `task start 2 s`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{plain(name)} {in_words(value)}".strip()
    unit = next((unit[1:] for unit in UNITS if name.endswith(unit)), "")
    return f"{plain(name)} {quantity(value, unit)}"


def _significant(value: float) -> str:
    """Two decimals below ten, one below a hundred, none above; no trailing zeros."""
    size = abs(value)
    digits = 2 if size < 10 else 1 if size < 100 else 0
    rounded = f"{value:,.{digits}f}"
    shortened = rounded.rstrip("0").rstrip(".") if digits else rounded
    return "0" if shortened == "-0" else shortened


def readable(text: str) -> str:
    """Return evidence as people read it: `04:42:28.849 UTC` for an ISO time, a resource's own name for an ARN."""
    return ARN.sub("", STAMP.sub(r"\1.\2 UTC", text))


def headline(text: str) -> str:
    """Return *text* with a capital, unless it begins with a name of the code."""
    text = " ".join(text.split())
    first = text.split(" ", 1)[0]
    word = first.rstrip(":,;")
    if not (word.isalpha() and word.islower()):
        return text
    return (word.upper() if word in ACRONYMS else word.capitalize()) + text[len(word) :]


def sentence(text: str) -> str:
    """Return *text* with a capital and a full stop."""
    text = headline(text)
    return text if not text or text[-1] in ".!?:" else text + "."
