"""A recorded day: three real runs of the lab, and what people did meanwhile; and days written line by line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gameday.day.clock import Step
from gameday.day.plan import Item, Plan, Roles
from gameday.day.report.clocks import Hit
from gameday.day.report.told import Told, read

RUNS = Path(__file__).parent / "data" / "days"
DAY = "2026-12-03T09-26-10Z-day-first-game-day"
BROKE = "experiments/rds/reboot-with-failover.yaml"
BEGAN = 1_796_290_200.0
PLAN = Plan("A small day", Roles("Olga", "Carl"), [Item("one", "experiments/ecs/stop-one-task.yaml")])


def copied(to: Path) -> Path:
    """Return a copy of the recorded runs folder, to be written into."""
    shutil.copytree(RUNS, to / "runs")
    return to / "runs"


def day_of(
    runs: Path, name: str, plan: Plan, *events: tuple[float, str, Mapping[str, Any]], file: str = "plans/small.yaml"
) -> Path:
    """Return the folder of a day that has these events: (seconds after its begin, kind, the rest)."""
    folder = runs / name
    folder.mkdir(parents=True)
    head = {"schema": 1, "day": name, "plan": {"file": file, "sha256": "0"}, "resolved": asdict(plan),
            "environment": {"name": "lab", "kind": "lab"}, "repeat_with": f"gameday play {file}"}  # fmt: skip
    (folder / "plan.json").write_text(json.dumps(head))
    lines = [{"at": BEGAN + at, "kind": kind, **rest} for at, kind, rest in events]
    (folder / "events.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    return folder


def told_of(runs: Path, *events: tuple[float, str, Mapping[str, Any]], plan: Plan = PLAN) -> Told:
    """Return a day with these events."""
    return read(day_of(runs, "2026-12-03T09-30-00Z-day-small", plan, *events))


def hit(*steps: Step, name: str = "one", file: str = "experiments/ecs/stop-one-task.yaml") -> Hit:
    """Return a clock with these steps."""
    return Hit(name, name, BEGAN, tuple(steps), file)


def texts(rows: Sequence[Any]) -> str:
    """Return the sentences of findings or rows as one text."""
    return "\n".join(row["text"] if isinstance(row, dict) else row.text for row in rows)
