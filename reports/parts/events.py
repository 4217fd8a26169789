"""The instants that a person wants to see on the chart: marks that changed something, and the layers of recovery.

Bookkeeping marks stay in the run folder; a mark that nobody has named here is shown under its own name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gameday.model import Json, Mark
from reports.parts.dig import in_words, listing, number, text
from reports.parts.words import headline, instant, readable

MOST_LETTERS = 160
BOOKKEEPING = frozenset(
    (
        *("armed", "account", "before", "load.started", "warmup", "baseline", "recovery", "cooldown"),
        *("action.started", "method.ended", "proof", "load.stopped", "gate", "watchman.started"),
    )
)
TITLES = {
    "fault": "Fault injected",
    "fault.ended": "Fault ended",
    "load.stopping": "Load stopped",
    "rollbacks": "Undo began",
    "undo.failed": "An undo failed",
    "undo.verified": "Put back, and read back",
    "undo.backstop": "Undo without waiting",
    "undone": "Everything is undone",
    "signal.ignored": "A further signal: the undo goes on",
    "unsteady": "Not steady",
    "abort": "Aborted by a guard",
    "interrupted": "Interrupted",
    "refused": "Refused",
    "finished": "Run finished",
}
SAME_S = 0.05  # a layer this close to the mark of the fault is that mark


@dataclass(frozen=True, slots=True)
class Event:
    """An instant, in seconds since the chart's zero, with a title; `details` is a short text."""

    at: float
    title: str
    details: str = ""


def events(marks: Sequence[Mark], findings: dict[str, Json], zero: float) -> tuple[Event, ...]:
    """Return what to show, ordered by time. *zero* is in epoch seconds."""
    found = [event for mark in marks if (event := _of_mark(mark, zero))]
    found += [event for layer in listing(findings, "recovery", "layers") if (event := _of_layer(layer, zero))]
    return tuple(sorted(found, key=lambda event: event.at))


def _of_mark(mark: Mark, zero: float) -> Event | None:
    """The event of a mark; None for what is only bookkeeping or only says that all is well."""
    if mark.name in BOOKKEEPING:
        return None
    if mark.name in SPECIAL:
        said = SPECIAL[mark.name](dict(mark.details))
        return Event(mark.at - zero, *said) if said else None
    title = TITLES.get(mark.name) or headline(mark.name.replace(".", ": "))
    return Event(mark.at - zero, title, _short(dict(mark.details)))


def _of_layer(layer: Json, zero: float) -> Event | None:
    at, offset, name = instant(text(layer, "at")), number(layer, "after_fault_s"), text(layer, "name")
    when = offset if at is None else at - zero
    if when is None or (name.startswith("fault") and abs(when) < SAME_S):
        return None
    return Event(when, headline(name))


def _steady(when: str) -> Callable[[Json], tuple[str, str] | None]:
    """Only a steady state that was not met is news: that it was met is a layer, or the reason why the run went on."""

    def said(details: Json) -> tuple[str, str] | None:
        met = isinstance(details, dict) and details.get("met")
        return None if met else (f"Steady state not met {when} the fault", _short(listing(details, "failed")))

    return said


def _action_ended(details: Json) -> tuple[str, str] | None:
    status = text(details, "status")
    return (
        None if status == "succeeded" else (f"Action {text(details, 'name')} {status}", _short(text(details, "error")))
    )


def _undone(details: Json) -> tuple[str, str] | None:
    complete = isinstance(details, dict) and details.get("complete")
    return ("Undone", "") if complete else ("Undo incomplete", "")


def _short(details: Json) -> str:
    """The details in a line."""
    said = readable(in_words(details))
    return said if len(said) <= MOST_LETTERS else said[: MOST_LETTERS - 3] + "..."


SPECIAL: dict[str, Callable[[Json], tuple[str, str] | None]] = {
    "hypothesis.before": _steady("before"),
    "hypothesis.after": _steady("after"),
    "action.ended": _action_ended,
    "undone": _undone,
}
