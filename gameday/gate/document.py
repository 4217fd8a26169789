"""`gate.json`: everything that a gate found, as one value. What people and pipelines read is rendered from it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from gameday.analysis.compare import Compared
from gameday.gate.judging import Judged, Outcome, Tried
from gameday.gate.playing import Part, Played
from gameday.gate.suite import Loaded
from gameday.model import Json, iso
from gameday.release import Release

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Result:
    """One experiment of the gate, finished."""

    part: Part
    judged: Judged
    tries: tuple[Tried, ...] = ()
    compared: tuple[Compared, ...] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """What a gate knows before it plays, and keeps."""

    gate: str  # the folder's name
    loaded: Loaded
    began: float
    repeat_with: str
    environment: Mapping[str, Json]
    release: Release = field(default_factory=Release)
    baseline: Mapping[str, Json] | None = None
    changed: tuple[str, ...] | None = None  # with `--changed-only`: what counts as touched, and why
    notes: tuple[str, ...] = ()  # what must be said beside the results


def document(head: Head, results: Sequence[Result], end: Outcome, ended: float | None) -> dict[str, Json]:
    """Return the gate as `gate.json` has it."""
    loaded = head.loaded
    spent = None if ended is None else round(ended - head.began, 3)
    return {
        "schema": SCHEMA,
        "gate": head.gate,
        "suite": {
            "name": suite_name(loaded),
            "file": str(loaded.path),
            "sha256": hashlib.sha256(loaded.source.text.encode()).hexdigest(),
        },
        "environment": dict(head.environment),
        "release": head.release.as_json(),
        "began": iso(head.began),
        "ended": None if ended is None else iso(ended),
        "outcome": end.word,
        "exit": end.exit,
        "why": cast("Json", [*end.why, *head.notes]),
        "budget": {"limit_s": loaded.suite.budget_s, "spent_s": spent},
        "experiments": [_row(result) for result in results],
        "baseline": None if head.baseline is None else dict(head.baseline),
        "changed": None if head.changed is None else list(head.changed),
        "repeat_with": head.repeat_with,
    }


def suite_name(loaded: Loaded) -> str:
    """Return the suite's name: its own, else its file's."""
    return loaded.suite.name or loaded.path.stem


def _row(result: Result) -> Json:
    entry, tries = result.part.entry, result.tries
    last: Mapping[str, Any] = tries[-1].findings if tries else {}
    phases, recovery = last.get("phases") or {}, last.get("recovery") or {}
    fault = phases.get("fault") or {}
    return {
        "file": result.part.name,
        "sha256": result.part.sha256,
        "title": result.part.title,
        "set": cast("Json", dict(entry.set)),
        "expect": entry.expect,
        "until": entry.until,
        "quarantine": cast("Json", asdict(entry.quarantine)) if entry.quarantine else None,
        "result": result.judged.result,
        "exit": result.judged.exit,
        "why": cast("Json", result.judged.why),
        "runs": [each.run for each in tries if each.run],
        "verdict": tries[-1].verdict if tries else None,
        "seconds": round(sum(each.seconds for each in tries), 3),
        "recovery_s": recovery.get("recovery_s"),
        "error_ratio": fault.get("error_ratio"),
        "p99_ms": fault.get("p99_ms"),
        "compared": [row.as_json() for row in result.compared],
    }


def unplayed(part: Part, judged: Judged) -> Result:
    """Return the result of a part without a try."""
    return Result(part, judged)


def of_played(played: Played, judged: Judged, compared: Sequence[Compared]) -> Result:
    """Return the result of a part with tries."""
    return Result(played.part, judged, played.tries, tuple(compared))
