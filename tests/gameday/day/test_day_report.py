"""The day's document and its pages: the same from the same record, whole without a network, and nothing unescaped."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gameday.cli.report import command as report_command
from gameday.cli.runs import command as runs_command
from gameday.cli.show import command as show_command
from gameday.day.plan import Inject, Item, Roles
from gameday.day.report import document, markdown
from gameday.day.report import page as report
from gameday.day.report.picture import lanes
from gameday.day.report.sayings import people
from gameday.day.report.told import GOING_ON, INTERRUPTED
from gameday.errors import UsageError
from gameday.model import from_iso
from gameday.record import find_day, find_run, run_folders
from tests.gameday.day.recorded import BEGAN, BROKE, DAY, PLAN, copied, day_of

NASTY = "</title><script>alert(1)</script> | `x` [a](javascript:b) @all \x1b[31m\u202e"
WHY = ["1 of 3 experiments broke"]


class Page(HTMLParser):
    """What a page has of tags, links and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        known = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.links += [known["href"]] if tag == "a" and "href" in known else []
        self.ids += [known["id"]] if "id" in known else []
        self.loads += [known[name] for name in ("src", "xlink:href") if name in known]
        self.loads += [known["href"]] if tag == "link" else []


def finished(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """Return the recorded day's folder and document, written."""
    folder = copied(tmp_path) / DAY
    return folder, document.finish(folder, outcome="weaknesses found", exit=1, why=WHY)


def test_the_document_is_whole_and_strict_json(tmp_path: Path) -> None:
    """It is read back as it was returned, without not-a-number, and names what the day did."""
    folder, day = finished(tmp_path)
    text = (folder / "day.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail) == day
    assert (day["schema"], day["day"], day["outcome"], day["exit"], day["why"]) == (1, DAY, "weaknesses found", 1, WHY)
    assert day["plan"]["file"] == "plans/first-game-day.yaml"
    assert [row["verdict"] for row in day["agenda"] if row["kind"] == "experiment"] == ["held", "broke", "held", ""]
    assert day["summary"]["requests"] == sum(row["requests"] for row in day["agenda"])
    assert {(folder / name).stat().st_mode & 0o777 for name in ("day.json", "report.html", "report.md")} == {0o600}


def test_finishing_twice_says_the_same(tmp_path: Path) -> None:
    """Whoever writes the report again gets the same three files; so does `gameday report` of a day that has ended."""
    folder, _ = finished(tmp_path)
    names = ("day.json", "report.html", "report.md")
    before = [(folder / name).read_bytes() for name in names]
    document.finish(folder, outcome="weaknesses found", exit=1, why=WHY)
    document.write(document.again(folder), folder, list(document.FORMATS))
    assert [(folder / name).read_bytes() for name in names] == before


def test_a_later_note_changes_the_report(tmp_path: Path) -> None:
    """An action item noted after the end stands in the report that is written then."""
    folder, _ = finished(tmp_path)
    note = {"at": 1_796_380_000.0, "kind": "note", "text": "mend the pool", "who": "Ada",
            "data": {"about": "action", "action_id": "beef", "owner": "Ben", "due": "2026-12-20"}}  # fmt: skip
    with (folder / "events.jsonl").open("a") as file:
        file.write(json.dumps(note) + "\n")
    day = document.again(folder)
    document.write(day, folder, list(document.FORMATS))
    assert ("beef", "Ben", "open") in [(item["id"], item["owner"], item["status"]) for item in day["action_items"]]
    assert "Mend the pool." in (folder / "report.html").read_text()


def test_a_killed_day_is_told_as_far_as_it_came(tmp_path: Path) -> None:
    """Without its end a day is interrupted, or goes on while its process lives; what it has is in the report."""
    folder = copied(tmp_path) / DAY
    lines = [line for line in (folder / "events.jsonl").read_text().splitlines() if line and '"day.ended"' not in line]
    opened = json.loads(lines[0])
    (folder / "events.jsonl").write_text("\n".join(lines[:30]) + '\n{"at": 17963')
    day = document.again(folder)
    assert (day["outcome"], day["exit"], day["ended"]) == (INTERRUPTED, 130, None)
    assert any(row["verdict"] == "held" for row in day["agenda"])
    assert any("in the middle of the day" in row["text"] for row in day["findings"])
    me = json.dumps({**opened, "data": {**opened["data"], "pid": os.getpid()}})
    (folder / "events.jsonl").write_text("\n".join([me, *lines[1:30]]) + "\n")
    assert document.again(folder)["outcome"] == GOING_ON


def test_an_empty_folder_is_no_day(tmp_path: Path) -> None:
    """A folder without a day's files is refused; a day without a readable plan is still told."""
    with pytest.raises(UsageError, match="no game day's folder"):
        document.finish(tmp_path, outcome="x", exit=0, why=[])
    folder = tmp_path / "2026-12-03T09-30-00Z-day-x"
    folder.mkdir()
    (folder / "plan.yaml").write_text("title: [")
    day = document.finish(folder, outcome="interrupted", exit=130, why=["killed"])
    assert "not written down" in day["plan"]["title"]
    assert "Interrupted" in (folder / "report.html").read_text()


def test_the_page_needs_nothing_from_outside(tmp_path: Path) -> None:
    """No script, font or picture, no address but those of the runs' own reports beside it; every anchor is there."""
    folder, day = finished(tmp_path)
    html = (folder / "report.html").read_text()
    page = Page(html)
    assert not {"script", "img", "iframe", "object"} & set(page.tags)
    assert page.loads == ["data:,"]
    assert "@import" not in html
    assert "url(" not in html
    own = [link for link in page.links if not link.startswith("#")]
    assert {link.removeprefix("../").removesuffix("/report.html") for link in own} == {
        row["run"] for row in day["agenda"] if row["kind"] == "experiment" and row["run"]
    }
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert page.tags.count("svg") > 2


def test_the_first_screen_answers_four_questions(tmp_path: Path) -> None:
    """What happened, the verdict, the worst finding, and who must do what until when, before anything else."""
    folder, day = finished(tmp_path)
    first = (folder / "report.html").read_text().partition('<section class="timeline">')[0].partition("<main")[2]
    for said in ("Weaknesses found", "3 experiments played of 4 planned: 2 held, 1 broke"):
        assert said in first
    assert day["findings"][0]["kind"] == "experiment"
    assert re.search(r"\(limit [\d.]+%\)", first)
    assert day["action_items"][0]["due"] in first
    assert day["action_items"][0]["owner"] in first


def nasty(tmp_path: Path) -> dict[str, Any]:
    """Return a day in which whoever could write something wrote markup."""
    item = Item("one", NASTY, note=NASTY)
    plan = replace(PLAN, title=NASTY, objectives=[NASTY], roles=Roles(NASTY, NASTY), agenda=[item])
    folder = day_of(
        tmp_path, "2026-12-03T09-30-00Z-day-small", plan,
        (0, "day.begun", {"who": NASTY, "text": NASTY}), (1, "item.begun", {"item": "one"}),
        (2, "note", {"who": NASTY, "text": NASTY, "data": {"about": "action"}}),
        (3, "told", {"text": NASTY, "data": {"deliveries": [{"channel": NASTY, "ok": False, "detail": NASTY}]}}),
        (4, "step.ticked", {"who": NASTY, "data": {"runbook": NASTY, "step": NASTY}}),
        (5, "item.ended", {"item": "one", "text": NASTY}), (6, "day.ended", {"data": {"outcome": NASTY, "exit": 1}}),
    )  # fmt: skip
    return document.document(folder, NASTY, 1, [NASTY])


def test_whatever_people_wrote_is_escaped_on_the_page(tmp_path: Path) -> None:
    """Names, notes, titles and reasons are text there, never an element."""
    html = report.render(nasty(tmp_path))
    page = Page(html)
    assert "script" not in page.tags and not {"\x1b", "\u202e"} & set(html)
    assert page.tags.index("body") > page.tags.index("style") > page.tags.index("title")


def test_whatever_people_wrote_is_escaped_in_markdown(tmp_path: Path) -> None:
    """Outside of code it has no meaning, calls nobody, and no row of a table has a cell more than its head."""
    text = markdown.render(nasty(tmp_path))
    assert not {"\x1b", "\u202e"} & set(text), "nothing steers the terminal that shows it"
    plain = re.sub(r"`[^`]*`", "", re.sub(r"\\.", "", text))
    assert "<script" not in plain
    assert "[a]" not in plain
    assert "@all" not in plain
    tables = re.findall(r"(?:^\|.*\n)+", re.sub(r"\\\|", "", text), re.MULTILINE)
    assert tables
    assert all(len({row.count("|") for row in table.splitlines()}) == 1 for table in tables)


def test_pages_that_overlap_are_told_apart(tmp_path: Path) -> None:
    """Each page lasts until its own acknowledgement, though another came between."""
    folder = day_of(
        tmp_path, "2026-12-03T09-30-00Z-day-small", PLAN, (0, "day.begun", {}),
        (10, "page.triggered", {"data": {"incident": "A"}}), (20, "page.triggered", {"data": {"incident": "B"}}),
        (50, "page.acknowledged", {"who": "Ben", "data": {"incident": "A"}}),
        (60, "page.acknowledged", {"who": "Ben", "data": {"incident": "B"}}),
        (90, "page.resolved", {"data": {"incident": "B"}}), (100, "day.ended", {"data": {"outcome": "x", "exit": 0}}),
    )  # fmt: skip
    day = document.document(folder, "went well", 0, [])
    [pages] = [lane for lane in lanes(day, BEGAN + 100) if lane.title == "pages"]
    assert [(bar.begin - BEGAN, bar.end - BEGAN, bar.kind) for bar in pages.bars] == [
        (10, 50, "waiting"), (50, 100, "working"), (20, 60, "waiting"), (60, 90, "working"),
    ]  # fmt: skip


def test_people_and_machines_stand_on_one_clock(tmp_path: Path) -> None:
    """The recorded failover paged in time and was acknowledged too late: in the figures, the findings and the page."""
    pytest.importorskip("gameday.day.clock")
    folder, day = finished(tmp_path)
    [clock] = day["clocks"]
    met = {step["name"]: step["met"] for step in clock["steps"]}
    assert (clock["name"], met["page"], met["acknowledge"], met["diagnose"]) == ("failover", True, False, True)
    assert day["kpis"]["time_to_acknowledge"]["met"] is False
    assert [row["text"] for row in day["findings"] if row["kind"] == "clock"]
    item = next(item for item in day["action_items"] if item["source"] == "clock")
    assert (item["experiment"], item["what"]) == (BROKE, "clock acknowledge")
    assert "People's clock" in Page((folder / "report.html").read_text()).text


def test_the_next_day_closes_what_held(tmp_path: Path) -> None:
    """A day that is played again and held closes the item with the run as evidence; what was not played stays open."""
    folder, first = finished(tmp_path)
    missed = next(item for item in first["action_items"] if item["source"] == "objective")
    assert missed["experiment"] == BROKE
    again = folder.with_name(DAY.replace("2026-12-03", "2026-12-10"))
    again.mkdir()
    (again / "plan.json").write_text((folder / "plan.json").read_text())
    (again / "events.jsonl").write_text(json.dumps({"at": 1_796_895_000.0, "kind": "day.begun"}) + "\n")
    idle = document.finish(again, outcome="inconclusive", exit=4, why=[])
    assert missed["id"] in [item["id"] for item in idle["action_items"] if item["status"] == "open"]
    [run] = [row["run"] for row in first["agenda"] if row["experiment"] == BROKE]
    better = folder.parent / run.replace("2026-12-03", "2026-12-10")
    better.mkdir()
    findings = json.loads((folder.parent / run / "findings.json").read_text())
    rows = [{**row, "met": True, "measured": 0.0} for row in findings["objectives"]]
    (better / "findings.json").write_text(json.dumps({**findings, "verdict": "held", "objectives": rows}))
    (better / "plan.json").write_text("{}")
    ended = {"at": 1_796_895_300.0, "kind": "run.ended", "item": "failover",
             "data": {"verdict": "held", "exit": 0, "run": better.name}}  # fmt: skip
    (again / "events.jsonl").write_text((again / "events.jsonl").read_text() + json.dumps(ended) + "\n")
    day = document.finish(again, outcome="went well", exit=0, why=[])
    [item] = [item for item in day["action_items"] if item["id"] == missed["id"]]
    assert item["status"] == "done"
    assert better.name in item["how"]
    assert any(missed["id"] in line for line in day["went_well"])


def test_the_commands_know_days(tmp_path: Path) -> None:
    """`runs` lists days among the runs, `show` and `report` take one by name or prefix, and `last` stays a run."""
    folder, _ = finished(tmp_path)
    runs = ["--runs", str(folder.parent)]
    listed = CliRunner().invoke(runs_command, [*runs, "--json"], standalone_mode=False)
    rows = {row["run"]: row["verdict"] for row in json.loads(listed.output)}
    assert rows[DAY] == "weaknesses found"
    assert len(rows) == 4
    shown = CliRunner().invoke(show_command, ["last-day", "--json", *runs], standalone_mode=False)
    assert json.loads(shown.output)["day"] == DAY
    assert (
        CliRunner().invoke(show_command, [DAY[:26], *runs], standalone_mode=False).output.startswith("# ❌ Weaknesses")
    )
    out = tmp_path / "elsewhere"
    wrote = CliRunner().invoke(report_command, [DAY, "--format", "html,json", "--out", str(out), *runs])
    assert wrote.output.split() == [str(out / "report.html"), str(out / "day.json")]
    links = [link for link in Page((out / "report.html").read_text()).links if not link.startswith("#")]
    assert all((out / Path(link).parent / "findings.json").is_file() for link in links)


def test_a_day_is_no_run(tmp_path: Path) -> None:
    """Whoever asks for a run is told that a day is none, and a prefix of both is refused instead of guessed."""
    runs = copied(tmp_path)
    assert DAY not in [folder.name for folder in run_folders(runs)]
    assert find_run(runs, "last").folder.name != DAY
    with pytest.raises(UsageError, match="is a game day"):
        find_run(runs, DAY)
    assert find_day(runs, DAY) == runs / DAY
    assert find_day(runs, "2026-12-03T09-31") is None
    with pytest.raises(UsageError, match="4 days and runs begin with"):
        find_day(runs, "2026-12-03")


def test_each_hop_from_the_alarm_to_the_status_page_has_its_instant(tmp_path: Path) -> None:
    """In an order that can have been, the first of each, of this alarm alone; and on the first screen in words."""
    alarm, page = {"alarm": "errors"}, {"incident": "P1", "alarm": "errors", "within_s": 1.0}
    plan = replace(PLAN, injects=[Inject("call", "one", alarm="errors")])
    begun = {"item": "one"}
    folder = day_of(
        tmp_path, "2026-12-03T09-30-00Z-day-small", plan, (0, "day.begun", {}), (1, "item.begun", begun),
        (2, "people.read", {"data": {"service": "PagerDuty"}}), (2, "people.read", {"data": {"service": "Slack"}}),
        (10.2, "inject.fired", {"item": "one", "data": {"name": "call"}}),
        (10, "page.triggered", {"data": page}), (10.4, "alarm.fired", {"data": {"alarm": "another"}}),
        (10.5, "alarm.fired", {"data": alarm}), (10.6, "alarm.told", {"data": {**alarm, "opens": True}}),
        (12, "page.acknowledged", {"who": "Kim", "data": page}), (13.5, "chat.said", {"who": "Kim", "text": "I look"}),
        (14.5, "chat.said", {"who": "Kim", "text": "a release"}), (15, "status-page.changed", {}),
        (20, "page.resolved", {"who": "backend", "data": {**page, "automatic": True}}),
        (30, "day.ended", {"data": {"outcome": "went well", "exit": 0}}),
    )  # fmt: skip
    day = document.document(folder, "went well", 0, [])
    [clock] = day["clocks"]
    assert [(hop["kind"], round(from_iso(hop["at"]) - BEGAN, 3)) for hop in clock["hops"]] == [
        ("alarm.fired", 10.5), ("alarm.told", 10.6), ("page.triggered", 10.6), ("page.acknowledged", 12.0),
        ("chat.said", 13.5), ("status-page.changed", 15.0),
    ]  # fmt: skip
    assert [row["source"] for row in day["timeline"] if row["kind"] == "page.resolved"] == ["machines"]
    first = Page(report.render(day).partition('<section class="timeline">')[0]).text
    assert "acknowledged after 1.8 s to 2.8 s" in " ".join(first.split())


def test_that_nobody_did_something_is_said_only_where_it_is_known() -> None:
    """What a service that could not be read did not show is not known on the first screen either."""
    page = {"name": "page", "after_s": 3.0, "met": True, "why": "", "within_s": 1.0}
    nobody = {"after_s": None, "met": None, "why": "nobody acknowledged, and it was over after 40 s"}
    blind = {"after_s": None, "met": None, "why": "Slack cannot be read: 503"}
    steps = [page, {"name": "acknowledge", **nobody}, {"name": "communicate", **blind}]
    [(_, said, _)] = people({"clocks": [{"name": "x", "steps": steps}]})
    assert said == "paged after 3 s to 4 s, nobody acknowledged, others told: not known"
