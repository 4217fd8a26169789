"""`gameday note` writes into the day that goes on, and into no other."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from gameday.cli.note import command
from gameday.day import folder
from gameday.day.events import Event
from gameday.errors import UsageError
from tests.gameday.day.test_folder import opened


@pytest.fixture
def day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> folder.Opened:
    """A day that goes on in the folder `runs`."""
    monkeypatch.chdir(Path(__file__).parents[3])
    monkeypatch.setenv("GAMEDAY_RUNS", str(tmp_path / "runs"))
    return opened(tmp_path / "runs")


def note(*words: str) -> Any:
    """Write a note."""
    return command.main(list(words), standalone_mode=False)


def written(day: folder.Opened) -> Event:
    """Return the newest thing that was written down."""
    return [event for event in day.timeline.read() if event.kind in ("note", "step.ticked")][-1]


def test_a_note_has_its_person_its_time_and_what_it_is_about(day: folder.Opened) -> None:
    """It stands in the day's events, beside the item that goes on."""
    day.timeline.add("item.begun", item="first", at=time.time() - 60)
    assert note("the pool is full", "--about", "diagnosis", "--who", "Ada") == 0
    event = written(day)
    assert (event.text, event.who, event.item, event.data) == (
        "the pool is full",
        "Ada",
        "first",
        {"about": "diagnosis"},
    )
    note("earlier", "--at", "2026-01-02T03:04:05Z")
    assert [one.at for one in day.timeline.read() if one.text == "earlier"] == [1767323045.0]


def test_an_action_item_has_an_owner_and_an_id_and_can_be_done(
    day: folder.Opened, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    """Its owner is the plan's unless one is named; the id is printed, and strikes it off."""
    note("--action", "alarm on pool waits", "--due", "2026-12-18")
    data = written(day).data
    assert (data["about"], data["owner"], data["due"]) == ("action", "Olga", "2026-12-18")
    assert str(data["action_id"]) in capsys.readouterr().out
    note("--done", str(data["action_id"]), "the alarm is there")
    assert written(day).data == {"about": "done", "action_id": data["action_id"]}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "write one thing"),
        (["--done", "3f2a"], "write one thing"),
        (["--action", "x", "--due", "soon"], "write a day as 2026-12-18"),
        (["x", "--at", "noon"], "write a time as 14:05:30"),
        (["x", "--at", "2999-01-01T00:00:00Z"], "is still to come"),
        (["--step", "3"], "write RUNBOOK#NUMBER"),
        (["--step", "no-such-book#1"], "no runbook 'no-such-book'"),
    ],
)
def test_what_makes_no_sense_is_refused(day: folder.Opened, words: list[str], says: str) -> None:
    """Nothing is written, and the sentence says what to write instead."""
    with pytest.raises(UsageError, match=says):
        note(*words)
    assert [event.kind for event in day.timeline.read()] == ["day.opened"]


def test_a_day_that_is_over_takes_no_note(day: folder.Opened) -> None:
    """Only with its name."""
    day.timeline.add("day.ended", outcome="went well", exit=0)
    with pytest.raises(UsageError, match="no game day goes on"):
        note("too late")
    assert note("all the same", "--day", day.folder.name) == 0
    assert written(day).text == "all the same"


def test_a_day_that_was_cut_short_and_left_does_not_go_on(day: folder.Opened) -> None:
    """Its time is over and nobody plays it: a note of today is not for it."""
    day.timeline.path.write_text(re.sub(r'"at": [0-9.]+', '"at": 1000.0', day.timeline.path.read_text()))
    (day.folder / folder.HOLDER).unlink()
    with pytest.raises(UsageError, match="no game day goes on"):
        note("today")


def test_a_step_that_is_ticked_late_stands_in_the_report(day: folder.Opened) -> None:
    """A day that is over is written again, as with a note."""
    day.timeline.add("day.ended", outcome="went well", exit=0)
    assert note("--step", "incident-response#2", "--day", day.folder.name) == 0
    assert json.loads((day.folder / "day.json").read_text())["steps_ticked"]


def test_what_is_done_must_be_there(day: folder.Opened) -> None:
    """An id that the day does not know is refused, and nothing is written down."""
    with pytest.raises(UsageError, match="no open action item nope; it has none"):
        note("--done", "nope", "it is there")
    assert not [event for event in day.timeline.read() if event.kind == "note"]
