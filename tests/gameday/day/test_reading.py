"""A plan file: what is right is read, and everything that is wrong is told at once, with its place and a mend."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from gameday.day.plan import Expect
from gameday.day.reading import find, is_plan, problems_of, read
from gameday.errors import InputError, UsageError
from gameday.source import Source

ROOT = Path(__file__).parents[3]
TODAY = date(2026, 11, 25)
STOP, SLOW = "experiments/ecs/stop-one-task.yaml", "experiments/latency/backend-to-database.yaml"
HEAD = "title: A day\nroles: {owner: Ann, coordinator: Bo, responders: [Cy, Di]}\n"
BODY = f"agenda: [{{name: stop, experiment: {STOP}}}, {{name: talk, pause_s: 60}}]\n"
WHOLE = f"""\
{HEAD}
objectives: [see one fault]
when: {{date: 2026-12-03, begins: 10:00, zone: Europe/Dublin, lasts_s: 3600}}
seed: 7
checklist: [{{ask: "is support told?"}}, {{look: steady, must: false}}]
agenda:
  - name: stop
    experiment: {STOP}
    set: {{cluster: other}}
  - {{name: talk, pause_s: 60}}
  - name: slow
    experiment: ../experiments/latency/backend-to-database.yaml
    only_if: stop held
    expect: {{page: foodconnect-error-rate}}
    announced: false
injects:
  - {{name: call, during: stop, after_s: [5, 10], message: "support: it is slow", to: [incidents]}}
  - {{name: gone, during: slow, leaves: Cy, for_s: 60}}
  - {{name: more, during: talk, after_s: [0, 30], experiment: {SLOW}}}
stop: {{broke: 1, unacknowledged_s: 300}}
budget: {{failed_requests: 100, error_ratio: 0.05}}
channels: [incidents]
freeze: [{{begins: 2026-12-24, ends: 2027-01-02}}, {{begins: Fri 16:00, ends: Mon 08:00}}]
"""
Planned = Callable[[str], Path]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A suite folder: ours, by links, with `plans` to write to; it is the working directory."""
    for name in ("actions", "experiments", "lab", "load", "probes", "reports", "gameday.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "plans").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def planned(root: Path) -> Planned:
    """Return a function that writes a plan."""

    def write(text: str) -> Path:
        path = root / "plans" / "mine.yaml"
        path.write_text(text)
        return path

    return write


def test_a_whole_plan_is_read(planned: Planned, root: Path) -> None:
    """Every kind of part; days and times without quotes; a file from the plan as well as from the root."""
    loaded = read(planned(WHOLE), root)
    plan = loaded.plan
    assert (plan.when.date, plan.when.begins) == ("2026-12-03", "10:00")
    assert (plan.freeze[0].begins, plan.freeze[1].ends) == ("2026-12-24", "Mon 08:00")
    assert loaded.files["stop"] == Path(STOP) and loaded.files["slow"].is_file()
    assert set(loaded.files) == {"stop", "slow", "more"}
    assert plan.agenda[2].expect == Expect("foodconnect-error-rate", 300.0)
    assert [inject.kind for inject in plan.injects] == ["message", "leaves", "experiment"]
    assert problems_of(loaded.path, root, TODAY) == []


@pytest.mark.parametrize("text", ["09:30", "9:30", "18:00:00", "10:00"])
def test_a_time_is_what_stands_there(text: str, planned: Planned, root: Path) -> None:
    """YAML reads `10:00` as 600: what stands there is a time of day, or is told as it stands."""
    path = planned(f"{HEAD}{BODY}when: {{date: 2026-12-03, begins: {text}}}\n")
    if len(text) == 5:
        assert read(path, root).plan.when.begins == text
        return
    with pytest.raises(InputError, match=f"mine.yaml:4:34: '{text}' is no time of day; write it as 10:00"):
        read(path, root)


@pytest.mark.parametrize("name", ["first-game-day", "release-readiness", "incident-response"])
def test_ours_are_right(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each shipped plan is found by its name, and plays without a word changed."""
    monkeypatch.chdir(ROOT)
    path = find(name, ROOT)
    assert path == Path("plans") / f"{name}.yaml" and is_plan(Source.yaml(path).data)
    assert read(path, ROOT).plan.objectives and problems_of(path, ROOT, TODAY) == []


def test_a_plan_that_is_not_there(root: Path, planned: Planned) -> None:
    """The names that there are."""
    planned(WHOLE)
    with pytest.raises(UsageError, match="did you mean 'mine'"):
        find("mina", root)


def test_a_plan_is_found_from_here_and_from_the_suite(
    root: Path, planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A schedule names the file as seen from the suite; the one of the working directory comes first."""
    planned(WHOLE)
    assert find("plans/mine.yaml", root) == Path("plans/mine.yaml")
    (root / "elsewhere").mkdir()
    monkeypatch.chdir(root / "elsewhere")
    assert find("plans/mine.yaml", root) == root / "plans" / "mine.yaml"
    assert find("plans/none.yaml", root) == Path("plans/none.yaml")


def item(text: str) -> str:
    """Return a plan whose agenda ends with an item, in line 5."""
    return f"{HEAD}agenda:\n- {{name: stop, experiment: {STOP}}}\n- {{{text}}}"


def inject(text: str) -> str:
    """Return a plan with one inject, in line 4."""
    return f"{HEAD}{BODY}injects: [{{name: it, {text}}}]"


def more(text: str) -> str:
    """Return a plan with more keys, from line 4 on."""
    return f"{HEAD}{BODY}{text}"


MISTAKES = {
    f"titel: x\n{HEAD}{BODY}": (1, 1, "did you mean 'title'?"),
    f"roles: {{owner: Ann}}\ntitle: x\n{BODY}": (1, 8, "lacks the key 'coordinator'"),
    f"roles: {{owner: ' ', coordinator: Bo}}\ntitle: x\n{BODY}": (1, 16, "needs its owner"),
    f"{HEAD}agenda: []": (3, 9, "without an agenda"),
    f"{HEAD}agenda: [{{pause_s: 9}}]": (3, 10, "lacks the key 'name'"),
    "title: x\nmethod: []": (1, 1, "an experiment, not a plan"),
    "experiments: []": (1, 1, "a suite, not a plan"),
    item("name: b"): (5, 3, "either `experiment` or `pause_s`"),
    item(f"name: b, pause_s: 9, experiment: {SLOW}"): (5, 3, "either `experiment` or `pause_s`"),
    item("name: b, pause_s: 0"): (5, 22, "write more than 0"),
    item("name: b, pause_s: 1:30"): (5, 22, "must be a number, not '1:30'"),
    item("name: B b, pause_s: 9"): (5, 10, "write it as `stop-one-task`"),
    item(f"name: {'a' * 61}, pause_s: 9"): (5, 10, "write 60 at most"),
    item("name: last, pause_s: 9"): (5, 10, "a word of `only_if`"),
    item("name: stop, pause_s: 9"): (5, 10, "stands twice"),
    item("name: b, pause_s: 9, set: {cluster: x}"): (5, 25, "belongs to an experiment"),
    item("name: b, pause_s: 9, expect: {page: x}"): (5, 25, "belongs to an experiment"),
    item(f"name: b, experiment: {STOP.replace('one', 'a')}"): (5, 25, f"did you mean {STOP!r}?"),
    item(f"name: b, experiment: {'x' * 300}"): (5, 25, "no experiment"),
    item("name: b, experiment: experiments/suites/smoke.yaml"): (5, 25, "is a suite"),
    item(f"name: b, experiment: {STOP}, set: {{clustr: x}}"): (5, 67, "did you mean 'cluster'?"),
    item(f"name: b, experiment: {STOP}, expect: {{within_s: 5}}"): (5, 69, "write `page`"),
    item(f"name: b, experiment: {STOP}, only_if: last helt"): (5, 70, "is no condition; write `last held`"),
    item(f"name: b, experiment: {STOP}, only_if: all broke"): (5, 70, "is no condition"),
    item(f"name: b, experiment: {STOP}, only_if: stopp held"): (5, 70, "did you mean 'stop'?"),
    item(f"name: b, experiment: {STOP}, only_if: b held"): (5, 70, "no experiment 'b' comes before b"),
    f"{HEAD}agenda: [{{name: a, pause_s: 9, only_if: last held}}]": (3, 41, "no experiment comes before a"),
    inject("during: talk"): (4, 11, "an inject is one of message, alarm, leaves, experiment; this one is nothing"),
    inject("during: talk, message: x, leaves: Cy"): (4, 11, "this one is message and leaves"),
    inject("during: tolk, message: x"): (4, 30, "did you mean 'talk'?"),
    inject(f"during: stop, experiment: {SLOW}"): (4, 30, "put this one into a pause"),
    inject("during: talk, message: x, after_s: [9]"): (4, 57, "write [from, to]"),
    inject("during: talk, message: x, after_s: [9, 3]"): (4, 57, "write [from, to]"),
    inject("during: talk, message: x, after_s: [9, 60]"): (4, 57, "the pause ends after 60 s"),
    inject("during: talk, message: x, to: [incident]"): (4, 53, "did you mean 'incidents'?"),
    inject("during: talk, message: x, for_s: 9"): (4, 48, "belongs to `leaves`"),
    inject("during: talk, message: x, expect: {page: y}"): (4, 48, "belongs to `alarm` or `experiment`"),
    inject("during: talk, leaves: Cyd"): (4, 44, "did you mean 'Cy'?"),
    inject(r'during: talk, message: "a\u202eb"'): (4, 45, r"the character '\u202e' is not to be seen"),
    more(r'objectives: ["a\e[2Jb"]'): (4, 14, r"the character '\x1b' is not to be seen"),
    more("checklist: [{must: true}]"): (4, 13, "either `ask`"),
    more("checklist: [{look: stedy}]"): (4, 20, "did you mean 'steady'?"),
    more("environment: labb"): (4, 14, "did you mean 'lab'?"),
    more("channels: [incident]"): (4, 12, "did you mean 'incidents'?"),
    more("carries: mina"): (4, 10, "did you mean 'mine'?"),
    more("when: {zone: Europe/Dublyn}"): (4, 14, "no time zone 'Europe/Dublyn'"),
    more("when: {date: 2026-13-01}"): (4, 14, "'2026-13-01' is no timestamp"),
    more("when: {date: soon}"): (4, 14, "is no date"),
    more('when: {date: 9999-12-31, begins: "23:00", zone: America/New_York}'): (4, 14, "is no date"),
    more("when: {date: 0001-01-01, zone: Pacific/Auckland}"): (4, 14, "is no date"),
    more('when: {cron: "30 9 * WED"}'): (4, 14, "write minute hour"),
    more("when:\n  cron: * 9 * * *"): (5, 10, 'begins with "*" needs quotes'),
    more('when: {cron: "30 9 * * WED", date: 2026-12-03}'): (4, 14, "keep one of them"),
    more("freeze: [{begins: Fri 16:00, ends: soon}]"): (4, 10, "'soon' is no time"),
    more("stop: {broke: -1}"): (4, 15, "write 0 or more"),
    more("budget: {error_ratio: 5}"): (4, 23, "for 5 % write 0.05"),
    more("bands: {diagnose_s: 60}"): (4, 21, "before acknowledge_s of 300"),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_has_its_place_and_a_mend(text: str, planned: Planned, root: Path) -> None:
    """One wrong thing each: the file is refused with its line and column and what to write instead."""
    line, column, words = MISTAKES[text]
    with pytest.raises(InputError) as told:
        read(planned(text + "\n"), root)
    found = [(problem.line, problem.column) for problem in told.value.problems if words in problem.message]
    assert found == [(line, column)], str(told.value)


def test_all_mistakes_are_told_at_once(planned: Planned, root: Path) -> None:
    """Also where title and roles cannot be read, and those of an experiment that the plan names."""
    broken = root / "plans" / "broken.yaml"
    broken.write_text((ROOT / STOP).read_text().replace("rollbacks:", "rolbacks:"))
    text = "roles: {owner: [Ann]}\nagenda: [{name: a, experiment: broken.yaml}, {pause: 9}]\nbudget: {error_ratio: 7}\n"
    with pytest.raises(InputError) as told:
        read(planned(text), root)
    for words in ("'title'", "'coordinator'", "must be text", "'pause_s'", "0.05", "broken.yaml:", "'rollbacks'"):
        assert words in str(told.value)


UNWISE = {
    more("when: {date: 2026-11-24}"): (4, 14, "2026-11-24 is over"),
    more("when: {date: 2026-12-28, zone: Europe/Dublin}\nfreeze: [{begins: 2026-12-24, ends: 2027-01-02, why: x}]"): (
        4, 14, "the freeze 2026-12-24 to 2027-01-02 (x), which lasts until Sun 2027-01-03 00:00 GMT"),
    more("when: {date: 2026-11-27, begins: 15:00}\nfreeze: [{begins: Fri 16:00, ends: Mon 08:00}]"): (
        4, 14, "goes on into the freeze"),
    more('when: {cron: "0 9 * * SAT"}\nfreeze: [{begins: Fri 16:00, ends: Mon 08:00}]'): (
        4, 14, "each of the next 12 days meets a freeze"),
    more("when: {lasts_s: 60}"): (4, 17, "takes at least 1.5 min by the phases of lab, the day lasts 1 min"),
    more("environment: staging"): (3, 35, "ecs.stop_task is not among the 0 actions of [environments.staging.rules]"),
    inject("during: stop, after_s: [500, 900], message: hi"): (4, 45, "so this never comes; write less than that"),
    more("runbooks: [docs/runbooks/none.md]"): (4, 12, "no runbook 'docs/runbooks/none.md'"),
}  # fmt: skip


@pytest.mark.parametrize("text", UNWISE)
def test_what_is_unwise_is_told_and_keeps_nobody_from_playing(text: str, planned: Planned, root: Path) -> None:
    """A day in the past or in a freeze, too long an agenda, what would be refused: `gameday check` tells it."""
    line, column, words = UNWISE[text]
    path = planned(text + "\n")
    found = problems_of(path, root, TODAY)
    assert [(one.line, one.column) for one in found if words in one.message] == [(line, column)], found
    assert len(read(path, root).plan.agenda) == 2


def test_a_cron_that_meets_some_freezes_is_fine(planned: Planned, root: Path) -> None:
    """The calendar leaves those days out."""
    freeze = "freeze: [{begins: 2026-12-21, ends: 2027-01-03}]"
    path = planned(more(f'when: {{cron: "30 9 * * WED", zone: Europe/Dublin}}\n{freeze}\n'))
    assert problems_of(path, root, TODAY) == []


@pytest.mark.parametrize("text", ["", "agenda", "agenda: 5", "roles: {}", "injects: [5]", "agenda: [null]\nroles: 3"])
def test_whatever_stands_there_is_told(text: str, planned: Planned, root: Path) -> None:
    """No file makes it crash."""
    with pytest.raises(InputError):
        read(planned(text), root)
