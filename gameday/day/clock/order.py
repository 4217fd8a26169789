"""Instants in an order that can have been: PagerDuty gives whole seconds, and no page comes before what caused it.

An instant that is known to `within_s` lies somewhere in that time. Where its cause lies in it too, it is the earliest
that it can have been, and what is left of the time is how late it can have been.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gameday.day.events import Event


def causal(events: Sequence[Event]) -> list[Event]:
    """Return *events* in the order of their instants, each of a page at the earliest it can have been."""
    ordered = sorted(events, key=lambda event: event.at)
    alarms = [event for event in ordered if event.kind.startswith("alarm.")]
    placed = sorted(_placed(ordered, alarms), key=lambda pair: (pair[0].at, pair[1]))  # an effect after its cause
    return [event for event, _ in placed]


def coarse(event: Event) -> float:
    """Return by how many seconds an instant may be too early."""
    found = event.data.get("within_s")
    return float(found) if isinstance(found, int | float) else 0.0


def _placed(ordered: Sequence[Event], alarms: Sequence[Event]) -> Iterator[tuple[Event, bool]]:
    """Yield each event at the earliest it can have been, and whether it was moved."""
    newest: dict[str, float] = {}  # of each incident: what happens to it later is no earlier
    for event in ordered:
        if not event.kind.startswith("page.") or not coarse(event):
            yield event, False
            continue
        incident = str(event.data.get("incident"))
        known = [newest.get(incident, event.at), *(cause.at for cause in alarms if _causes(cause, event))]
        within = [at for at in known if event.at <= at < event.at + coarse(event)]
        at = max(within, default=event.at)
        newest[incident] = at
        left = round(event.at + coarse(event) - at, 6)
        moved = at != event.at
        yield (replace(event, at=at, data={**event.data, "within_s": left}) if moved else event), moved


def _causes(cause: Event, event: Event) -> bool:
    """Return whether CloudWatch's word opened an incident, or closed it, as far as what happened shows."""
    if not event.data.get("alarm") or cause.data.get("alarm") != event.data["alarm"]:
        return False
    if event.kind == "page.resolved":
        over = cause.kind == "alarm.over" or cause.data.get("opens") is False
        return over and bool(event.data.get("automatic"))
    return event.kind == "page.triggered" and (cause.kind == "alarm.fired" or cause.data.get("opens") is True)
