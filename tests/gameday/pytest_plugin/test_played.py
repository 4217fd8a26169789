"""What an ended run says to a test: only held passes, and why it did not is one message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gameday.pytest_plugin.played import Played, message

OPEN = {"what": "100 ms of delay on foodconnect-db", "restore_with": "aws fis stop-experiment --id EXP1"}


def played(code: int, verdict: str | None = None, errors: str = "", **more: Any) -> Played:
    """Return a run with the findings that matter here."""
    findings: dict[str, Any] = {}
    if verdict:
        findings = {
            "run": "2026-12-01T10-00-00Z-stop",
            "experiment": {"title": "Users do not notice"},
            "repeat_with": "gameday run experiments/stop.yaml --on lab",
            "verdict": verdict,
            "why": ["3.00% of the requests failed (limit 1.00%)", "failed requests: 9 x read_feed HTTP 503"],
            "phases": {"fault": {"error_ratio": 0.5}},
            "recovery": {"recovery_s": 2.5},
            "objectives": [{"name": "error_budget", "measured": 0.03}],
            "promises": {"open": []},
            **more,
        }
    folder = Path("/runs") / findings["run"] if findings else None
    return Played(Path("experiments/stop.yaml"), code, findings, folder, errors)


@pytest.mark.parametrize(
    ("code", "verdict", "word"),
    [
        (0, "held", "held"),
        (1, "broke", "broke"),
        (3, "refused", "refused"),
        (3, None, "refused"),
        (4, "inconclusive", "inconclusive"),
        (4, "invalid", "invalid"),
        (5, "aborted", "aborted"),
        (130, "interrupted", "interrupted"),
        (130, None, "interrupted"),
        (6, "held", "undo incomplete"),
        (6, "aborted", "undo incomplete"),
        (2, None, "bad input"),
        (70, None, "a bug of the suite"),
        (70, "held", "a bug of the suite"),
        (0, None, "no verdict"),
        (0, "broke", "no verdict"),
        (1, "held", "no verdict"),
        (-9, None, "killed"),
        (-9, "held", "killed"),
    ],
)
def test_held_needs_the_verdict_and_the_exit_code(code: int, verdict: str | None, word: str) -> None:
    """Whatever disagrees, or says nothing, has another word, and so fails."""
    assert played(code, verdict).word == word


def test_the_message_begins_with_what_decided() -> None:
    """Then the rest of the reasons, the title, the place, the report and the command, each once."""
    assert message(played(1, "broke"), 3).splitlines() == [
        "broke: 3.00% of the requests failed (limit 1.00%)",
        "              failed requests: 9 x read_feed HTTP 503",
        "  experiment  Users do not notice",
        "  file        experiments/stop.yaml:3",
        "  report      /runs/2026-12-01T10-00-00Z-stop/report.html",
        "  repeat      gameday run experiments/stop.yaml --on lab",
    ]


def test_what_is_still_changed_comes_first() -> None:
    """With the command that restores it; told once, though the findings say it too."""
    sentence = f"still changed: {OPEN['what']}; restore it with: {OPEN['restore_with']}"
    said = message(played(6, "held", promises={"open": [OPEN]}, why=["all objectives were met", sentence]))
    assert said.startswith(f"undo incomplete: {sentence}\n") and said.count("still changed") == 1


def test_without_findings_the_last_sentence_is_told() -> None:
    """Not the progress before it."""
    errors = "  lab      starting\n   0.1 s  warm-up     5 s\na note\ngameday: --set x: there is no such key\n"
    said = message(played(2, errors=errors)).splitlines()
    assert said[:2] == ["bad input: --set x: there is no such key", "              a note"]
    assert said[-1] == "  repeat      gameday run experiments/stop.yaml" and "warm-up" not in " ".join(said)
    assert message(played(70)).startswith("a bug of the suite: it said nothing")


def test_a_killed_run_names_the_way_back() -> None:
    """Nobody knows what it left."""
    assert "signal 9; `gameday undo` puts back what it left" in message(played(-9))


def test_junit_gets_the_figures() -> None:
    """The ratio of the whole time from the fault on where the experiment has that objective, else the fault's own."""
    assert dict(played(1, "broke").properties()) == {
        "experiment": "Users do not notice",
        "verdict": "broke",
        "run": "2026-12-01T10-00-00Z-stop",
        "report": "/runs/2026-12-01T10-00-00Z-stop/report.html",
        "recovery_s": 2.5,
        "error_ratio": 0.03,
    }
    assert dict(played(1, "broke", objectives=[]).properties())["error_ratio"] == 0.5
    assert dict(played(2).properties()) == {"verdict": "bad input"}
