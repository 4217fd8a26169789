"""`gameday undo` puts back what was left on the environment that it is given, and nothing of another one."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from gameday.record import append_line, write_json
from gameday.safety.lock import Holder
from gameday.safety.promises import DECLARED, Promises
from tests.e2e.conftest import Desk

LAB = {"name": "lab", "kind": "lab", "account": "123456789012"}
STAGING = {"name": "staging", "kind": "aws", "account": ""}


@dataclass
class Left:
    """A run that was killed after it had promised to make a file."""

    folder: Path
    sign: Path

    @property
    def open(self) -> int:
        """How many of its promises are open."""
        return len(Promises(self.folder / "promises.jsonl").open())


def left_by(runs: Path, environment: dict[str, Any], promised: bool = True) -> Left:
    """Make the folder of a run of *environment* that was cut short, with the findings of before its undo."""
    folder = runs / f"2026-12-01T10-00-00Z-{environment['name']}"
    folder.mkdir(parents=True)
    sign = runs / f"{folder.name}.sign"
    write_json(folder / "plan.json", {"run": folder.name, "environment": environment})
    append_line(folder / "marks.jsonl", {"at": time.time(), "name": "gate", "details": {}})
    if promised:
        provider = {"type": "process", "path": shutil.which("touch"), "arguments": [str(sign)]}
        activity: dict[str, Any] = {"type": "action", "name": "make the sign", "provider": provider}
        Promises(folder / "promises.jsonl").make(DECLARED, "the sign is made", f"touch {sign}", activity=activity)
        still = {"made": 1, "kept": 0, "open": [{"what": "the sign is made", "restore_with": f"touch {sign}"}]}
        write_json(folder / "findings.json", {"verdict": "aborted", "why": ["by hand"], "promises": still})
    return Left(folder, sign)


def test_what_is_of_another_environment_is_left_alone(desk: Desk, tmp_path: Path) -> None:
    """The lab's run is put back; the staging's is named with the command for it, and exit 6 says that it is open."""
    lab, staging = left_by(tmp_path, LAB), left_by(tmp_path, STAGING)
    assert "STILL CHANGED: 1 of 1" in desk("runs", "--runs", str(tmp_path)).out
    for words in ([], [staging.folder.name]):
        undone = desk("undo", *words, "--runs", str(tmp_path))
        assert undone.code == 6, undone.err
        assert f"{staging.folder.name} is of staging; `gameday undo --on staging`" in undone.err
        assert staging.open == 1 and not staging.sign.exists()
        assert lab.open == 0 and lab.sign.exists()
    (lab_line,) = [line for line in desk("runs", "--runs", str(tmp_path)).out.splitlines() if "Z-lab" in line]
    assert "(1 of 1 promises kept)" in lab_line  # counted anew, whatever the findings of that time say


def test_a_run_elsewhere_without_promises_is_only_a_note(desk: Desk, tmp_path: Path) -> None:
    """Nothing of it can be changed, so it does not make the undo fail, and its record is not touched."""
    staging = left_by(tmp_path, STAGING, promised=False)
    marks = (staging.folder / "marks.jsonl").read_bytes()
    undone = desk("undo", "--runs", str(tmp_path))
    assert undone.code == 0 and f"{staging.folder.name} is of staging" in undone.out, undone.err
    assert (staging.folder / "marks.jsonl").read_bytes() == marks


def test_the_account_is_checked_before_anything_is_put_back(desk: Desk, tmp_path: Path) -> None:
    """Without credentials that answer nothing is played; with them the staging's run is, and the lab's is left."""
    lab, staging = left_by(tmp_path, LAB), left_by(tmp_path, STAGING)
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    nowhere |= {"AWS_EC2_METADATA_DISABLED": "true"}
    refused = desk("undo", "--on", "staging", "--runs", str(tmp_path), **nowhere)
    assert refused.code == 2 and "staging: AWS does not answer" in refused.err
    assert staging.open == 1 and not staging.sign.exists()
    endpoint = json.loads(desk("lab", "status", "--json").out)["endpoint"]
    keys = {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "staging", "AWS_SECRET_ACCESS_KEY": "not-a-secret"}
    undone = desk("undo", staging.folder.name, "--on", "staging", "--runs", str(tmp_path), **nowhere, **keys)
    assert undone.code == 0 and staging.open == 0 and staging.sign.exists(), undone.err
    assert lab.open == 1 and not lab.sign.exists()


def test_what_a_lab_held_is_gone_with_it(desk: Desk, tmp_path: Path) -> None:
    """A declared rollback of a lab that is down is struck out unplayed; not while that lab answers after all."""
    url = json.loads(desk("lab", "status", "--json").out)["url"]
    here, gone = left_by(tmp_path / "here", {**LAB, "url": url}), left_by(tmp_path / "gone", LAB)
    no_lab = {"GAMEDAY_LAB_HOME": str(tmp_path / "no-lab")}
    answers = desk("undo", "--runs", str(tmp_path / "here"), **no_lab)
    assert answers.code == 6 and "still answers" in answers.err and here.open == 1
    undone = desk("undo", "--runs", str(tmp_path / "gone"), **no_lab)
    assert undone.code == 0 and "the lab is down, and what it held is gone with it" in undone.out, undone.err
    assert gone.open == 0 and not gone.sign.exists() and not here.sign.exists()


@pytest.fixture
def lock(desk: Desk, tmp_path: Path) -> Path:
    """The file of the lab's lock on a machine where nothing has run yet, whose state is in *tmp_path*."""
    assert desk("undo", "--runs", str(tmp_path / "runs"), GAMEDAY_STATE=str(tmp_path)).code == 0
    (path,) = (tmp_path / "locks").iterdir()
    return path


def test_a_lost_record_is_no_good_end(desk: Desk, tmp_path: Path, lock: Path) -> None:
    """`gameday halt` says that it could not read back; `gameday undo` frees the environment and says what to do."""
    state, runs = {"GAMEDAY_STATE": str(tmp_path)}, str(tmp_path / "runs")
    lock.write_text(json.dumps(asdict(Holder.here("2026-12-01T10-00-00Z-lost", tmp_path / "lost"))))
    halted = desk("halt", **state)
    assert halted.code == 6 and "is gone, so it could not be read back" in halted.err
    undone = desk("undo", "--runs", runs, **state)
    assert undone.code == 0 and "look at it yourself" in undone.out, undone.err
    assert desk("halt", **state).code == 0


def test_a_lock_without_a_name_is_not_nothing(desk: Desk, tmp_path: Path, lock: Path) -> None:
    """A run that has only just taken the lock is waited for; when it never says its name, that is a failure."""
    state = {"GAMEDAY_STATE": str(tmp_path)}
    with lock.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        halted = desk("halt", "--within", "1", **state)
        assert halted.code == 6 and "a run that has not said its name" in halted.err
        undone = desk("undo", "--runs", str(tmp_path / "runs"), **state)
        assert undone.code == 3 and "a run is going on; end it with `gameday halt`" in undone.err
