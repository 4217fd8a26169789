"""What tries mean for the gate: expectations, quarantines and days, and that unknown never passes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from gameday.analysis.compare import Compared
from gameday.gate.judging import Judged, Tried, judge, left_out, not_played, outcome, stopped_by
from gameday.gate.suite import Entry, Quarantine

TODAY = date(2026, 12, 1)
EXITS = {"held": 0, "broke": 1, "refused": 3, "inconclusive": 4, "invalid": 4, "aborted": 5, "interrupted": 130}
KNOWN = Entry("a.yaml", expect="broke", until="2027-01-31", why="no retries yet")
ASIDE = Entry("a.yaml", quarantine=Quarantine("flaky", "2026-12-24"))
PLAIN = Entry("a.yaml")
WORSE = Compared("recovery", 2.0, 9.0, 5.0, "s", True)
NEW = Compared("recovery", None, 2.0, None, "s", None)
LOST = Compared("recovery", 2.0, None, 5.0, "s", None)


def tried(verdict: str, why: str = "a reason", left: int = 0) -> Tried:
    """Return a try with this verdict, and so many promises still open."""
    open_ = [{"what": "a delay", "restore_with": "gameday undo"}] * left
    findings: dict[str, Any] = {"verdict": verdict, "why": [why], "run": "r", "promises": {"open": open_}}
    return Tried(6 if left else EXITS[verdict], 30.0, findings)


@pytest.mark.parametrize(
    ("entry", "verdict", "result", "code"),
    [
        (PLAIN, "held", "passed", 0),
        (PLAIN, "broke", "failed", 1),
        (PLAIN, "refused", "refused", 3),
        (PLAIN, "inconclusive", "inconclusive", 4),
        (PLAIN, "invalid", "inconclusive", 4),
        (PLAIN, "aborted", "aborted", 5),
        (PLAIN, "interrupted", "interrupted", 130),
        (KNOWN, "broke", "known", 0),
        (KNOWN, "held", "failed", 1),
        (KNOWN, "inconclusive", "inconclusive", 4),
        (ASIDE, "held", "quarantined", 0),
        (ASIDE, "broke", "quarantined", 0),
        (ASIDE, "inconclusive", "quarantined", 0),
        (ASIDE, "interrupted", "interrupted", 130),
    ],
)
def test_what_a_verdict_means(entry: Entry, verdict: str, result: str, code: int) -> None:
    """By what was expected of the experiment, and whether it has a say."""
    found = judge(entry, [tried(verdict)], [], "fail", TODAY)
    assert (found.result, found.exit) == (result, code)


@pytest.mark.parametrize(
    ("missed", "result"),
    [
        (["error_budget"], "known"),
        (["error_budget", "lost_writes"], "failed"),
        (["lost_writes"], "failed"),
        ([], "failed"),
    ],
)
def test_what_is_known_to_break_may_break_in_no_other_way(missed: list[str], result: str) -> None:
    """Where the expectation names the objectives, another one that is missed is news; the first reason names it."""
    names = ("error_budget", "lost_writes", "p99_ms")
    told = tried("broke")
    found = {**told.findings, "objectives": [{"name": name, "met": name not in missed} for name in names]}
    entry = replace(KNOWN, breaks=["error_budget"])
    judged = judge(entry, [replace(told, findings=found)], [], "fail", TODAY)
    assert judged.result == result
    assert result == "known" or (", ".join(missed[-1:]) or "no objective") in judged.why[0]


def test_a_quarantine_cannot_be_set_for_ever() -> None:
    """More than a quarter from now is as good as never, and fails."""
    late = judge(replace(ASIDE, quarantine=Quarantine("flaky", "9999-12-31")), [tried("held")], [], "fail", TODAY)
    assert (late.result, late.exit) == ("failed", 1) and "longer than 92 days" in late.why[0]


def test_what_holds_unnoticed_tells_to_remove_the_expectation() -> None:
    """And a quarantined one still says what it would be."""
    assert "take `expect: broke` out of the suite" in judge(KNOWN, [tried("held")], [], "fail", TODAY).why[0]
    assert "alone it would be failed" in judge(ASIDE, [tried("broke")], [], "fail", TODAY).why[0]


@pytest.mark.parametrize("entry", [KNOWN, ASIDE])
@pytest.mark.parametrize("verdict", ["held", "broke", "inconclusive"])
def test_a_day_that_has_passed_fails(entry: Entry, verdict: str) -> None:
    """Whatever the run said; on the day itself it still counts."""
    late = judge(entry, [tried(verdict)], [], "fail", date(2027, 2, 1))
    assert (late.result, late.exit) == ("failed", 1) and "ended on 20" in late.why[0]
    day = date(2027, 1, 31) if entry is KNOWN else date(2026, 12, 24)
    assert "ended on" not in judge(entry, [tried("broke")], [], "fail", day).why[0]


def test_a_day_that_has_passed_hides_no_abort() -> None:
    """What is worse than failed stays what it is, and the day is told all the same."""
    late = judge(ASIDE, [tried("aborted")], [], "fail", date(2027, 2, 1))
    assert (late.result, late.exit) == ("aborted", 5) and "ended on 2026-12-24" in late.why[0]


@pytest.mark.parametrize("entry", [PLAIN, KNOWN, ASIDE])
def test_what_is_still_changed_outweighs_everything(entry: Entry) -> None:
    """No expectation and no quarantine waives it, and the command that restores it is the first reason."""
    found = judge(entry, [tried("held", left=1)], [], "fail", TODAY)
    assert found.exit == 6 and found.why[0] == "still changed: a delay; restore it with: gameday undo"


def test_a_figure_that_got_worse_fails_where_the_suite_says_so() -> None:
    """`fail` stops the release with every objective met; `tell` only tells."""
    failed, told = (judge(PLAIN, [tried("held")], [WORSE], rule, TODAY) for rule in ("fail", "tell"))
    assert (failed.result, told.result) == ("failed", "passed")
    assert failed.why[0] == told.why[0] == WORSE.sentence and failed.exit == 1


def test_tasks_that_end_by_themselves_fail() -> None:
    """As a figure that got worse does; where they cannot be read, it has not passed, and what broke stays broken."""
    strays, doubt = ("task 1 ended by itself",), "whether tasks ended by themselves could not be read"
    held, broke = tried("held"), tried("broke")
    failed, told = (judge(PLAIN, [replace(held, strays=strays)], [], rule, TODAY) for rule in ("fail", "tell"))
    assert (failed.result, failed.why[0], told.result) == ("failed", strays[0], "passed") and strays[0] in told.why
    unknown = judge(PLAIN, [replace(held, doubt=doubt)], [], "tell", TODAY)
    assert (unknown.result, unknown.exit, unknown.why[0]) == ("inconclusive", 4, doubt)
    assert judge(PLAIN, [replace(broke, doubt=doubt)], [], "fail", TODAY).result == "failed"


def test_a_lost_measure_is_told() -> None:
    """It does not fail a run that held, and is not passed over in silence."""
    found = judge(PLAIN, [tried("held")], [LOST], "fail", TODAY)
    assert found.result == "passed" and "could not be measured" in found.why[-1]
    new = judge(PLAIN, [tried("held")], [NEW], "fail", TODAY)
    assert new.result == "passed" and new.why[-1].endswith("nothing was compared")


def test_a_second_try_counts_and_the_first_is_told() -> None:
    """Inconclusive and then held is passed, with both in the reasons."""
    found = judge(PLAIN, [tried("inconclusive", "no metrics"), tried("held")], [], "fail", TODAY)
    assert found.result == "passed"
    assert found.why[-1] == "tried 2 times: inconclusive (no metrics), then held"


def test_an_error_is_inconclusive_and_a_bug_stays_one() -> None:
    """A run without findings says nothing; the exit code of a bug of ours is kept."""
    error = judge(PLAIN, [Tried(2, 1.0, error="no room")], [], "fail", TODAY)
    bug = judge(PLAIN, [Tried(70, 1.0, error="KeyError: 'x'")], [], "fail", TODAY)
    assert (error.result, error.exit, error.why) == ("inconclusive", 4, ["no room"])
    assert (bug.result, bug.exit) == ("inconclusive", 70)


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize("entry", [PLAIN, KNOWN])
def test_an_exit_code_without_its_verdict_proves_nothing(entry: Entry, code: int) -> None:
    """A run that said nothing has not passed, nor broken as expected, whatever code it ended with."""
    for findings in ({}, {"verdict": "inconclusive", "run": "r"}):
        found = judge(entry, [Tried(code, 1.0, findings, error="it said nothing")], [], "fail", TODAY)
        assert (found.result, found.exit) == ("inconclusive", 4)


PASSED, FAILED = Judged("passed", ["fine"], 0), Judged("failed", ["too slow"], 1)


@pytest.mark.parametrize(
    ("judged", "word", "code"),
    [
        ([PASSED, PASSED], "passed", 0),
        ([PASSED, Judged("known", ["known"], 0)], "passed", 0),
        ([PASSED, FAILED], "failed", 1),
        ([PASSED, not_played("no time")], "inconclusive", 4),
        ([PASSED, left_out("not touched")], "passed", 0),
        ([not_played("no time"), FAILED], "failed", 1),
        ([left_out("not touched"), left_out("not touched")], "inconclusive", 4),
        ([Judged("quarantined", ["flaky"], 0)], "inconclusive", 4),
        ([FAILED, Judged("aborted", ["a guard"], 5)], "aborted", 5),
        ([FAILED, Judged("aborted", ["changed"], 6)], "undo incomplete", 6),
        ([FAILED, Judged("interrupted", ["Ctrl-C"], 130)], "interrupted", 130),
        ([PASSED, Judged("refused", ["a guard"], 3)], "refused", 3),
        ([], "inconclusive", 4),
    ],
)
def test_the_worst_decides(judged: list[Judged], word: str, code: int) -> None:
    """In the order of `gameday run`; where nothing was checked, nothing passes."""
    found = outcome([(f"e{number}", each) for number, each in enumerate(judged)])
    assert (found.word, found.exit) == (word, code)


@pytest.mark.parametrize(
    ("code", "judged", "word", "exit"),
    [
        (2, [not_played("the lab is gone")], "inconclusive", 2),
        (2, [PASSED, not_played("the lab is gone")], "inconclusive", 2),
        (2, [FAILED, not_played("the lab is gone")], "failed", 1),
        (130, [Judged("aborted", ["changed"], 6), not_played("the gate was interrupted")], "undo incomplete", 6),
        (130, [FAILED], "interrupted", 130),
        (70, [Judged("aborted", ["changed"], 6)], "inconclusive", 70),
    ],
)
def test_what_stops_a_gate_hides_nothing_that_is_worse(code: int, judged: list[Judged], word: str, exit: int) -> None:
    """The exit code is the worst of what was played and of what stopped it, and both are told."""
    found = stopped_by("the lab is gone", code, [(f"e{number}", each) for number, each in enumerate(judged)])
    assert (found.word, found.exit) == (word, exit) and "the lab is gone" in found.why


def test_the_decisive_reason_is_the_first() -> None:
    """Whatever stands before it in the suite."""
    assert outcome([("a", not_played("no time")), ("b", FAILED)]).why == [
        "b: failed, too slow",
        "a: not played, no time",
    ]
