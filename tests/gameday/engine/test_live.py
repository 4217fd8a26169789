"""What a run says of itself while it goes on: how far its guards are from their limits; and it is in no way."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import pytest

from gameday.engine.live import FILE, Heard, LiveFile, guard_line
from gameday.engine.progress import Console
from gameday.model import GuardSpec
from gameday.record import Recorder
from gameday.redact import Redactor
from gameday.safety.guards import read


@dataclass(frozen=True)
class Known:
    """Sources with fixed answers."""

    value: float | None = None
    state: str | None = None
    status: int | None = None
    raises: list[Exception] = field(default_factory=list)

    def signal(self, name: str, over_s: float) -> float | None:
        return self.value

    def metric(self, guard: GuardSpec) -> float | None:
        if self.raises:
            raise self.raises[0]
        return self.value

    def alarm(self, name: str) -> str | None:
        return self.state

    def http(self, address: str) -> int | None:
        return self.status

    def safety_lever(self) -> str | None:
        return self.state


RATIO = GuardSpec(signal="load.error_ratio", max=0.5)
P99 = GuardSpec(signal="load.p99_ms", max=3000, over_s=10)
RATE = GuardSpec(signal="load.rate", min=30)
DEPTH = GuardSpec(metric="FoodConnect/QueueDepth", min=10, max=100)
NONE_LOST = GuardSpec(metric="lost", max=0)
ALARM, HTTP = GuardSpec(alarm="chaos-stop"), GuardSpec(http="/health")
LEVER = GuardSpec(safety_lever=True)


@pytest.mark.parametrize(
    ("guard", "sources", "line"),
    [
        (RATIO, Known(0.0), ("load.error_ratio", "yes", "0%", "<= 50% over 5 s", 1.0)),
        (RATIO, Known(0.125), ("load.error_ratio", "yes", "12.5%", "<= 50% over 5 s", 0.75)),
        (RATIO, Known(0.5), ("load.error_ratio", "yes", "50%", "<= 50% over 5 s", 0.0)),
        (RATIO, Known(0.51), ("load.error_ratio", "no", "51%", "<= 50% over 5 s", 0.0)),
        (RATIO, Known(None), ("load.error_ratio", "unknown", "no data", "<= 50% over 5 s", None)),
        (P99, Known(2250.0), ("load.p99_ms", "yes", "2250 ms", "<= 3000 ms over 10 s", 0.25)),
        (RATE, Known(60.0), ("load.rate", "yes", "60/s", ">= 30/s over 5 s", 0.5)),
        (RATE, Known(0.0), ("load.rate", "no", "0/s", ">= 30/s over 5 s", 0.0)),
        (DEPTH, Known(20.0), ("FoodConnect/QueueDepth", "yes", "20", "<= 100 and >= 10", 0.5)),
        (DEPTH, Known(75.0), ("FoodConnect/QueueDepth", "yes", "75", "<= 100 and >= 10", 0.25)),
        (NONE_LOST, Known(0.0), ("lost", "yes", "0", "<= 0", None)),
        (NONE_LOST, Known(1.0), ("lost", "no", "1", "<= 0", 0.0)),
        (ALARM, Known(state="OK"), ("alarm chaos-stop", "yes", "OK", "OK", 1.0)),
        (ALARM, Known(state="ALARM"), ("alarm chaos-stop", "no", "ALARM", "OK", 0.0)),
        (ALARM, Known(), ("alarm chaos-stop", "unknown", "no data", "OK", None)),
        (HTTP, Known(status=200), ("/health", "yes", "200", "200", 1.0)),
        (HTTP, Known(status=0), ("/health", "no", "no answer", "200", 0.0)),
        (LEVER, Known(state="disengaged"), ("FIS safety lever", "yes", "disengaged", "disengaged", 1.0)),
    ],
)
def test_a_guard_tells_its_distance_to_the_limit(guard: GuardSpec, sources: Known, line: tuple[object, ...]) -> None:
    """Reading and limit have units; the share that is left is 0 where it trips, and unknown where nothing is known."""
    found = guard_line(guard, read(guard, sources))
    assert tuple(found[name] for name in ("title", "answer", "reading", "limit")) == line[:4]
    assert found["left"] == (line[4] if line[4] is None else pytest.approx(line[4]))


def eventually(true: Callable[[], bool], within_s: float = 30.0) -> bool:
    """Return whether it becomes true."""
    until = time.monotonic() + within_s
    while not true() and time.monotonic() < until:
        time.sleep(0.01)
    return true()


def test_a_run_says_what_it_does_until_it_is_over(tmp_path: Path) -> None:
    """The file has phase, figures and guards, for its owner alone and without secrets, and is gone at the end."""
    recorder = Recorder(tmp_path / "run", Redactor(["hunter2-and-more"]))
    now = time.time()
    lines = [[now - 0.5, now - 0.5, now - 0.4 + number / 100, 200, "feed", None] for number in range(20)]
    (recorder.folder / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    heard = Heard(Console(StringIO()))
    heard.phase("fault", "stop a task with hunter2-and-more")
    live = LiveFile(recorder, heard, [RATIO, ALARM], Known(state="OK"), True)
    live.start()
    path = recorder.folder / FILE
    try:
        assert eventually(path.exists)
        found = json.loads(path.read_text())
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        live.stop()
    assert (found["run"], found["pid"], found["leader"]) == ("run", os.getpid(), os.getsid(0))
    assert (found["phase"], found["doing"]) == ("fault", "stop a task with [redacted]")
    assert now <= found["since"] <= found["written"]
    assert found["figures"]["requests"] == 20
    assert found["figures"]["rate"] == 10
    assert [guard["answer"] for guard in found["guards"]] == ["yes", "yes"]
    assert sorted(path.name for path in recorder.folder.iterdir()) == ["samples.jsonl"]


def test_what_goes_wrong_there_stays_there(tmp_path: Path) -> None:
    """A reading that raises and a folder that is gone end nothing and mark nothing as lost; the next look is tried."""
    recorder = Recorder(tmp_path / "run")
    raised: list[Exception] = [ValueError("a bug")]
    live = LiveFile(recorder, Heard(Console(StringIO())), [DEPTH], Known(20.0, raises=raised), False)
    live.start()
    try:
        time.sleep(0.1)
        assert not (recorder.folder / FILE).exists()
        raised.clear()
        assert eventually((recorder.folder / FILE).exists)
        recorder.folder.rename(tmp_path / "elsewhere")
        time.sleep(1.1)
    finally:
        live.stop()
    assert recorder.lost == ""
