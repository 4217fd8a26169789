"""The people's clock from values alone: what is met, what is missed, and what is not known."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gameday.day.clock import Clock, StepName, clocks, going_on
from gameday.day.events import Event
from gameday.day.plan import Bands, Expect, Inject, Item, Plan, Roles
from gameday.model import Json, Mark, iso

HIT, ALARM = 1_700_000_000.25, "errors"
ITEM, INJECT = "stop", "false-alarm"
BANDS = Bands(page_s=30.0, acknowledge_s=60.0, diagnose_s=120.0, mitigate_s=180.0, communicate_s=90.0)
ROLES = Roles(owner="Ada", coordinator="Ada")
PLAN = Plan(
    "A day", ROLES, [Item(ITEM, experiment="x.yaml", expect=Expect(ALARM, 30.0)), Item("talk", pause_s=60.0)],
    injects=[Inject(INJECT, "talk", alarm=ALARM)], bands=BANDS,
)  # fmt: skip
READ = ("CloudWatch", "PagerDuty", "Slack", "Statuspage")
ALL: tuple[StepName, ...] = ("alarm", "page", "acknowledge", "diagnose", "mitigate", "communicate", "resolve")


def findings(hit: float = HIT, well_s: float | None = 40.0) -> dict[str, Json]:
    """Return as much of `findings.json` as the clock reads."""
    layers: list[Json] = [{"name": "fault accepted", "at": iso(hit), "after_fault_s": 0.0}]
    well: dict[str, Json] = {"recovered": well_s is not None, "recovery_s": well_s, "origin": iso(hit)}
    return {"recovery": {"layers": layers, **well}}


def seen(*services: str) -> list[Event]:
    """Return that services can be read."""
    return [Event(HIT - 60, "people.read", f"{one} can be read", data={"service": one}) for one in services]


def at(after_s: float, kind: str, text: str = "", item: str = "", **data: Json) -> Event:
    """Return an event so many seconds after the hit; pages have whole seconds, and say so."""
    coarse: dict[str, Json] = {"within_s": 1.0} if kind.startswith("page.") else {}
    instant = HIT + after_s
    return Event(float(int(instant)) if coarse else instant, kind, text or kind, "", item, {**coarse, **data})


BEGUN = at(-20, "item.begun", item=ITEM)
PAGED = [
    at(12, "alarm.fired", alarm=ALARM), at(13, "page.triggered", "#7 errors", incident="Q7", alarm=ALARM),
    at(40, "page.acknowledged", "Robin acknowledges #7", incident="Q7"),
]  # fmt: skip
WHOLE = [
    *seen(*READ), BEGUN, *PAGED, at(42, "chat.said", "I look at it"),
    at(70, "note", "a task is gone", about="diagnosis"), at(90, "status-page.changed", "investigating"),
    at(100, "note", "a new task runs", about="mitigation"),
    at(130, "page.resolved", "#7 is resolved", incident="Q7"), at(200, "item.ended", item=ITEM),
]  # fmt: skip


def one(events: list[Event], runs: Mapping[str, Mapping[str, Json]] | None = None, now: float | None = None) -> Clock:
    """Return the only clock of a day."""
    (clock,) = clocks(PLAN, events, {ITEM: findings()} if runs is None else runs, None if now is None else HIT + now)
    return clock


def never_paged(clock: Clock) -> bool:
    """Return whether the page is known not to have come at all."""
    page = clock.step("page")
    return page.met is False and page.at is None


def test_a_day_that_went_well_has_every_instant() -> None:
    """Each step with its seconds from the fault, in the bands; the longest silence is the one at the beginning."""
    clock = one(WHOLE)
    assert clock.hit_at == pytest.approx(HIT) and (clock.name, clock.alarm) == (ITEM, ALARM)
    after = {step.name: step.after_s for step in clock.steps}
    assert tuple(after) == ALL
    told = (12.0, 12.75, 39.75, 70.0, 100.0, 42.0, 129.75)  # of pages: the beginning of a second
    assert [after[name] for name in ALL] == [pytest.approx(one, abs=0.001) for one in told]
    assert {step.name: step.met for step in clock.steps if step.band_s} == dict.fromkeys(ALL[1:6], True)
    assert clock.silence_s == pytest.approx(48.0, abs=0.001) and not never_paged(clock)


@pytest.mark.parametrize(
    ("kind", "step"), [("page.triggered", "page"), ("page.acknowledged", "acknowledge"), ("note", "diagnose")]
)
def test_what_comes_late_is_missed_and_says_by_how_much(kind: str, step: StepName) -> None:
    """The instant stays, with the limit that it is beyond."""
    late = [Event(e.at + 100, e.kind, e.text, e.who, e.item, e.data) if e.kind == kind else e for e in WHOLE]
    found = one(late).step(step)
    assert found.met is False and found.at is not None and "the limit is" in found.why


def test_a_whole_second_on_either_side_of_the_limit_is_not_known() -> None:
    """29.75 s, and up to one more: the limit of 30 s may have been met."""
    events = [
        *seen(*READ),
        BEGUN,
        at(29.75, "page.triggered", incident="Q", alarm=ALARM),
        at(200, "item.ended", item=ITEM),
    ]
    found = one(events).step("page")
    assert found.after_s == pytest.approx(29.75) and (found.met, found.within_s) == (None, 1.0)
    assert "whole seconds" in found.why


def test_a_page_that_never_came_says_why() -> None:
    """Missed with what the day knows, and with what AWS told when it was asked; nobody can acknowledge it."""
    silent = [*seen(*READ), BEGUN]
    clock = one(silent, now=31)
    assert never_paged(clock) and clock.step("page").why == (
        "the page never came: errors did not go into ALARM in 31 s"
    )  # fmt: skip
    assert clock.step("acknowledge").met is False
    why: list[Json] = ["its metric has had no data", "not known: x"]
    asked = [*silent, at(31, "people.missed", name=ITEM, alarm=ALARM, why=why)]
    told = one(asked).step("page")
    assert told.met is False and told.why.endswith("in 31 s; its metric has had no data")


def test_an_alarm_that_fired_without_a_page_is_told_apart() -> None:
    """Between alarm and incident the page was lost."""
    fired = [*seen(*READ), BEGUN, at(12, "alarm.fired", alarm=ALARM)]
    assert "went off after 12 s, and no incident of it was opened" in one(fired, now=31).step("page").why


def test_before_the_limit_nothing_is_missed() -> None:
    """A page that can still come is not known."""
    clock = one([*seen(*READ), BEGUN], {ITEM: going_on([Mark(HIT, "fault")])}, now=10)
    assert {step.met for step in clock.steps} == {None}


@pytest.mark.parametrize("services", [(), ("CloudWatch", "Slack", "Statuspage")])
def test_a_service_that_was_not_read_is_never_missed(services: tuple[str, ...]) -> None:
    """Nothing is known of a page where PagerDuty was not read, or could not be at last."""
    unread = [Event(HIT + 5, "people.unread", "PagerDuty cannot be read: 503", data={"service": "PagerDuty"})]
    for events in ([*seen(*services), BEGUN], [*seen(*READ), BEGUN, *unread]):
        clock = one(events, now=500)
        assert (clock.step("page").met, clock.step("acknowledge").met) == (None, None)
        assert "PagerDuty" in clock.step("page").why


def test_other_pages_are_not_this_one() -> None:
    """Not one of another alarm; one that names none is not known to be it."""
    other = [*seen(*READ), BEGUN, at(5, "page.triggered", incident="Q1", alarm="disk")]
    assert never_paged(one(other, now=31))
    unnamed = one([*other, at(6, "page.triggered", incident="Q2", alarm="")], now=31).step("page")
    assert unnamed.met is None and "does not name errors" in unnamed.why


def test_a_machine_acknowledges_nothing() -> None:
    """Only a person does; until the limit is over that is open."""
    events = [*seen(*READ), BEGUN, *PAGED[:2], at(14, "page.automatic", incident="Q7")]
    early, late = (one(events, now=now).step("acknowledge") for now in (30, 61))
    assert (early.met, late.met) == (None, False) and "only a machine" in late.why


def test_what_was_over_before_its_limit_asked_nothing_of_people() -> None:
    """An incident that resolves by itself after 20 s was nobody's to acknowledge in 60."""
    events = [*seen(*READ), BEGUN, *PAGED[:2], at(20, "page.resolved", incident="Q7"), at(300, "item.ended", item=ITEM)]
    clock = one(events)
    for step in (clock.step("acknowledge"), clock.step("communicate")):
        assert step.met is None and "it was over after 20 s" in step.why


def test_silence_in_between_counts() -> None:
    """The first word was in time, the next one was not."""
    events = [*seen(*READ), BEGUN, *PAGED, at(20, "chat.said", "oh"), at(150, "page.resolved", incident="Q7")]
    clock = one(events)
    step = clock.step("communicate")
    assert clock.silence_s == pytest.approx(129.75) and step.met is False and "nothing for 130 s" in step.why


def test_without_a_note_the_machine_says_when_users_were_well() -> None:
    """Said so; users who never were well are known only once the limit is over."""
    events = [*seen(*READ), BEGUN, *PAGED]
    step = one(events).step("mitigate")
    assert (step.after_s, step.met) == (40.0, True) and "nobody noted a mitigation" in step.why
    ill = {ITEM: findings(well_s=None)}
    assert one(events, ill).step("mitigate").met is None
    assert one(events, ill, now=200).step("mitigate").met is False


def test_without_notes_a_diagnosis_is_not_known() -> None:
    """Nobody wrote anything; once somebody does, its lack is a miss."""
    assert one([*seen(*READ), BEGUN, *PAGED], now=500).step("diagnose").met is None
    noted = [*seen(*READ), BEGUN, *PAGED, at(60, "note", "hm", about="note")]
    assert one(noted, now=500).step("diagnose").met is False


def test_a_run_that_goes_on_and_one_that_hit_nothing() -> None:
    """The mark of the fault begins the clock; without a fault nothing is missed."""
    marks = [Mark(HIT - 5, "baseline"), Mark(HIT, "fault")]
    assert never_paged(one([*seen(*READ), BEGUN], {ITEM: going_on(marks)}, now=31))
    nothing = one([*seen(*READ), BEGUN, at(9, "item.ended", item=ITEM)], {ITEM: going_on(marks[:1])}, now=500)
    assert nothing.hit_at is None and {step.met for step in nothing.steps} == {None}
    assert "no fault was accepted" in nothing.step("page").why
    assert clocks(PLAN, [], {}) == []


def test_an_alarm_that_was_put_in_has_a_clock_of_its_own() -> None:
    """Its page is not that of the fault before it, and there is nothing to mitigate."""
    events = [*WHOLE, at(300, "inject.fired", item="talk", name=INJECT), at(300.5, "alarm.fired", alarm=ALARM),
              at(301, "page.triggered", incident="Q8", alarm=ALARM),
              at(320, "page.acknowledged", incident="Q8")]  # fmt: skip
    first, second = clocks(PLAN, events, {ITEM: findings()})
    assert (first.name, second.name, second.item) == (ITEM, INJECT, "talk")
    assert first.step("acknowledge").after_s == pytest.approx(39.75)
    assert second.step("page").after_s == pytest.approx(0.75) and second.step("page").met
    assert second.step("acknowledge").after_s == pytest.approx(19.75)
    assert second.step("mitigate").band_s is None


def test_a_service_that_fails_later_takes_back_nothing() -> None:
    """A page that was known not to have come by its limit stays missed, though PagerDuty cannot be read afterwards."""
    unread = at(500, "people.unread", "PagerDuty cannot be read: 503", service="PagerDuty")
    assert never_paged(one([*seen(*READ), BEGUN, at(61, "people.missed", name=ITEM, alarm=ALARM), unread], now=900))
