"""The run folder: private, readable after a crash, without secrets."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gameday.errors import UsageError
from gameday.model import Point
from gameday.record import Record, Recorder, Redactor, find_run


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    """Marks and points survive the round trip, ordered by time."""
    recorder = Recorder(tmp_path / "run")
    recorder.mark("second", 20.0, task="b")
    recorder.mark("first", 10.0)
    recorder.points([Point("error_rate", 1.0, 0.5, 2.0)])
    record = Record(tmp_path / "run")
    assert [(mark.name, mark.details) for mark in record.marks()] == [("first", {}), ("second", {"task": "b"})]
    assert record.points() == [Point("error_rate", 1.0, 0.5, 2.0)]


def test_the_record_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Folder 0700, files 0600."""
    recorder = Recorder(tmp_path / "run")
    recorder.plan({"run": "x"})
    recorder.mark("m")
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "run").iterdir()} == {0o600}


def test_secrets_are_redacted_at_the_write(tmp_path: Path) -> None:
    """However deep they stand, and in whatever file."""
    recorder = Recorder(tmp_path / "run", Redactor(("hunter22",)))
    recorder.plan({"a": [{"b": "Bearer hunter22"}]})
    recorder.mark("m", token="hunter22")
    recorder.log("info", "uses hunter22")
    text = "".join(path.read_text() for path in (tmp_path / "run").iterdir())
    assert "hunter22" not in text and text.count("[redacted]") == 3


def test_a_run_is_found_by_a_unique_prefix(tmp_path: Path) -> None:
    """Or as `last`; anything else says what to do."""
    for name in ("2026-01-01T00-00-00Z-a", "2026-01-02T00-00-00Z-b"):
        Recorder(tmp_path / name).plan({})
    assert find_run(tmp_path, "last").folder.name.endswith("-b")
    assert find_run(tmp_path, "2026-01-01").folder.name.endswith("-a")
    with pytest.raises(UsageError, match="2 runs begin with"):
        find_run(tmp_path, "2026")
    with pytest.raises(UsageError, match="no run begins with"):
        find_run(tmp_path, "1999")
