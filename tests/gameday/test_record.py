"""The run folder: private, readable after a crash, without secrets."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

from gameday.engine.progress import Console, Redacted
from gameday.errors import UsageError
from gameday.model import Point
from gameday.record import Record, Recorder, Redactor, find_run, read_lines


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


def test_the_sweep_cleans_what_others_wrote(tmp_path: Path) -> None:
    """Lines stay lines, figures stay figures, a torn line too is redacted; promises are left alone."""
    recorder = Recorder(tmp_path / "run", Redactor("hunter22"))
    folder = recorder.folder
    rows = [[1.5, 1.5, 1.6, 200, "read_feed", ""], [2.5, 2.5, None, 0, "log_in", "Error: no hunter22 here"]]
    lines = "".join(json.dumps(row) + "\n" for row in rows) + '[3.5, 3.5, 3.6, 0, "x", "hunter2'
    (folder / "samples.jsonl").write_text(lines + "2")
    (folder / "load.log").write_text("the token is hunter22\nand token=abc123\n")
    (folder / "other.json").write_text('{"password": "Tr0ub4dor", "n": 1}')
    promise = '{"promise": {"args": {"token": "hunter22"}}}\n'
    (folder / "promises.jsonl").write_text(promise)
    recorder.mark("clean")
    before = (folder / "marks.jsonl").read_bytes()
    for path in folder.iterdir():
        path.chmod(0o644)
    assert recorder.sweep() == ["load.log", "other.json", "samples.jsonl"]
    assert recorder.sweep() == []
    read = [list(row) for row in (json.loads(line) for line in (folder / "samples.jsonl").read_text().split("\n")[:2])]
    assert read == [rows[0], [2.5, 2.5, None, 0, "log_in", "Error: no [redacted] here"]]
    assert (folder / "samples.jsonl").read_text().endswith('"x", "[redacted]')
    assert (folder / "load.log").read_text() == "the token is [redacted]\nand token=[redacted]\n"
    assert json.loads((folder / "other.json").read_text()) == {"password": "[redacted]", "n": 1}
    assert (folder / "promises.jsonl").read_text() == promise and (folder / "marks.jsonl").read_bytes() == before
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_what_is_learnt_later_is_swept_from_what_was_written_before(tmp_path: Path) -> None:
    """A mark that told a secret before anything gave it away does not keep it."""
    recorder = Recorder(tmp_path / "run")
    recorder.mark("said", why="it was Tr0ub4dor")
    recorder.log("info", "told", password="Tr0ub4dor")
    assert recorder.sweep() == ["marks.jsonl"]
    assert Record(recorder.folder).marks()[0].details == {"why": "it was [redacted]"}


def test_progress_shows_no_secrets() -> None:
    """Neither in a phase's sentence nor in the figures."""
    out = StringIO()
    progress = Redacted(Console(out), Redactor("hunter22").text)
    progress.phase("fault", "used hunter22")
    progress.figures("saw hunter22")
    assert "hunter22" not in out.getvalue() and out.getvalue().count("[redacted]") == 2


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


def test_a_mark_on_a_full_disk_is_lost_and_said_and_stops_nobody(tmp_path: Path) -> None:
    """What protects the system goes on; the verdict hears that the record has gaps."""
    recorder = Recorder(tmp_path / "run")
    (tmp_path / "run" / "marks.jsonl").symlink_to("/dev/full")
    recorder.mark("abort", fsync=True, why="x")
    assert "No space left" in recorder.lost


def test_a_line_that_does_not_fit_is_an_error(tmp_path: Path) -> None:
    """A promise that is half on disk is none: whoever makes it must hear."""
    path = tmp_path / "promises.jsonl"
    code = (
        "import resource, signal, sys; from pathlib import Path; from gameday.record import append_line;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200));"
        "append_line(Path(sys.argv[1]), {'promise': 'x' * 500}, fsync=True)"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert ended.returncode == 1 and "File too large" in ended.stderr
    assert list(read_lines(path)) == []
