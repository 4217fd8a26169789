"""One honest word: what is missing dominates what was met."""

from __future__ import annotations

import pytest

from gameday.analysis.proofs import FaultProof, data_proof, fault_proof, load_proof
from gameday.analysis.stats import Span
from gameday.analysis.verdict import doubted, verdict
from gameday.model import Json, Mark, Point, Pulse, Sample, Verdict, worst_exit

PROVEN = FaultProof(True, ("ecs.task_stopped: seen",))
LOAD: dict[str, Json] = {"planned": 100, "sent": 100, "delivered": 1.0, "send_lag_p99_ms": 2.0}
FRESH: dict[str, Json] = {"fresh": True, "gaps_s": {"error_rate": 1.0}}
MET: Json = {"name": "recover_within_s", "limit": 30.0, "measured": 2.0, "unit": "s", "met": True}
MISSED: Json = {"name": "error_budget", "limit": 0.01, "measured": 0.1, "unit": "share of requests", "met": False}
UNKNOWN: Json = {"name": "lost_writes", "limit": 0, "measured": None, "unit": "writes", "met": None}
RUN = [
    Mark(1.0, "hypothesis.before", {"met": True, "failed": []}),
    Mark(2.0, "action.started", {}),
    Mark(9.0, "hypothesis.after", {"met": True, "failed": []}),
    Mark(10.0, "finished"),
]


def word(
    marks: list[Mark] = RUN,
    fault: FaultProof = PROVEN,
    load: dict[str, Json] = LOAD,
    data: dict[str, Json] = FRESH,
    objectives: list[Json] | None = None,
) -> Verdict:
    """Return the verdict of a run that held, but for what is given."""
    return verdict(marks, fault, load, data, [MET] if objectives is None else objectives)[0]


def test_every_proof_and_every_objective_is_held() -> None:
    """The one way to pass."""
    assert word() is Verdict.HELD


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"fault": FaultProof(False, ("nothing",))}, Verdict.INVALID),
        ({"fault": FaultProof(None, ())}, Verdict.INCONCLUSIVE),
        ({"load": {**LOAD, "delivered": 0.94}}, Verdict.INCONCLUSIVE),
        ({"load": {**LOAD, "send_lag_p99_ms": 900.0}}, Verdict.INCONCLUSIVE),
        ({"data": {"fresh": False, "gaps_s": {"error_rate": 40.0}}}, Verdict.INCONCLUSIVE),
        ({"data": {"fresh": None, "gaps_s": {}}}, Verdict.INCONCLUSIVE),
        ({"objectives": []}, Verdict.INCONCLUSIVE),
        ({"objectives": [MET, UNKNOWN]}, Verdict.INCONCLUSIVE),
        ({"objectives": [MET, MISSED]}, Verdict.BROKE),
        ({"objectives": [MISSED, UNKNOWN]}, Verdict.BROKE),
        ({"marks": RUN[:-1]}, Verdict.INCONCLUSIVE),
        ({"marks": [RUN[0], RUN[1], RUN[3]]}, Verdict.INCONCLUSIVE),
        ({"marks": [*RUN, Mark(5.0, "abort", {"why": "errors"})]}, Verdict.ABORTED),
        ({"marks": [*RUN, Mark(5.0, "interrupted", {"why": "SIGTERM"})]}, Verdict.INTERRUPTED),
        ({"marks": [Mark(1.0, "refused", {"why": "no"})]}, Verdict.REFUSED),
    ],
)
def test_whatever_is_missing_is_never_held(given: dict[str, object], expected: Verdict) -> None:
    """Take one thing away from a run that held."""
    assert word(**given) is expected  # type: ignore[arg-type]


def test_a_missed_objective_without_proof_is_not_called_a_weakness() -> None:
    """Errors without a proven fault say nothing about the fault."""
    assert word(fault=FaultProof(False, ()), objectives=[MISSED]) is Verdict.INVALID


def test_an_unsteady_end_breaks() -> None:
    """Objectives met but the steady state gone is a weakness, and its reason is told."""
    after = Mark(9.0, "hypothesis.after", {"met": False, "failed": ["metrics-are-steady: False"]})
    unsteady = Mark(8.9, "unsteady", {"reasons": ["error_rate is 9, above 5"]})
    found, why = verdict([RUN[0], RUN[1], unsteady, after, RUN[3]], PROVEN, LOAD, FRESH, [MET])
    assert found is Verdict.BROKE
    assert "error_rate is 9" in why[0]


def test_a_gate_without_data_is_inconclusive_and_an_unsteady_one_refuses() -> None:
    """Nothing was touched in either case, but only one of them says something about the system."""
    details: dict[str, Json] = {"met": False, "failed": ["metrics: error_rate: no data"], "crashed": True}
    blind = [Mark(1.0, "hypothesis.before", details)]
    busy = [
        Mark(0.9, "unsteady", {"reasons": ["error_rate is 9"]}),
        Mark(1.0, "hypothesis.before", {"met": False, "failed": ["metrics: False"]}),
    ]
    assert word(marks=blind) is Verdict.INCONCLUSIVE
    assert word(marks=busy) is Verdict.REFUSED


def test_a_check_that_crashed_after_the_fault_is_unknown() -> None:
    """A throttled API says nothing about the system: neither held nor broke."""
    details: dict[str, Json] = {"met": False, "failed": ["database-is-available: Throttling"], "crashed": True}
    found, why = verdict([RUN[0], RUN[1], Mark(9.0, "hypothesis.after", details), RUN[3]], PROVEN, LOAD, FRESH, [MET])
    assert found is Verdict.INCONCLUSIVE
    assert why == ["the steady state could not be read after the fault: database-is-available: Throttling"]


def test_a_named_proof_that_was_not_reached_is_no_proof() -> None:
    """Every proof that the experiment names must have seen its part."""
    seen = [Mark(3.0, "proof", {"proof": "a.b", "proven": True, "sentences": ["yes"]})]
    assert fault_proof(seen, ["a.b"]).proven is True
    assert fault_proof(seen, ["a.b", "c.d"]).proven is False
    assert fault_proof(seen, []).proven is None


def test_planned_load_is_counted_from_the_clock() -> None:
    """A generator that stood still for half the time delivered half, whatever it says itself."""
    samples = [Sample(n / 10, n / 10, n / 10 + 0.01, 200, "read") for n in range(50)]
    found = load_proof(samples, [Pulse(5.0, 50, 50, 50, 1.0)], 10.0, 10.0)
    assert found["planned"] == 100
    assert found["delivered"] == 0.5


def test_a_silent_metric_is_not_fresh() -> None:
    """The longest silence counts, the edges of the run included."""
    points = [Point("error_rate", float(at), 0.0, at + 1.0) for at in (100, 101, 102)]
    assert data_proof(points, ["error_rate"], Span(100, 104), 5, 1)["fresh"] is True
    assert data_proof(points, ["error_rate"], Span(100, 120), 5, 1) == {"fresh": False, "gaps_s": {"error_rate": 18.0}}
    assert data_proof(points, ["error_rate", "other"], Span(100, 120), 5, 1)["fresh"] is False


def test_the_worst_exit_code_stands_for_all() -> None:
    """A broken run is not hidden by one that held, and a missing proof not by either."""
    assert worst_exit([0, 1, 4]) == 1
    assert worst_exit([0, 4]) == 4
    assert worst_exit([130, 6]) == 6
    assert worst_exit([0, 0]) == 0


def test_a_failed_action_is_never_held() -> None:
    """Chaos Toolkit goes on after it; the fault that was proven may be only half of what was meant."""
    failed = Mark(3.0, "action.ended", {"name": "second", "status": "failed"})
    assert word([*RUN[:2], failed, *RUN[2:]]) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("before", [Verdict.HELD, Verdict.BROKE])
def test_what_is_still_changed_or_not_written_down_is_never_held(before: Verdict) -> None:
    """The decisive sentence is the doubt."""
    assert doubted(before, ["fine"], ["still changed: x"], "") == (Verdict.INCONCLUSIVE, ["still changed: x", "fine"])
    assert doubted(before, ["fine"], [], "no space")[0] is Verdict.INCONCLUSIVE
    assert doubted(before, ["fine"], [], "") == (before, ["fine"])
    assert doubted(Verdict.ABORTED, ["a guard"], ["still changed: x"], "")[0] is Verdict.ABORTED
