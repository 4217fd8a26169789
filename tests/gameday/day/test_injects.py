"""When injects come and end: pure functions of the plan, its seed, and where the day stands."""

from __future__ import annotations

import pytest

from gameday.day.events import Event
from gameday.day.injects import draw, due, due_at, missed, over
from gameday.day.plan import Inject, Item, Plan, Roles
from gameday.day.state import DayState, fold

CALL = Inject("call", during="work", after_s=[10, 60], message="support: logins fail for some users")
PAGE = Inject("page", during="work", after_s=[5, 5], alarm="errors", for_s=20)
QUIET = Inject("quiet", during="work", after_s=[5, 5], alarm="errors")
GONE = Inject("gone", during="work", after_s=[0, 0], leaves="Kim")
LATER = Inject("later", during="talk", after_s=[1, 1], message="hello")


def plan(*injects: Inject, seed: int = 7) -> Plan:
    """A day with two pauses."""
    agenda = [Item("work", pause_s=60), Item("talk", pause_s=60)]
    return Plan("A day", Roles("Ada", "Bo"), agenda, seed=seed, injects=list(injects))


def day(*events: tuple[float, str, str]) -> DayState:
    """A day that began at 100, with work at 110 and whatever else has happened: (when, kind, item or inject)."""
    begun = [Event(100, "day.begun"), Event(110, "item.begun", item="work")]
    more = [Event(at, kind, item=what, data={"name": what}) for at, kind, what in events]
    return fold([*begun, *more])


def test_the_seed_and_the_name_alone_decide_when_an_inject_comes() -> None:
    """Another order, other injects beside it and another process change nothing; another seed does."""
    drawn = draw(plan(CALL, PAGE, GONE))
    assert draw(plan(GONE, LATER, CALL)) | drawn == {**drawn, "later": 1.0}
    assert drawn["call"] == draw(plan(CALL))["call"] == 45.932
    assert draw(plan(CALL), seed=8) == draw(plan(CALL, seed=8)) != draw(plan(CALL))
    assert drawn["page"] == 5.0


def test_every_delay_lies_in_its_range() -> None:
    """Whatever the seed, and over the whole of the range."""
    found = [draw(plan(CALL), seed)["call"] for seed in range(300)]
    assert 10 <= min(found) < 12 and 58 < max(found) <= 60


def test_an_inject_is_due_by_the_begin_of_its_item() -> None:
    """Not before its time, not while its item has not begun, and only once."""
    whole, drawn = plan(PAGE, GONE, LATER), {"page": 5.0, "gone": 0.0, "later": 1.0}
    assert due_at(whole, day(), drawn) == {"gone": 110.0, "page": 115.0}
    assert due(whole, day(), drawn, 109.9) == []
    assert [one.name for one in due(whole, day(), drawn, 114.9)] == ["gone"]
    assert [one.name for one in due(whole, day(), drawn, 130)] == ["gone", "page"]
    told = day((111, "inject.fired", "gone"), (115, "inject.failed", "page"))
    assert due(whole, told, drawn, 130) == []
    assert due_at(whole, DayState(), drawn) == {}


@pytest.mark.parametrize("kind", ["day.held", "day.aborting", "day.ended"])
def test_nothing_is_put_into_a_day_that_is_held_or_ends(kind: str) -> None:
    """What was due meanwhile comes once the day goes on."""
    drawn = {"page": 5.0}
    held = fold([Event(100, "day.begun"), Event(110, "item.begun", item="work"), Event(112, kind)])
    assert due(plan(PAGE), held, drawn, 130) == []
    went_on = fold([Event(100, "day.begun"), Event(110, "item.begun", item="work"), Event(112, "day.held"),
                    Event(120, "day.continued")])  # fmt: skip
    assert due(plan(PAGE), went_on, drawn, 130) == [PAGE]


def test_what_never_came_is_known() -> None:
    """Its item was over before it was due, or left out."""
    whole = plan(PAGE, GONE, LATER)
    assert missed(whole, day((111, "inject.fired", "gone"))) == []
    ended = day((111, "inject.fired", "gone"), (112, "item.ended", "work"), (112, "item.skipped", "talk"))
    assert [one.name for one in missed(whole, ended)] == ["page", "later"]
    assert missed(whole, day((111, "day.ended", ""))) == [PAGE, GONE, LATER]


def test_the_effect_of_an_inject_ends_after_its_time_or_with_its_item() -> None:
    """An alarm with its item at the latest; a person stays away beyond it, unless told for how long."""
    whole = plan(PAGE, QUIET, GONE, CALL)
    fired = [(115.0, "inject.fired", name) for name in ("page", "quiet", "gone", "call")]
    assert over(whole, day(*fired), 134.9) == []
    assert over(whole, day(*fired), 135) == [PAGE]
    assert over(whole, day(*fired, (130, "item.ended", "work")), 131) == [PAGE, QUIET]
    assert over(whole, day(*fired, (130, "day.ended", "")), 131) == [PAGE, QUIET, GONE]
    assert over(whole, day(*fired, (130, "inject.over", "page")), 200) == []


def test_a_person_who_left_is_away_until_they_are_back() -> None:
    """So that whoever asks for them knows."""
    left = Event(111, "inject.fired", data={"name": "gone", "leaves": "Kim"})
    back = Event(120, "inject.over", data={"name": "gone", "leaves": "Kim"})
    assert (fold([left]).away, fold([left, back]).away) == ({"Kim"}, set())
