"""A repair by others: seen, late, missing or unknown, and what the objective makes of it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from gameday.analysis.objectives import judged
from gameday.analysis.proofs import FaultProof, Repair, fault_proof, repair_proof
from gameday.analysis.verdict import verdict
from gameday.config import Phases
from gameday.model import Block, FaultSpec, Json, Mark, Objectives, Verdict

NAME, FAULT_AT = "release.rolled_back", 100.0
DEAD = "alarm foodconnect-error-rate is dead: its metric FoodConnect/Errors has no data"
WRITES: dict[str, Json] = {"acknowledged": 0, "lost": 0, "duplicated": 0}
LOAD: dict[str, Json] = {"planned": 100, "sent": 100, "delivered": 1.0, "send_lag_p99_ms": 2.0}
RUN = [Mark(1.0, "hypothesis.before", {"met": True}), Mark(2.0, "action.started"),
       Mark(9.0, "hypothesis.after", {"met": True}), Mark(10.0, "finished")]  # fmt: skip


def repaired(proven: bool | None, said: str, **instants: float) -> Repair | None:
    """Return what the analysis makes of the repair's mark."""
    details: dict[str, Json] = {"proof": NAME, "proven": proven, "sentences": [said], "instants": dict(instants)}
    return repair_proof([Mark(150.0, "proof", details)], NAME)


def row_of(repair: Repair | None, cut: bool = False) -> dict[str, Any]:
    """Return the objective's row for a limit of 30 s."""
    wanted = Objectives(rolled_back_within_s=30.0)
    [row] = judged(wanted, [], None, WRITES, cut, (repair, FAULT_AT) if repair else None)
    return cast("dict[str, Any]", row)


@pytest.mark.parametrize(
    ("repair", "met", "measured"),
    [
        (repaired(True, "by ECS", noticed=110.0, done=122.5), True, 22.5),
        (repaired(True, "by ECS", noticed=110.0, done=140.0), False, 40.0),
        (repaired(False, DEAD), False, None),
        (repaired(None, "could not be asked: Throttling"), None, None),
        (repaired(True, "but nothing says when"), None, None),
        (repair_proof([], NAME), None, None),
        (None, None, None),
    ],
)
def test_a_repair_counts_when_it_was_done_in_time(
    repair: Repair | None, met: bool | None, measured: float | None
) -> None:
    """It is done at the last of its instants; what could not be seen is neither met nor missed."""
    row = row_of(repair)
    assert (row["met"], row["measured"]) == (met, measured)


def test_a_run_cut_short_does_not_say_whether_it_would_have_come() -> None:
    """An abort ends the wait."""
    assert row_of(repaired(False, DEAD), cut=True)["met"] is None


@pytest.mark.parametrize(
    ("repair", "word", "said"),
    [
        (repaired(False, DEAD), Verdict.BROKE, f"the release was not rolled back within the run (limit 30 s): {DEAD}"),
        (repaired(None, "Throttling"), Verdict.INCONCLUSIVE, "rolled_back_within_s could not be measured: Throttling"),
        (repaired(True, "by ECS", done=120.0), Verdict.HELD, "the release was rolled back after 20.0 s (limit 30 s)"),
    ],
)
def test_the_verdict_names_the_weakness(repair: Repair | None, word: Verdict, said: str) -> None:
    """A rollback that does not come is a weakness and no missing proof; one that nobody saw is unknown."""
    proven = FaultProof(True, ("release.bad_tasks_ran: 3 tasks ran",))
    found, why = verdict(RUN, proven, LOAD, {"fresh": True, "gaps_s": {"e": 1.0}}, [row_of(repair)])
    assert (found, why[0]) == (word, said)


def test_the_fault_needs_no_repair_to_be_proven() -> None:
    """Only what is named as a proof must have been seen."""
    marks = [Mark(3.0, "proof", {"proof": "a.b", "proven": True}), Mark(4.0, "proof", {"proof": NAME, "proven": False})]
    assert fault_proof(marks, ["a.b"]).proven is True


def test_limits_that_a_file_leaves_open_are_the_environments() -> None:
    """Where a rollback is looked for; what the file states stays."""
    phases = Phases(rollback_s=60.0)
    drill = Block(fault=FaultSpec("a.b", NAME), objectives=Objectives(recover_within_s=20.0))
    assert phases.limits(drill).objectives == Objectives(recover_within_s=20.0, rolled_back_within_s=60.0)
    other = Block(fault=FaultSpec("a.b"), objectives=Objectives(error_budget=0.01))
    assert phases.limits(other) == other
