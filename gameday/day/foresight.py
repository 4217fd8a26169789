"""What can be known of a plan before its day: how long it takes, whether its time is free, what would be refused.

The rules are those that `gameday check` adds to `gameday.day.lint`; the estimates are also shown by `gameday plan`.
Nothing is asked of AWS: times come from the phases of the plan's environment in `gameday.toml`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from gameday.config import Environment, Freeze
from gameday.day import calendar
from gameday.day.case import Case
from gameday.day.plan import Item, Plan
from gameday.decode import suggestion
from gameday.engine.rehearsal import takes_s
from gameday.errors import Problem
from gameday.model import Block
from gameday.safety import freeze
from gameday.safety.gate import action_of
from gameday.safety.intent import acts
from gameday.source import Path_

Rule = Callable[[Case, date], Iterator[Problem]]
LOOKED_AT = 12  # of the begins that a cron has
SET_ALARM = "alarms.set_state"  # what an inject does that sets off an alarm
YEARS = 5 * 366 * 86400.0


@dataclass(frozen=True, slots=True)
class Span:
    """When an item begins, in seconds from the begin of the day, and how long it takes: at least and at most."""

    begins: tuple[float, float]
    takes: tuple[float, float]


def spans(items: Sequence[Item], blocks: Mapping[str, Block], environment: Environment) -> list[Span]:
    """Return the estimated times of an agenda; *blocks* are those of the experiments by item."""
    found, begins = [], (0.0, 0.0)
    for item in items:
        takes = (item.pause_s, item.pause_s) if item.pause_s is not None else estimate(
            blocks.get(item.name, Block()), environment)  # fmt: skip
        found.append(Span(begins, takes))
        begins = (begins[0] + takes[0], begins[1] + takes[1])
    return found


def estimate(block: Block, environment: Environment) -> tuple[float, float]:
    """Return how long an experiment takes in *environment*, at least and at most, with a fault of its usual length."""
    return takes_s(environment, environment.phases.limits(block), environment.phases.fault_s)


def windows(plan: Plan, environment: Environment | None) -> list[Freeze]:
    """Return the freezes of a plan and of its environment that can be read."""
    known = [*plan.freeze, *(environment.rules.freeze if environment else [])]
    return [window for window in known if window is not None and not freeze.problem_of(window)]


def in_the_way(plan: Plan, windows: Sequence[Freeze], at: float) -> str:
    """Return which freeze is in the way of a day at *at*, and until when; empty: none is."""
    for moment, how in ((at, "begins inside"), (at + plan.when.lasts_s, "goes on into")):
        for window in windows:
            if (end := freeze.until(window, moment)) is not None:
                why = f" ({window.why})" if window.why else ""
                begin = calendar.shown(at, plan.when.zone)
                return (
                    f"the day of {begin} {how} the freeze {window.begins} to {window.ends}{why}, "
                    f"which lasts until {calendar.shown(end, plan.when.zone)}"
                )
    return ""


def due(case: Case, today: date) -> Iterator[Problem]:
    """Rule: the day is not over, and no freeze is in its way."""
    plan = case.plan
    if calendar.problems(plan.when):
        return
    if plan.when.date is not None and date.fromisoformat(plan.when.date) < today:
        message = f"{plan.when.date} is over; give the day another date, or none to play it when somebody begins it"
        yield case.problem(("when", "date"), message)
        return
    start = datetime.combine(today, time(), ZoneInfo(plan.when.zone)).timestamp()
    begins = list(islice(calendar.begins(plan.when, start, start + YEARS), LOOKED_AT))
    found = [in_the_way(plan, windows(plan, case.environment), at) for at in begins]
    if plan.when.date is not None and found and found[0]:
        yield case.problem(("when", "date"), f"{found[0]}; choose a day outside of it")
    elif plan.when.cron is not None and found and all(found):
        message = f"each of the next {len(found)} days meets a freeze: {found[0]}; choose other times"
        yield case.problem(("when", "cron"), message)


def too_long(case: Case, today: date) -> Iterator[Problem]:
    """Rule: the agenda fits into the day, by the phases of its environment."""
    if case.environment is None or case.plan.when.lasts_s <= 0:
        return
    at_least = sum(span.takes[0] for span in _spans(case, case.environment).values())
    if at_least > case.plan.when.lasts_s:
        message = (
            f"the agenda takes at least {calendar.length(at_least)} by the phases of {case.environment.name}, "
            f"the day lasts {calendar.length(case.plan.when.lasts_s)}; give it more time, or take something out"
        )
        yield case.problem(("when", "lasts_s"), message)


def _spans(case: Case, environment: Environment) -> dict[str, Span]:
    """Return the estimated times of the agenda, by item."""
    items = [item for _, item in case.items()]
    of_item = {one.name: case.checked[file].block or Block() for _, one, file in case.experiments()}
    return dict(zip((item.name for item in items), spans(items, of_item, environment), strict=True))


def never_due(case: Case, today: date) -> Iterator[Problem]:
    """Rule: an inject can come before the experiment that it is put into is over, by the phases of its environment."""
    if case.environment is None:
        return
    known = _spans(case, case.environment)
    for where, inject in case.injects():
        at_most = known[inject.during].takes[1] if inject.during in known else None
        first = inject.after_s[0] if inject.after_s else None
        if at_most is not None and first is not None and first >= at_most:
            message = (
                f"{inject.during} takes at most {at_most:g} s by the phases of {case.environment.name}, so this never "
                "comes; write less than that"
            )
            yield case.problem((*where, "after_s"), message)


def not_listed(case: Case, today: date) -> Iterator[Problem]:
    """Rule: the environment's rules list what the experiments do."""
    if case.environment is None:
        return
    asked = [((*where, "experiment"), part.experiment, action)
             for where, part, file in case.experiments() for action in actions_of(case, file)]  # fmt: skip
    asked += [((*where, "alarm"), inject.name, SET_ALARM) for where, inject in case.injects() if inject.alarm]
    listed, rules = case.environment.rules.actions, f"[environments.{case.environment.name}.rules]"
    for place, what, action in asked:
        if action not in listed:
            message = f"{what} would be refused: {action} is not among the {len(listed)} actions of {rules}"
            yield case.problem(place, f"{message}; list it there, or take this out")


def actions_of(case: Case, file: Path) -> list[str]:
    """Return the actions of an experiment's method and hypothesis, as the rules call them."""
    source = case.checked[file].source
    data = cast("dict[str, Any]", source.data) if source else {}
    hypothesis = (data.get("steady-state-hypothesis") or {}).get("probes") or []
    acting = [one for one in (*hypothesis, *(data.get("method") or [])) if isinstance(one, dict) and acts(one)]
    return list(dict.fromkeys(action_of(one.get("provider") or {}) for one in acting))


def runbooks(case: Case, today: date) -> Iterator[Problem]:
    """Rule: the runbooks are there when they are needed."""
    named: list[tuple[Path_, str]] = [
        (("runbooks", number), name) for number, name in enumerate(case.plan.runbooks) if name is not None
    ]
    named += [((*where, "runbook"), item.runbook) for where, item in case.items() if item.runbook]
    for where, name in named:
        if not name.startswith(("http://", "https://")) and not case.is_there(name.partition("#")[0]):
            known = [one for one in case.known_files("docs") if one.startswith("docs/runbooks")]
            hint = suggestion(name, known) if known else "write it, or name one that is there"
            yield case.problem(where, f"no runbook {name!r}; {hint}")


UNWISE: tuple[Rule, ...] = (due, too_long, never_due, not_listed, runbooks)
