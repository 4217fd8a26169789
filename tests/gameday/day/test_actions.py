"""Action items: the same miss is one item, what holds closes it with its evidence, and nobody's silence does."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from gameday.day.actions import ActionItem, Miss, carried, due, id_of, items, overdue, taken_over
from gameday.day.events import Event
from tests.gameday.day.recorded import BEGAN, PLAN, day_of

FAILOVER = Miss("objective", "error_budget", "failover failed 5 %, the limit is 1 %", "experiments/rds/failover.yaml")
FIRST, SECOND = "2026-12-03T09-30-00Z-day-small", "2026-12-10T09-30-00Z-day-small"
WEEK = 7 * 86400.0


def saved(runs: Path, name: str, *found: ActionItem, file: str = "plans/small.yaml") -> Path:
    """Write a day that left these items."""
    folder = day_of(runs, name, PLAN, file=file)
    (folder / "day.json").write_text(json.dumps({"schema": 1, "action_items": [item.as_json() for item in found]}))
    return folder


def opened(miss: Miss = FAILOVER) -> ActionItem:
    """Return the item that the first day opens for a miss."""
    [item] = items(FIRST, "Olga", BEGAN, [miss], {}, [], [])
    return item


def test_a_miss_opens_an_item_for_the_owner() -> None:
    """It has the plan's owner, a due date 14 days later, and where it comes from."""
    item = opened()
    assert (item.owner, item.due, item.day, item.status) == ("Olga", "2026-12-17", FIRST, "open")
    assert item.as_json()["from"] == FIRST
    assert item.as_json()["source"] == "objective"
    assert ActionItem.from_json(item.as_json()) == item


def test_the_same_miss_is_the_same_item() -> None:
    """A weakness that is missed again keeps its id, its day and its due date: it is not put off by missing it."""
    [again] = items(SECOND, "Olga", BEGAN + WEEK, [FAILOVER], {}, [opened()], [])
    assert again == opened()


def test_what_holds_closes_it_with_evidence() -> None:
    """The same objective met closes the item and names the run; another objective does not."""
    held = {FAILOVER.key: "failed requests were 0.1 % in 2026-12-10T09-31-00Z-failover"}
    [done] = items(SECOND, "Olga", BEGAN + WEEK, [], held, [opened()], [])
    assert done.status == "done"
    assert "2026-12-10T09-31-00Z-failover" in done.how
    other = {Miss("objective", "p99_ms", "", FAILOVER.experiment).key: "p99 was 3 ms"}
    [still] = items(SECOND, "Olga", BEGAN + WEEK, [], other, [opened()], [])
    assert still.status == "open"


def test_a_miss_after_it_was_done_opens_it_again() -> None:
    """What came back is open again, from the day on which it came back."""
    done = ActionItem.from_json({**opened().as_json(), "status": "done", "how": "pool mended"})
    [again] = items(SECOND, "Olga", BEGAN + WEEK, [FAILOVER], {}, [done], [])
    assert (again.status, again.day, again.how) == ("open", SECOND, "")


def test_an_item_is_overdue_from_the_day_after() -> None:
    """On the day itself there is still time."""
    assert opened().at(date(2026, 12, 17)).status == "open"
    assert opened().at(date(2026, 12, 18)).status == "overdue"


def test_people_note_items_and_that_they_are_done() -> None:
    """A note about an action is an item with its owner and date, done by a note with its id."""
    given = {"about": "action", "action_id": "3f2a", "owner": "Ben", "due": "2026-12-05"}
    new = Event(BEGAN, "note", "alarm on pool waits", "Ada", data=given)
    vague = Event(BEGAN + 1, "note", "look at it", "Ada", data={"about": "action", "due": "soon"})
    done = Event(BEGAN + 9, "note", "it is there", "Ben", data={"about": "done", "action_id": "3f2a"})
    other = Event(BEGAN + 9, "note", "just a word", "Ben", data={"about": "note"})
    first, second = items(FIRST, "Olga", BEGAN, [], {}, [], [new, vague, done, other])
    assert (first.id, first.owner, first.due, first.status, first.how) == (
        "3f2a", "Ben", "2026-12-05", "done", "Ben: it is there")  # fmt: skip
    assert (second.owner, second.due, second.status) == ("Olga", due(BEGAN + 1), "open")


def test_nothing_that_people_wrote_down_closes_by_itself() -> None:
    """What a person noted is closed by a person."""
    noted = Event(BEGAN, "note", "alarm on pool waits", "Ada", data={"about": "action", "action_id": "3f2a"})
    [item] = items(FIRST, "Olga", BEGAN, [], {}, [], [noted])
    key = Miss("person", item.what, "", "").key
    assert items(SECOND, "Olga", BEGAN, [], {key: "x"}, [item], [])[0].status == "open"


def test_the_next_day_of_the_same_plan_takes_over(tmp_path: Path) -> None:
    """Only what the newest day of that plan left open counts, and only days before the one that asks."""
    done = ActionItem.from_json({**opened().as_json(), "id": "a-done", "status": "done"})
    saved(tmp_path, "2026-11-26T09-30-00Z-day-small", opened(), done)
    saved(tmp_path, FIRST, done)
    saved(tmp_path, "2026-12-04T09-30-00Z-day-other", opened(), file="plans/other.yaml")
    assert carried(tmp_path, "small", BEGAN) == []
    assert carried(tmp_path, "small", BEGAN, before=FIRST) == [opened()]
    assert [item.id for item in carried(tmp_path, "other", BEGAN)] == [opened().id]
    assert carried(tmp_path, "unknown", BEGAN) == []


def test_overdue_is_told_before_the_next_day(tmp_path: Path) -> None:
    """The go/no-go look asks with the time of now."""
    saved(tmp_path, FIRST, opened())
    assert overdue(tmp_path, "small", BEGAN + WEEK) == []
    assert [item.status for item in overdue(tmp_path, "small", BEGAN + 3 * WEEK)] == ["overdue"]


def test_a_plan_takes_over_another_plans_items(tmp_path: Path) -> None:
    """With `carries` both plans' items come, and what the newer day has done stays done."""
    mine = opened(Miss("channel", "slack", "the channel slack failed"))
    saved(tmp_path, "2026-12-01T09-30-00Z-day-other", opened(), mine, file="plans/other.yaml")
    saved(tmp_path, FIRST, ActionItem.from_json({**opened().as_json(), "status": "done", "how": "mended"}))
    found = taken_over(tmp_path, "small", "plans/other.yaml", BEGAN, "2026-12-09")
    assert [item.id for item in found] == [mine.id]


def test_notes_in_a_killed_day_are_not_lost(tmp_path: Path) -> None:
    """A day without `day.json` adds what people noted to the items of the one before it."""
    saved(tmp_path, FIRST, opened())
    done = {"text": "mended", "who": "Ben", "data": {"about": "done", "action_id": opened().id}}
    new = {"text": "mend the alarm", "who": "Ada", "data": {"about": "action", "action_id": "77"}}
    day_of(tmp_path, "2026-12-04T09-30-00Z-day-small", PLAN, (5, "note", done), (6, "note", new))
    assert [(item.id, item.owner) for item in carried(tmp_path, "small", BEGAN)] == [("77", "Olga")]


def test_broken_files_do_not_stop_the_next_day(tmp_path: Path) -> None:
    """A row that is none is left out, and an id stays the same in every process."""
    folder = saved(tmp_path, FIRST, opened())
    rows = [{"id": "x"}, {**opened().as_json(), "due": "never"}, opened().as_json()]
    (folder / "day.json").write_text(json.dumps({"action_items": rows}))
    assert carried(tmp_path, "small", BEGAN) == [opened()]
    assert id_of("objective\nexperiments/x.yaml\np99_ms") == "a-490911"


def test_what_holds_elsewhere_closes_nothing() -> None:
    """An item of staging stays open while the lab shows the same to hold, and is another than the lab's own."""
    (there,) = items("d1", "Ada", BEGAN, [FAILOVER], {}, [], [], environment="staging")
    found = items("d2", "Ada", BEGAN, [], {FAILOVER.key: "it held"}, [there], [], environment="lab")
    assert [item.status for item in found] == ["open"]
    both = items("d2", "Ada", BEGAN, [FAILOVER], {}, [there], [], environment="lab")
    assert len({item.id for item in both}) == 2
    found = items("d3", "Ada", BEGAN, [], {FAILOVER.key: "it held"}, [there], [], environment="staging")
    assert [item.status for item in found] == ["done"]


def test_a_day_whose_report_failed_loses_nothing(tmp_path: Path) -> None:
    """Its bare `day.json` names no action items: those of the day before are taken over all the same."""
    saved(tmp_path, FIRST, opened())
    (saved(tmp_path, SECOND) / "day.json").write_text(json.dumps({"schema": 1, "outcome": "went well"}))
    assert [item.id for item in carried(tmp_path, "small", BEGAN + 2 * WEEK)] == [opened().id]
