"""Recorded runs as the engine leaves them: a folder in the real formats, seeded, with a fault that users feel."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gameday.model import Mark, Point, Pulse, Write, iso
from gameday.record import Record

FAULT_AT = 1_796_119_214.1
HELD = "users keep reading and posting while RDS fails over"


@dataclass(frozen=True)
class Recipe:
    """A run to write. The outage begins with the fault; `findings` replaces parts of the usual findings."""

    run: str = "2026-12-01T10-00-00Z-reboot-with-failover"
    title: str = "Users keep reading and posting while RDS fails over"
    verdict: str = "held"
    why: tuple[str, ...] = ("every objective was met: recovered 2.3 s after the fault (limit 120 s)",)
    rate: float = 60.0
    before_s: float = 14.0
    after_s: float = 34.0
    outage_s: float = 2.3
    failing: float = 0.7
    files: tuple[str, ...] = ("plan", "samples", "metrics", "marks", "load", "writes", "findings")
    findings: dict[str, Any] = field(default_factory=dict)
    marks: tuple[tuple[float, str, dict[str, Any]], ...] | None = None
    seed: int = 7


Writer = Callable[..., Record]


@pytest.fixture
def recorded(tmp_path: Path) -> Writer:
    """Return a function that writes a run folder; it takes the fields of `Recipe`."""

    def write(**fields: Any) -> Record:
        return write_run(tmp_path, Recipe(**fields))

    return write


def write_run(runs: Path, recipe: Recipe) -> Record:
    """Write the run folder of *recipe* into *runs*."""
    folder = runs / recipe.run
    folder.mkdir(parents=True)
    rows = sample_rows(recipe)
    writers: dict[str, Callable[[], None]] = {
        "plan": lambda: dump(folder / "plan.json", plan(recipe)),
        "samples": lambda: lines(folder / "samples.jsonl", rows),
        "metrics": lambda: lines(folder / "metrics.jsonl", [asdict(point) for point in points(recipe)]),
        "marks": lambda: lines(folder / "marks.jsonl", [asdict(mark) for mark in marks(recipe)]),
        "load": lambda: lines(folder / "load.jsonl", [asdict(pulse) for pulse in pulses(rows)]),
        "writes": lambda: lines(folder / "writes.jsonl", [asdict(write) for write in ledger(recipe)]),
        "findings": lambda: dump(folder / "findings.json", findings(recipe, rows)),
    }
    for name in recipe.files:
        writers[name]()
    return Record(folder)


def sample_rows(recipe: Recipe) -> list[list[Any]]:
    """Return the requests: calm before the fault, failing and stalling during the outage, slow just after it."""
    chance = random.Random(recipe.seed)
    rows = []
    for index in range(int((recipe.before_s + recipe.after_s) * recipe.rate)):
        offset = index / recipe.rate - recipe.before_s
        due = FAULT_AT + offset
        sent = due + chance.expovariate(1 / 0.0006)
        took = chance.lognormvariate(-5.9, 0.45)
        step = "POST /posts" if index % 4 == 0 else "GET /feed"
        status, error = 200, ""
        if 0.1 <= offset < recipe.outage_s:
            took += recipe.outage_s - offset
            if chance.random() < recipe.failing:
                status, error = (503, "") if chance.random() < 0.7 else (0, "timed out after 2 s")
                took = min(took, 2.0)
        elif recipe.outage_s <= offset < recipe.outage_s + 3:
            took *= 6
        last = index == int((recipe.before_s + recipe.after_s) * recipe.rate) - 1
        rows.append([due, sent, None if last else sent + took, 0 if last else status, step, error])
    return rows


def points(recipe: Recipe) -> list[Point]:
    """Return two metrics, sampled each second and seen a little later; some points are seen twice."""
    chance = random.Random(recipe.seed + 1)
    found = []
    for second in range(-int(recipe.before_s), int(recipe.after_s)):
        down = 0 <= second <= recipe.outage_s
        at, seen = FAULT_AT + second, FAULT_AT + second + 1.4
        found.append(Point("error_rate", at, recipe.failing * 100 if down else chance.random() * 0.4, seen))
        if not 3 <= second <= 6:
            found.append(Point("healthy_hosts", at, 1 if down else 3, seen))
        found.append(Point("database_connections", at, 20 + chance.random() * 4 + 12 * down, seen))
    return found + found[-2:]


def marks(recipe: Recipe) -> list[Mark]:
    """Return the marks that a run leaves."""
    target = "arn:aws:rds:eu-west-1:123456789012:db:foodconnect-db"
    usual: tuple[tuple[float, str, dict[str, Any]], ...] = (
        (-recipe.before_s - 1.6, "armed", {"seed": 7}),
        (-recipe.before_s - 1.2, "before", {"snapshots": {"rds": {"zone": "eu-west-1a"}}}),
        (-recipe.before_s, "warmup", {"seconds": 6.0}),
        (-8.0, "baseline", {"seconds": 8.0}),
        (-0.2, "hypothesis.before", {"met": True, "failed": []}),
        (-0.1, "action.started", {"name": "reboot"}),
        (0.0, "fault", {"action": "rds.reboot_with_failover", "targets": [target]}),
        (0.1, "action.ended", {"name": "reboot", "status": "succeeded", "error": ""}),
        (3.9, "proof", {"proof": "rds.failed_over", "proven": True, "instants": {"RDS: failover completed": 1.0}}),
        (4.0, "recovery", {}),
        (recipe.after_s - 0.1, "hypothesis.after", {"met": True, "failed": []}),
        (recipe.after_s - 0.05, "rollbacks", {}),
        (recipe.after_s - 0.02, "undone", {"complete": True}),
        (recipe.after_s, "load.stopping", {}),
        (recipe.after_s + 0.4, "load.stopped", {"returncode": 0}),
        (recipe.after_s + 1.1, "finished", {}),
    )
    chosen = usual if recipe.marks is None else recipe.marks
    return [Mark(FAULT_AT + offset, name, details) for offset, name, details in chosen]


def pulses(rows: list[list[Any]]) -> list[Pulse]:
    """Return the load's own counts, one each second's worth of requests."""
    return [Pulse(rows[index][0], index + 1, index + 1, index, 1.2) for index in range(0, len(rows), 60)]


def ledger(recipe: Recipe) -> list[Write]:
    """Return some writes."""
    return [Write(f"key-{index}", "acknowledged", 1) for index in range(int(recipe.rate))]


def plan(recipe: Recipe) -> dict[str, Any]:
    """Return what is known before the run."""
    steady = {
        "error_rate": {"metric": "FoodConnect/ErrorRate", "stat": "Average", "max": 5, "min": None},
        "database_connections": {"metric": "AWS/RDS/DatabaseConnections", "stat": "Average", "max": 90, "min": 0.25},
        "healthy_hosts": {"metric": "AWS/ApplicationELB/HealthyHostCount", "stat": "Minimum", "max": None, "min": 2},
    }
    return {**known(recipe), "block": {"name": "gameday", "steady": steady}, "seed": 7}


def known(recipe: Recipe) -> dict[str, Any]:
    """Return what plan and findings share."""
    return {
        "schema": 1,
        "run": recipe.run,
        "experiment": {
            "file": "experiments/rds/reboot-with-failover.yaml",
            "title": recipe.title,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "description": "The primary is rebooted with failover while users read and post.",
        },
        "environment": {
            "name": "lab",
            "account": "123456789012",
            "region": "eu-west-1",
            "url": "http://127.0.0.1:27000",
            "build": "default",
            "simulated": {"task_start_s": 2.0, "failover_detection_s": 1.5, "drain": True},
        },
        "versions": {"gameday": "0.1.0", "python": "3.11.7", "chaostoolkit-lib": "1.44.0", "locust": "2.47.0"},
        "repeat_with": "gameday run experiments/rds/reboot-with-failover.yaml --on lab",
    }


def findings(recipe: Recipe, rows: list[list[Any]]) -> dict[str, Any]:
    """Return the findings, with the parts that the recipe replaces."""
    layers = [("fault accepted", 0.0), ("first failed request", 0.12), ("alarm foodconnect-errors fired", 1.4)]
    layers += [("RDS: failover completed", 2.2), ("first good request", 2.3), ("objectives held for 3 s", 5.4)]
    measured = {"recover_within_s": (120, 2.3, "s"), "error_budget": (0.05, 0.0302, "share of requests")}
    measured |= {"p99_ms": (800, 412.4, "ms"), "lost_writes": (0, 0, "writes")}
    broke = recipe.verdict == "broke"
    return {
        **known(recipe),
        "verdict": recipe.verdict,
        "why": [*recipe.why, "the load was delivered in full", "no acknowledged write was lost"],
        "proofs": {
            "fault": {
                "proven": True,
                "evidence": [
                    "rds.failed_over: availability zone went from eu-west-1a to eu-west-1b",
                    "RDS event at 2026-12-01T10:00:16.300000Z: Multi-AZ instance failover completed",
                ],
            },
            "load": {"planned": len(rows), "sent": len(rows), "delivered": 1.0, "send_lag_p99_ms": 3.2},
            "data": {"fresh": True, "gaps_s": {"error_rate": 1.0, "healthy_hosts": 5.0}},
        },
        "phases": {
            "baseline": phase(480, 0, 3.1, 6.0, 9.8, 9.0, -8, 0),
            "fault": phase(240, 58, 3.4, 1612.0, 2280.4, 940.0, 0, 4),
            "recovery": phase(1800, 0, 3.2, 14.5, 61.0, 58.7, 4, 34),
        },
        "recovery": {
            "layers": [{"name": n, "at": iso(FAULT_AT + at), "after_fault_s": at} for n, at in layers],
            "recovered": True,
            "recovery_s": 2.3,
            "bounds_s": [2.1, 2.3],
            "counted_from": "fault start",
        },
        "objectives": [
            {"name": name, "limit": limit, "measured": value, "unit": unit, "met": not (broke and name == "p99_ms")}
            for name, (limit, value, unit) in measured.items()
        ],
        "writes": {"acknowledged": 270, "lost": 0, "duplicated": 0, "indeterminate": 3},
        "abort": None,
        "promises": {"made": 1, "kept": 1, "open": []},
        "runbook": "docs/runbooks/database-failover.md",
        "practice": ["REL12-BP04"],
        "not_tested": ["a crash of the primary without a request to fail over", "a second failover within the hour"],
        **recipe.findings,
    }


def phase(*values: Any) -> dict[str, Any]:
    """Return one phase's numbers; the last two values are seconds from the fault."""
    requests, errors, p50, p95, p99, closed, begin, end = values
    return {
        "requests": requests,
        "errors": errors,
        "error_ratio": errors / requests,
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "closed_loop_p99_ms": closed,
        "from": iso(FAULT_AT + begin),
        "to": iso(FAULT_AT + end),
    }


def dump(path: Path, value: object) -> None:
    """Write a JSON file."""
    path.write_text(json.dumps(value, indent=1))


def lines(path: Path, values: list[Any]) -> None:
    """Write JSON lines as the recorder does, with an empty line between."""
    path.write_text("".join(f"\n{json.dumps(value)}\n" for value in values))
