"""The report for programs: findings, marks, the timeline second by second, and the files' hashes, as strict JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import cast

from gameday.analysis.findings import findings_of
from gameday.model import Json, iso
from gameday.record import Record
from reports.parts.dig import finite
from reports.parts.files import recorded_files
from reports.parts.story import story
from reports.parts.timeline import timeline

FILENAME = "report.json"
EXTENSION = "json"
SCHEMA = 1


def render(records: Sequence[Record]) -> str:
    """Return one JSON document: `{"schema": 1, "runs": [...]}`, one entry a run, in the order given."""
    document: Json = {"schema": SCHEMA, "runs": [_run(record) for record in records]}
    return json.dumps(finite(document), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _run(record: Record) -> Json:
    """One run; `findings` is `findings.json` as it stands, null when the run was cut short."""
    told, times = story(record), timeline(record)
    drawn = {
        "zero": iso(times.zero),
        "zero_is": times.since,
        "begin_s": times.begin,
        "end_s": times.end,
        "bin_s": times.bin_s,
        "bins": [asdict(one) for one in times.bins],
        "phases": [asdict(one) for one in times.spans],
        "events": [asdict(one) for one in times.events],
        "metrics": [asdict(one) for one in times.series],
    }
    return cast(
        Json,
        {
            "run": told.run,
            "title": told.title,
            "verdict": told.verdict.value if told.verdict else None,
            "why": list(told.why),
            "findings": findings_of(record) or None,
            "marks": [
                {"at": iso(mark.at), "name": mark.name, "details": dict(mark.details)} for mark in record.marks()
            ],
            "timeline": drawn,
            "files": [asdict(one) for one in recorded_files(record.folder)],
        },
    )
