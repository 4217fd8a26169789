"""`gameday check` as a user or a pipeline runs it: what it prints, where, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gameday.mistakes import FOREIGN, ROOT, TEMPLATE, TEXTS


def gameday_check(*words: str, suite: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run `gameday check WORDS` in a suite's folder."""
    command = [sys.executable, "-m", "gameday", "check", *words]
    return subprocess.run(command, cwd=suite, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite folder of the user's: ours by links, with experiments and a configuration of its own."""
    for name in ("actions", "lab", "load", "probes", "reports"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "gameday.toml").write_text((ROOT / "gameday.toml").read_text())
    return tmp_path


def test_all_of_ours_are_fine() -> None:
    """Without FILE: every experiment, every plan, every page for people and gameday.toml, one line, exit 0."""
    ended = gameday_check()
    assert (ended.returncode, ended.stderr) == (0, "")
    pages = [page for name in ("runbooks", "playbooks", "sop") for page in (ROOT / "docs" / name).glob("*.md")]
    files = len([path for folder in ("experiments", "plans") for path in (ROOT / folder).rglob("*.yaml")])
    files += len(pages) + 1
    assert ended.stdout == f"{files} files are fine\n"


def test_all_files_are_told_at_once(suite: Path) -> None:
    """A broken configuration, a broken experiment and a broken template: every problem, exit 2, no traceback."""
    settings = suite / "gameday.toml"
    settings.write_text(
        settings.read_text().replace("tick_s = 1 ", "tikc_s = 1 ").replace("tick_s = 1\n", "tikc_s = 1\n")
    )
    (suite / "experiments" / "a.yaml").write_text(TEXTS[FOREIGN].replace("rollbacks:", "rolbacks:"))
    (suite / "experiments" / "b.json").write_text(TEXTS[TEMPLATE].replace("aws:cloudwatch:alarm", "none"))
    ended = gameday_check(suite=suite)
    assert ended.returncode == 2 and ended.stdout == "" and "Traceback" not in ended.stderr
    for words in ("did you mean 'tick_s'", "did you mean 'rollbacks'", "nothing ends it"):
        assert words in ended.stderr
    assert "problems in 3 files" in ended.stderr.splitlines()[-1]


def test_problems_as_json(suite: Path) -> None:
    """For editors and pipelines: file, line, column and message of each, and nothing else on standard output."""
    path = suite / "experiments" / "a.yaml"
    path.write_text(TEXTS[FOREIGN].replace("- ref: members", "- ref: member"))
    ended = gameday_check("--json", str(path), str(suite / "none.yaml"), suite=suite)
    assert ended.returncode == 2
    first, second = json.loads(ended.stdout)
    line = path.read_text().splitlines().index("  - ref: member") + 1
    assert (first["file"], first["line"], first["column"]) == (str(path), line, 10)
    assert set(first) == {"file", "line", "column", "message"} and "'members'" in first["message"]
    assert "no such file" in second["message"]
    path.write_text(TEXTS[FOREIGN])
    assert json.loads(gameday_check("--json", str(path), suite=suite).stdout) == []
