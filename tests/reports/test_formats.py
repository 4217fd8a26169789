"""Formats are found in the folder, and each of them renders whatever a run has left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gameday.errors import UsageError
from gameday.model import Verdict
from gameday.record import Record
from reports import formats

RENDERED = pytest.mark.parametrize("name", formats.names())
MAIMED: dict[str, dict[str, Any]] = {
    "nothing but the plan": {"files": ("plan",)},
    "plan and marks": {"files": ("plan", "marks"), "marks": ((-14.0, "warmup", {}), (0.0, "fault", {}))},
    "an empty folder": {"files": ()},
    "samples without marks": {"files": ("plan", "samples")},
    "metrics alone": {"files": ("metrics",)},
    "no samples": {"files": ("plan", "metrics", "marks", "findings")},
    "empty findings": {
        "findings": {
            key: {} for key in ("proofs", "phases", "recovery", "writes", "promises", "environment", "versions")
        }
        | {key: [] for key in ("why", "objectives", "not_tested")},
    },
    "null everywhere": {
        "findings": dict.fromkeys(
            (
                *("experiment", "environment", "versions", "repeat_with", "verdict", "why", "proofs", "phases"),
                *("recovery", "objectives", "writes", "abort", "promises", "not_tested", "run"),
            )
        )
    },
    "values of the wrong kind": {
        "findings": {
            **{"verdict": "splendid", "why": "one text", "proofs": [], "phases": {"baseline": None, "fault": 3}},
            **{"recovery": {"layers": [None, {"name": 4}, {"name": "x", "at": "noon"}], "bounds_s": ["a", None]}},
            **{"objectives": [None, {"name": "p99_ms", "limit": "much", "met": "yes"}], "writes": {"lost": "many"}},
            **{"abort": {}, "promises": {"made": None, "open": ["one", {"what": "two"}, None]}, "not_tested": 7},
        }
    },
}


def test_the_formats_of_the_contract_are_there() -> None:
    """`gameday report --format` offers what the contract names, under the file names of the run folder."""
    found = {name: formats.load(name).FILENAME for name in formats.names()}
    assert found == {"html": "report.html", "md": "report.md", "junit": "junit.xml", "json": "report.json"}
    assert {formats.load(name).EXTENSION for name in found} == {"html", "md", "xml", "json"}


def test_an_unknown_format_is_answered_with_what_there_is() -> None:
    """A slip of the pen gets a suggestion; anything else the list."""
    with pytest.raises(UsageError, match="did you mean 'html'"):
        formats.load("htm1")
    with pytest.raises(UsageError, match="there are html, json, junit, md"):
        formats.load("spreadsheet")


def test_adding_a_file_adds_a_format(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """There is no registry: the names are the folder's files."""
    for path in formats.FOLDER.glob("*.py"):
        (tmp_path / path.name).touch()
    (tmp_path / "csv.py").touch()
    monkeypatch.setattr(formats, "FOLDER", tmp_path)
    assert formats.names() == ["csv", "html", "json", "junit", "md"]


@RENDERED
@pytest.mark.parametrize("what", MAIMED)
def test_a_run_that_was_cut_short_still_gets_its_report(recorded: Callable[..., Record], name: str, what: str) -> None:
    """Whatever is missing or mistaken, the report renders and names the run."""
    record = recorded(run="a-maimed-run", **MAIMED[what])
    assert "a-maimed-run" in formats.load(name).render([record])


@RENDERED
@pytest.mark.parametrize("verdict", [verdict.value for verdict in Verdict])
def test_every_verdict_is_said(recorded: Callable[..., Record], name: str, verdict: str) -> None:
    """Each of the verdicts is a word in each format."""
    assert verdict in formats.load(name).render([recorded(verdict=verdict)]).lower()


@RENDERED
def test_rendering_twice_gives_the_same_text(recorded: Callable[..., Record], name: str) -> None:
    """A report is a function of the folder: no clock, no chance."""
    records = [recorded(), recorded(run="second", verdict="broke")]
    assert formats.load(name).render(records) == formats.load(name).render(records)


@RENDERED
def test_no_runs_is_no_error(name: str) -> None:
    """A call without runs renders an empty report."""
    assert formats.load(name).render([])
