"""A day's order of events, on a stage where time passes only in its loop."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday.day.child import Ended
from gameday.day.commands import Command
from gameday.day.hands import Paged
from gameday.day.plan import CheckItem, Expect, Inject
from gameday.day.state import DayState
from tests.gameday.day.stage import BEGINS, Killed, Machine, Stage, experiment, pause, plan

BROKE = Ended("broke", 1, "run-first", 100, 40, hit_at=BEGINS, why="too slow")


def test_the_agenda_is_played_in_its_order(tmp_path: Path) -> None:
    """Items follow each other, each with a begin and an end; a day that held went well."""
    stage = Stage(tmp_path, plan(experiment("first"), pause("talk", 10), experiment("second")))
    assert stage.play() == 0
    assert stage.kinds("item") == [
        "item.begun first", "item.ended first", "item.begun talk", "item.ended talk", "item.begun second",
        "item.ended second",
    ]  # fmt: skip
    assert stage.machine.begun == ["first", "second"]
    assert stage.state.outcome == "went well" and stage.state.requests == 200
    talk = stage.state.item("talk")
    assert talk.ended and talk.began and 10 <= talk.ended - talk.began < 11
    assert stage.told == ["begins", "first begins", "first: held", "talk begins", "second begins", "second: held",
                          "ended: went well"]  # fmt: skip


def test_an_experiment_stands_in_the_events_before_it_begins(tmp_path: Path) -> None:
    """A day that dies with its word about a process still unsaid has played nothing."""
    stage = Stage(tmp_path, plan(experiment("first")), kill_at=2)  # begun, item.begun
    with pytest.raises(Killed):
        stage.play()
    assert stage.machine.begun == []


@pytest.mark.parametrize(
    ("condition", "first", "played"),
    [
        ("last held", None, True),
        ("last held", BROKE, False),
        ("first broke", BROKE, True),
        ("all held", BROKE, False),
        ("first held", Ended("inconclusive", 4), False),
        ("last broke", Ended("refused", 3), False),
    ],
)
def test_conditions(tmp_path: Path, condition: str, first: Ended | None, played: bool) -> None:
    """An item is played only when its condition is known to hold."""
    machine = Machine(ends={"first": first} if first else {})
    stage = Stage(tmp_path, plan(experiment("first"), experiment("second", only_if=condition)), machine)
    stage.play()
    assert ("second" in stage.machine.begun) is played
    assert stage.state.item("second").state == ("ended" if played else "skipped")


def test_hold_stops_what_begins_next_and_never_what_runs(tmp_path: Path) -> None:
    """The experiment that runs comes to its own end; the next begins with go, as does an inject."""
    keys = [(1.0, Command("hold")), (60.0, Command("go"))]
    stage = Stage(tmp_path, plan(experiment("first"), experiment("second")), keys=[(0.0, Command("go")), *keys],
                  attended=True)  # fmt: skip
    assert stage.play() == 0
    first, second = stage.state.item("first"), stage.state.item("second")
    assert first.verdict == "held" and (first.ended or 0) < BEGINS + 10
    assert (second.began or 0) >= BEGINS + 60
    assert stage.machine.interrupted == []


def test_abort_ends_what_runs_and_everything_after(tmp_path: Path) -> None:
    """The coordinator's abort asks the experiment to end, waits for its undo, and the day is aborted, not broken."""
    stage = Stage(tmp_path, plan(experiment("first"), experiment("second")), Machine({"first": 500.0}),
                  attended=True, keys=[(0.0, Command("go")), (5.0, Command("abort", "too loud"))])  # fmt: skip
    assert stage.play() == 5
    assert stage.machine.interrupted[0] == "first" and stage.machine.begun == ["first"]
    assert stage.kinds("day", "run", "item")[-5:] == [
        "day.aborting", "run.ended first", "item.ended first", "item.skipped second", "day.ended",
    ]  # fmt: skip
    assert stage.state.outcome == "aborted" and "too loud" in stage.state.why[0]


def test_a_signal_interrupts_the_day_as_it_would_one_run(tmp_path: Path) -> None:
    """Ctrl-C ends what runs with its undo, and the exit code says that somebody interrupted."""
    stage = Stage(tmp_path, plan(experiment("first")), Machine({"first": 500.0}), heard_at=3.0)
    assert stage.play() == 130
    assert stage.machine.interrupted and stage.state.outcome == "interrupted"


def test_a_stop_rule_ends_the_day(tmp_path: Path) -> None:
    """What a rule says is written down, and nothing new begins after it."""

    def rule(state: DayState, now: float) -> str:
        return "1 experiment broke, the limit is 1" if state.item("first").verdict == "broke" else ""

    agenda = plan(experiment("first"), experiment("second"))
    stage = Stage(tmp_path, agenda, Machine(ends={"first": BROKE}), stop=rule)
    assert stage.play() == 5
    assert stage.machine.begun == ["first"] and stage.state.why == ["1 experiment broke, the limit is 1"]


def test_the_last_experiment_is_not_cut_off_by_a_rule(tmp_path: Path) -> None:
    """A rule that speaks when all is played changes nothing: a weakness is called a weakness."""
    stage = Stage(tmp_path, plan(experiment("first")), Machine(ends={"first": BROKE}),
                  stop=lambda state, now: "broke" if state.item("first").verdict else "")  # fmt: skip
    assert stage.play() == 1
    assert stage.state.outcome == "weaknesses found"


def test_a_no_on_the_list_keeps_everything_from_beginning(tmp_path: Path) -> None:
    """A must that says no, or a look that crashed, is a no-go; the whole list is gone through first."""
    checks = [CheckItem(look="steady"), CheckItem(look="alarms"), CheckItem(look="channels", must=False)]
    looks = {"steady": ("yes", "it is"), "channels": ("no", "Slack is down")}
    stage = Stage(tmp_path, plan(experiment("first"), checklist=checks), looks=looks)
    assert stage.play() == 3
    assert stage.machine.begun == [] and stage.state.outcome == "no-go"
    assert stage.state.answers == {0: "yes", 1: "unknown", 2: "no"}
    assert stage.state.why == ["alarms: unknown"]


@pytest.mark.parametrize(("after_s", "code"), [(20.0, 0), (90.0, 3)])
def test_a_look_that_cannot_tell_yet_is_repeated(tmp_path: Path, after_s: float, code: int) -> None:
    """An environment that has just begun has no data: it is looked at again, for a bounded time."""
    agenda = plan(experiment("first"), checklist=[CheckItem(look="steady")])
    stage = Stage(tmp_path, agenda, looks={"steady": ("yes", "it is")}, looks_from_s=after_s)
    assert stage.play() == code
    assert [event.data["answer"] for event in stage.events if event.kind == "check.answered"] == [
        "unknown" if code else "yes"
    ]


@pytest.mark.parametrize("last", [Command("go"), Command("answer", "yes")])
def test_the_coordinator_answers_and_says_go(tmp_path: Path, last: Command) -> None:
    """An attended day asks one question after the other, and begins with a go after the last, or a yes."""
    checks = [CheckItem(ask="is everybody here?"), CheckItem(ask="is the page open?")]
    keys = [(2.0, Command("answer", "yes")), (3.0, Command("go")), (4.0, Command("answer", "yes")),
            (9.0, last)]  # fmt: skip
    stage = Stage(tmp_path, plan(experiment("first"), checklist=checks), attended=True, keys=keys)
    assert stage.play() == 0
    assert stage.desk.questions == ["is everybody here?", "is the page open?", "everything is said; begin?"]
    assert (stage.state.began or 0) >= BEGINS + 9


def test_a_question_that_nobody_was_there_to_answer_is_told_and_stops_nothing(tmp_path: Path) -> None:
    """An unattended day writes down that it asked nobody."""
    stage = Stage(tmp_path, plan(experiment("first"), checklist=[CheckItem(ask="is everybody here?")]))
    assert stage.play() == 0
    answered = next(event for event in stage.events if event.kind == "check.answered")
    assert answered.data["answer"] == "unknown" and "nobody was there" in answered.text


def test_a_day_that_is_too_late_is_missed(tmp_path: Path) -> None:
    """Nothing begins, and it is called missed, with its reason."""
    stage = Stage(tmp_path, plan(experiment("first")), refused=["20 min too late"])
    assert stage.play() == 3
    assert (stage.state.outcome, stage.state.why, stage.machine.begun) == ("missed", ["20 min too late"], [])


def test_injects_come_when_they_are_due_and_end_with_their_item(tmp_path: Path) -> None:
    """Each comes once, in its item; an experiment is played in the pause, and the pause waits for it."""
    injects = [Inject("call", "talk", message="logins fail"), Inject("alarm", "talk", alarm="errors"),
               Inject("more", "talk", experiment="more.yaml")]  # fmt: skip
    stage = Stage(tmp_path, plan(pause("talk", 12), injects=injects), Machine({"more": 30.0}),
                  delays={"call": 2.0, "alarm": 4.0, "more": 6.0})  # fmt: skip
    assert stage.play() == 0
    assert stage.fired == ["call", "alarm"] and stage.ended == ["alarm"] and stage.machine.begun == ["more"]
    assert (stage.state.item("talk").ended or 0) >= BEGINS + 36


def test_an_inject_can_be_put_in_at_once(tmp_path: Path) -> None:
    """The coordinator names one, or takes the next that is due; it does not come a second time."""
    injects = [Inject("late", "talk", message="one"), Inject("later", "talk", message="two")]
    keys = [(0.0, Command("go")), (2.0, Command("inject", "later")), (3.0, Command("inject")),
            (4.0, Command("inject", "nobody"))]  # fmt: skip
    stage = Stage(tmp_path, plan(pause("talk", 60), injects=injects), attended=True, keys=keys,
                  delays={"late": 30.0, "later": 40.0})  # fmt: skip
    stage.play()
    assert stage.fired == ["later", "late"]
    assert stage.desk.said == ["no inject 'nobody' is to come while this goes on"]


@pytest.mark.parametrize(("came", "code", "outcome"), [(False, 1, "weaknesses found"), (None, 4, "inconclusive")])
def test_the_day_waits_for_a_page_that_does_not_come(
    tmp_path: Path, came: bool | None, code: int, outcome: str
) -> None:  # fmt: skip
    """After its time the page is missed, with what AWS says about it; when nobody can tell it is unknown."""
    item = experiment("first", expect=Expect("errors", 60.0))
    stage = Stage(tmp_path, plan(item), paged=lambda name, now: Paged(came, why="no incident was opened"))
    assert stage.play() == code
    assert stage.state.outcome == outcome
    assert (stage.state.item("first").ended or 0) >= BEGINS + 60
    missed = [event.data["why"] for event in stage.events if event.kind == "people.missed"]
    assert missed == ([["errors has no action"]] if came is False else [])


def test_the_day_waits_for_the_end_of_an_incident_for_a_bounded_time(tmp_path: Path) -> None:
    """A page that came is enough; its incident's end is waited for, but not forever."""
    item = experiment("first", expect=Expect("errors", 60.0))
    stage = Stage(tmp_path, plan(item), paged=lambda name, now: Paged(now > BEGINS + 20))
    assert stage.play() == 0
    assert BEGINS + 130 < (stage.state.item("first").ended or 0) < BEGINS + 150


def test_what_is_not_announced_is_not_told(tmp_path: Path) -> None:
    """Neither its begin nor its end, nor the objectives of the day, from which it could be guessed."""
    hidden, shown = experiment("first", announced=False), experiment("second")
    stage = Stage(tmp_path, plan(hidden, shown, objectives=["the bad release is found"]))
    assert stage.play() == 0
    assert stage.told == ["begins", "second begins", "second: held", "ended: went well"]
    assert not any("bad release" in line for line in stage.lines) and "owner: Olga" in stage.lines


def test_nothing_checked_is_not_well(tmp_path: Path) -> None:
    """A day of pauses alone has found out nothing."""
    stage = Stage(tmp_path, plan(pause("talk", 2)))
    assert (stage.play(), stage.state.outcome) == (4, "inconclusive")


def _agenda_of_everything() -> dict[str, object]:
    injects = [Inject("call", "talk", message="logins fail"), Inject("more", "talk", experiment="more.yaml")]
    return {"checklist": [CheckItem(look="steady")], "injects": injects}


def _staged(folder: Path, machine: Machine, kill_at: int | None) -> Stage:
    agenda = plan(experiment("first"), pause("talk", 8), experiment("second"), **_agenda_of_everything())
    return Stage(folder, agenda, machine, looks={"steady": ("yes", "")}, kill_at=kill_at,
                 delays={"call": 2.0, "more": 3.0})  # fmt: skip


def test_a_day_that_is_killed_at_any_point_goes_on_and_plays_nothing_twice(tmp_path: Path) -> None:
    """Whichever of its events was the last that a process wrote, the next one ends the day as if nothing had been."""
    (tmp_path / "whole").mkdir()
    reference = _staged(tmp_path / "whole", Machine(), None)
    assert reference.play() == 0
    count, usual = len(reference.events) - 1, reference.kinds("item", "run", "inject", "check")
    assert count > 15
    for kill_at in range(1, count):
        folder = tmp_path / str(kill_at)
        folder.mkdir()
        machine = Machine()
        with pytest.raises(Killed):
            _staged(folder, machine, kill_at).play()
        machine.now += 1.0
        again = _staged(folder, machine, None)
        assert again.play() == 0, kill_at
        assert machine.begun == ["first", "more", "second"], kill_at
        assert list(dict.fromkeys(again.kinds("item", "run", "inject", "check"))) == list(dict.fromkeys(usual)), kill_at
        assert again.state.outcome == "went well"


def test_a_day_that_was_aborting_when_it_died_goes_on_aborting(tmp_path: Path) -> None:
    """The one who resumes it asks the experiment to end again, which does no harm, and ends the day as aborted."""
    machine = Machine({"first": 500.0})
    agenda = plan(experiment("first"), experiment("second"))
    stage = Stage(tmp_path, agenda, machine, attended=True, kill_at=4,
                  keys=[(0.0, Command("go")), (5.0, Command("abort"))])  # fmt: skip
    with pytest.raises(Killed):
        stage.play()
    assert Stage(tmp_path, agenda, machine).play() == 5
    assert machine.begun == ["first"] and machine.interrupted
