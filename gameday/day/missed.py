"""Pages that were expected and did not come: AWS is asked why, once for each, and the answer is written down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from gameday.day.clock_values import Clock
from gameday.day.events import Event
from gameday.model import Json
from gameday.people.seen import Seen

Ask = Callable[[str], list[str]]  # the alarm's name -> sentences, as `gameday.people.why.why_no_page`


def unanswered(found: Sequence[Clock], events: Sequence[Event], *, final: bool = False) -> list[Clock]:
    """Return the clocks whose page did not come in its time, and of which AWS has not been asked yet why.

    *final*: the day ends, so also those whose time is not over.
    """
    asked = {str(event.data.get("name")) for event in events if event.kind == "people.missed"}
    return [
        clock
        for clock in found
        if clock.alarm and clock.hit_at is not None and clock.name not in asked
        and clock.step("page").at is None and (final or clock.never_paged)
    ]  # fmt: skip


def missed(found: Sequence[Clock], events: Sequence[Event], ask: Ask, now: float, *, final: bool = False) -> list[Seen]:
    """Return what is to be written down of those pages. *ask* is called once for each; it may take seconds."""
    return [_told(clock, ask(clock.alarm), now) for clock in unanswered(found, events, final=final)]


def _told(clock: Clock, why: list[str], now: float) -> Seen:
    text = "; ".join([f"{clock.name}: {clock.step('page').why}", *why])
    data: dict[str, Json] = {"name": clock.name, "alarm": clock.alarm, "why": cast("Json", why)}
    return Seen(now, "people.missed", text, "the suite", f"missed:{clock.name}", data)
