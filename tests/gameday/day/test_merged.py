"""The merged list: one clock, people and machines told apart, long records shortened without hiding it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gameday.day.report.merged import MOST, rows
from gameday.day.report.told import Told, read
from gameday.model import Mark
from tests.gameday.day.recorded import DAY, RUNS, told_of


def recorded() -> Told:
    """Return the recorded day."""
    return read(RUNS / DAY)


def with_marks(*marks: Mark) -> Told:
    """Return the recorded day with more marks in its first run."""
    told = recorded()
    first = replace(told.played[0], marks=tuple(sorted((*told.played[0].marks, *marks), key=lambda mark: mark.at)))
    return replace(told, played=(first, *told.played[1:]))


def test_everything_is_on_one_clock() -> None:
    """The list is in order, and both people and machines are in it between begin and end of the same experiment."""
    found = rows(recorded())
    assert [row.at for row in found] == sorted(row.at for row in found)
    begun, ended = (next(n for n, row in enumerate(found) if row.kind == kind and row.item == "failover")
                    for kind in ("item.begun", "item.ended"))  # fmt: skip
    assert {"suite", "machines"} <= {row.source for row in found[begun:ended]}
    assert {row.source for row in found} == {"people", "machines", "suite"}


def test_the_fault_and_the_recovery_of_each_run_stand_in_it() -> None:
    """What a run's own report shows people is in the day's list, and its bookkeeping is not."""
    found = rows(recorded())
    for run in (played.run for played in recorded().played):
        said = "\n".join(row.text for row in found if row.run == run and row.kind == "mark")
        assert "Fault injected" in said
        assert "Steady state verified" in said
    assert not any("watchman" in row.text.lower() or "Load started" in row.text for row in found)


def test_equal_instants_in_a_row_are_one_line() -> None:
    """A thousand unsteady looks are one line that says how many, with the newest detail."""
    at = recorded().played[0].marks[-1].at + 1
    many = [Mark(at + n / 1000, "unsteady", {"reasons": [f"look {n}"]}) for n in range(1000)]
    [row] = [row for row in rows(with_marks(*many)) if row.text.startswith("Not steady")]
    assert "(1000 times)" in row.text
    assert "look 999" in row.text


def test_what_is_left_out_is_counted() -> None:
    """Of two thousand different instants of one run at most a screen stands there, its fault among them."""
    at = recorded().played[0].marks[0].at
    many = [Mark(at + n / 1000, f"thing.{n}", {}) for n in range(2000)]
    found = [row for row in rows(with_marks(*many)) if row.run == recorded().played[0].run and row.source == "machines"]
    left = [row for row in found if row.kind == "left-out"]
    assert len(found) == MOST + 1
    assert len(left) == 1
    shown = len([row for row in rows(recorded()) if row.run == recorded().played[0].run and row.kind == "mark"])
    assert left[0].text.startswith(f"{2000 + shown - MOST} more instants")
    assert any("Fault injected" in row.text for row in found)


def test_who_said_it_decides_whose_line_it_is(tmp_path: Path) -> None:
    """An answer of the coordinator is people's, what the suite looked up is the suite's, a page is the machines'."""
    told = told_of(
        tmp_path,
        (0, "check.answered", {"who": "Carl", "data": {"number": 0, "answer": "yes"}}),
        (1, "check.answered", {"who": "the suite", "data": {"number": 1, "answer": "no"}}),
        (2, "page.triggered", {"data": {"incident": "P1", "title": "errors"}}),
        (3, "page.acknowledged", {"who": "Ben", "data": {"incident": "P1"}}),
        (4, "note", {"who": "Ada", "text": "the pool is full", "data": {"about": "diagnosis"}}),
        (5, "told", {"text": "it begins", "data": {"deliveries": [{"channel": "a", "ok": True}, {"channel": "b"}]}}),
        (6, "item.begun", {"item": "one", "text": "look at the count"}),
        (7, "note", {"who": "Ada", "text": "all is calm", "data": {"about": "note"}}),
        (8, "a.kind.of.tomorrow", {}),
    )
    found = [(row.source, row.text) for row in rows(told)]
    assert found == [
        ("people", "Line 1 of the go/no-go list: yes"),
        ("suite", "Line 2 of the go/no-go list: no"),
        ("machines", "Paged: errors"),
        ("people", "Acknowledged P1"),
        ("people", "Diagnosis: the pool is full"),
        ("suite", "It begins (1 of 2 channels)"),
        ("suite", "`one` begins: look at the count"),
        ("people", "All is calm"),
        ("suite", "A: kind: of: tomorrow"),
    ]
