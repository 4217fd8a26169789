"""A day's folder read back: its plan, its events, where it stands, and the runs of its experiments beside it.

Every reader tolerates a day that was cut short: what is missing is empty, and the report says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from gameday.analysis.findings import findings_of
from gameday.day.events import Event, Timeline
from gameday.day.plan import Inject, Item, Plan, Roles
from gameday.day.state import DayState, fold
from gameday.decode import attempt
from gameday.errors import GamedayError, UsageError
from gameday.model import Json, Mark, Verdict
from gameday.record import Record, is_day
from gameday.safety.process import Mortal
from gameday.source import Source

GOING_ON, INTERRUPTED = "going on", "interrupted"


@dataclass(frozen=True, slots=True)
class Played:
    """One experiment of the day, as far as it came: one of the agenda, or one that an inject put in."""

    name: str  # of the item, or of the inject
    item: str
    inject: str = ""
    file: str = ""
    verdict: str = ""
    exit: int | None = None
    run: str = ""  # its folder beside the day's
    requests: int = 0
    errors: int = 0
    began: float | None = None
    ended: float | None = None
    why: str = ""  # what the day was told of its end
    findings: dict[str, Json] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()

    @property
    def done(self) -> bool:
        """Whether there is a verdict."""
        return bool(self.verdict)


@dataclass(frozen=True, slots=True)
class Told:
    """All that a day's folder tells."""

    folder: Path
    head: Mapping[str, Json]  # plan.json
    plan: Plan
    events: Sequence[Event]
    state: DayState
    played: tuple[Played, ...]

    @property
    def end(self) -> float:
        """When it ended, or its newest event: what is due is counted from here, so that a report stays as it is."""
        newest = self.events[-1].at if self.events else 0.0
        return newest if self.state.ended is None else max(newest, self.state.ended)

    def item(self, name: str) -> Item | None:
        """Return the entry of the agenda called *name*."""
        return next((each for each in self.plan.agenda if each.name == name), None)

    def inject(self, name: str) -> Inject | None:
        """Return the inject called *name*."""
        return next((each for each in self.plan.injects if each.name == name), None)


def read(folder: Path) -> Told:
    """Return what a day's folder tells. Raises UsageError: it is no day's."""
    if not is_day(folder):
        raise UsageError(f"{folder} is no game day's folder; `gameday runs` lists the days there are")
    record = Record(folder)
    events = Timeline(folder).read()
    return Told(folder, record.document("plan.json"), plan_of(folder), events, fold(events), _played(folder, events))


def reasons(state: DayState, events: Sequence[Event]) -> list[str]:
    """Return why a day ended as it did, where nobody said so: what stopped it, else how many experiments held, also
    of those that injects put in.
    """
    verdicts = {(event.item, event.data.get("inject") or ""): event.data["verdict"] for event in events
                if event.kind in ("run.ended", "item.ended") and event.data.get("verdict")}  # fmt: skip
    held = sum(verdict == Verdict.HELD.value for verdict in verdicts.values())
    many = f"{held} of {len(verdicts)} experiment{'' if len(verdicts) == 1 else 's'} held"
    return state.why or [many if verdicts else "no experiment was played"]


def stands(folder: Path) -> tuple[str, int | None, list[str]]:
    """Return (outcome, exit, why) of a day as its record is now; it goes on as long as its process lives."""
    events = Timeline(folder).read()
    state = fold(events)
    if state.ended is not None:
        told = next(event.data.get("why") for event in reversed(events) if event.kind == "day.ended")
        saved = told if isinstance(told, list) else Record(folder).document("day.json").get("why")
        said = [str(each) for each in cast("list[Json]", saved or [])]
        return state.outcome, state.exit, said or reasons(state, events)
    if state.pid and Mortal.of(state.pid).alive:
        return GOING_ON, None, ["the day goes on: this is as far as it is"]
    return INTERRUPTED, 130, ["the day's process was killed, or the machine went down, before its end"]


def plan_of(folder: Path) -> Plan:
    """Return the plan as it was resolved, else as its copy has it; an empty one when neither can be read."""
    for name, path in (("plan.json", ("resolved",)), ("plan.yaml", ())):
        with suppress(GamedayError, KeyError, TypeError):
            source = Source.yaml(folder / name)
            data = source.data
            for key in path:
                data = cast("dict[str, Json]", data)[key]
            plan, _ = attempt(Plan, source, path, data)
            if plan is not None:
                return plan
    return Plan("a day whose plan was not written down", Roles("", ""), [])


def _played(folder: Path, events: Sequence[Event]) -> tuple[Played, ...]:
    """Return the experiments in the order in which they began; one that ended twice (a resumed day) counts once."""
    found: dict[tuple[str, str], Played] = {}
    for event in events:
        key = event.item, _text(event, "inject")
        if event.kind == "run.started":
            found[key] = Played(key[1] or event.item, event.item, key[1], _text(event, "file"), began=event.at)
        elif event.kind == "run.ended" or (event.kind == "item.ended" and _text(event, "verdict")):
            known = found.get(key) or Played(key[1] or event.item, event.item, key[1])
            if not known.done:
                found[key] = _ended(folder, known, event)
    return tuple(found.values())


def _ended(folder: Path, known: Played, event: Event) -> Played:
    run, exit_ = _text(event, "run"), event.data.get("exit")
    findings, marks = _of_run(folder.parent / run) if run else ({}, ())
    return Played(
        known.name, known.item, known.inject, known.file,
        verdict=_text(event, "verdict"), exit=exit_ if isinstance(exit_, int) else None, run=run,
        requests=_count(event, "requests"), errors=_count(event, "errors"),
        began=known.began, ended=event.at, why=event.text, findings=findings, marks=marks,
    )  # fmt: skip


def _of_run(folder: Path) -> tuple[dict[str, Json], tuple[Mark, ...]]:
    """Return a run's findings and marks; none of them where they cannot be read."""
    try:
        record = Record(folder)
        return findings_of(record), tuple(record.marks())
    except (GamedayError, OSError, TypeError, ValueError, KeyError):
        return {}, ()


def _text(event: Event, key: str) -> str:
    return str(event.data.get(key) or "")


def _count(event: Event, key: str) -> int:
    found = event.data.get(key)
    return int(found) if isinstance(found, int | float) else 0
