"""Numbered flags for the events of a chart. Flags that would overlap become one (`3-5`); the list below names each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reports.parts.events import Event
from reports.parts.svg import box, rule, width_of, words

HEIGHT = 18
GAP = 3
FONT = 12


@dataclass(frozen=True, slots=True)
class Flag:
    """The events *first* to *last* (counted from one), whose middle is at *x*."""

    x: float
    first: int
    last: int

    @property
    def label(self) -> str:
        """The number, or the range of numbers."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    @property
    def width(self) -> float:
        """The width in pixels."""
        return max(width_of(self.label, FONT) + 10, HEIGHT)

    def with_next(self, other: Flag) -> Flag:
        """Return one flag for both, weighted by how many events each stands for."""
        mine, its = self.last - self.first + 1, other.last - other.first + 1
        return Flag((self.x * mine + other.x * its) / (mine + its), self.first, other.last)


def stems(
    events: Sequence[Event], axis: Callable[[float], float], shown: tuple[float, float], top: float, bottom: float
) -> str:
    """Draw a thin line through all panels for each event in the *shown* range of seconds."""
    return "".join(rule(x, top + HEIGHT, x, bottom, "stem") for _, x in _places(events, axis, shown))


def flags(events: Sequence[Event], axis: Callable[[float], float], shown: tuple[float, float], top: float) -> str:
    """Draw the numbered flags of the events in the *shown* range of seconds."""
    left, right = axis(shown[0]), axis(shown[1])
    drawn = []
    for flag in together([Flag(x, number, number) for number, x in _places(events, axis, shown)]):
        x = min(max(flag.x, left), right - flag.width / 2)
        drawn.append(box(x - flag.width / 2, top + 2, flag.width, HEIGHT, "flag", HEIGHT / 2))
        drawn.append(words(flag.label, x, top + HEIGHT - 2.5, "flag-number", "middle"))
    return "".join(drawn)


def together(wanted: Sequence[Flag]) -> list[Flag]:
    """Join flags until none overlaps its neighbour; *wanted* are ordered by x."""
    joined: list[Flag] = []
    for flag in wanted:
        joined.append(flag)
        while len(joined) > 1 and _overlap(joined[-2], joined[-1]):
            last = joined.pop()
            joined[-1] = joined[-1].with_next(last)
    return joined


def _overlap(left: Flag, right: Flag) -> bool:
    return right.x - left.x < (left.width + right.width) / 2 + GAP


def _places(
    events: Sequence[Event], axis: Callable[[float], float], shown: tuple[float, float]
) -> list[tuple[int, float]]:
    """The number and the x of each event in range; numbers count all events, as the list below the chart does."""
    return [(number, axis(one.at)) for number, one in enumerate(events, 1) if shown[0] <= one.at <= shown[1]]
