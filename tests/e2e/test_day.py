"""A whole game day on the lab: without people, killed in the middle, and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.conftest import Desk, Edited

HEAD = {"title": "A short day", "roles": {"owner": "Olga", "coordinator": "Cora", "responders": ["Rafi"]}}


def until(what: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for *what* while the day goes on."""
    deadline = time.monotonic() + 90
    while not what():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a file of JSON."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.split("\n")[:-1] if line]


def test_a_day_that_is_killed_in_the_middle_goes_on(desk: Desk, edited: Edited, tmp_path: Path) -> None:
    """Its experiment outlives it; the next process takes what came of it, plays nothing twice, and ends the day."""
    short = {"warmup_s": 1, "baseline_s": 2, "recovery_s": 2}
    file = edited("ecs/stop-one-task.yaml", lambda data: data["extensions"][0]["load"].update(short))
    agenda = [
        {"name": "stop-a-task", "experiment": str(file), "note": "one task goes"},
        {"name": "talk", "pause_s": 1},
        {"name": "never", "experiment": str(file), "only_if": "stop-a-task broke"},
    ]
    plan = tmp_path / "short-day.yaml"
    plan.write_text(yaml.safe_dump({**HEAD, "agenda": agenda}, sort_keys=False))
    runs = tmp_path / "runs"
    words = ("play", str(plan), "--unattended", "--runs", str(runs))

    first = desk.start(*words)
    until(lambda: any(mark["name"] == "action.started" for marks in runs.glob("*-stop-one-task/marks.jsonl")
                      for mark in lines(marks)), first)  # fmt: skip
    (folder,) = runs.glob("*-day-short-day")
    second, note = desk.start(*words), desk.start("note", "a task is gone", "--about", "diagnosis", "--runs", str(runs))
    refused, noted = desk.finish(second), desk.finish(note)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate(timeout=60)
    again = desk(*words, "--json")

    assert refused.code == 3 and f"process {first.pid}" in refused.err
    assert noted.code == 0 and folder.name in noted.out
    assert again.code == 0, again.err
    day = json.loads(again.out)
    assert (day["day"], day["outcome"], day["exit"]) == (folder.name, "went well", 0)
    events = lines(folder / "events.jsonl")
    kinds = [event["kind"] for event in events]
    assert kinds.count("run.started") == kinds.count("run.ended") == kinds.count("day.resumed") == 1
    assert kinds[-1] in ("day.ended", "told") or "people" in kinds[-1]
    assert [event["item"] for event in events if event["kind"].startswith("item.")] == [
        "stop-a-task", "stop-a-task", "talk", "talk", "never",
    ]  # fmt: skip
    assert len(list(runs.glob("*-stop-one-task"))) == 1
    ended = next(event for event in events if event["kind"] == "run.ended")
    assert ended["data"]["verdict"] == "held" and ended["data"]["requests"] > 50
    assert ended["data"]["hit_at"] < ended["at"]
    told = [event for event in events if event["kind"] == "told"]
    threads = {one["ref"] for event in told for one in event["data"]["deliveries"] if one["channel"] == "timeline"}
    assert len(told) >= 4 and len(threads) == 1 and "" not in threads
    assert next(event for event in events if event["kind"] == "note")["item"] == "stop-a-task"
    assert json.loads((folder / "day.json").read_text())["outcome"] == "went well"
