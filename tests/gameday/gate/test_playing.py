"""The order of events of a gate, with players that only answer: budget, retries, and what ends a suite."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from gameday.errors import Refusal
from gameday.gate.judging import Tried
from gameday.gate.playing import Course, Part, one_after_another, side_by_side
from gameday.gate.suite import Entry

EXITS = {"held": 0, "broke": 1, "inconclusive": 4, "invalid": 4, "aborted": 5, "interrupted": 130, "refused": 3}


@dataclass
class Stage:
    """A clock that goes on by *each_s* a try, and answers in a given order."""

    answers: list[str]
    each_s: float = 30.0
    now: float = 0.0
    played: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def __call__(self, part: Part) -> Tried:
        """Play: the clock goes on."""
        self.now += self.each_s
        self.played.append(part.number)
        verdict = self.answers[len(self.played) - 1]
        return Tried(EXITS[verdict], self.each_s, {"verdict": verdict, "why": ["a reason"], "run": "r"})

    def course(self, parts: list[Part], budget_s: float = 1000.0, retries: int = 1) -> Course:
        """Return a course by this clock."""
        return Course(budget_s, retries, len(parts), self.said.append, clock=lambda: self.now)


def parts(number: int, takes_s: float = 30.0) -> list[Part]:
    """Return so many parts."""
    return [Part(place, Entry(f"{place}.yaml"), Path(f"{place}.yaml"), f"e{place}", takes_s) for place in range(number)]


@pytest.mark.parametrize("verdict", ["inconclusive", "invalid"])
def test_what_said_nothing_is_tried_again(verdict: str) -> None:
    """As often as the suite says, and no more."""
    stage, asked = Stage([verdict, verdict, "held"]), parts(1)
    course = stage.course(asked, retries=2)
    one_after_another(asked, course, stage)
    assert [each.verdict for each in course.done[0].tries] == [verdict, verdict, "held"]
    stage = Stage([verdict] * 9)
    course = stage.course(asked, retries=1)
    one_after_another(asked, course, stage)
    assert len(stage.played) == 2


@pytest.mark.parametrize("verdict", ["broke", "refused"])
def test_what_has_an_answer_is_never_tried_again(verdict: str) -> None:
    """Broke is an answer, and so is a refusal; the suite goes on."""
    stage, asked = Stage([verdict, "held"]), parts(2)
    one_after_another(asked, stage.course(asked, retries=5), stage)
    assert stage.played == [0, 1]


@pytest.mark.parametrize("verdict", ["aborted", "interrupted"])
def test_an_abort_ends_the_suite(verdict: str) -> None:
    """Nothing is played after it, and what is left says why."""
    stage, asked = Stage(["held", verdict]), parts(3)
    course = stage.course(asked)
    one_after_another(asked, course, stage)
    assert stage.played == [0, 1]
    assert course.done[2].skipped == f"e1 was {verdict}, which ends the suite"


def test_the_budget_decides_what_begins() -> None:
    """What no longer fits is not played, what is shorter still is, and nothing that runs is cut off."""
    stage = Stage(["held"] * 3, each_s=50.0)
    asked = [replace(part, takes_s=takes_s) for part, takes_s in zip(parts(3), (40.0, 60.0, 20.0), strict=True)]
    course = stage.course(asked, budget_s=105.0)
    one_after_another(asked, course, stage)
    assert stage.played == [0, 2] and course.spent_s == 100.0
    assert course.done[1].skipped == "about 60 s do not fit into the 55 s left of 105 s"


def test_a_retry_must_fit_too() -> None:
    """Without room for it the first try stands."""
    stage, asked = Stage(["inconclusive", "held"], each_s=50.0), parts(1, 40.0)
    course = stage.course(asked, budget_s=80.0, retries=3)
    one_after_another(asked, course, stage)
    assert [each.verdict for each in course.done[0].tries] == ["inconclusive"]


def test_an_error_of_one_experiment_is_its_result() -> None:
    """A refusal that is raised keeps its exit code, a bug has 70, and the others are played."""

    def raises(part: Part) -> Tried:
        if part.number == 0:
            raise Refusal("not today")
        raise KeyError("x")

    asked = parts(2)
    course = Course(100.0, 1, 2, lambda sentence: None)
    one_after_another(asked, course, raises)
    assert [(each.tries[0].exit, each.tries[0].error) for each in course.done] == [
        (3, "not today"),
        (70, "KeyError: 'x'"),
    ]


def test_side_by_side_plays_each_once() -> None:
    """Two players are at work at the same time, and together they play everything once."""
    both = threading.Barrier(2, timeout=10)

    def player() -> Callable[[Part], Tried]:
        def one(part: Part) -> Tried:
            both.wait()  # breaks unless the other one plays as well
            return Tried(0, 1.0, {"verdict": "held", "why": [], "run": "r"})

        return one

    asked = parts(4)
    course = Course(1000.0, 0, 4, lambda sentence: None)
    side_by_side(asked, course, [player(), player()], lambda: None)
    assert sorted(each.part.number for each in course.done) == [0, 1, 2, 3]
    assert all(each.tries[0].exit == 0 for each in course.done)
