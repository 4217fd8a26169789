"""What is scheduled and what came of it, and `gameday schedule` as a user runs it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gameday.cli.schedule import command
from gameday.config import Environment, Freeze
from gameday.day.events import Timeline
from gameday.day.plan import Plan, Roles, When
from gameday.errors import InputError, UsageError
from gameday.schedule import listing
from gameday.schedule.plans import Scheduled

LAB = Environment("lab", "eu-west-1", name="lab")
NOW = datetime(2026, 12, 24, 12, tzinfo=UTC).timestamp()
WEEKLY = When(cron="30 9 * * WED", zone="Europe/Dublin")
PLAN = """
title: "A \\"weekly\\" day\\nof it"
environment: {environment}
roles: {{owner: ann, coordinator: bob}}
agenda:
  - {{name: one, experiment: experiments/ecs/stop-one-task.yaml}}
when: {when}
freeze: [{{begins: 2026-12-19, ends: 2027-01-03, why: Christmas}}]
"""


def day(runs: Path, name: str, plan: str, outcome: str) -> None:
    """Write the folder of a day, with its end if it has an outcome."""
    folder = runs / name
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text(json.dumps({"schema": 1, "plan": {"file": f"plans/{plan}.yaml"}}))
    timeline = Timeline(folder)
    timeline.add("day.opened", pid=1)
    if outcome:
        timeline.add("day.ended", outcome=outcome, exit=0)


def test_a_row_says_what_is_next_last_missed_and_frozen(tmp_path: Path) -> None:
    """The day that was killed is told so; another plan's days, and a freeze's own days, are not missed."""
    day(tmp_path, "2026-11-25T09-30-02Z-day-weekly", "weekly", "went well")
    day(tmp_path, "2026-12-09T09-31-00Z-day-weekly", "weekly", "")
    day(tmp_path, "2026-12-02T09-30-00Z-day-weekly-2", "weekly-2", "went well")
    (tmp_path / "2026-12-16T09-30-00Z-stop-one-task").mkdir()
    days = listing.days(tmp_path, "weekly")
    assert [(one.folder[:10], one.outcome) for one in days] == [("2026-11-25", "went well"), ("2026-12-09", "")]
    plan = Plan("A day", Roles("ann", "bob"), [], when=WEEKLY, freeze=[Freeze("2026-12-19", "2027-01-03", "Christmas")])
    row = listing.row(Scheduled("plans/weekly.yaml", plan), LAB, days, NOW, 60, NOW)
    told = row.as_json()
    assert told["missed"] == ["2026-12-02T09:30:00Z", "2026-12-16T09:30:00Z"]  # the 23rd was frozen
    assert told["missed_since"] == "2026-11-25T09:15:02Z"
    assert row.coming is not None and "Christmas" in row.coming.frozen[0]
    text = "\n".join(listing.text(row))
    assert "next: Wed 2026-12-30 09:30 GMT (Europe/Dublin); FROZEN: the freeze" in text
    assert "last: 2026-12-09T09-31-00Z-day-weekly: without an end" in text
    assert text.count("MISSED") == 2
    assert [bool(one.frozen) for one in row.begins] == [True] + [False] * 7


def test_nothing_is_missed_before_the_plan_was_written() -> None:
    """Without a day, what was due before the file was there is not known to be missed."""
    scheduled = Scheduled("plans/weekly.yaml", Plan("A day", Roles("ann", "bob"), [], when=WEEKLY))
    assert listing.row(scheduled, LAB, [], NOW, 0, NOW - 60).missed == []
    assert len(listing.row(scheduled, LAB, [], NOW, 0, NOW - 15 * 86400).missed) == 2


def test_a_day_of_a_change_of_clocks_is_marked() -> None:
    """Also that no scheduler starts a day at a time which the clocks skip."""
    when = When(cron="30 1 * * *", zone="Europe/Dublin")
    scheduled = Scheduled("plans/x.yaml", Plan("A day", Roles("ann", "bob"), [], when=when))
    found = listing.begins(scheduled, LAB, NOW, NOW + 365 * 86400)
    lines = listing.table(found, when.zone)
    assert len(lines) == 365
    (forward,) = [line for line in lines if "forward" in line]
    assert forward.startswith("Sun 2027-03-28 02:00 IST  2027-03-28 01:00 UTC") and "start no day" in forward
    (back,) = [line for line in lines if " back " in line]
    assert back.startswith("Sun 2027-10-31 01:30 IST  2027-10-31 00:30 UTC") and "the first one counts" in back


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A suite with one weekly plan; its experiment and its settings are the repository's own."""
    monkeypatch.setattr(sys, "path", [*sys.path])  # a suite puts itself first
    for name in ("probes", "actions", "plans"):
        (tmp_path / name).mkdir()
    for file in ("experiments/ecs/stop-one-task.yaml", "load/feed.py", "gameday.toml"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(__file__).parents[3] / file, tmp_path / file)
    weekly = PLAN.format(environment="lab", when="{cron: 30 9 * * WED, zone: Europe/Dublin}")
    (tmp_path / "plans" / "weekly.yaml").write_text(weekly)
    os.utime(tmp_path / "plans" / "weekly.yaml", (time.time(), time.time()))
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def schedule(*words: str) -> Result:
    """Run `gameday schedule WORDS` in this process."""
    return CliRunner().invoke(command, words, standalone_mode=False)


def test_the_plan_comes_first_or_after_the_options(suite: Path) -> None:
    """`schedule PLAN --as cron` and `schedule --as cron PLAN` are `schedule write`."""
    told = schedule("weekly", "--as", "cron")
    assert told.exception is None and "CRON_TZ=Europe/Dublin\n30 9 * * 3 cd " in told.stdout
    assert "play plans/weekly.yaml --unattended --yes" in told.stdout
    assert schedule("--as", "cron", "plans/weekly.yaml").stdout == told.stdout
    assert schedule("write", "weekly", "--as", "cron").stdout == told.stdout


def test_the_bundled_suite_plays_where_it_is_scheduled(
    suite: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its days write their records into the working directory, and not beside the installed code."""
    monkeypatch.setattr("gameday.config.BUNDLED", suite)
    monkeypatch.setattr("gameday.cli.schedule.BUNDLED", suite)
    here = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(here)
    told = schedule("weekly", "--as", "cron")
    assert told.exception is None and f"cd {here} && " in told.stdout and str(suite) not in told.stdout


def test_files_are_written_where_they_are_asked(suite: Path) -> None:
    """A workflow to its file, units into a folder; their names go to standard error."""
    told = schedule("weekly", "--as", "github", "--out", ".github/workflows/weekly.yml")
    assert (told.stdout, told.stderr) == ("", ".github/workflows/weekly.yml\n")
    assert "cron:" in (suite / ".github" / "workflows" / "weekly.yml").read_text()
    schedule("weekly", "--as", "systemd", "--out", "units")
    assert sorted(one.name for one in (suite / "units").iterdir()) == ["gameday-weekly.service", "gameday-weekly.timer"]


def test_a_dry_run_shows_a_year_and_writes_nothing(suite: Path) -> None:
    """One line a begin, local and UTC, and how many are frozen."""
    told = schedule("weekly", "--as", "cron", "--dry-run", "--out", "x").stdout.splitlines()
    assert len(told) in (53, 54) and "by the clock of Europe/Dublin" in told[-1]
    assert not (suite / "x").exists()


def test_eventbridge_is_one_json_document(suite: Path) -> None:
    """With the runner of gameday.toml, and what an option says instead."""
    told = json.loads(schedule("weekly", "--as", "eventbridge", "--subnets", "subnet-1, subnet-2").stdout)
    target = told["create_schedule"]["Target"]
    assert target["Arn"].endswith(":cluster/gameday-runner")
    assert target["EcsParameters"]["NetworkConfiguration"]["awsvpcConfiguration"]["Subnets"] == ["subnet-1", "subnet-2"]
    assert set(told["role"]) == {"trust", "permissions"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("weekly", "--as", "cron", "--cluster", "x"), "--cluster is not for --as cron"),
        (("weekly", "--as", "github", "--apply"), "--apply is for --as eventbridge"),
        (("weakly", "--as", "cron"), "did you mean 'weekly'"),
        (("weekly", "--as", "cron", "--on", "stagin"), "did you mean 'staging'"),
        (("weekly", "--as", "eventbridge", "--on", "staging"), "staging has no runner"),
        (("never", "--as", "cron"), "nothing to schedule"),
        (("past", "--as", "eventbridge"), "2020-01-01 10:00 is over; give the day another date"),
        (("weekly", "--as", "cron", "--out", "plans"), "is a folder"),
        (("weekly", "--as", "systemd", "--out", "gameday.toml"), "is a file"),
        (("weekly", "--as", "cron", "--out", "gameday.toml/x"), "cannot be written"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(suite: Path, words: tuple[str, ...], said: str) -> None:
    """With what to write instead."""
    for name, when in (("never", "{}"), ("past", "{date: 2020-01-01}")):
        (suite / "plans" / f"{name}.yaml").write_text(PLAN.format(environment="lab", when=when))
    told = schedule(*words)
    assert isinstance(told.exception, UsageError) and said in str(told.exception)


def test_a_plan_whose_when_is_wrong_says_where(suite: Path) -> None:
    """FILE:LINE:COL, all problems at once; the list shows the others all the same, and ends with 2."""
    bad = suite / "plans" / "bad.yaml"
    bad.write_text(PLAN.format(environment="lab", when="{cron: 30 9 * * FUN, zone: Europe/Dublim}"))
    told = schedule("plans/bad.yaml", "--as", "cron")
    assert isinstance(told.exception, InputError) and len(told.exception.problems) == 2
    assert str(told.exception).startswith("plans/bad.yaml:7:")
    listed = schedule("list")
    assert listed.return_value == 2
    assert "plans/weekly.yaml" in listed.stdout and "bad.yaml:7:" in listed.stderr


def test_the_list_shows_every_plan(suite: Path) -> None:
    """One line of a plan each, whatever its title; JSON is alone on standard output."""
    day(suite / "runs", "2026-11-25T09-30-02Z-day-weekly", "weekly", "weaknesses found")
    text = schedule("list", "--days", "40").stdout
    assert 'plans/weekly.yaml: A "weekly" day of it; on lab' in text
    assert "last: 2026-11-25T09-30-02Z-day-weekly: weaknesses found" in text
    told = json.loads(schedule("list", "weekly", "--json", "--days", "365").stdout)
    assert told["drift"] == [] and len(told["plans"][0]["begins"]) in (52, 53)
    assert told["plans"][0]["last"]["outcome"] == "weaknesses found"
