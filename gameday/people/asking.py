"""What a service's module is given: a time until which it has to answer. What it raises is `gameday.notify.order`'s."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from gameday.model import Json, from_iso
from gameday.notify.message import GAME_DAY, PREFIXES, SEVERITIES
from gameday.notify.order import Failed
from gameday.people.seen import Seen

LEAST_S = 0.05
OURS = (GAME_DAY, *PREFIXES.values(), *(f"[{kind.upper()}]" for kind in SEVERITIES))  # so the suite's messages begin


@dataclass(frozen=True, slots=True)
class Until:
    """A time limit, by the monotonic clock."""

    at: float

    @classmethod
    def within(cls, seconds: float) -> Until:
        """Return the limit that many seconds from now."""
        return cls(time.monotonic() + seconds)

    def left_s(self) -> float:
        """Return how long is left. Raises Failed: nothing is."""
        left = self.at - time.monotonic()
        if left < LEAST_S:
            raise Failed("it did not tell everything in time")
        return left


class Service(Protocol):
    """One service of people."""

    name: str

    def read(self, until: Until) -> list[Seen]:
        """Return everything since the day began, known or not. Raises NotSent: it cannot be read; why."""


def ours(text: str) -> bool:
    """Return whether the suite itself said *text*: no word of people's."""
    return text.lstrip().startswith(OURS)


def objects(found: Json) -> list[Mapping[str, Json]]:
    """Return the objects of a list that came from outside; what is none is left out."""
    return (
        [cast("Mapping[str, Json]", one) for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    )


def inner(found: Mapping[str, Json], *names: str) -> str:
    """Return the text at a path in *found*, empty where there is none."""
    value: Json = cast("Json", found)
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def instant(text: str) -> float | None:
    """Return an instant of ISO 8601 in seconds since the epoch; None: it is none."""
    try:
        return from_iso(text)
    except ValueError:
        return None


def alarm_in(texts: Sequence[str], known: Iterable[str]) -> str:
    """Return the alarm that *texts* name: a *known* one, the longest first; else what CloudWatch's message names."""
    for name in sorted(known, key=len, reverse=True):
        if any(names(text, name) for text in texts):
            return name
    told = (re.search(r'\bALARM: "([^"]+)"', text) for text in texts)
    return next((found[1] for found in told if found), "")


def names(text: str, alarm: str) -> bool:
    """Return whether *text* has the name of *alarm*, and not as a part of a longer one."""
    return bool(alarm) and bool(re.search(rf"(?<![\w.-]){re.escape(alarm)}(?![\w-])", text))
