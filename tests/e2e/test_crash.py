"""Whatever is killed in the middle of a fault, everything is put back, and the record says so."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from tests.e2e.conftest import Desk, Edited
from tests.e2e.scene import delays_left, feed_ms, in_the_fault, is_gone, long_delay, wait_until
from tests.lab.bench import least

AT_ONCE_S = 20.0  # beside any other work; less than the 47 s or more that it would last without


def test_a_killed_runner_leaves_nothing_behind(desk: Desk, edited: Edited) -> None:
    """Within 3 s of `kill -9` the delay is gone, measured through the link, the load has stopped, the run is marked."""
    scene = in_the_fault(desk, edited)
    assert feed_ms(desk) > 100
    scene.process.kill()
    killed = time.monotonic()
    scene.end()
    load, watchman = scene.pid_of("load.started"), scene.pid_of("watchman.started")
    wait_until(lambda: delays_left(desk) == 0 and is_gone(load), 3)
    assert time.monotonic() - killed < 3
    assert least(lambda: feed_ms(desk), 100) < 100
    wait_until(lambda: is_gone(watchman), 5)
    rows = json.loads(desk("runs", "--json").out)
    row = next(row for row in rows if row["run"] == scene.folder.name)
    assert row["verdict"] == "interrupted" and row["promises"] == {"made": 1, "kept": 1, "open": []}
    assert "the runner died without a word" in desk("show", scene.folder.name).out.lower()
    assert scene.marks("undo.verified")[0].details["by"] == "watchman"


def test_a_killed_watchman_ends_the_run(desk: Desk, edited: Edited) -> None:
    """Without it a crash could not be undone any more, so the runner stops at once and undoes by itself."""
    scene = in_the_fault(desk, edited)
    os.kill(scene.pid_of("watchman.started"), signal.SIGKILL)
    ended = scene.end()
    assert (ended.code, ended.findings["verdict"]) == (5, "aborted"), ended.err
    assert "the watchman" in ended.findings["why"][0] and ended.findings["abort"]["latency_s"] < AT_ONCE_S
    assert delays_left(desk) == 0


def test_a_killed_load_ends_the_run(desk: Desk, edited: Edited) -> None:
    """A fault that nobody's requests meet teaches nothing."""
    scene = in_the_fault(desk, edited)
    os.killpg(scene.pid_of("load.started"), signal.SIGKILL)
    ended = scene.end()
    assert (ended.code, ended.findings["verdict"]) == (5, "aborted"), ended.err
    assert "the load died" in ended.findings["why"][0] and delays_left(desk) == 0


def test_after_both_are_killed_no_fault_begins_until_undo_ran(desk: Desk, edited: Edited) -> None:
    """The next run refuses with figures; `gameday undo` settles; then it may run."""
    scene = in_the_fault(desk, edited)
    load = scene.pid_of("load.started")
    scene.process.send_signal(signal.SIGSTOP)  # so that it does not see its watchman die
    os.kill(scene.pid_of("watchman.started"), signal.SIGKILL)
    scene.process.kill()
    scene.end()
    wait_until(lambda: is_gone(load), 3)
    assert delays_left(desk) == 3  # nobody was left to put it back
    refused = desk.run("experiments/ecs/stop-one-task.yaml")
    assert (refused.code, refused.findings["verdict"]) == (3, "refused")
    assert "left 1 promise open, the limit is 0" in refused.findings["why"][0]
    assert desk("undo").code == 0
    assert delays_left(desk) == 0 and least(lambda: feed_ms(desk), 100) < 100
    row = next(row for row in json.loads(desk("runs", "--json").out) if row["run"] == scene.folder.name)
    assert row["verdict"] == "interrupted" and row["promises"]["open"] == []
    again = desk("undo")
    assert again.code == 0 and "nothing is left changed" in again.out
    held = desk.run("experiments/ecs/stop-one-task.yaml")
    assert held.code == 0, held.findings["why"]


def test_signals_during_the_undo_do_not_drop_it(desk: Desk, edited: Edited) -> None:
    """Ctrl-C, then SIGTERM and Ctrl-C again at once: everything is undone all the same."""
    scene = in_the_fault(desk, edited)
    scene.process.send_signal(signal.SIGINT)
    wait_until(lambda: scene.marks("interrupted"), 5)  # of signals that wait together the system gives the lowest first
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        scene.process.send_signal(number)
        time.sleep(0.01)
    ended = scene.end()
    assert (ended.code, ended.findings["verdict"]) == (130, "interrupted"), ended.err
    assert ended.findings["why"][0] == "SIGINT received"
    assert ended.findings["promises"]["open"] == [] and delays_left(desk) == 0
    assert ended.findings["abort"]["verified"] and scene.marks("signal.ignored")


def test_a_background_activity_does_not_delay_the_undo(desk: Desk, edited: Edited) -> None:
    """Chaos Toolkit would wait 47 s for it: what it started is ended first."""

    def background(data: dict[str, Any]) -> None:
        sleep = {"type": "process", "path": "sleep", "arguments": "47"}
        data["method"].insert(0, {"type": "probe", "name": "wait", "background": True, "provider": sleep})
        data["method"][1]["provider"]["arguments"] = {"delay_ms": 100, "duration_s": 300}
        data["extensions"][0]["load"] |= {"warmup_s": 0, "baseline_s": 4}

    scene = in_the_fault(desk, edited, background)
    began = time.monotonic()
    scene.process.send_signal(signal.SIGTERM)
    ended = scene.end()
    assert ended.code == 130 and time.monotonic() - began < 40
    assert ended.findings["abort"]["latency_s"] < AT_ONCE_S and delays_left(desk) == 0


def test_a_fault_in_the_background_is_undone_at_once(desk: Desk, edited: Edited) -> None:
    """Python in Chaos Toolkit's pool cannot be interrupted: the undo does not wait for it."""

    def background(data: dict[str, Any]) -> None:
        long_delay(data)
        data["method"][0]["background"] = True
        sleep = {"type": "process", "path": "sleep", "arguments": "47"}
        data["method"].append({"type": "probe", "name": "wait", "provider": sleep})

    scene = in_the_fault(desk, edited, background)
    scene.process.send_signal(signal.SIGINT)
    signalled = time.monotonic()
    wait_until(lambda: delays_left(desk) == 0, 5)
    ended = scene.end()
    assert ended.code == 130 and time.monotonic() - signalled < 40
    assert ended.findings["abort"]["latency_s"] < AT_ONCE_S and ended.findings["promises"]["open"] == []


def test_a_run_past_its_deadline_is_aborted(desk: Desk, edited: Edited) -> None:
    """Whatever hangs, a run ends."""

    def short(data: dict[str, Any]) -> None:
        data["method"][0]["provider"]["arguments"] = {"delay_ms": 100, "duration_s": 300}
        data["extensions"][0]["load"] |= {"warmup_s": 0, "baseline_s": 4}
        data["extensions"][0]["deadline_s"] = 16

    ended = in_the_fault(desk, edited, short).end()
    assert (ended.code, ended.findings["verdict"]) == (5, "aborted"), ended.err
    assert "it had 16 s" in ended.findings["why"][0] and delays_left(desk) == 0


def test_plain_chaos_run_is_as_safe(desk: Desk, edited: Edited, tmp_path: Path) -> None:
    """Killed with -9 in the middle of the fault, plain `chaos run` leaves nothing behind either."""
    chaos = str(Path(sys.executable).with_name("chaos"))
    words = f'{desk("lab", "env").out}\nexec "$0" --no-version-check --no-log-file run --journal-path "$1" "$2"'
    scene = in_the_fault(desk, edited, command=["bash", "-c", words, chaos, str(tmp_path / "journal.json"), "{file}"])
    scene.process.kill()
    wait_until(lambda: delays_left(desk) == 0 and is_gone(scene.pid_of("load.started")), 3)
    wait_until(lambda: scene.marks("undone"), 3)
    scene.end()


def test_ctrl_c_with_a_lab_that_the_run_started_itself(desk: Desk, edited: Edited) -> None:
    """The lab is a child of the run: it must outlive the abort, or nothing could be read back."""
    assert desk("lab", "down").code == 0
    (Path(desk.environment["GAMEDAY_LAB_HOME"]) / "truth.jsonl").unlink()
    try:
        scene = in_the_fault(desk, edited, command=[sys.executable, "-m", "gameday", "run", "{file}", "{file}"])
        scene.process.send_signal(signal.SIGINT)
        ended = scene.end()
    finally:
        assert desk("lab", "up").code == 0
    assert ended.code == 130, ended.err
    assert "not played: 1 of 2" in ended.err
    assert scene.marks("undone")[0].details["complete"] and scene.marks("undo.verified")
