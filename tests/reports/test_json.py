"""The report for programs: strict JSON with everything that the page shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from gameday.record import Record
from reports import json as json_report


def strict(text: str) -> dict[str, Any]:
    """Parse, refusing the constants that strict JSON lacks."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    document: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return document


def test_the_findings_and_the_timeline_are_there(recorded: Callable[..., Record]) -> None:
    """Findings as they stand, requests by the second, marks, metrics and the files' hashes."""
    record = recorded()
    document = strict(json_report.render([record]))
    (run,) = document["runs"]
    assert document["schema"] == 1
    assert run["findings"] == record.document("findings.json")
    bins = run["timeline"]["bins"]
    assert sum(one["good"] + one["failed"] for one in bins) == len(record.samples())
    assert run["timeline"]["metrics"][0]["name"] == "error_rate"
    assert run["marks"][0]["name"] == "armed"
    assert {"samples.jsonl", "findings.json"} <= {file["name"] for file in run["files"]}


def test_what_is_no_number_becomes_null(recorded: Callable[..., Record]) -> None:
    """Infinity and not-a-number in the findings do not make the file unreadable."""
    record = recorded(findings={"recovery": {"recovery_s": float("inf"), "bounds_s": [float("nan"), 2.0]}})
    (run,) = strict(json_report.render([record]))["runs"]
    assert run["findings"]["recovery"] == {"recovery_s": None, "bounds_s": [None, 2.0]}


def test_a_run_without_findings_says_so(recorded: Callable[..., Record]) -> None:
    """It is judged by what it left, never as held, with the reason in words."""
    (run,) = strict(json_report.render([recorded(files=("plan", "marks"))]))["runs"]
    assert run["verdict"] == run["findings"]["verdict"] != "held"
    assert "could not be proven" in run["why"][0]
