"""What ends a day before its time: its stop rules and its budget. Pure functions of the plan and what has happened.

Each rule answers with a sentence that has the figure and the limit; the first that has one ends the day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gameday.day.events import Event
from gameday.day.plan import Plan
from gameday.day.state import DayState

LEAST = 100  # requests; the share of fewer says nothing
WORDS = {5: "was aborted", 6: "left something changed", 70: "ended by a fault of the suite itself"}
INTERRUPTED = 130
NOTHING_SAID = (2, 3, 4)  # bad input, refused, inconclusive or invalid


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of the day's budget; None where the plan sets no limit, below 0 where it is overspent.

    `error_ratio` is None, too, while fewer than `LEAST` requests were made.
    """

    failed_requests: int | None
    error_ratio: float | None


def stop(
    plan: Plan, state: DayState, events: Sequence[Event], now: float, *, requests: int = 0, errors: int = 0
) -> str:
    """Return why the day must end now, "" while it need not.

    *requests* and *errors* are those of the experiment that runs, as far as they are known: the state has them only
    once it is over. While one runs, the end of the day's time does not count: nothing new begins, that is all.
    """
    rules = (
        _runs(plan, events),
        _changes_left(events),
        _unacknowledged(plan, state, now),
        _budget(plan, state, requests, errors),
        _time(plan, state, now),
    )
    return next((sentence for rule in rules for sentence in rule), "")


def budget_left(plan: Plan, state: DayState, *, requests: int = 0, errors: int = 0) -> Left:
    """Return what is left of the budget, with what the experiment that runs has cost so far."""
    limits, total, failed = plan.budget, state.requests + requests, state.errors + errors
    count = None if limits.failed_requests is None else limits.failed_requests - failed
    ratio = None if limits.error_ratio is None or total < LEAST else limits.error_ratio - failed / total
    return Left(count, ratio)


def _runs(plan: Plan, events: Sequence[Event]) -> Iterator[str]:
    """Yield what the experiments that have ended say, played by the agenda or put in."""
    ended = [event for event in events if event.kind == "run.ended"]
    for event in ended:
        if (word := WORDS.get(_exit(event))) is not None:
            yield f"{_named(event)} {word}: nothing new begins after that"
        elif _exit(event) == INTERRUPTED and not _cut_with_the_day(event, events):
            yield f"{_named(event)} was interrupted from elsewhere: somebody wants it to end"
    yield from _too_many("broke", [one for one in ended if _exit(one) == 1], plan.stop.broke)
    nothing = [one for one in ended if _exit(one) in NOTHING_SAID]
    yield from _too_many("said nothing (inconclusive, invalid or refused)", nothing, plan.stop.inconclusive)


def _too_many(what: str, found: Sequence[Event], limit: int) -> Iterator[str]:
    if limit and len(found) >= limit:
        count = f"{len(found)} experiment{'s' if len(found) > 1 else ''}"
        yield f"{count} {what}, the limit is {limit}: {', '.join(_named(one) for one in found)}"


def _changes_left(events: Sequence[Event]) -> Iterator[str]:
    """Yield what an inject changed and could not put back."""
    for event in events:
        if event.kind == "inject.over" and event.data.get("complete") is False:
            yield f"the inject {event.data.get('name')} left something changed: {event.text}"


def _unacknowledged(plan: Plan, state: DayState, now: float) -> Iterator[str]:
    limit = plan.stop.unacknowledged_s
    for incident, times in state.pages.items() if limit else ():
        since = times.get("triggered", times.get("notified"))
        if since is not None and not {"acknowledged", "resolved"} & set(times) and now - since > limit:
            waited = f"{now - since:.0f} s, the limit is {limit:g} s"
            yield f"nobody has acknowledged the page {incident} for {waited}"


def _budget(plan: Plan, state: DayState, requests: int, errors: int) -> Iterator[str]:
    limits, left = plan.budget, budget_left(plan, state, requests=requests, errors=errors)
    failed, total = state.errors + errors, state.requests + requests
    if left.failed_requests is not None and left.failed_requests < 0:
        yield f"the day's budget is spent: {failed} requests failed, the limit is {limits.failed_requests}"
    if left.error_ratio is not None and left.error_ratio < 0:
        share = f"{failed / total:.2%} of {total} requests failed"
        yield f"the day's budget is spent: {share}, the limit is {limits.error_ratio:.2%}"


def _time(plan: Plan, state: DayState, now: float) -> Iterator[str]:
    if state.running is None and state.began is not None and now - state.began >= plan.when.lasts_s:
        yield f"the day has lasted {(now - state.began) / 60:.0f} min, the limit is {plan.when.lasts_s / 60:.0f} min"


def _exit(event: Event) -> int:
    found = event.data.get("exit")
    return int(found) if isinstance(found, int | float) else 70  # an experiment that says nothing of its end crashed


def _named(event: Event) -> str:
    return str(event.data.get("inject") or event.item or "an experiment")


def _cut_with_the_day(ended: Event, events: Sequence[Event]) -> bool:
    """Return whether an experiment died together with the day's process, and the day was resumed since it began."""
    began = [one.at for one in events if one.kind == "run.started" and one.at <= ended.at and _same(one, ended)]
    return any(one.kind == "day.resumed" and max(began, default=0.0) <= one.at <= ended.at for one in events)


def _same(one: Event, other: Event) -> bool:
    return (one.item, one.data.get("inject") or "") == (other.item, other.data.get("inject") or "")
