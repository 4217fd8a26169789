"""A table of mistakes, each planted as text into a file that is fine; each is told once, at its own line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gameday.engine.check import check, problems_of
from gameday.errors import InputError, Problem
from tests.gameday import mistakes, mistakes_of_ours
from tests.gameday.mistakes import FAILOVER, FOREIGN, LATENCY, ROOT, SETTINGS, STOP, TEMPLATE, TEXTS, Seeded, text_of

MENDS = (";", ": ", "must be", "is in seconds, 0")
TABLE = [
    *mistakes.WORDS, *mistakes.FORM, *mistakes.POINTS, *mistakes.TOLERANCES, *mistakes.HABITS, *mistakes.ACTING_PROBES,
    *mistakes.TRAPS, *mistakes.FIS, *mistakes_of_ours.BLOCK, *mistakes_of_ours.CONTROLS,
    *mistakes_of_ours.CONFIGURATION,
]  # fmt: skip


def told(folder: Path, file: str, text: str) -> list[Problem]:
    """Write a file and return its problems."""
    path = folder / Path(file).name
    path.write_text(text)
    return problems_of(path, ROOT)


@pytest.mark.parametrize("file", [STOP, LATENCY, FAILOVER, FOREIGN, TEMPLATE, SETTINGS])
def test_a_file_without_a_mistake_is_fine(file: str, tmp_path: Path) -> None:
    """So every problem of the table comes from what was planted."""
    assert told(tmp_path, file, text_of(file)) == []


@pytest.mark.parametrize("seeded", TABLE, ids=lambda seeded: seeded.name)
def test_every_seeded_mistake_is_told_at_its_line(seeded: Seeded, tmp_path: Path) -> None:
    """With file, line, the words that name it, and nothing else beside it."""
    text = text_of(seeded.file)
    assert text.count(seeded.old) >= 1
    text = text.replace(seeded.old, seeded.new, 1)
    found = told(tmp_path, seeded.file, text)
    line = text.count("\n", 0, text.index(seeded.marker)) + 1
    right = [one for one in found if one.line == line and all(word in one.message for word in seeded.words)]
    assert right, (line, [str(one) for one in found])
    assert len(found) == 1 or not seeded.alone, [str(one) for one in found]
    assert all(any(mark in one.message for mark in MENDS) for one in right), "it says what to write instead"


def test_the_table_is_long_enough() -> None:
    """Names are unique, and there are more than a hundred mistakes."""
    assert len({seeded.name for seeded in TABLE}) == len(TABLE) >= 100


def test_all_mistakes_of_a_file_come_at_once(tmp_path: Path) -> None:
    """Twelve mistakes of all subjects in one file are twelve lines."""
    names = ["top-level key", "activity key", "text for a list", "unknown argument", "rollback strategy", "block key",
             "guard without a limit", "rate of nothing", "error budget in percent", "no such proof",
             "hypothesis key", "dry in the file"]  # fmt: skip
    text = text_of(STOP)
    chosen = [seeded for seeded in TABLE if seeded.name in names]
    for seeded in chosen:
        text = text.replace(seeded.old, seeded.new, 1)
    messages = [problem.message for problem in told(tmp_path, STOP, text)]
    unseen = [one.name for one in chosen if not any(all(word in m for word in one.words) for m in messages)]
    assert len(chosen) == len(names) and unseen == []


@pytest.mark.parametrize(
    ("raw", "place", "words"),
    [
        (b"", (1, 1), "the file is empty"),
        (b"- a\n- b\n", (1, 1), "not an experiment but a list"),
        (b"title: x\n\xff\xfe\n", (2, 1), "not UTF-8"),
        (b"\x7fELF\x02\x01\x00\x00", (1, 1), "not text"),
        (b"a: " + b"x" * 300_000, (1, 1), "too many"),
        (b"[" * 100_000, (1, 62), "nested deeper"),
        (b"- " * 50_000, (1, 123), "nested deeper"),
    ],
)
def test_what_is_no_experiment_at_all_is_told(raw: bytes, place: tuple[int, int], words: str, tmp_path: Path) -> None:
    """Empty, a list, binary, huge, or nested without an end: one problem, soon."""
    path = tmp_path / "x.yaml"
    path.write_bytes(raw)
    (problem,) = problems_of(path, ROOT)
    assert (problem.line, problem.column) == place and words in problem.message


def test_a_run_is_kept_back_by_what_is_wrong_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is unwise is for `gameday check` to say; the environment's rules decide whether it is played."""
    monkeypatch.setenv("API_TOKEN", "x")
    path = tmp_path / FOREIGN
    path.write_text(TEXTS[FOREIGN].replace("strategy: always", "strategy: never"))
    assert problems_of(path, ROOT)
    source, block = check(path, ROOT)
    assert source.data and block is None
    path.write_text(TEXTS[FOREIGN].replace("rollbacks:", "rolbacks:"))
    with pytest.raises(InputError, match="did you mean 'rollbacks'"):
        check(path, ROOT)


@pytest.mark.parametrize(
    "seeded", [*mistakes.ACTING_PROBES, *mistakes_of_ours.CONTROLS], ids=lambda seeded: seeded.name
)
def test_what_would_act_unguarded_is_not_run(seeded: Seeded, tmp_path: Path) -> None:
    """A probe that acts, and our control where it does not see the whole run, are wrong and not only unwise."""
    path = tmp_path / Path(seeded.file).name
    path.write_text(text_of(seeded.file).replace(seeded.old, seeded.new, 1))
    with pytest.raises(InputError, match=re.escape(seeded.words[0])):
        check(path, ROOT)


def test_a_probe_that_looks_stands_anywhere(tmp_path: Path) -> None:
    """Modules of probes are fine in the method, the hypothesis and the configuration."""
    looks = "provider: {type: python, module: chaosaws.rds.probes, func: cluster_membership_count, "
    looks += "arguments: {cluster_id: a}}"
    text = TEXTS[FOREIGN].replace("secrets:\n  api:\n    token: {type: env, key: API_TOKEN}\n", "")
    text = text.replace('        headers: {X-Token: "${token}"}\n', "").replace("      secrets: [api]\n", "")
    text = text.replace("configuration:\n", f"configuration:\n  members: {{type: probe, name: m, {looks}}}\n")
    text = text.replace(mistakes.RUN, f"  - {{type: probe, name: n, {looks}}}\n{mistakes.RUN}")
    assert text.count(looks) == 2 and told(tmp_path, FOREIGN, text) == []


def test_a_run_needs_its_environment_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check of the file does not; a run is told which one is missing, and where it is named."""
    monkeypatch.delenv("API_TOKEN", raising=False)
    path = tmp_path / FOREIGN
    path.write_text(TEXTS[FOREIGN])
    with pytest.raises(InputError, match=r":7:\d+: the environment variable API_TOKEN is not set"):
        check(path, ROOT)


def test_a_secret_is_never_repeated(tmp_path: Path) -> None:
    """A problem about a secret names its place, not its value."""
    text = TEXTS[FOREIGN]
    group = "\n  api:\n    token: {type: env, key: API_TOKEN}"
    for wrong in (
        text.replace("{type: env, key: API_TOKEN}", "hush"),
        text.replace(group, " hush"),
        text.replace(group, "\n  api: hush"),
    ):
        found = told(tmp_path, FOREIGN, wrong)
        assert found and not any("hush" in problem.message for problem in found)


def test_a_module_that_a_file_names_is_not_run(tmp_path: Path) -> None:
    """A module with side effects is read, not run; its arguments are checked all the same."""
    module = tmp_path / "boom.py"
    module.write_text("raise SystemExit('imported')\n\n\ndef pull(trigger: str) -> bool:\n    return True\n")
    text = TEXTS[FOREIGN].replace("chaosaws.rds.probes", "boom").replace("cluster_membership_count", "pull")
    path = tmp_path / FOREIGN
    path.write_text(text)
    messages = [problem.message for problem in problems_of(path, tmp_path)]
    assert [one for one in messages if "pull takes no argument 'cluster_id'" in one]
    assert [one for one in messages if "pull needs 'trigger'" in one]
