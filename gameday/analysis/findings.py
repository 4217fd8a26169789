"""`findings.json` as a fold over a run folder: no clock, no AWS, so an old run can be judged again by newer code."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

from gameday.analysis.objectives import judged, ledger
from gameday.analysis.proofs import Repair, data_proof, fault_proof, load_proof, repair_proof
from gameday.analysis.recovery import Recovery, layers, recovery
from gameday.analysis.stats import Span, common_failures, due_in, figures, rounded
from gameday.analysis.timeline import Timeline, answered, cut_short, first, timeline
from gameday.analysis.verdict import doubted, verdict
from gameday.model import Json, Mark, Objectives, Verdict, iso
from gameday.record import Record
from gameday.safety.promises import Promises


def fold(record: Record, lost: str = "") -> dict[str, Json]:
    """Return the findings of a run folder; *lost* says why some of the record could not be written."""
    plan = cast("dict[str, Any]", record.document("plan.json"))
    block = plan.get("block") or {}
    marks = record.marks()
    samples = answered(record.samples(), marks)
    line = timeline(marks)
    repair = repair_proof(marks, (block.get("fault") or {}).get("repair"))
    found = recovery(samples, line, _not_before(repair))
    writes = ledger(record.writes())
    after = due_in(samples, line.after_fault) if line.after_fault else []
    wanted = Objectives(**(block.get("objectives") or {}))
    repaired = (repair, line.fault.start) if repair and line.fault else None
    objectives = judged(wanted, after, found, writes, cut_short(marks), repaired)
    fault = fault_proof(marks, _proof_names(block))
    ending = first(marks, "load.stopping")
    load = load_proof(samples, record.pulses(), (block.get("load") or {}).get("rate"), ending.at if ending else None)
    data = data_proof(record.points(), list(block.get("steady") or {}), _sampled(line, plan), *_pace(plan))
    promises = _promises(record)
    word, why = doubted(*verdict(marks, fault, load, data, objectives), _changed(promises), lost)
    if word is Verdict.BROKE and (told := common_failures(after)):
        why.append(told)
    proofs = {"fault": {"proven": fault.proven, "evidence": list(fault.evidence)}, "load": load, "data": data}
    return {
        "schema": 1,
        "run": plan.get("run", record.folder.name),
        "experiment": plan.get("experiment", {}),
        "environment": plan.get("environment", {}),
        "versions": plan.get("versions", {}),
        "repeat_with": plan.get("repeat_with", ""),
        "verdict": word.value,
        "why": cast("Json", why),
        "proofs": cast("Json", proofs),
        "phases": {name: figures(samples, span) for name, span in line.spans().items()},
        "recovery": _recovery(marks, line, found),
        "repair": {"seen": repair.seen, "evidence": list(repair.evidence)} if repair else None,
        "objectives": objectives,
        "writes": writes,
        "abort": _abort(marks),
        "promises": promises,
        "not_tested": cast("Json", _not_tested(plan, block)),
        "runbook": block.get("runbook"),
        "practice": block.get("practice") or [],
    }


def _not_before(repair: Repair | None) -> float | None:
    """Return from when on users can be well again: for good, not before what hurt them is gone."""
    if repair is None:
        return None
    return repair.at if repair.at is not None else math.inf


def _proof_names(block: Mapping[str, Any]) -> list[str]:
    proof = (block.get("fault") or {}).get("proof", [])
    return [proof] if isinstance(proof, str) else list(proof)


def _pace(plan: Mapping[str, Any]) -> tuple[float, float]:
    sampling = plan.get("sampling") or {}
    return float(sampling.get("max_gap_s", 300)), float(sampling.get("period_s", 60))


def _sampled(line: Timeline, plan: Mapping[str, Any]) -> Span | None:
    """Return the time for which metrics must be there: the newest that had to have arrived is `late_s` old."""
    if line.baseline is None or line.recovery is None:
        return None
    late_s = float((plan.get("sampling") or {}).get("late_s", 0))
    return Span(line.baseline.start, max(line.baseline.start, line.recovery.end - late_s))


def _recovery(marks: list[Mark], line: Timeline, found: Recovery | None) -> dict[str, Json]:
    if line.fault is None:
        return {"layers": [], "recovered": None, "recovery_s": None, "bounds_s": None, "counted_from": None}
    seconds = rounded(found.seconds) if found else None
    edges = [found.earliest, found.latest] if found else [None, None]
    bounds = [rounded(max(0.0, edge - found.origin)) for edge in edges if found and edge is not None]
    return {
        "layers": layers(marks, found, line.fault.start),
        "recovered": found.well_at is not None if found else None,
        "recovery_s": seconds,
        "bounds_s": None if seconds is None else cast("Json", bounds),
        "counted_from": "fault end" if line.sustained else "fault start",
        "origin": iso(found.origin) if found else None,
    }


def _abort(marks: list[Mark]) -> Json:
    """Say how long it took from the first word to the read-back, for every end before its time once a fault began."""
    tripped, undone = first(marks, "abort", "interrupted"), first(marks, "undone")
    if tripped is None or first(marks, "action.started") is None:
        return None
    verified: list[Json] = [mark.details.get("why") for mark in marks if mark.name == "undo.verified"]
    complete = bool(undone and undone.details.get("complete"))
    return {
        "guard": tripped.details.get("why"),
        "tripped_at": iso(tripped.at),
        "undone_at": iso(undone.at) if undone and complete else None,
        "latency_s": round(undone.at - tripped.at, 3) if undone and complete else None,
        "verified": verified,
    }


def _promises(record: Record) -> dict[str, Json]:
    promises = Promises(record.folder / "promises.jsonl")
    made, still = promises.made(), promises.open()
    left: list[Json] = [{"what": promise.sentence, "restore_with": promise.by_hand} for promise in still]
    return {"made": len(made), "kept": len(made) - len(still), "open": left}


def _changed(promises: Mapping[str, Json]) -> list[str]:
    """Say what is still changed, and the command that restores it."""
    left = cast("list[dict[str, str]]", promises["open"])
    return [f"still changed: {each['what']}; restore it with: {each['restore_with']}" for each in left]


def _not_tested(plan: Mapping[str, Any], block: Mapping[str, Any]) -> list[str]:
    """Say what this run says nothing about."""
    environment = plan.get("environment") or {}
    load = block.get("load") or {}
    said = ["this is one run: how much the figures vary between runs is not known from it"]
    if load:
        said.append(f"other loads than {load.get('rate', 0):g} requests a second of {load.get('journey')}")
    if simulated := environment.get("simulated"):
        plain = {name.removesuffix("_s").replace("_", " "): value for name, value in simulated.items()}
        named = ", ".join(f"{name} {value:g} s" for name, value in plain.items())
        said.append(f"AWS's own delays: in the lab they are simulated ({named}), so recovery on AWS takes longer")
    if not block.get("guards"):
        said.append("an abort: the experiment has no guards")
    return said


def findings_of(record: Record) -> dict[str, Json]:
    """Return a run's findings: those saved, else, of a run that was killed, folded from what it left; {} of no run."""
    saved = record.document("findings.json")
    return saved or (fold(record) if record.document("plan.json") else {})
