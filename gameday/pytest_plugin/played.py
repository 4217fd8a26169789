"""A run that has ended, as the tests see it, and the one message that says why a test failed. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BUG, BAD_INPUT, REFUSED, UNDO_INCOMPLETE, INTERRUPTED = 70, 2, 3, 6, 130
WITHOUT_FINDINGS = {BUG: "a bug of the suite", BAD_INPUT: "bad input", REFUSED: "refused", INTERRUPTED: "interrupted"}
PROGRESS = re.compile(r"^\s*\d+\.\d s  |^  lab ")  # lines of a run's progress
LAST_LINES = 12


@dataclass(frozen=True, slots=True)
class Played:
    """One run: what `gameday run --json` said, and its exit code."""

    file: Path
    exit: int
    findings: Mapping[str, Any]  # findings.json; empty when the run never began
    folder: Path | None  # the run folder; None when the run never began
    errors: str = ""  # standard error
    build: str | None = None  # of the lab, when one was asked for

    @property
    def word(self) -> str:
        """How it ended: a verdict, or a word that outweighs it; never held unless everything says so."""
        verdict = self.findings.get("verdict")
        if self.exit == UNDO_INCOMPLETE:
            return "undo incomplete"
        if self.exit < 0:
            return "killed"
        if verdict and (verdict == "held") == (self.exit == 0):
            return str(verdict)
        return WITHOUT_FINDINGS.get(self.exit, "no verdict")

    @property
    def verdict(self) -> str:
        """The verdict of the findings; of a run that never began, the word for that."""
        return str(self.findings.get("verdict") or self.word)

    @property
    def title(self) -> str:
        """The experiment's title."""
        return str((self.findings.get("experiment") or {}).get("title") or "")

    @property
    def report(self) -> Path | None:
        """The page to open."""
        return self.folder / "report.html" if self.folder else None

    @property
    def why(self) -> list[str]:
        """One sentence each, the decisive first."""
        left = (self.findings.get("promises") or {}).get("open") or []
        changed = [f"still changed: {each['what']}; restore it with: {each['restore_with']}" for each in left]
        told = [str(why) for why in self.findings.get("why") or ()]
        if self.exit < 0:
            told.insert(0, f"the run was ended by signal {-self.exit}; `gameday undo` puts back what it left")
        return [*changed, *(why for why in told if why not in changed)] or _said(self.errors)

    @property
    def recovery_s(self) -> float | None:
        """Seconds until users were well again."""
        found = (self.findings.get("recovery") or {}).get("recovery_s")
        return float(found) if isinstance(found, int | float) else None

    @property
    def error_ratio(self) -> float | None:
        """Share of the requests that failed from the fault on, as far as the experiment asks; else during the fault."""
        measured = {each["name"]: each["measured"] for each in self.findings.get("objectives") or ()}
        phases = self.findings.get("phases") or {}
        found = measured.get("error_budget", (phases.get("fault") or {}).get("error_ratio"))
        return float(found) if isinstance(found, int | float) else None

    def properties(self) -> list[tuple[str, object]]:
        """Return what JUnit gets as properties of the test case."""
        told = {
            "experiment": self.title or None,
            "verdict": self.word,
            "run": self.folder.name if self.folder else None,
            "report": str(shown(self.report)) if self.report else None,
            "recovery_s": self.recovery_s,
            "error_ratio": self.error_ratio,
        }
        return [(name, value) for name, value in told.items() if value is not None]


def message(played: Played, line: int | None = None) -> str:
    """Return why a test failed: the verdict and the decisive sentence, then where to read more and how to repeat it.

    *line* is that of the title in the file.
    """
    why = played.why or ["it said nothing"]
    again = str(played.findings.get("repeat_with") or f"gameday run {shown(played.file)}")
    build = f"gameday lab up --build {played.build} && " if played.build else ""
    rows = [
        *(("", sentence) for sentence in why[1:]),
        ("experiment", played.title),
        ("file", f"{shown(played.file)}{f':{line}' if line else ''}"),
        ("report", str(shown(played.report)) if played.report else ""),
        ("repeat", f"{build}{again}"),
    ]
    return "\n".join([f"{played.word}: {why[0]}", *(f"  {name:<11} {text}" for name, text in rows if text)])


def shown(path: Path) -> Path:
    """Return *path* as a person in this folder would write it."""
    here = Path.cwd()
    return Path(os.path.relpath(path, here)) if path.is_relative_to(here) else path


def _said(errors: str) -> list[str]:
    """Return the last lines of standard error that are not progress; the last sentence of the suite comes first."""
    lines = [line for line in errors.splitlines() if line.strip() and not PROGRESS.match(line)][-LAST_LINES:]
    decisive = [line for line in lines if line.startswith("gameday")][-1:]
    return [line.removeprefix("gameday: ") for line in decisive] + [line for line in lines if line not in decisive]
