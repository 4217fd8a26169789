"""Which runbooks a day drilled, with each step and when it was ticked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gameday.config import find_suite
from gameday.day.report.findings import Ticked
from gameday.day.report.told import Told
from gameday.errors import GamedayError
from gameday.model import Json, iso
from gameday.runbooks import read
from reports.parts.dig import listing, text

Known = Mapping[str, Any]  # of an earlier `day.json`: what the runbooks were then


def drilled(told: Told, known: Known) -> list[Ticked]:
    """Return the day's runbooks. Their steps are as *known* from an earlier report of this day, else as their files
    are now: a runbook that was changed since does not change what the day says.
    """
    ticks = _ticks(told)
    before = {text(row, "path"): row for row in listing(dict(known), "runbooks")}
    found = []
    for path in _paths(told, list(ticks)):
        steps = tuple(each for each in listing(before[path], "steps") if isinstance(each, dict)) if (
            path in before and listing(before[path], "steps")) else _steps(path)  # fmt: skip
        found.append(Ticked(path, steps, tuple(ticks.get(path, {}))))
    return found


def as_json(told: Told, books: list[Ticked]) -> list[Json]:
    """Return them as `day.json` has them: each step with who ticked it and when; null for one that nobody did."""
    ticks = _ticks(told)
    rows: list[Json] = []
    for book in books:
        steps: list[Json] = [
            {"number": step.get("number"), "text": step.get("text"), "band": step.get("band"),
             **ticks.get(book.path, {}).get(str(step.get("number")), {"ticked_at": None, "who": ""})}
            for step in book.steps or ()
        ]  # fmt: skip
        rows.append({"path": book.path, "steps": steps, "ticked": len(book.ticked)})
    return rows


def _ticks(told: Told) -> dict[str, dict[str, dict[str, Json]]]:
    """Return {runbook: {step: when it was first ticked, and by whom}}."""
    found: dict[str, dict[str, dict[str, Json]]] = {}
    for event in told.events:
        if event.kind == "step.ticked":
            steps = found.setdefault(str(event.data.get("runbook") or ""), {})
            steps.setdefault(str(event.data.get("step")), {"ticked_at": iso(event.at), "who": event.who})
    return found


def _paths(told: Told, ticked: list[str]) -> list[str]:
    """Return the runbooks of the plan, of its items and of the experiments that were played, each once."""
    played = [text(each.findings, "runbook") for each in told.played]
    items = [item.runbook for item in told.plan.agenda]
    return list(dict.fromkeys(filter(None, [*told.plan.runbooks, *items, *played, *ticked])))


def _steps(path: str) -> tuple[Mapping[str, Json], ...] | None:
    """Return a runbook's steps; None: it cannot be read here."""
    try:
        file = Path(path) if Path(path).is_absolute() else find_suite() / path
        book = read(file)
        return tuple({"number": step.number, "text": step.text, "band": step.band} for step in book.steps)
    except (GamedayError, OSError, AttributeError, ValueError):
        return None
