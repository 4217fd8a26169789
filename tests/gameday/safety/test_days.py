"""A game day is found on its environment, and ended, also when no experiment of it runs."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gameday.config import Environment
from gameday.engine.halting import halt_environment
from gameday.safety import days

LAB = Environment("lab", "eu-west-1", endpoint="http://127.0.0.1:9", name="lab")


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of other days on this machine is seen."""
    monkeypatch.setenv("GAMEDAY_STATE", str(tmp_path / "state"))


def test_halt_ends_a_day_between_its_experiments_and_waits_for_its_end(tmp_path: Path) -> None:
    """What a day would begin next is to be ended as well; it hears who wants it."""
    folder = tmp_path / "2026-12-01T10-00-00Z-day-autumn"
    folder.mkdir()
    asked: list[str] = []
    said: list[str] = []
    heard = threading.Event()

    def hear(why: str) -> None:
        asked.append(why)
        heard.set()

    with ThreadPoolExecutor(1) as pool:
        with days.held(LAB, folder, hear):
            assert days.going_on(LAB) == folder
            halted = pool.submit(halt_environment, LAB, "`gameday halt` by Ada", 30.0, said.append)
            assert heard.wait(30) and not halted.done()
        outcome = halted.result(30)
    assert asked == ["`gameday halt` by Ada"] and said == [f"game day {folder.name}: asked to end"]
    assert outcome.sentence.endswith(f"; game day {folder.name} has ended") and not outcome.failures
    assert days.going_on(LAB) is None


def test_a_day_that_was_killed_does_not_go_on(tmp_path: Path) -> None:
    """Its line is still there, and nobody hears: neither halt nor the next day waits for it, which may take it up."""
    pipe = tmp_path / "halt"
    with days.held(LAB, tmp_path, lambda why: None):
        pipe.unlink()
        os.mkfifo(pipe)
        assert days.going_on(LAB) is None
        with days.held(LAB, tmp_path, lambda why: None):
            assert days.going_on(LAB) == tmp_path
