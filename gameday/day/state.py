"""Where a day stands: a fold over its events, the same for the one who resumes it, the one who watches, the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gameday.day.events import Event

Phase = Literal["opened", "begun", "held", "aborting", "ended"]


@dataclass(slots=True)
class ItemState:
    """One entry of the agenda, as far as it is."""

    state: Literal["open", "going on", "ended", "skipped"] = "open"
    began: float | None = None
    ended: float | None = None
    verdict: str = ""
    exit: int | None = None
    run: str = ""
    requests: int = 0
    errors: int = 0
    why: str = ""
    ran: float | None = None  # when its experiment ended; the item goes on while the day waits for a page
    hit_at: float | None = None  # the fault's instant


@dataclass(slots=True)
class Running:
    """An experiment that runs, or ran when the day's process died."""

    pid: int
    file: str
    since: float
    item: str
    inject: str = ""
    born: str = ""  # with `pid` it names one process for good


@dataclass(slots=True)
class DayState:
    """A day as its events tell it."""

    phase: Phase = "opened"
    pid: int = 0
    began: float | None = None
    ended: float | None = None
    outcome: str = ""
    exit: int | None = None
    why: list[str] = field(default_factory=list)
    answers: dict[int, str] = field(default_factory=dict)  # of the go/no-go list
    items: dict[str, ItemState] = field(default_factory=dict)
    running: Running | None = None
    fired: dict[str, float] = field(default_factory=dict)  # injects that were put in
    failed: dict[str, str] = field(default_factory=dict)  # injects that could not be, and why
    over: set[str] = field(default_factory=set)  # injects whose effect has ended
    pages: dict[str, dict[str, float]] = field(default_factory=dict)  # incident: {triggered, acknowledged ...}
    away: set[str] = field(default_factory=set)  # people who have left by an inject
    requests: int = 0
    errors: int = 0
    ran: dict[str, float | None] = field(default_factory=dict)  # injected experiments that ended: the fault's instant

    def item(self, name: str) -> ItemState:
        """Return the state of an item."""
        return self.items.setdefault(name, ItemState())


def fold(events: Iterable[Event]) -> DayState:
    """Return where the day stands after *events*, which are in order."""
    state = DayState()
    for event in events:
        _take(state, event)
    return state


def _take(state: DayState, event: Event) -> None:
    area, _, what = event.kind.partition(".")
    if area == "day":
        _day(state, event, what)
    elif area == "item":
        _item(state.item(event.item), event, what)
    elif area == "run":
        _run(state, event, what)
    elif area == "inject":
        _inject(state, event, what)
    elif area == "page":
        state.pages.setdefault(str(event.data.get("incident")), {}).setdefault(what, event.at)
    elif event.kind == "check.answered":
        state.answers[_number(event.data, "number")] = str(event.data.get("answer"))


def _day(state: DayState, event: Event, what: str) -> None:
    if what in ("opened", "resumed"):
        state.pid = _number(event.data, "pid")
    elif what in ("begun", "continued"):
        state.began, state.phase = state.began or event.at, "begun"
    elif what in ("held", "aborting"):
        state.phase = "held" if what == "held" else "aborting"
    elif what == "ended":
        state.ended, state.phase = event.at, "ended"
        state.outcome, state.exit = str(event.data.get("outcome", "")), _number(event.data, "exit")
    if what in ("no-go", "aborting") and event.text:
        state.why.append(event.text)


def _item(item: ItemState, event: Event, what: str) -> None:
    if what == "begun":
        item.state, item.began = "going on", event.at
        return
    item.state, item.ended, item.why = "ended" if what == "ended" else "skipped", event.at, event.text
    _result(item, event)


def _result(item: ItemState, event: Event) -> None:
    item.verdict, item.run = str(event.data.get("verdict") or ""), str(event.data.get("run") or "")
    item.exit = _number(event.data, "exit") if "exit" in event.data else None
    item.requests, item.errors = _number(event.data, "requests"), _number(event.data, "errors")


def _run(state: DayState, event: Event, what: str) -> None:
    if what == "started":
        file, inject = str(event.data.get("file", "")), str(event.data.get("inject") or "")
        born = str(event.data.get("born") or "")
        state.running = Running(_number(event.data, "pid"), file, event.at, event.item, inject, born)
        return
    state.running = None
    state.requests += _number(event.data, "requests")
    state.errors += _number(event.data, "errors")
    hit = event.data.get("hit_at")
    hit_at = float(hit) if isinstance(hit, int | float) else None
    if inject := str(event.data.get("inject") or ""):
        state.ran[inject] = hit_at
        return
    item = state.item(event.item)
    _result(item, event)
    item.ran, item.hit_at = event.at, hit_at


def _inject(state: DayState, event: Event, what: str) -> None:
    name, person = str(event.data.get("name")), str(event.data.get("leaves") or "")
    if what == "fired":
        state.fired[name] = event.at
    elif what == "failed":
        state.fired.pop(name, None)
        state.failed[name] = event.text
    elif what == "over":
        state.over.add(name)
    if person:
        (state.away.add if what == "fired" else state.away.discard)(person)


def _number(data: Mapping[str, Any], key: str) -> int:
    found = data.get(key)
    return int(found) if isinstance(found, int | float) else 0
