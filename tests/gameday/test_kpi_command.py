"""`gameday kpi` as a user runs it: what it prints and writes, and how it answers to mistakes."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from gameday.cli import gameday
from gameday.cli.kpi import when
from gameday.config import Targets, load_targets
from gameday.errors import InputError, UsageError
from tests.gameday.analysis.releases import DAY_S, NOW, Watched, some_watches, write
from tests.gameday.mistakes import ROOT

SINCE = ("--since", "2026-11-03T12:00Z", "--until", "2026-12-01T12:00Z")


def kpi(*words: object, suite: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run `gameday kpi WORDS` in a suite's folder."""
    command = [sys.executable, "-m", "gameday", "kpi", *map(str, words)]
    return subprocess.run(command, cwd=suite, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A runs folder with watches of two months, one of which is broken."""
    folder = tmp_path / "runs"
    for each in [*some_watches(random.Random(2)), Watched(900, NOW - DAY_S)]:
        write(folder, each.ended - 200, "watch.json", f"watch-{each.number}", each.document)
    write(folder, NOW, "watch.json", "newer", {"schema": 9})
    return folder


def test_figures_are_printed_and_written(runs: Path, tmp_path: Path) -> None:
    """The table on standard output, the file left out on standard error, a page and a Markdown text in --out."""
    out = tmp_path / "out"
    ended = kpi("--runs", runs, *SINCE, "--format", "html,md", "--out", out)
    assert ended.returncode == 0, ended.stderr
    for words in ("Deployment frequency", "Change lead time", "Change fail rate", "Failed deployment recovery time"):
        assert words in ended.stdout
        assert words in (out / "kpi.html").read_text()
        assert words in (out / "kpi.md").read_text()
    assert "update gameday" in ended.stderr
    assert {path.name: path.stat().st_mode & 0o777 for path in out.iterdir()} == {"kpi.html": 0o600, "kpi.md": 0o600}
    assert "http" not in (out / "kpi.html").read_text().replace("http-equiv", "")


def test_json_is_alone_on_standard_output(runs: Path, tmp_path: Path) -> None:
    """`--json` prints one document, even when files are written too; their names go to standard error."""
    ended = kpi("--runs", runs, *SINCE, "--json", "--format", "md", "--out", tmp_path)
    found = json.loads(ended.stdout)
    assert (found["schema"], found["since"]) == (1, "2026-11-03T12:00:00.000000Z")
    assert found["environments"][0]["services"][0]["kpis"][0]["target"] == 10
    assert str(tmp_path / "kpi.md") in ended.stderr


def test_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    """Nothing there, or no folder at all, is no error: the line names the commands that leave records."""
    ended = kpi("--runs", tmp_path / "none")
    assert ended.returncode == 0
    for words in ("gameday watch", "gameday gate", "--on ENV"):
        assert words in ended.stdout


def test_records_outside_of_the_time_are_told(tmp_path: Path) -> None:
    """A folder with old drills alone does not look empty."""
    drill = Watched(1, NOW - 90 * DAY_S, drill=True)
    write(tmp_path, NOW - 90 * DAY_S, "watch.json", "old", drill.document)
    assert "1 records lie outside" in kpi("--runs", tmp_path, *SINCE).stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--since", "yesterday"), "--since 'yesterday' is no time; write 12h, 30d"),
        (("--since", "2026-12-01", "--until", "2026-11-01"), "is not before --until"),
        (("--format", "pdf"), "no format 'pdf'; there are html, md"),
        (("--on", "prodution"), "no environment 'prodution'"),
    ],
)
def test_mistakes_are_told(words: tuple[str, ...], told: str, tmp_path: Path) -> None:
    """Bad usage raises a sentence with what to write instead, before anything is read or written."""
    with pytest.raises(UsageError, match=told.replace("(", r"\(")):
        gameday.main(["kpi", "--runs", str(tmp_path), *words], standalone_mode=False)
    assert list(tmp_path.iterdir()) == []


def test_times_are_spans_dates_or_instants() -> None:
    """`2d` ago; a day as --until includes that day; a time without its zone is UTC."""
    assert when("2d", NOW, "--since") == NOW - 2 * DAY_S
    assert when("1w", NOW, "--until") == NOW - 7 * DAY_S
    assert when("2026-12-01T12:00", 0.0, "--since") == NOW
    assert when("2026-12-01T14:00+02:00", 0.0, "--until") == NOW
    assert when("2026-11-30", 0.0, "--until") - when("2026-11-30", 0.0, "--since") == DAY_S


def test_targets_may_be_overridden(tmp_path: Path) -> None:
    """A file without them has the usual ones; each of ours stands as written; nonsense is told at its place."""
    path = tmp_path / "gameday.toml"
    path.write_text("")
    assert load_targets(tmp_path) == Targets() == load_targets(ROOT)
    path.write_text("[targets]\nlead_time_s = 7200\n")
    assert load_targets(tmp_path) == Targets(lead_time_s=7200.0)
    path.write_text("[targets]\nlead_time_s = 0\nchange_failure_rate = 5\n")
    with pytest.raises(InputError) as told:
        load_targets(tmp_path)
    assert [(problem.line, problem.message.partition(";")[2]) for problem in told.value.problems] == [
        (2, " write more than 0"),
        (3, " for 5 % write 0.05"),
    ]
