"""A suite folder of its own, and a `gate.json` as a gate writes it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
Suited = Callable[[str], Path]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A suite folder: ours, with an `experiments/suites` to write to; it is the working directory."""
    for name in ("actions", "lab", "load", "probes", "reports", "gameday.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "experiments" / "suites").mkdir(parents=True)
    for name in ("ecs", "rds", "latency"):
        shutil.copytree(ROOT / "experiments" / name, tmp_path / "experiments" / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def suited(root: Path) -> Suited:
    """Return a function that writes a suite file."""

    def write(text: str) -> Path:
        path = root / "experiments" / "suites" / "mine.yaml"
        path.write_text(text)
        return path

    return write


def row(title: str = "Users do not notice", result: str = "passed", code: int = 0, **more: Any) -> dict[str, Any]:
    """Return one experiment of a `gate.json`."""
    return {
        "file": "experiments/ecs/stop-one-task.yaml", "sha256": "0" * 64, "title": title,
        "set": {}, "expect": "held", "until": None,
        "quarantine": None, "result": result, "exit": code, "why": ["users were well again at once"],
        "runs": ["2026-12-01T10-00-05Z-stop-one-task"], "verdict": "held", "seconds": 35.0, "recovery_s": 0.0,
        "error_ratio": 0.0, "p99_ms": 85.0,
        "compared": [{"name": "recovery", "was": 0.0, "now": 0.0, "limit": 4.0, "unit": "s", "worse": False}],
    } | more  # fmt: skip


def gate(*rows: dict[str, Any], outcome: str = "passed", code: int = 0, **more: Any) -> dict[str, Any]:
    """Return a `gate.json`."""
    place = {"name": "lab", "kind": "lab", "region": "eu-west-1", "account": "123456789012", "build": "default"}
    return {
        "schema": 1, "gate": "2026-12-01T10-00-00Z-gate-release",
        "suite": {"name": "release", "file": "experiments/suites/release.yaml", "sha256": "0" * 64},
        "environment": place,
        "release": {"id": "v1", "digest": "sha256:" + "a" * 64, "task_definition": None, "committed_at": None,
                    "pushed_at": None},
        "began": "2026-12-01T10:00:00.000000Z", "ended": "2026-12-01T10:00:40.000000Z", "outcome": outcome,
        "exit": code, "why": ["a reason"], "budget": {"limit_s": 900.0, "spent_s": 40.0}, "experiments": list(rows),
        "baseline": None, "changed": None, "repeat_with": "gameday gate release --on lab",
    } | more  # fmt: skip
