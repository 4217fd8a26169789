"""What the day finds of the run that goes on: by its process, and only what can be believed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gameday.day.desk.live import GuardLine, read

BEGAN = 1_796_209_402.0  # 2026-12-02 11:03:22 UTC
HERE = "2026-12-02T11-03-24Z-stop-one-task"
DOCUMENT = {
    "schema": 1, "run": HERE, "pid": 4711, "leader": 4700, "written": BEGAN + 9, "phase": "fault", "doing": "stop",
    "since": BEGAN + 5, "figures": {"rate": 60.0, "p99_ms": None, "odd": float("nan"), "no": "x", "flag": True},
    "guards": [{"title": "load.rate", "answer": "yes", "reading": "60/s", "limit": ">= 30/s", "left": 0.5}, "torn"],
}  # fmt: skip


def put(runs: Path, name: str, text: str) -> None:
    """Put a live file into a run's folder."""
    (runs / name).mkdir(parents=True)
    (runs / name / "live.json").write_text(text)


@pytest.mark.parametrize("pid", [4711, 4700])
def test_a_run_is_found_by_its_process_or_the_one_that_was_started(tmp_path: Path, pid: int) -> None:
    """The newest run of this process is read; numbers that cannot be drawn are not known."""
    put(tmp_path, HERE, json.dumps(DOCUMENT))
    put(tmp_path, "2026-12-02T11-03-23Z-other", json.dumps({**DOCUMENT, "run": "older"}))
    put(tmp_path, "2026-12-02T11-03-30Z-foreign", json.dumps({**DOCUMENT, "pid": 1, "leader": 1}))
    live = read(tmp_path, pid, BEGAN)
    assert live is not None
    assert (live.run, live.phase, live.doing, live.since, live.written) == (HERE, "fault", "stop", BEGAN + 5, BEGAN + 9)
    assert live.figures == {"rate": 60.0, "p99_ms": None, "odd": None, "no": None, "flag": None}
    assert live.guards == [GuardLine("load.rate", "yes", "60/s", ">= 30/s", 0.5)]
    assert live.age_s(BEGAN + 12) == 3


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', "{}", '{"pid": "4711"}', "\udcff"])
def test_what_is_no_live_file_is_no_run(tmp_path: Path, text: str) -> None:
    """A torn, empty or foreign file says nothing, and nothing is raised."""
    (tmp_path / HERE).mkdir()
    (tmp_path / HERE / "live.json").write_bytes(text.encode(errors="surrogateescape"))
    assert read(tmp_path, 4711, BEGAN) is None


def test_runs_from_before_are_not_looked_at(tmp_path: Path) -> None:
    """A process number that was used before does not bring an old run back; no folder is no run."""
    put(tmp_path, "2026-12-01T11-03-24Z-yesterday", json.dumps(DOCUMENT))
    assert read(tmp_path, 4711, BEGAN) is None
    assert read(tmp_path / "nowhere", 4711, BEGAN) is None


def test_a_document_without_its_parts_is_still_a_run(tmp_path: Path) -> None:
    """What is missing is not known; the run is there."""
    put(tmp_path, HERE, json.dumps({"pid": 4711, "guards": {}, "figures": []}))
    live = read(tmp_path, 4711, BEGAN)
    assert live is not None
    assert (live.phase, dict(live.figures), list(live.guards), live.age_s(BEGAN)) == ("", {}, [], 0.0)
