"""What a day takes from its neighbours, by the functions that it needs of each: loaded when they are needed.

A part that is not installed is left out: then there are no injects, nobody is read, and what was asked is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast

from gameday.aws import Aws
from gameday.config import Environment
from gameday.day.commands import Desk
from gameday.day.events import Event, Timeline
from gameday.day.live import Live
from gameday.day.plan import CheckItem, Inject, Plan
from gameday.day.state import DayState
from gameday.model import Json, Mark
from gameday.notify import Notifier
from gameday.redact import Redactor


class Injector(Protocol):
    """Puts things in and ends them; writes down what came of it, and never raises."""

    def fire(self, inject: Inject) -> None:
        """Put it in."""

    def end(self, inject: Inject) -> None:
        """End what it did."""


class Step(Protocol):
    """One instant of the people's clock."""

    name: str
    at: float | None
    after_s: float | None
    band_s: float | None
    met: bool | None
    why: str


class Clock(Protocol):
    """What people did about one hit."""

    item: str
    inject: str
    hit_at: float | None
    steps: Sequence[Step]


class Seen(Protocol):
    """Something that a service of people showed."""

    at: float
    kind: str
    text: str
    who: str
    key: str
    data: Mapping[str, Json]


class Readers(Protocol):
    """Reads what people did."""

    def new(self) -> list[Seen]:
        """Return what is new; never raises."""


def _part(name: str) -> Any:
    """Return a module, or None where it is not there."""
    return import_module(name) if find_spec(name) else None


def draw(plan: Plan) -> dict[str, float]:
    """Return {inject: its delay in seconds}, drawn from the plan's seed."""
    part = _part("gameday.day.injects")
    return cast("dict[str, float]", part.draw(plan)) if part else {}


def due_at(plan: Plan, state: DayState, drawn: Mapping[str, float]) -> dict[str, float]:
    """Return {inject: when it is due}."""
    part = _part("gameday.day.injects")
    return cast("dict[str, float]", part.due_at(plan, state, drawn)) if part else {}


def over(plan: Plan, state: DayState, now: float) -> list[Inject]:
    """Return the injects to end now."""
    part = _part("gameday.day.injects")
    return cast("list[Inject]", part.over(plan, state, now)) if part else []


def injector(
    plan: Plan, environment: Environment, aws: Aws, timeline: Timeline, notifier: Notifier, redact: Redactor
) -> Injector | None:  # fmt: skip
    """Return what puts injects in."""
    part = _part("gameday.day.injects")
    made = part.Injector(plan, environment, aws, timeline, notifier, redact) if part else None
    return cast("Injector | None", made)


def stop(plan: Plan, state: DayState, events: Sequence[Event], now: float, live: Live | None) -> str:
    """Return why the day must end now, "" while it need not."""
    part = _part("gameday.day.stops")
    figures = live.figures if live else {}
    requests, errors = int(figures.get("requests") or 0), int(figures.get("errors") or 0)
    return str(part.stop(plan, state, events, now, requests=requests, errors=errors)) if part else ""


def look(
    item: CheckItem, plan: Plan, environment: Environment, aws: Aws, runs: Path, suite: Path, file: Path
) -> tuple[str, str]:  # fmt: skip
    """Return the answer to a look of the go/no-go list, and a sentence."""
    part = _part("gameday.day.looks")
    if part is None:
        return "unknown", f"nothing here can look at {item.look}"
    answer, why = part.look(item, plan, environment, aws, runs, suite, file)
    return str(answer), str(why)


def too_late(plan: Plan, now: float) -> str:
    """Return why the day may not begin any more."""
    part = _part("gameday.day.calendar")
    return str(part.too_late(plan, now)) if part else ""


def frozen(plan: Plan, environment: Environment, now: float) -> list[str]:
    """Return the freezes that forbid a day now."""
    part = _part("gameday.day.calendar")
    return cast("list[str]", part.frozen(plan, environment, now)) if part else []


def readers(
    environment: Environment, aws: Aws, since: float, known: set[str], alarms: Iterable[str], redact: Redactor
) -> Readers | None:  # fmt: skip
    """Return what reads the services of people; None where nobody can."""
    part = _part("gameday.people.readers")
    return cast("Readers", part.Readers(environment, aws, since, known, alarms, redact)) if part else None


def clocks(plan: Plan, events: Sequence[Event], runs: Mapping[str, Mapping[str, Json]], now: float) -> Sequence[Clock]:
    """Return the people's clock of each hit."""
    part = _part("gameday.day.clock")
    return cast("Sequence[Clock]", part.clocks(plan, events, runs, now)) if part else ()


def going_on(marks: Sequence[Mark]) -> Mapping[str, Json]:
    """Return as much of the findings of a run that goes on as the people's clock needs."""
    part = _part("gameday.day.clock_hits")
    return cast("Mapping[str, Json]", part.going_on(marks)) if part else {}


def why_no_page(aws: Aws, alarm: str) -> list[str]:
    """Return what keeps an alarm from paging anybody."""
    part = _part("gameday.people.why")
    return cast("list[str]", part.why_no_page(aws, alarm)) if part and alarm else []


def is_terminal(source: int, target: int) -> bool:
    """Return whether these descriptors are a terminal that can be drawn on."""
    part = _part("gameday.day.screen")
    return bool(part.usable(source, target)) if part else False


def screen(source: int, target: int) -> Desk:
    """Return the live screen."""
    return cast("Desk", _part("gameday.day.screen").Screen(source, target))


def live(runs: Path, pid: int, since: float) -> Live | None:
    """Return what the run of a process says of itself."""
    read = getattr(import_module("gameday.day.live"), "read", None)
    return cast("Live | None", read(runs, pid, since)) if read else None


def finish(folder: Path, outcome: str, code: int, why: list[str]) -> dict[str, Json] | None:
    """Write the day's report, and return `day.json`; None where nothing can."""
    part = _part("gameday.day.document")
    return cast("dict[str, Json]", part.finish(folder, outcome=outcome, exit=code, why=why)) if part else None
