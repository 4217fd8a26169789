"""What a day does next, and how it ended: pure functions of its plan, its events and where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gameday.day.events import Event
from gameday.day.plan import CheckItem, Expect, Item, Plan
from gameday.day.state import DayState
from gameday.errors import Refusal, UndoIncomplete
from gameday.model import Verdict, worst_exit

HELD, BROKE = Verdict.HELD.value, Verdict.BROKE.value
UNKNOWN, REFUSED = Verdict.INCONCLUSIVE.exit_code, Refusal.exit_code
ABORTED, INTERRUPTED = Verdict.ABORTED.exit_code, Verdict.INTERRUPTED.exit_code
WORDS = {0: "went well", 1: "weaknesses found", ABORTED: "aborted", 6: "undo incomplete", INTERRUPTED: "interrupted"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a day ended, its exit code, and why, the decisive sentence first."""

    word: str
    exit: int
    why: list[str]


@dataclass(frozen=True, slots=True)
class Awaited:
    """A page that somebody is to get: of an item or an inject, from an instant on."""

    name: str
    expect: Expect
    since: float

    @property
    def until(self) -> float:
        """When it is too late."""
        return self.since + self.expect.within_s


def next_item(plan: Plan, state: DayState) -> Item | None:
    """Return the entry of the agenda that goes on or comes next; None: all are done."""
    return next((item for item in plan.agenda if state.item(item.name).state in ("open", "going on")), None)


def is_left(plan: Plan, state: DayState) -> bool:
    """Return whether a stop could still cut something off."""
    there = [(item, state.item(item.name)) for item in plan.agenda]
    return any(each.state == "open" or (each.state == "going on" and not (item.experiment and each.ran))
               for item, each in there)  # fmt: skip


def next_question(plan: Plan, state: DayState) -> tuple[int, CheckItem] | None:
    """Return the first line of the go/no-go list without an answer, with its number from 0."""
    return next((line for line in enumerate(plan.checklist) if line[0] not in state.answers), None)


def no_go(plan: Plan, state: DayState) -> list[str]:
    """Return what on the go/no-go list says no: a must that was answered so, or a look that could not tell.

    A question that nobody was there to answer stops nothing: whoever put the day on the calendar has answered it.
    """
    found = []
    for number, line in enumerate(plan.checklist):
        answer = state.answers.get(number, "")
        if line.must and (answer == "no" or (line.look and answer != "yes")):
            found.append(f"{said(line)}: {answer or 'not looked at'}")
    return found


def said(line: CheckItem) -> str:
    """Return a line of the go/no-go list as people read it."""
    return line.ask or str(line.look)


def unmet(condition: str, item: Item, plan: Plan, state: DayState) -> str:
    """Return why *item* is not to be played by its `only_if`, "" when it is. What is not known does not hold."""
    if not condition:
        return ""
    subject, _, wanted = condition.rpartition(" ")
    before = [each.name for each in plan.agenda[: plan.agenda.index(item)] if each.experiment]
    names = before[-1:] if subject == "last" else before if subject == "all" else [subject]
    if not names:
        return f"only if {condition}, and nothing was played before"
    for name in names:
        there = state.item(name)
        if there.verdict != wanted:
            return f"only if {condition}, and {name} {_told(there.verdict, there.state)}"
    return ""


def _told(verdict: str, state: str) -> str:
    return f"is {verdict}" if verdict and verdict not in (HELD, BROKE) else verdict or f"is {state}"


def awaited(item: Item, plan: Plan, state: DayState) -> list[Awaited]:
    """Return the pages that are to come for what *item* and its injects have done so far."""
    found = []
    there = state.item(item.name)
    if item.expect and there.hit_at is not None:
        found.append(Awaited(item.name, item.expect, there.hit_at))
    for inject in plan.injects:
        if inject.during == item.name and inject.expect and inject.name in state.fired:
            at = state.ran.get(inject.name) if inject.experiment else state.fired[inject.name]
            if at is not None:
                found.append(Awaited(inject.name, inject.expect, at))
    return found


def outcome(events: Sequence[Event]) -> Outcome:
    """Return how a day ended that is over now. Unknown dominates passing: what was not checked never went well."""
    if refused := [event for event in events if event.kind == "day.no-go"]:
        missed = any(event.data.get("missed") for event in refused)
        return Outcome("missed" if missed else "no-go", REFUSED, [event.text for event in refused])
    ends = list(_ends(events))
    code = worst_exit([code for code, _ in ends])
    why = [sentence for each, sentence in ends if each == code] + [text for each, text in ends if each not in (0, code)]
    return Outcome(WORDS.get(code, "inconclusive"), code, [sentence for sentence in why if sentence])


def _ends(events: Sequence[Event]) -> Iterator[tuple[int, str]]:
    """Yield (exit code, sentence) of everything that counts."""
    ending = [event for event in events if event.kind == "day.aborting"]
    for event in ending:
        yield (INTERRUPTED if event.data.get("signal") else ABORTED), event.text
    for event in events:
        if event.kind == "run.ended":
            code = _exit(event)
            cut = code == INTERRUPTED and any(end.at <= event.at and not end.data.get("signal") for end in ending)
            yield (ABORTED if cut else code), _of_run(event)
        elif event.kind in ("item.ended", "item.skipped", "people.missed", "inject.failed", "inject.over"):
            yield from _of_event(event)
    if not any(_checks(event) for event in events):
        yield UNKNOWN, "nothing was checked"


def _of_event(event: Event) -> Iterator[tuple[int, str]]:
    if event.kind == "people.missed":
        yield 1, event.text
    elif event.kind == "inject.failed":
        yield UNKNOWN, f"{event.data.get('name')} could not be put in: {event.text}"
    elif event.kind == "inject.over" and event.data.get("complete") is False:
        yield UndoIncomplete.exit_code, f"{event.data.get('name')} left something changed: {event.text}"
    elif event.kind == "item.skipped" and not event.data.get("planned"):
        yield UNKNOWN, f"{event.item} was not played: {event.text}"
    elif event.kind == "item.ended" and event.data.get("unknown"):
        yield UNKNOWN, str(event.data["unknown"])


def _checks(event: Event) -> bool:
    """Return whether something was found out: an experiment with a verdict that counts, or a page that was awaited."""
    if event.kind == "run.ended":
        return _exit(event) in (0, 1)
    return event.kind == "people.missed" or (event.kind == "item.ended" and bool(event.data.get("paged")))


def _exit(event: Event) -> int:
    found = event.data.get("exit")
    return int(found) if isinstance(found, int | float) else 70


def _of_run(event: Event) -> str:
    name, verdict = event.data.get("inject") or event.item, event.data.get("verdict")
    return f"{name} {verdict}" + (f": {event.text}" if event.text else "") if _exit(event) else ""
