"""What people and pipelines read of a gate: JUnit, the summary, the page, GitHub's annotations."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from gameday.gate import github, junit, page, summary
from tests.gameday.gate.conftest import ROOT, gate, row

NASTY = "</x> | `code` <script>alert(1)</script> ::error:: % @all\n::stop-commands::x, \x00 \u2603"
KINDS = [
    row("a"),
    row("b", "failed", 1),
    row("c", "known", verdict="broke"),
    row("d", "quarantined", quarantine={"why": "flaky", "until": "2026-12-24"}),
    row("e", "not played", 4, runs=[], verdict=None, seconds=0.0, recovery_s=None, error_ratio=None, p99_ms=None,
        compared=[]),
    row("f", "not played", runs=[], verdict=None, compared=[]),
    row("g", "inconclusive", 4), row("h", "refused", 3), row("i", "aborted", 5), row("j", "interrupted", 130),
]  # fmt: skip


def test_junit_has_one_case_an_experiment() -> None:
    """failed fails; known, quarantined and left out are skipped; what says nothing or was stopped is an error."""
    root = ElementTree.fromstring(junit.render(gate(*KINDS, outcome="failed", code=1)))
    suite = root[0]
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "10", "failures": "1", "errors": "5", "skipped": "3",
    }  # fmt: skip
    kinds = [next((each.tag for each in case if each.tag in ("failure", "error", "skipped")), "") for case in
             suite.iter("testcase")]  # fmt: skip
    assert kinds == ["", "failure", "skipped", "skipped", "error", "skipped", *["error"] * 4]
    failure = suite.find(".//failure")
    assert failure is not None and failure.get("message") == "users were well again at once"


@pytest.mark.parametrize("rows", [[], [row("f", "not played")], [row("d", "quarantined")]])
def test_junit_alone_never_reads_as_passed(rows: list[dict[str, Any]]) -> None:
    """Nothing was checked, or nothing was reached: then the gate itself is a case, and an error."""
    root = ElementTree.fromstring(junit.render(gate(*rows, outcome="inconclusive", code=4)))
    assert (root.get("errors"), root.get("tests")) == ("1", str(len(rows) + 1))
    error = root.find(".//testcase[@name='gate release']/error")
    assert error is not None and error.get("message") == "a reason"
    assert ElementTree.fromstring(junit.render(gate(row()))).get("errors") == "0"


def test_junit_holds_whatever_stands_in_a_text() -> None:
    """Characters that XML cannot hold are replaced, and the rest is escaped."""
    root = ElementTree.fromstring(junit.render(gate(row(NASTY, "failed", 1, why=[NASTY]))))
    case = root.find(".//testcase")
    assert case is not None and "\ufffd" in str(case.get("name")) and "\u2603" in str(case.get("name"))


def test_the_summary_says_the_outcome_first() -> None:
    """Then one row an experiment, what failed unfolded, and how to repeat it."""
    text = summary.render(gate(*KINDS, outcome="failed", code=1, changed=["database: Engine"]), "https://x/report")
    assert text.startswith("## ❌ Gate release: failed\n")
    assert sum(line.startswith("| ❌ failed") for line in text.splitlines()) == 1
    assert "### ❌ b" in text and "<details><summary>✅ a" in text
    assert "[Report](https://x/report)" in text and "Touched since then: database: Engine." in text
    assert text.rstrip().endswith("gameday gate release --on lab\n```")


def test_the_summary_is_never_too_long() -> None:
    """It is cut between two experiments, says how many are left out, and still ends as it should."""
    rows = [row(f"experiment {number}", "failed", 1, why=["long " * 300] * 8) for number in range(400)]
    text = summary.render(gate(*rows, outcome="failed", code=1))
    assert 500_000 < len(text.encode()) <= summary.MOST_BYTES < 2**20
    shown = sum(line.startswith("### ") for line in text.splitlines())
    assert f"**{400 - shown} more experiments are left out here" in text and 0 < shown < 400
    assert text.rstrip().endswith("```")
    assert "left out here" not in summary.render(gate(*rows[:3]))


def test_no_text_has_a_meaning_in_markdown_or_html() -> None:
    """Titles and reasons come from files and AWS: they stay text."""
    bad = gate(row(NASTY, "failed", 1, why=[NASTY, NASTY]), why=[NASTY])
    assert "<script>" not in summary.render(bad).replace("\\<script", "") and "@all" not in summary.render(bad)
    assert "<script>" not in page.render(bad) and "&lt;script&gt;" in page.render(bad)


def test_the_page_links_to_each_run() -> None:
    """It stands beside the runs, in one folder of theirs, and needs no network."""
    text = page.render(gate(*KINDS, outcome="failed", code=1))
    assert 'href="../2026-12-01T10-00-05Z-stop-one-task/report.html"' in text
    assert "http://" not in text and "https://" not in text and "<script" not in text


@pytest.mark.parametrize("url", ["", "https://x/report?a=1,2"])
def test_annotations_are_workflow_commands(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line each, at the objectives of the experiment, with the address of the report in the message."""
    monkeypatch.chdir(ROOT)
    lines = list(github.commands(gate(*KINDS, outcome="failed", code=1), url))
    file = Path("experiments/ecs/stop-one-task.yaml")
    number = 1 + next(n for n, text in enumerate(file.read_text().splitlines()) if "objectives:" in text)
    assert lines[0].startswith(f"::error file={file},line={number},title=failed%3A b::users were well again at once")
    assert [line.split(" ")[0] for line in lines] == [
        "::error", "::notice", "::warning", "::error", "::notice", *["::error"] * 5,
    ]  # fmt: skip
    assert all(line.endswith(f"%0A{url}" if url else line[-1]) for line in lines)


def test_no_text_can_end_a_command() -> None:
    """Line ends, colons, commas and percent signs of a text are escaped as GitHub's toolkit does it."""
    bad: dict[str, Any] = gate(row(NASTY, "failed", 1, why=[NASTY], file="no,where:x.yaml"), why=[NASTY])
    lines = list(github.commands(bad))
    assert all("\n" not in line and "\r" not in line for line in lines)
    properties, _, message = lines[0].removeprefix("::error ").partition("::")
    assert properties.split(",")[0] == "file=no%2Cwhere%3Ax.yaml" and len(properties.split(",")) == 3
    assert "%25" in message and "%0A::stop-commands" in message
