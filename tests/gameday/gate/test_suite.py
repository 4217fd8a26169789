"""A suite file: what is right is read, and everything that is wrong is told at once, with its place and a mend."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from gameday.engine.check import check
from gameday.errors import InputError, UsageError
from gameday.gate.suite import Quarantine, find, is_suite, problems_of, read
from gameday.source import Source
from tests.gameday.gate.conftest import ROOT, Suited

TODAY = date(2026, 12, 1)
STOP = "experiments/ecs/stop-one-task.yaml"
WHOLE = f"""\
name: before-release
description: what a release must survive
environment: staging
budget_s: 900
retries: 2
regressions: tell
baseline: {{keep: 3}}
limits: {{recovery_s: {{percent: 10, floor: 1}}}}
experiments:
  - file: {STOP}
    touches: [task-definition, load-balancer]
    set: {{cluster: other}}
  - file: experiments/rds/reboot-with-failover.yaml
    expect: broke
    until: 2027-01-31
    why: no retries yet
  - file: ../latency/backend-to-database.yaml
    quarantine: {{why: flaky, until: 2026-12-24}}
"""


def test_a_whole_suite_is_read(suited: Suited, root: Path) -> None:
    """Every key, days without quotes, and a path from the suite file as well as from the root."""
    loaded = read(suited(WHOLE), root)
    first, second, third = loaded.suite.experiments
    assert (second.expect, second.until) == ("broke", "2027-01-31")
    assert third.quarantine == Quarantine("flaky", "2026-12-24")
    assert loaded.files[0] == Path(STOP) and loaded.files[2].is_file()
    assert dict(first.set) == {"cluster": "other"} and loaded.suite.baseline.keep == 3
    assert loaded.suite.limits.recovery_s.floor == 1 and loaded.suite.limits.p99_ms.floor == 250
    assert problems_of(loaded.path, root, TODAY) == []


@pytest.mark.parametrize("name", ["release", "nightly", "smoke"])
def test_ours_are_right(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each shipped suite is found by its name, and plays without a word changed."""
    monkeypatch.chdir(ROOT)
    path = find(name, ROOT)
    assert path == Path("experiments/suites") / f"{name}.yaml"
    assert read(path, ROOT).files[0] == Path(STOP) and is_suite(Source.yaml(path).data)


MISTAKES = {
    "experimnts: []": (1, 1, "did you mean 'experiments'?"),
    "experiments: []": (1, 14, "checks nothing"),
    f"experiments: [{{file: {STOP}}}]\nbudget_s: 0": (2, 11, "write a number of seconds above 0"),
    f"experiments: [{{file: {STOP}}}]\nbudget_s: soon": (2, 11, "must be a number"),
    f"experiments: [{{file: {STOP}}}]\nretries: 9": (2, 10, "from 0 to 5"),
    f"experiments: [{{file: {STOP}}}]\nname: My Suite": (2, 7, "names folders"),
    f"experiments: [{{file: {STOP}}}]\nbaseline: {{keep: 0}}": (2, 18, "1 or more"),
    f"experiments: [{{file: {STOP}}}]\nlimits: {{p99_ms: {{floor: -1}}}}": (2, 18, "below the good releases"),
    f"experiments: [{{file: {STOP}}}]\nregressions: ignore": (2, 14, "'regressions' is 'ignore'"),
    f"experiments: [{{file: {STOP}}}]\nenvironment: stagin": (2, 14, "did you mean 'staging'?"),
    f"experiments:\n- file: {STOP.replace('one', 'a')}": (2, 9, f"did you mean {STOP!r}?"),
    f"experiments:\n- file: {STOP}\n- file: {STOP}": (3, 3, "stands twice"),
    "experiments:\n- file: experiments/suites/mine.yaml": (2, 9, "is a suite"),
    f"experiments:\n- file: {STOP}\n  set: {{clustr: x}}": (3, 9, "did you mean 'cluster'?"),
    f"experiments:\n- file: {STOP}\n  touches: [databse]": (3, 13, "did you mean 'database'?"),
    f"experiments:\n- file: {STOP}\n  expect: broken": (3, 11, "did you mean 'broke'?"),
    f"experiments:\n- file: {STOP}\n  expect: broke": (3, 11, "needs `why`, and `until`"),
    f"experiments:\n- file: {STOP}\n  expect: broke\n  why: ' '\n  until: ' '": (3, 11, "needs `why`, and `until`"),
    f"experiments:\n- file: {STOP}\n  breaks: [p99_ms]": (3, 11, "belongs to `expect: broke`"),
    f"experiments:\n- {{file: {STOP}, expect: broke, why: x, until: y, breaks: [p98_ms]}}": (2, 88, "mean 'p99_ms'"),
    f"experiments:\n- file: {STOP}\n- file: ./{STOP}": (3, 3, "stands twice"),
    "experiments: [{touches: []}]": (1, 15, "lacks the key 'file'"),
    f"experiments: [{{file: {'x' * 300}}}]": (1, 22, "no experiment"),
    "title: x\nmethod: []": (1, 1, "an experiment, not a suite"),
    f"experiments:\n- file: {STOP}\n  until: 2027-01-31": (3, 10, "belongs to `expect: broke`"),
    f"experiments:\n- file: {STOP}\n  expect: broke\n  why: x\n  until: '2027-02-31'": (5, 10, "no day"),
    f"experiments:\n- file: {STOP}\n  quarantine: {{why: x, until: soon}}": (3, 31, "a quarantine ends on a day"),
    f"experiments:\n- file: {STOP}\n  quarantine: {{until: 2027-01-31}}": (3, 15, "lacks the key 'why'"),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_has_its_place_and_a_mend(text: str, suited: Suited, root: Path) -> None:
    """One wrong thing each: the file is refused with its line and column and what to write instead."""
    line, column, words = MISTAKES[text]
    with pytest.raises(InputError) as told:
        read(suited(text + "\n"), root)
    found = [(problem.line, problem.column) for problem in told.value.problems if words in problem.message]
    assert found == [(line, column)], str(told.value)


def test_all_mistakes_are_told_at_once(suited: Suited, root: Path) -> None:
    """Also those of an experiment that the suite names."""
    broken = root / "experiments" / "broken.yaml"
    broken.write_text(Path(STOP).read_text().replace("rollbacks:", "rolbacks:"))
    path = suited("retries: 9\nbudget_s: -1\nexperiments:\n- {file: experiments/broken.yaml, expects: held}\n")
    with pytest.raises(InputError) as told:
        read(path, root)
    for words in ("from 0 to 5", "above 0", "did you mean 'expect'", "did you mean 'rollbacks'"):
        assert words in str(told.value)


@pytest.mark.parametrize(("today", "late"), [(date(2026, 12, 24), 0), (date(2026, 12, 25), 1), (date(2027, 2, 1), 2)])
def test_check_tells_what_is_out_of_date(today: date, late: int, suited: Suited, root: Path) -> None:
    """A day counts to its end; the suite can still be read, because the gate fails those experiments itself."""
    path = suited(WHOLE)
    problems = problems_of(path, root, today)
    assert [problem.message.startswith("the ") for problem in problems] == [True] * late
    assert len(read(path, root).files) == 3


def test_a_suite_is_no_experiment(suited: Suited, root: Path) -> None:
    """`gameday run` and `plan` say what plays it."""
    with pytest.raises(InputError, match="a suite, not an experiment; `gameday gate` plays it"):
        check(suited(WHOLE), root)


def test_an_unknown_suite_names_the_nearest(root: Path, suited: Suited) -> None:
    """A name is looked up in experiments/suites."""
    suited(WHOLE)
    with pytest.raises(UsageError, match="did you mean 'mine'"):
        find("min", root)
