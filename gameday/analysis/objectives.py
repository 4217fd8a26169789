"""Each objective of an experiment against what was measured. What could not be measured is not met, nor missed."""

from __future__ import annotations

from dataclasses import asdict

from gameday.analysis.proofs import Repair
from gameday.analysis.recovery import Recovery
from gameday.analysis.stats import error_ratio, latencies, percentile, rounded
from gameday.model import Json, Objectives, Sample, Write

UNITS = {
    "recover_within_s": "s",
    "rolled_back_within_s": "s",
    "error_budget": "share of requests",
    "p99_ms": "ms",
    "p95_ms": "ms",
    "lost_writes": "writes",
    "duplicated_writes": "writes",
}


def ledger(writes: list[Write]) -> dict[str, Json]:
    """Return `findings.writes`: acknowledged, and of them lost or found twice; None where it was not read back."""
    acknowledged = [write for write in writes if write.outcome == "acknowledged"]
    unread = any(write.found is None for write in writes)
    lost = sum(write.found == 0 for write in acknowledged)
    duplicated = sum((write.found or 0) > 1 for write in writes)
    return {
        "acknowledged": len(acknowledged),
        "lost": None if unread else lost,
        "duplicated": None if unread else duplicated,
        "indeterminate": sum(write.outcome == "indeterminate" for write in writes),
    }


def judged(
    wanted: Objectives,
    after: list[Sample],
    found: Recovery | None,
    writes: dict[str, Json],
    cut: bool = False,
    repair: tuple[Repair, float] | None = None,
) -> list[Json]:
    """Return `findings.objectives`; *after* are the requests due from the fault on, *repair* comes with the instant of
    the fault. A run that was *cut* short does not tell whether the system would have recovered.
    """
    ordered = latencies(after)
    wrote = bool(writes["acknowledged"])
    measured: dict[str, float | None] = {
        "recover_within_s": rounded(found.seconds) if found else None,
        "rolled_back_within_s": _repaired_s(repair),
        "error_budget": rounded(error_ratio(after), 6),
        "p99_ms": rounded(percentile(ordered, 0.99)),
        "p95_ms": rounded(percentile(ordered, 0.95)),
        "lost_writes": _count(writes["lost"]) if wrote else None,
        "duplicated_writes": _count(writes["duplicated"]) if wrote else None,
    }
    never = {
        "recover_within_s": found is not None and found.well_at is None and not cut,
        "rolled_back_within_s": repair is not None and repair[0].seen is False and not cut,
    }
    results: list[Json] = []
    for name, limit in asdict(wanted).items():
        if limit is None:
            continue
        value = measured[name]
        met = None if value is None else value <= limit
        if never.get(name):
            met = False
        row: dict[str, Json] = {"name": name, "limit": limit, "measured": value, "unit": UNITS[name], "met": met}
        if name == "rolled_back_within_s" and not met and repair:
            row["because"] = "; ".join(repair[0].evidence)
        results.append(row)
    return results


def _repaired_s(repair: tuple[Repair, float] | None) -> float | None:
    if repair is None or repair[0].at is None:
        return None
    return rounded(max(0.0, repair[0].at - repair[1]))


def _count(value: Json) -> float | None:
    return value if isinstance(value, int | float) else None
