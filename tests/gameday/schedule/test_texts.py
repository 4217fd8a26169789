"""A plan as a workflow, a crontab and a systemd timer: right on every day of a year, and safe with any title."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from gameday.config import Environment, Runner
from gameday.day import calendar
from gameday.day.plan import When
from gameday.errors import UsageError
from gameday.schedule import cron, github, systemd, words
from gameday.schedule.plans import Scheduled, id_of
from tests.gameday.schedule.samples import LAB, NOW, RUNNER, STAGING, WEEKLY, scheduled
from tests.workflows.rules import problems

YEAR_S = 365 * 86400.0
SUITE = Path("/srv/100% of it")


def read(text: str) -> Any:
    """Return a workflow as it is written: every value as text, `on` and all."""
    return yaml.load(text, yaml.BaseLoader)


@pytest.mark.parametrize("environment", [LAB, STAGING])
def test_the_workflow_keeps_the_rules(environment: Environment) -> None:
    """Least permissions, pinned actions, timeouts, never cancelled; approved by GitHub's environment, off the lab."""
    told = read(github.workflow(scheduled(environment=environment.name), environment, RUNNER, NOW))
    assert problems(told) == []
    day = told["jobs"]["day"]
    assert day["concurrency"] == {"group": f"chaos-{environment.name}", "cancel-in-progress": "false"}
    assert day.get("environment") == ("gameday-staging" if environment is STAGING else None)
    assert (day["needs"], day["if"]) == ("due", "needs.due.outputs.now == 'true'")
    (step,) = [one for one in day["steps"] if one.get("uses") == "./.github/actions/day"]
    assert step["with"] == {"plan": "plans/weekly.yaml", "on": environment.name}
    assert step.get("env") == (
        {"SLACK_WEBHOOK_URL": "${{ secrets.SLACK_WEBHOOK_URL }}"} if environment is STAGING else None
    )


def test_a_title_can_say_nothing_to_github() -> None:
    """No expression, no second line: only our own ones are left."""
    text = github.workflow(scheduled(), STAGING, RUNNER, NOW)
    assert "secrets.KEY }}" in read(text)["name"] and "${{ secrets.KEY" not in text
    assert len(read(text)["jobs"]) == 2
    odd = Scheduled("plans/${{ x }}.yaml", scheduled().plan)
    with pytest.raises(UsageError, match="expression"):
        github.workflow(odd, STAGING, RUNNER, NOW)


def fires(line: str, day: datetime) -> datetime | None:
    """Return when a cron in UTC, of plain numbers and lists, fires on the date of *day*; None: it does not."""
    minute, hour, days, months, weekdays = line.split()
    named = ((days, day.day), (months, day.month), (weekdays, day.isoweekday() % 7))
    spans = [[range(int(a), int(b or a) + 1) for a, _, b in (one.partition("-") for one in text.split(","))]
             if text != "*" else [range(32)] for text, _ in named]  # fmt: skip
    fits = all(any(number in span for span in found) for found, (_, number) in zip(spans, named, strict=True))
    return day.replace(hour=int(hour), minute=int(minute)) if fits else None


@pytest.mark.parametrize(
    ("expression", "zone", "number"),
    [
        ("30 9 * * WED", "Europe/Dublin", 2),
        ("30 9 * * WED", "America/New_York", 2),
        ("30 9 * * 1-5", "UTC", 1),
        ("30 21 * * SAT", "America/New_York", 2),  # Sunday in UTC
        ("15 8 * * SUN,MON", "Pacific/Auckland", 2),  # the day before in UTC
        ("0 9 1,15 * *", "Asia/Kolkata", 1),
    ],
)
def test_of_the_crons_in_utc_just_the_right_one_is_let_through(expression: str, zone: str, number: int) -> None:
    """Over a year: each begin of the plan is fired once and let through, and nothing else is."""
    when = When(cron=expression, zone=zone)
    crons = github.crons(when, NOW)
    assert len(crons) == number
    days = [datetime(2026, 11, 26, tzinfo=UTC) + timedelta(days=count) for count in range(365)]
    fired = [(at, offset) for line, offset in crons.items() for day in days if (at := fires(line, day))]
    through = sorted(at.timestamp() for at, offset in fired if f"{at.astimezone(ZoneInfo(zone)):%z}" == offset)
    assert through == list(calendar.begins(when, NOW, NOW + YEAR_S))


@pytest.mark.parametrize(
    ("fired", "now", "said"),
    [
        ("30 9 * * 3", "2026-12-02 09:47", "now=true"),
        ("30 8 * * 3", "2026-12-02 08:30", "now=false"),
        ("30 8 * * 3", "2027-07-07 08:47", "now=true"),
        ("30 9 * * 3", "2027-07-07 09:30", "now=false"),
        ("", "2026-12-02 09:30", "now=false"),
    ],
)
def test_the_clock_step_decides_by_the_offset(fired: str, now: str, said: str, tmp_path: Path) -> None:
    """The step's own script, with a `date` that is asked at that instant: however late GitHub is."""
    (step,) = read(github.workflow(scheduled(), LAB, Runner(), NOW))["jobs"]["due"]["steps"]
    date = shutil.which("date")
    (tmp_path / "date").write_text(f'#!/bin/sh\nexec {date} -d "{now} UTC" "$@"\n')
    (tmp_path / "date").chmod(0o755)
    variables = {"PATH": f"{tmp_path}:/usr/bin:/bin", "FIRED": fired, "TZ": step["env"]["TZ"], "GITHUB_OUTPUT": "out"}
    subprocess.run(["bash", "-e", "-c", step["run"]], env=variables, cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "out").read_text().strip() == said


@pytest.mark.parametrize(
    ("when", "runner", "environment", "said"),
    [
        (When(cron="0 9 L * *"), RUNNER, LAB, "L or #"),
        (When(cron="30 21 1 * *", zone="America/New_York"), RUNNER, LAB, "another date in UTC"),
        (When(cron="0 9 * * *", lasts_s=21600), RUNNER, LAB, "more than the 360 min"),
        (WEEKLY, Runner(), STAGING, "no role for GitHub"),
        (When(), RUNNER, LAB, "nothing to schedule"),
    ],
)
def test_what_github_cannot_do_is_refused(when: When, runner: Runner, environment: Environment, said: str) -> None:
    """With why, and before anything is written."""
    with pytest.raises(UsageError, match=said):
        github.workflow(scheduled(when), environment, runner, NOW)


def test_a_date_is_let_through_in_its_year_alone() -> None:
    """GitHub's crons and a crontab know no year: the day is compared."""
    once = When(date="2027-07-01", zone="Europe/Dublin")
    assert github.crons(once, NOW) == {"0 9 1 7 *": "2027-07-01"}
    (line,) = [one for one in cron.lines(scheduled(once), ["gameday"], SUITE).splitlines() if "&&" in one]
    assert line.startswith("0 10 1 7 * cd ") and r'[ "$(date +\%Y)" = 2027 ] && gameday' in line


def test_the_crontab_is_one_zone_and_one_line() -> None:
    """Comments stay comments, `%` ends no command, and the shell reads the words back."""
    program = ["/opt/my gameday/bin/gameday", "play", "plans/50% '.yaml", "--yes"]
    told = cron.lines(scheduled(), program, SUITE).splitlines()
    assert [one for one in told if not one.startswith("#")][:-1] == ["CRON_TZ=Europe/Dublin"]
    fields, command = told[-1].split(" cd ")
    assert fields == "30 9 * * 3"
    assert not re.search(r"(?<!\\)%", command)
    read_back = shlex.split(command.replace(r"\%", "%"))
    assert read_back[0] == str(SUITE) and read_back[2:-2] == program
    with pytest.raises(UsageError, match="line break"):
        cron.lines(scheduled(), program, Path("/srv/a\nb"))


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("30 9 * * WED", "30 9 * * 3"),
        ("0 9 * 1-12 MON-FRI", "0 9 * * 1-5"),
        ("0 9 1 * MON", "0 9 1 * 1"),
        ("0 9 */10 * *", "0 9 1,11,21,31 * *"),
    ],
)
def test_cron_is_written_so_that_every_cron_reads_it(expression: str, said: str) -> None:
    """Numbers, lists and ranges only."""
    assert cron.posix(expression) == said


def test_a_day_of_both_kinds_by_a_step_is_refused() -> None:
    """Debian's cron reads `*/2 * MON` as both, others as either."""
    with pytest.raises(UsageError, match="not every cron reads alike"):
        cron.posix("0 9 */2 * MON")


def test_the_units_play_the_day_and_catch_nothing_up() -> None:
    """Persistent=false, no delay; a title adds no line, and every word of the command is read back."""
    command = ["/opt/my gameday/bin/gameday", "play", 'plans/$a "b" 50%.yaml', "--yes"]
    told = systemd.units(scheduled(), command, SUITE)
    service, timer = (told[f"gameday-weekly.{kind}"].splitlines() for kind in ("service", "timer"))
    assert "OnCalendar=Wed *-*-* 09:30:00 Europe/Dublin" in timer
    assert {"Persistent=false", "RandomizedDelaySec=0", "Unit=gameday-weekly.service"} < set(timer)
    assert [one for one in service if one.startswith("ExecStart")] == [
        r'ExecStart="/opt/my gameday/bin/gameday" play "plans/$$a \"b\" 50%%.yaml" --yes'
    ]
    assert "WorkingDirectory=/srv/100%% of it" in service
    assert {"Type=oneshot", "KillSignal=SIGINT", "KillMode=mixed", "Restart=no"} < set(service)
    (description,) = [one for one in service if one.startswith("Description")]
    assert "50%% $HOME" in description and "\x1b" not in description


CALENDARS = [
    WEEKLY,
    When(cron="0 9 1 * MON", zone="America/New_York"),
    When(cron="0 9 */2 3-5 MON"),
    When(cron="0 9 L * *"),
    When(cron="0 9 * * MON#2", zone="Europe/Dublin"),
    When(cron="0 9 * * 5L"),
    When(cron="0 9 * * TUE,MON#1"),
    When(date="2027-02-03", zone="Europe/Dublin"),
]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
@pytest.mark.parametrize("when", CALENDARS, ids=lambda when: when.cron or when.date)
def test_systemd_reads_the_same_days(when: When) -> None:
    """The next ten begins by `systemd-analyze calendar` are the plan's."""
    wanted = [at for at, _ in zip(calendar.begins(when, NOW, NOW + 3 * YEAR_S), range(10), strict=False)]
    found: set[float] = set()
    for one in systemd.expressions(when):
        asked = ["systemd-analyze", "calendar", "--base-time=2026-11-26 00:00:00 UTC", "--iterations=10", one]
        told = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60, env={"TZ": "UTC"}).stdout
        times = re.findall(r"(?:Next elapse|Iter\. #\d+): \w+ (\S+ \S+) UTC", told)
        found |= {datetime.fromisoformat(f"{each}+00:00").timestamp() for each in times}
    assert sorted(found)[: len(wanted)] == wanted


def test_systemd_cannot_say_the_last_working_day() -> None:
    """It is refused, with what to write."""
    with pytest.raises(UsageError, match="write L"):
        systemd.expressions(When(cron="0 9 LW * *"))


def test_names_of_schedules_are_plain_and_differ() -> None:
    """A name that is not plain, or too long, gets a short sum of itself, so that no two plans share a schedule."""
    assert id_of("first-game-day") == "first-game-day"
    odd = {id_of(name) for name in ("a b", "a-b", "a/b", "ä", "é", "x" * 60, "x" * 61)}
    assert len(odd) == 7
    assert all(re.fullmatch(r"[0-9a-zA-Z-_.]{1,48}", name) for name in odd)


def test_words_stay_one_word_each() -> None:
    """Backslashes and quotes in a unit, and a text that ends in a backslash would join the next line."""
    assert words.unit_word("a\\b") == r'"a\\b"'
    assert words.unit_word("") == '""'
    assert words.unit_text("ends in \\") == "ends in "
