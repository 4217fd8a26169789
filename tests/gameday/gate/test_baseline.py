"""Which gates are good ones, and what they give to compare with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gameday.config import Environment
from gameday.errors import UsageError
from gameday.gate.baseline import estimate_s, given, good_gates
from gameday.gate.session import Asked, Gate
from gameday.gate.suite import read
from gameday.record import Redactor, find_run, run_folders
from tests.gameday.gate.conftest import Suited, gate, row

LAB = Environment("lab", "eu-west-1", "123456789012", name="lab", build="slow-start")
FILE = "experiments/ecs/stop-one-task.yaml"


def save(runs: Path, second: int, document: dict[str, Any], fingerprint: object = None) -> Path:
    """Write a gate's folder."""
    folder = runs / f"2026-12-01T10-00-{second:02d}Z-gate-{document['suite']['name']}"
    folder.mkdir(parents=True)
    (folder / "gate.json").write_text(json.dumps({**document, "gate": folder.name}))
    if fingerprint is not None:
        (folder / "fingerprint.json").write_text(json.dumps(fingerprint))
    return folder


def test_only_passed_gates_of_this_suite_and_place_are_good(tmp_path: Path) -> None:
    """Newest first, of whatever build; with what the newest saw."""
    save(tmp_path, 1, gate(row()), {"database": {}})
    newest = save(tmp_path, 2, gate(row()), {"database": {"Engine": "postgres"}})
    save(tmp_path, 3, gate(row(), outcome="failed", code=1))
    save(tmp_path, 4, gate(row(), environment={**gate()["environment"], "name": "staging"}))
    save(tmp_path, 5, gate(row(), suite={"name": "nightly", "file": "", "sha256": ""}))
    (tmp_path / "2026-12-01T10-00-06Z-gate-release").mkdir()
    (tmp_path / "2026-12-01T10-00-06Z-gate-release" / "gate.json").write_text("{")
    good = good_gates(tmp_path, "release", LAB)
    assert [found["gate"][17:19] for found in good.gates] == ["02", "01"]
    assert good.fingerprint == {"database": {"Engine": "postgres"}}
    assert good.as_json() == {"gate": newest.name, "release": "v1", "ended": "2026-12-01T10:00:40.000000Z"}


def test_measures_are_of_passed_plays_with_the_same_values(tmp_path: Path) -> None:
    """Known, quarantined, left out ones and worse ones give none, nor does another `set`; the newest `keep` count."""
    for second, now in enumerate((1.0, 2.0, 3.0)):
        save(tmp_path, second, gate(row(compared=[{"name": "recovery", "now": now}])))
    save(tmp_path, 4, gate(row(result="known"), row(result="not played"), row(set={"cluster": "other"})))
    save(tmp_path, 5, gate(row(compared=[{"name": "recovery", "now": 90.0, "worse": True}])))
    good = good_gates(tmp_path, "release", LAB)
    assert good.measures(FILE, {}, 2) == [{"recovery": 3.0}, {"recovery": 2.0}]
    assert len(good.measures(FILE, {"cluster": "other"}, 5)) == 1
    assert good.measures("experiments/other.yaml", {}, 5) == []


@pytest.mark.parametrize(
    "broken",
    [
        {"suite": []}, {"environment": "lab"}, {"experiments": {}}, {"experiments": [3]}, {"release": None},
        {"experiments": [row(compared=[{"name": "recovery", "now": "fast"}])]}, {"experiments": [row(seconds="long")]},
        {"experiments": [row(runs=None)]}, {"experiments": [row(set=[])]}, {"schema": 2},
    ],
)  # fmt: skip
def test_a_broken_record_is_no_good_gate(tmp_path: Path, broken: dict[str, Any]) -> None:
    """It is passed over, and ends nothing."""
    save(tmp_path, 1, gate(row()))
    folder = save(tmp_path, 2, {**gate(row()), "suite": {"name": "release"}})
    (folder / "gate.json").write_text(json.dumps({**gate(row()), **broken}))
    assert len(good_gates(tmp_path, "release", LAB).gates) == 1


def test_what_passed_is_this_very_experiment(tmp_path: Path) -> None:
    """Of a good gate only what it played and passed, unchanged since and with the same values."""
    save(tmp_path, 1, gate(row()), {"database": {"Engine": "old"}})
    save(tmp_path, 2, gate(row(result="not played"), row(title="another", file="b.yaml")), {"database": {}})
    save(tmp_path, 3, gate(row(result="quarantined"), row(file="b.yaml")))
    good = good_gates(tmp_path, "release", LAB)
    assert good.passed(FILE, "0" * 64, {}) == ("2026-12-01T10-00-01Z-gate-release", {"database": {"Engine": "old"}})
    assert good.passed("b.yaml", "0" * 64, {}) == ("2026-12-01T10-00-03Z-gate-release", None)
    assert good.passed(FILE, "1" * 64, {}) is None and good.passed(FILE, "0" * 64, {"cluster": "other"}) is None


def test_without_gates_there_is_no_baseline(tmp_path: Path) -> None:
    """No folder, an empty one: nothing to compare with, and no crash."""
    assert good_gates(tmp_path / "none", "release", LAB).as_json() is None


def test_a_given_baseline_is_taken_or_refused_with_a_reason(tmp_path: Path) -> None:
    """Its folder or its file; one that failed, or of another suite, or no gate at all is refused."""
    folder = save(tmp_path, 1, gate(row()))
    assert given(folder, "release", LAB).gates == given(folder / "gate.json", "release", LAB).gates
    with pytest.raises(UsageError, match="a passed gate of suite smoke on lab is needed"):
        given(folder, "smoke", LAB)
    with pytest.raises(UsageError, match=r"no gate\.json of a gate"):
        given(tmp_path / "nowhere", "release", LAB)


def test_a_gates_folder_is_no_run(tmp_path: Path) -> None:
    """`gameday runs` does not stumble over it, and `gameday show` says where it is read."""
    folder = save(tmp_path, 1, gate(row()))
    assert run_folders(tmp_path) == []
    for name in (folder.name, str(folder)):
        with pytest.raises(UsageError, match=r"is a gate, not a run of an experiment; read .*report\.html"):
            find_run(tmp_path, name)


def test_an_estimate_is_the_slowest_of_the_last_good_ones(tmp_path: Path) -> None:
    """One try's time; without a good gate as long as the phases."""
    save(tmp_path, 1, gate(row(seconds=80.0, runs=["a", "b"]), row(seconds=35.0)))
    known = good_gates(tmp_path, "release", LAB).seconds(FILE)
    assert estimate_s(known, 29.0) == 40.0 and estimate_s([], 29.0) == 29.0


def test_a_part_has_one_name_from_every_folder(root: Path, suited: Suited, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the good gates are found, and a gate is made with the same rows, wherever it is started."""
    path = suited(f"experiments: [{{file: {FILE}}}]").resolve()
    names = []
    for place in (root, root / "experiments", root.parent):
        monkeypatch.chdir(place)
        found = Gate(read(path, root), LAB, Asked(root / "runs"), Redactor(), lambda sentence: None)
        names += [part.name for part in found.parts]
    assert names == [FILE] * 3
