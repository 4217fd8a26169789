"""Texts and instants as a screen may show them.

Words of other people reach the coordinator's terminal from chats, pages and notes: a character that would move the
cursor, change the title, or turn the line round is shown by its code and does nothing.
"""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from rich.cells import cell_len, set_cell_size

UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # controls, formats, surrogates, breaks of lines


def visible(text: str) -> str:
    """Return *text* with every character that is none to be seen as its code, such as `\\x1b`."""
    return "".join(_code(one) if unicodedata.category(one) in UNSHOWN else one for one in text)


def _code(character: str) -> str:
    return character.encode("unicode_escape").decode()


def span(seconds: float) -> str:
    """Return a length of time as `4:05` or `1:02:03`."""
    whole = int(abs(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    shown = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return f"-{shown}" if seconds <= -1 else shown


def clock(at: float, zone: str = "UTC") -> str:
    """Return the time of day in *zone*, `12:03:22`; UTC where there is no such zone."""
    return datetime.fromtimestamp(at, _place(zone)).strftime("%H:%M:%S")


def zone_word(at: float, zone: str) -> str:
    """Return what the clock of *zone* is called then, such as `CET`."""
    return datetime.fromtimestamp(at, _place(zone)).tzname() or zone


def _place(zone: str) -> tzinfo:
    with suppress(OSError, ValueError, KeyError):  # a plan that was checked names a zone; a screen must not fail
        return ZoneInfo(zone)
    return UTC


def cut(text: str, width: int) -> str:
    """Return *text* in exactly *width* cells; what is cut off shows as an ellipsis."""
    if width <= 0:
        return ""
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"


def squeezed(text: str, width: int) -> str:
    """Return *text* in exactly *width* cells, cut in its middle: both ends of a name tell it from others."""
    if cell_len(text) <= width or width < 8:
        return cut(text, width)
    head = (width - 1) // 2
    return set_cell_size(text, head) + "…" + text[-(width - 1 - head) :]


def bar(share: float, width: int) -> str:
    """Return a bar of *width* cells, *share* of it full."""
    full = round(min(1.0, max(0.0, share)) * width)
    return "█" * full + "░" * (width - full)
