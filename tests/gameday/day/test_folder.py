"""A day's folder: opened, found again, and held by one process at a time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pytest

from gameday.config import Environment
from gameday.day import folder
from gameday.day.plan import Expect, Inject
from gameday.errors import Refusal, UsageError
from gameday.model import Json
from gameday.record import write_json
from gameday.redact import Redactor
from gameday.safety.process import Mortal
from tests.gameday.day.stage import experiment, plan

SET: Mapping[str, Json] = {"count": 2}
LAB = Environment("lab", "eu-west-1", name="lab")


def opened(runs: Path, values: Mapping[str, Json] = SET) -> folder.Opened:
    """Open a day."""
    path = runs.parent / "autumn.yaml"
    path.write_text("title: a day\n")
    agenda = plan(experiment("first", expect=Expect("errors", 60.0)), injects=[Inject("call", "first", message="m")])
    asked = folder.Opening(path, agenda, {"first": Path("first.yaml")}, {"first": values}, LAB, {"call": 3.5},
                           "gameday play autumn --set token=hush-hush", True)  # fmt: skip
    return folder.open_day(asked, runs, Redactor(["hush-hush"]))


def test_a_day_is_read_back_as_it_was_opened(tmp_path: Path) -> None:
    """The plan, its drawn delays and its values are those of the folder, whatever becomes of the plan's file."""
    day = opened(tmp_path / "runs")
    (tmp_path / "autumn.yaml").unlink()
    again = folder.again(day.folder, Redactor())
    assert (again.plan, again.values, again.drawn, again.own_lab) == (
        day.plan,
        {"first": {"count": 2}},
        {"call": 3.5},
        True,
    )
    assert again.files == {"first": Path("first.yaml").resolve()} and again.environment == "lab"
    assert day.folder.name.endswith("-day-autumn") and again.state.phase == "opened"


def test_a_day_is_for_its_owner_alone_and_keeps_no_secret(tmp_path: Path) -> None:
    """Its folder is 0700, its files 0600, and what is known as a secret is not written."""
    day = opened(tmp_path / "runs")
    assert day.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in day.folder.iterdir()} == {0o600}
    assert "hush-hush" not in "".join(path.read_text() for path in day.folder.iterdir())


def test_the_newest_day_that_was_cut_short_is_gone_on_with(tmp_path: Path) -> None:
    """Until its report is there, and while its time lasts; a day that ended is left alone, as is another plan's."""
    runs = tmp_path / "runs"
    day = opened(runs)
    at = day.timeline.read()[0].at
    assert folder.unfinished(runs, "autumn", at) == day.folder
    assert folder.unfinished(runs, "spring", at) is None
    assert folder.unfinished(runs, "autumn", at + 86400) is None
    day.timeline.add("day.ended", outcome="went well", exit=0)
    assert folder.unfinished(runs, "autumn", at) == day.folder
    write_json(day.folder / "day.json", {})
    assert folder.unfinished(runs, "autumn", at) is None


def test_two_processes_never_play_one_day(tmp_path: Path) -> None:
    """While the process that plays it lives a day is refused, by its number and its birth; after that it is free."""
    day = opened(tmp_path / "runs")
    parent = Mortal.of(os.getppid())
    write_json(day.folder / folder.HOLDER, asdict(parent))
    with pytest.raises(Refusal, match=f"is going on .process {parent.pid}."):
        folder.take(day)
    write_json(day.folder / folder.HOLDER, {"pid": parent.pid, "born": "another time"})
    folder.take(day)
    assert [event.kind for event in day.timeline.read()] == ["day.opened", "day.resumed"]


def test_a_day_that_was_begun_with_a_secret_is_not_gone_on_with_without_it(tmp_path: Path) -> None:
    """The process that has it plays with it; another one would play with something else."""
    day = opened(tmp_path / "runs", {"token": "hush-hush"})
    assert day.values["first"] == {"token": "hush-hush"}
    with pytest.raises(UsageError, match="begun with a secret"):
        folder.again(day.folder, Redactor())
