"""What ends a day before its time, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.day.events import Event
from gameday.day.plan import Budget, Item, Plan, Roles, StopRules, When
from gameday.day.state import fold
from gameday.day.stops import Left, budget_left, stop

BEGUN = Event(1000, "day.begun")


def plan(**more: Any) -> Plan:
    """A day of two experiments without any rule of its own."""
    agenda = [Item("first", experiment="a.yaml"), Item("second", experiment="b.yaml")]
    return Plan("A day", Roles("Ada", "Bo"), agenda, **more)


def ended(exit: int, item: str = "first", at: float = 1100, **more: Any) -> Event:
    """An experiment that ended so."""
    return Event(at, "run.ended", item=item, data={"exit": exit, **more})


def said(whole: Plan, *events: Event, now: float = 1200, **live: int) -> str:
    """What the rules say of a day that began at 1000."""
    every = [BEGUN, *events]
    return stop(whole, fold(every), every, now, **live)


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4])
def test_a_day_without_rules_goes_on_whatever_an_experiment_finds(code: int) -> None:
    """A weakness that was found is what the day is for."""
    assert said(plan(), ended(code), ended(code, "second")) == ""


@pytest.mark.parametrize(("code", "word"), [
    (5, "first was aborted"), (6, "first left something changed"), (70, "fault of the suite itself"),
    (None, "fault of the suite itself"), (130, "first was interrupted from elsewhere"),
])  # fmt: skip
def test_some_ends_always_end_the_day(code: int | None, word: str) -> None:
    """A guard that tripped, a change that is left, a crash, somebody's `gameday halt`; no rule has to say so."""
    assert word in said(plan(), Event(1100, "run.ended", item="first", data={"exit": code}))


def test_an_experiment_that_died_with_the_day_does_not_end_the_one_that_goes_on_with_it() -> None:
    """It is interrupted as by a halt, but nobody wanted it to end."""
    began, resumed = Event(1050, "run.started", item="first"), Event(1090, "day.resumed")
    assert said(plan(), began, resumed, ended(130)) == ""
    assert "from elsewhere" in said(plan(), began, ended(130, at=1080), resumed)


def test_so_many_that_broke_or_said_nothing_end_the_day() -> None:
    """Those that were put in count too, each kind for itself."""
    rules = plan(stop=StopRules(broke=2, inconclusive=2))
    assert said(rules, ended(1), ended(4), ended(0)) == ""
    assert said(rules, ended(1), ended(1, "pause", inject="more")) == (
        "2 experiments broke, the limit is 2: first, more")  # fmt: skip
    nothing = said(rules, ended(4), ended(3, "second"))
    assert nothing == "2 experiments said nothing (inconclusive, invalid or refused), the limit is 2: first, second"


def test_a_page_that_nobody_acknowledges_ends_the_day() -> None:
    """Counted from the page; one that was acknowledged, or is over, is none."""
    rules = plan(stop=StopRules(unacknowledged_s=60))
    page = Event(1100, "page.triggered", data={"incident": "Q1"})
    assert said(rules, page, now=1160) == ""
    assert said(rules, page, now=1161) == "nobody has acknowledged the page Q1 for 61 s, the limit is 60 s"
    assert said(plan(), page, now=9999).startswith("the day has lasted")
    for kind in ("page.acknowledged", "page.resolved"):
        assert said(rules, page, Event(1130, kind, data={"incident": "Q1"}), now=1500) == ""
    other = Event(1130, "page.acknowledged", data={"incident": "Q2"})
    assert "Q1" in said(rules, page, other, now=1200)


def test_the_budget_is_the_whole_day_s_also_while_an_experiment_runs() -> None:
    """What is over and what the running one has cost so far are one sum."""
    rules = plan(budget=Budget(failed_requests=10, error_ratio=0.02))
    first = ended(0, requests=900, errors=8)
    assert said(rules, first) == ""
    assert said(rules, first, requests=100, errors=2) == ""
    spent = said(rules, first, requests=100, errors=3)
    assert spent == "the day's budget is spent: 11 requests failed, the limit is 10"
    share = said(plan(budget=Budget(error_ratio=0.02)), first, requests=100, errors=20)
    assert share == "the day's budget is spent: 2.80% of 1000 requests failed, the limit is 2.00%"


def test_the_share_of_a_handful_of_requests_says_nothing() -> None:
    """One failed request at the begin is no share of a day; their number counts at once."""
    assert said(plan(budget=Budget(error_ratio=0.02)), requests=99, errors=99) == ""
    assert "is spent" in said(plan(budget=Budget(failed_requests=0)), requests=1, errors=1)


def test_what_is_left_of_the_budget() -> None:
    """As figures, for whoever watches; no limit has nothing left to tell."""
    whole = plan(budget=Budget(failed_requests=10, error_ratio=0.02))
    state = fold([BEGUN, ended(0, requests=1000, errors=10)])
    left = budget_left(whole, state, requests=1000, errors=5)
    assert left.failed_requests == -5 and left.error_ratio == pytest.approx(0.0125)
    assert budget_left(plan(), state) == Left(None, None)


def test_the_time_of_the_day_is_over_only_between_experiments() -> None:
    """Nothing new begins; what runs has limits of its own."""
    rules, running = plan(when=When(lasts_s=600)), Event(1500, "run.started", item="first", data={"pid": 1})
    assert said(rules, now=1599) == ""
    assert said(rules, now=1600) == "the day has lasted 10 min, the limit is 10 min"
    assert said(rules, running, now=1700) == ""
    assert "has lasted" in said(rules, running, ended(0, at=1650), now=1700)
    assert stop(rules, fold([]), [], 9999) == ""


def test_an_alarm_that_could_not_be_put_back_ends_the_day() -> None:
    """What an inject changed counts like what an experiment changed."""
    left = Event(1100, "inject.over", "it is still in ALARM", data={"name": "page", "complete": False})
    assert said(plan(), left) == "the inject page left something changed: it is still in ALARM"
    assert said(plan(), Event(1100, "inject.over", data={"name": "page", "complete": True})) == ""
