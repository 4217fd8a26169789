"""One honest word for a run, and why. Unknown dominates passing: what was not seen did not hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from gameday.analysis.proofs import DELIVERED_MIN, SEND_LAG_MAX_MS, FaultProof
from gameday.analysis.timeline import first
from gameday.model import Json, Mark, Verdict

Reasons = list[str]


def verdict(
    marks: list[Mark], fault: FaultProof, load: Mapping[str, Json], data: Mapping[str, Json], objectives: list[Json]
) -> tuple[Verdict, Reasons]:
    """Return the verdict and its reasons, the decisive one first."""
    for judge in (_ended_early, _gate):
        if found := judge(marks):
            return found
    if fault.proven is False:
        return Verdict.INVALID, [f"the fault is not proven: {_last(fault.evidence)}", *fault.evidence[:-1]]
    missing = _missing_proofs(marks, fault, load, data)
    rows = [cast("dict[str, Any]", row) for row in objectives]
    missed = [f"{_say(row)}" for row in rows if row["met"] is False]
    if unsteady := _unsteady(marks):
        missed.append(unsteady)
    if missing:
        return Verdict.INCONCLUSIVE, missing + missed
    unknown = [f"{row['name']} could not be measured{_because(row)}" for row in rows if row["met"] is None]
    if missed:
        return Verdict.BROKE, missed + unknown
    if unknown or not rows:
        return Verdict.INCONCLUSIVE, unknown or ["the experiment names no objective, so nothing was checked"]
    return Verdict.HELD, [_say(row) for row in rows]


def doubted(word: Verdict, why: Reasons, changed: Reasons, lost: str) -> tuple[Verdict, Reasons]:
    """Return the verdict of a run that left something changed, or whose record has gaps: it neither held nor broke."""
    doubts = [*changed, *([f"the record has gaps: {lost}"] if lost else [])]
    if doubts and word in (Verdict.HELD, Verdict.BROKE):
        return Verdict.INCONCLUSIVE, [*doubts, *why]
    return word, [*why, *doubts]


def _ended_early(marks: list[Mark]) -> tuple[Verdict, Reasons] | None:
    endings = {"refused": Verdict.REFUSED, "abort": Verdict.ABORTED, "interrupted": Verdict.INTERRUPTED}
    ending = first(marks, *endings)
    return (endings[ending.name], [str(ending.details.get("why"))]) if ending else None


def _gate(marks: list[Mark]) -> tuple[Verdict, Reasons] | None:
    """Judge a run whose steady state did not let it begin."""
    gate = first(marks, "hypothesis.before")
    if gate is None or gate.details.get("met") or first(marks, "action.started"):
        return None
    failed = [str(sentence) for sentence in cast("list[Json]", gate.details.get("failed", []))]
    unsteady = first(marks, "unsteady")
    if unsteady:
        reasons = [str(reason) for reason in cast("list[Json]", unsteady.details["reasons"])]
        return Verdict.REFUSED, ["the system was not steady before the fault: " + "; ".join(reasons), *failed]
    if gate.details.get("crashed"):
        return Verdict.INCONCLUSIVE, ["the steady state could not be read before the fault", *failed]
    return Verdict.REFUSED, ["the system was not steady before the fault", *failed]


def _missing_proofs(
    marks: list[Mark], fault: FaultProof, load: Mapping[str, Json], data: Mapping[str, Json]
) -> Reasons:
    reasons = []
    if fault.proven is None:
        reasons.append(f"the fault could not be proven: {_last(fault.evidence)}")
    reasons += [
        f"the action {mark.details.get('name')} {mark.details.get('status')}"
        for mark in marks
        if mark.name == "action.ended" and mark.details.get("status") != "succeeded"
    ]
    if not first(marks, "finished"):
        reasons.append("the record was cut short: the run did not finish")
    delivered, lag = cast("float", load["delivered"]), cast("float | None", load["send_lag_p99_ms"])
    if delivered < DELIVERED_MIN:
        reasons.append(
            f"too little load: {delivered:.1%} of the planned requests were sent (at least {DELIVERED_MIN:.0%})"
        )
    elif lag is not None and lag > SEND_LAG_MAX_MS:
        reasons.append(f"the load generator lagged: p99 {lag:.0f} ms (at most {SEND_LAG_MAX_MS:.0f} ms)")
    if data["fresh"] is None:
        reasons.append("no metric was sampled; name some under `steady`")
    elif not data["fresh"]:
        longest = max(cast("dict[str, float]", data["gaps_s"]).items(), key=lambda item: item[1])
        reasons.append(f"the data was not fresh: {longest[0]} was silent for {longest[1]:.0f} s")
    after = first(marks, "hypothesis.after")
    if after is None:
        reasons.append("the steady state was not checked after the fault")
    elif after.details.get("crashed"):
        said = "; ".join(str(sentence) for sentence in cast("list[Json]", after.details["failed"]))
        reasons.append(f"the steady state could not be read after the fault: {said}")
    return reasons


def _unsteady(marks: list[Mark]) -> str | None:
    after = first(marks, "hypothesis.after")
    if after is None or after.details.get("met") or after.details.get("crashed"):
        return None
    found = [str(sentence) for sentence in cast("list[Json]", after.details.get("failed", []))]
    why = [mark for mark in marks if mark.name == "unsteady"]
    reasons = [str(reason) for mark in why[-1:] for reason in cast("list[Json]", mark.details["reasons"])]
    return "the steady state did not return: " + "; ".join(reasons or found)


def _say(row: Mapping[str, Any]) -> str:
    """Say one objective in words: what was measured, and the limit."""
    measured, limit = row["measured"], row["limit"]
    match row["name"]:
        case "recover_within_s":
            if measured is not None and measured < 0.05:
                return f"users were well again at once (limit {limit:g} s)"
            took = "not within the run" if measured is None else f"after {measured:.1f} s"
            return f"users were well again {took} (limit {limit:g} s)"
        case "rolled_back_within_s":
            took = "not rolled back within the run" if measured is None else f"rolled back after {measured:.1f} s"
            return f"the release was {took} (limit {limit:g} s){_because(row)}"
        case "error_budget":
            return f"{measured:.2%} of the requests failed (limit {limit:.2%})"
        case "lost_writes":
            return f"{measured} acknowledged writes were lost (limit {limit})"
        case "duplicated_writes":
            return f"{measured} writes were found twice (limit {limit})"
        case name:
            return f"{name.removesuffix('_ms')} was {measured:.0f} ms (limit {limit:g} ms)"


def _because(row: Mapping[str, Any]) -> str:
    return f": {row['because']}" if row.get("because") else ""


def _last(evidence: tuple[str, ...]) -> str:
    return evidence[-1] if evidence else "nothing was seen"
