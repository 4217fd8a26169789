"""Reads values out of JSON that may be incomplete: a run that was cut short still gets its report.

Every reader takes a path of keys and answers with the wanted type or with nothing; none raises.
"""

from __future__ import annotations

import math

from gameday.model import Answer, Json


def dig(value: Json, *path: str) -> Json:
    """Return what stands at *path*; None when a step is missing."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def text(value: Json, *path: str) -> str:
    """Return a text, or "" when there is none. A number becomes its digits."""
    found = dig(value, *path)
    if isinstance(found, bool) or found is None or isinstance(found, list | dict):
        return ""
    return str(found)


def number(value: Json, *path: str) -> float | None:
    """Return a finite number, or None."""
    found = dig(value, *path)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return None
    return found


def listing(value: Json, *path: str) -> list[Json]:
    """Return a list, or an empty one."""
    found = dig(value, *path)
    return found if isinstance(found, list) else []


def table(value: Json, *path: str) -> dict[str, Json]:
    """Return a mapping, or an empty one."""
    found = dig(value, *path)
    return found if isinstance(found, dict) else {}


def texts(value: Json, *path: str) -> tuple[str, ...]:
    """Return a list of sentences; a single text counts as a list of one."""
    found = dig(value, *path)
    if isinstance(found, str):
        return (found,) if found else ()
    return tuple(filter(None, (in_words(item) for item in found))) if isinstance(found, list) else ()


def answer(value: Json, *path: str) -> Answer:
    """Return yes for true, no for false, and unknown for everything else."""
    found = dig(value, *path)
    if not isinstance(found, bool):
        return Answer.UNKNOWN
    return Answer.YES if found else Answer.NO


def in_words(value: Json) -> str:
    """Return any JSON value as a short text: `key value, key value` for a mapping."""
    if isinstance(value, dict):
        pairs = [f"{key.replace('_', ' ')} {in_words(item)}".strip() for key, item in value.items()]
        return ", ".join(pair for pair in pairs if pair)
    if isinstance(value, list):
        return ", ".join(filter(None, map(in_words, value)))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def finite(value: Json) -> Json:
    """Return a copy of *value* in which not-a-number and infinity are None, as strict JSON demands."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
