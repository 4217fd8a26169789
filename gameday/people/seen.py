"""What a service of people showed, as a value that the day appends to its timeline as an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gameday.model import Json


@dataclass(frozen=True, slots=True)
class Seen:
    """Something that happened at an instant (seconds since the epoch). *kind* is one of `gameday.day.events.KINDS`.

    *key* is the same whenever the same thing is read again, by whatever process.
    """

    at: float
    kind: str
    text: str  # a sentence for people
    who: str  # a person, or the service
    key: str
    data: Mapping[str, Json] = field(default_factory=dict)
