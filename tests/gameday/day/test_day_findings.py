"""What a day found and what went well: from facts only, the worst first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gameday.day.actions import ActionItem
from gameday.day.clock import Step
from gameday.day.plan import CheckItem, Inject
from gameday.day.report.facts import channels, held, missed
from gameday.day.report.findings import Ticked, found, went_well
from gameday.day.report.kpis import figures
from gameday.day.report.told import Told, read
from gameday.model import Json
from tests.gameday.day.recorded import BROKE, DAY, PLAN, RUNS, hit, texts, told_of

LATE = Step("acknowledge", 1.0, 342.0, 300.0, False, "Ben acknowledged (342 s after the hit, the limit is 300 s)")
IN_TIME = Step("page", 1.0, 9.0, 120.0, True, "errors")


def said(told: Told, *steps: Step, books: tuple[Ticked, ...] = (), items: tuple[ActionItem, ...] = ()) -> str:
    """Return a day's findings as text."""
    hits = [hit(*steps)] if steps else []
    return texts(found(told, hits, figures(told, hits), books, items))


def test_the_worst_comes_first() -> None:
    """What is still changed comes before what broke, and that before late people and failed channels."""
    told = read(RUNS / DAY)
    owed: dict[str, Json] = {
        "promises": {"made": 1, "kept": 0, "open": [{"what": "latency stays", "restore_with": "aws fis stop"}]}
    }
    first = replace(told.played[0], findings={**told.played[0].findings, **owed})
    hits = [hit(LATE)]
    told = replace(told, played=(first, *told.played[1:]))
    kinds = [each.kind for each in found(told, hits, figures(told, hits), (), ())]
    assert kinds[:2] == ["undo", "experiment"]
    assert kinds.index("clock") < kinds.index("channel")


def test_an_experiment_that_broke_is_named_with_its_evidence() -> None:
    """The finding has the decisive figure and the run that shows it."""
    told = read(RUNS / DAY)
    [broke] = [each for each in found(told, [], [], (), ()) if each.kind == "experiment"]
    assert "(limit" in broke.text
    assert broke.run.endswith("reboot-with-failover")


def test_an_experiment_without_a_verdict_is_no_success(tmp_path: Path) -> None:
    """It is a finding, and neither held nor missed: what nobody saw says nothing."""
    told = told_of(tmp_path, (0, "day.begun", {}), (1, "run.started", {"item": "one", "data": {"file": "x.yaml"}}))
    assert '"x.yaml" began and has no verdict' in said(told)
    assert "in the middle of the day" in said(told)
    assert (missed(told, []), held(told, []), went_well(told, [], figures(told, []), ())) == ([], {}, [])


def test_an_experiment_that_came_to_no_run_says_what_it_was_told(tmp_path: Path) -> None:
    """Bad input is one thing to do, in its own words, and closes when the same file of the plan proves something."""
    ended = {"item": "one", "text": "x.yaml:3:1: no such key", "data": {"verdict": "invalid", "exit": 2, "run": ""}}
    started = (1.0, "run.started", {"item": "one", "data": {"file": "experiments/x.yaml"}})
    told = told_of(tmp_path, (0, "day.begun", {}), started, (2, "run.ended", ended), (3, "item.ended", ended))
    [miss] = missed(told, [])
    assert (miss.experiment, miss.what) == ("experiments/x.yaml", "verdict")
    assert "no such key" in miss.text
    assert "no such key" in said(told)
    elsewhere: dict[str, Json] = {"experiment": {"file": "/srv/suite/experiments/x.yaml"}, "verdict": "held"}
    well = replace(told.played[0], verdict="held", run="r", findings=elsewhere)
    assert miss.key in held(replace(told, played=(well,)), [])


def test_answers_other_than_yes_are_found(tmp_path: Path) -> None:
    """No and unknown are findings, and so is what nobody answered; all yes went well."""
    plan = replace(PLAN, checklist=[CheckItem(ask="Is support told?"), CheckItem(look="alarms"), CheckItem(ask="c?")])
    answered = [(n, "check.answered", {"data": {"number": n, "answer": word}}) for n, word in enumerate(("no", "yes"))]
    told = told_of(tmp_path / "a", *answered, plan=plan)
    assert "Is support told? no" in said(told)
    assert "c? unknown" in said(told)
    assert "alarm" not in said(told)
    yes = [(n, "check.answered", {"data": {"number": n, "answer": "yes"}}) for n in range(3)]
    well = told_of(tmp_path / "b", *yes, plan=plan)
    assert "all 3 lines of the go/no-go list said yes" in went_well(well, [], [], ())


def test_an_inject_needs_a_reaction_of_people(tmp_path: Path) -> None:
    """A machine's event is none, and neither is one that came too late."""
    plan = replace(PLAN, injects=[Inject("call", "one", message="support: help")])
    fired = (10.0, "inject.fired", {"item": "one", "data": {"name": "call"}})
    machine = (20.0, "alarm.fired", {"data": {"alarm": "x"}})
    note = {"who": "Ada", "text": "I look"}
    assert "nobody reacted to the inject `call`" in said(told_of(tmp_path / "a", fired, machine, plan=plan))
    assert "within 10 s" in said(told_of(tmp_path / "a2", fired, machine, plan=plan))
    assert "within 15 min" in said(told_of(tmp_path / "b", fired, (2000.0, "note", note), plan=plan))
    assert "nobody reacted" not in said(told_of(tmp_path / "c", fired, (60.0, "note", note), plan=plan))
    failed = (10.0, "inject.failed", {"text": "no such alarm", "data": {"name": "call"}})
    assert "could not be put in: no such alarm" in said(told_of(tmp_path / "d", failed, plan=plan))


def test_channels_are_counted(tmp_path: Path) -> None:
    """A channel that failed is a finding and something to do; one that took all is held, and none told says nothing."""
    rows = [{"channel": "slack", "ok": True}, {"channel": "sns", "ok": False, "detail": "HTTP 403"}]
    told = told_of(
        tmp_path, (1, "told", {"data": {"deliveries": rows}}), (2, "told", {"data": {"deliveries": rows[:1]}})
    )
    assert [(each.name, each.sent, each.failed) for each in channels(told)] == [("slack", 2, 0), ("sns", 0, 1)]
    assert "the channel `sns` failed 1 of 1 messages: HTTP 403" in said(told)
    assert [miss.what for miss in missed(told, [])] == ["sns"]
    assert list(held(told, []).values()) == ["it took all 2 messages"]


def test_late_people_are_found_and_those_in_time_went_well(tmp_path: Path) -> None:
    """The figures stand once in the sentence; a step that is not known is neither."""
    told = told_of(tmp_path)
    unknown = Step("diagnose", None, None, 900.0, None, "nobody took notes")
    assert "somebody acknowledged 5 min 42 s after the hit (at most 5 min): Ben acknowledged" in said(
        told, LATE, unknown
    )
    assert "nobody took notes" not in said(told, LATE, unknown)
    assert went_well(told, [hit(IN_TIME, unknown)], [], ()) == [
        "`one`: somebody was paged 9 s after the hit (at most 120 s): errors"
    ]


def test_steps_that_nobody_ticked_are_found(tmp_path: Path) -> None:
    """All of a runbook, some of it, or one that cannot be read: each in its words; a whole one is no finding."""
    told, steps = told_of(tmp_path), tuple({"number": n, "text": f"step {n}"} for n in (1, 2, 3))
    assert "no step of a.md was ticked, of 3" in said(told, books=(Ticked("a.md", steps, ()),))
    assert "2 of 3 steps of a.md were never ticked: 2, 3" in said(told, books=(Ticked("a.md", steps, ("1",)),))
    assert "could not be read" in said(told, books=(Ticked("a.md", None, ()),))
    assert said(told, books=(Ticked("a.md", steps, ("1", "2", "3")),)) == ""


def test_missed_objectives_and_held_ones_have_the_same_key() -> None:
    """What one day misses is what another day can close: the recorded failover's budget, by its file."""
    told = read(RUNS / DAY)
    keys = {miss.key: miss for miss in missed(told, []) if miss.experiment == BROKE}
    assert keys
    well = {**told.played[1].findings, "verdict": "held"}
    rows = [{**row, "met": True} for row in well["objectives"]]  # type: ignore[dict-item, union-attr]
    better = replace(told.played[1], verdict="held", findings={**well, "objectives": rows})  # type: ignore[dict-item]
    evidence = held(replace(told, played=(better,)), [])
    assert set(keys) <= set(evidence)
    assert all(better.run in evidence[key] for key in keys)


def test_what_is_overdue_is_found(tmp_path: Path) -> None:
    """With its owner and its day."""
    late = ActionItem("a-1", "mend it", "Ben", "2026-11-01", "d", "person", status="overdue")
    assert "a-1 should have been done by 2026-11-01: mend it (Ben)" in said(told_of(tmp_path), items=(late,))
