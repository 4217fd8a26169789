"""What pytest collects, and what it says of a file that is wrong. Nothing is played here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gameday.pytest_plugin.collecting import is_experiment
from tests.gameday.pytest_plugin.conftest import INSTALLED, NAMED, ROOT, Ask

pytest_plugins = ["pytester"]

OTHERS = {
    "suite.yaml": "name: release\nexperiments:\n- {file: ecs/stop.yaml, expect: held}\n",
    "plan.yaml": "title: A game day\nexperiments: [a.yaml]\ninjects: []\n",
    "inside.yaml": "steps:\n- title: a step\n  method: GET\n",
    "workflow.yml": "name: CI\non: push\njobs: {}\n",
    "broken.yaml": "name: {{ chart }}\n\ttitle: [\n",
    "data.json": '[{"title": 1, "method": "GET"}]',
    "template.json": '{"title": "x", "actions": {}, "targets": {}, "stopConditions": []}',
    "notes.txt": "title: a\nmethod: b\n",
    "empty.yaml": "",
}
MEANT = {
    "whole.yaml": "title: a\nmethod: []\n",
    "no-method.yaml": "title: a\nsteady-state-hypothesis: {}\n",
    "one-line.json": '{"title": "a", "method": []}',
    "torn.json": '{"title": "a", "method": [',
    "torn.yaml": "title: a\nmethod: [\n",
    "large.yaml": "title: a\nmethod: []\ndescription: " + "x" * 2**17,
    "latin.yml": "title: caf\xe9\nmethod: []\n",
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_are_left_alone(tmp_path: Path, name: str) -> None:
    """Suites, plans, workflows, templates and data are no experiments."""
    path = tmp_path / name
    path.write_text(OTHERS[name])
    assert not is_experiment(path)


@pytest.mark.parametrize("name", MEANT)
def test_what_was_meant_as_an_experiment_is_one(tmp_path: Path, name: str) -> None:
    """Broken or incomplete, it is collected, so that it is told and never passed over in silence."""
    path = tmp_path / name
    path.write_bytes(MEANT[name].encode("latin-1"))
    assert is_experiment(path)


@pytest.mark.usefixtures("experiment")
def test_without_an_environment_nothing_is_collected(ask: Ask) -> None:
    """A project that only has the suite installed is never surprised."""
    result = ask("--collect-only", "-q")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "stop" not in result.stdout.str()


@pytest.mark.usefixtures("experiment")
def test_with_an_environment_experiments_are_items(ask: Ask, pytester: pytest.Pytester) -> None:
    """Beside the project's own tests, and other YAML stays what it is."""
    pytester.makepyfile("def test_own(): pass")
    for name, text in OTHERS.items():
        (pytester.path / "experiments" / name).write_text(text)
    result = ask("--collect-only", "-qq", "--on", "lab")
    assert result.ret == 0
    assert sorted(filter(None, result.outlines)) == [
        "experiments/stop.yaml: 1",
        "test_with_an_environment_experiments_are_items.py: 1",
    ]


@pytest.mark.usefixtures("experiment")
def test_the_ini_file_can_name_the_environment(ask: Ask, pytester: pytest.Pytester) -> None:
    """`gameday_env` stands for `--on`."""
    pytester.makeini("[pytest]\ngameday_env = lab\n")
    ask("--collect-only", "-q").stdout.fnmatch_lines(["experiments/stop.yaml::stop"])


@pytest.mark.parametrize(
    ("words", "found"),
    [(["-k", "redundancy and notice", "-m", "gameday"], 1), (["-k", "rds"], 0), (["-m", "not gameday"], 0)],
)
@pytest.mark.usefixtures("experiment")
def test_tags_title_and_marker_pick_experiments(ask: Ask, words: list[str], found: int) -> None:
    """`-k TAG`, `-k WORD` of the title and `-m gameday`, with strict markers."""
    result = ask("--collect-only", "-q", "--on", "lab", *words)
    assert result.ret == (0 if found else pytest.ExitCode.NO_TESTS_COLLECTED)
    assert result.outlines.count("experiments/stop.yaml::stop") == found


def test_a_bad_experiment_is_an_error_with_its_place(ask: Ask, experiment: Path) -> None:
    """FILE:LINE:COL and a mend, every problem at once, no traceback; nothing is played meanwhile."""
    text = experiment.read_text().replace("rate: 60", "rat: 60").replace("func: stop_task", "func: stop_tsk")
    experiment.write_text(text)
    result = ask("--on", "lab")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines_random(
        ["experiments/stop.yaml:*:*: *stop_tsk*did you mean 'stop_task'*", "experiments/stop.yaml:*:*: *'rat'*'rate'*"]
    )
    assert "Traceback" not in result.stdout.str() and "def collect" not in result.stdout.str()


@pytest.mark.usefixtures("experiment")
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--on", "lap"], "*no environment 'lap' in gameday.toml; did you mean 'lab'?"),
        (["--on", "staging"], "*faults would be played on staging*say --gameday-yes*"),
        (["--on", "staging", "--gameday-yes", "--gameday-build", "no-retry"], "*staging is no lab*"),
        (["--on", "lab", "-o", "gameday_refused=pass"], "*gameday_refused is 'pass'; write fail or skip"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_once(ask: Ask, words: list[str], sentence: str) -> None:
    """A usage error in one sentence, before anything is collected."""
    result = ask(*words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([sentence])


@pytest.mark.usefixtures("experiment")
def test_another_environment_may_be_looked_at(ask: Ask) -> None:
    """Collecting for an account touches nothing, and so needs no word."""
    assert ask("--on", "staging", "--collect-only", "-q").ret == 0


def test_help_says_that_nothing_happens_unasked(ask: Ask) -> None:
    """In a group of its own."""
    help_ = " ".join(ask("--help").stdout.str().split())
    assert "gameday: chaos experiments as tests" in help_
    assert "no experiment is collected and nothing is touched" in help_


def test_every_option_has_its_page(ask: Ask) -> None:
    """docs/pytest.md names each option of the plugin and each word of the ini-file, and no other."""
    option = re.compile(r"--gameday-[a-z-]+|\bgameday_[a-z]+\b")
    page = (ROOT / "docs/pytest.md").read_text().partition("## Options")[2].partition("## ")[0]
    assert set(option.findall(page)) == set(option.findall(ask("--help").stdout.str()))


def test_the_plugin_imports_nothing_heavy() -> None:
    """pytest loads it in every session, and nothing that a session does not ask for."""
    heavy = "boto3 botocore chaoslib chaosaws gevent locust yaml click"
    code = f"import sys, gameday.pytest_plugin; print([m for m in {heavy.split()} if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


@pytest.mark.usefixtures("experiment")
def test_collecting_imports_nothing_that_a_file_names() -> None:
    """Neither Chaos Toolkit nor the suite's own modules come into pytest's process, nor onto its path."""
    code = (
        "import sys, pytest; before = sys.path[:];"
        "code = pytest.main([*sys.argv[1:], '--collect-only', '-q', '--on', 'lab']);"
        "print([m for m in ('chaoslib', 'chaosaws', 'actions', 'probes', 'boto3', 'gevent') if m in sys.modules],"
        "code, set(sys.path) - set(before))"
    )
    words = [sys.executable, "-c", code, *([] if INSTALLED else NAMED)]
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "experiments/stop.yaml::stop" in ended.stdout
    assert ended.stdout.splitlines()[-1] == "[] 0 set()"
