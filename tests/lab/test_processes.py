"""Children of the lab never outlive it, and nothing but them is ever ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from lab.processes import FILE, Children, clean_stale, own_environment, python
from lab.settings import LabError
from tests.lab.bench import exists, open_folder, own_children, wait_until

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


@contextmanager
def doomed(folder: Path, *which: str) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, int]]]:
    """Yield a parent with children of its own and their pids; whatever is left of them is killed."""
    parent = subprocess.Popen(
        python("tests.lab.doomed", str(folder), *which), env=own_environment(), stdout=subprocess.PIPE
    )
    pids: dict[str, int] = {}
    try:
        assert parent.stdout is not None
        pids = json.loads(parent.stdout.readline())
        yield parent, pids
    finally:
        for pid in (parent.pid, *pids.values()):
            if exists(pid):
                os.kill(pid, signal.SIGKILL)
        parent.communicate()


def family(pids: dict[str, int]) -> set[int]:
    """Return the pids with all their descendants."""
    found = set(pids.values())
    for pid in pids.values():
        found |= {child.pid for child in psutil.Process(pid).children(recursive=True)}
    return found


def words(process: psutil.Process) -> list[str]:
    """Return a process's command line; one that has just ended has none."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def none_left(pids: set[int]) -> bool:
    """Have all of them ended?"""
    return not any(map(exists, pids))


def test_child_gets_its_own_session_exactly_its_environment_and_a_log() -> None:
    """A child leads a session, sees the environment it was given and no more, and writes to its log."""
    code = "import os; print(os.getsid(0) == os.getpid(), os.environ['GIVEN'], 'HOME' in os.environ)"
    with own_children() as (folder, children):
        process = children.spawn("one", [sys.executable, "-c", code], env={"GIVEN": "yes"}, log=folder / "logs" / "one")
        assert process.wait(10) == 0
        assert (folder / "logs" / "one").read_text() == "True yes False\n"


def test_pids_name_the_living_and_the_keeper() -> None:
    """Only what is alive is listed; the keeper is listed too."""
    with own_children() as (folder, children):
        lives = children.spawn("lives", SLEEP, env=own_environment(), log=folder / "log")
        ended = children.spawn("ended", [sys.executable, "-c", ""], env=own_environment(), log=folder / "log")
        ended.wait(10)
        assert children.pids().keys() == {"lives", "keeper"}
        assert children.pids()["lives"] == lives.pid


def test_stop_sends_the_childs_own_signal() -> None:
    """A child that was started with another stop signal ends by that one."""
    with own_children() as (folder, children):
        heard = "signal.signal(signal.SIGINT, signal.default_int_handler)"  # a shell's background jobs ignore it
        code = f"import signal, time; {heard}; print('ready'); time.sleep(600)"
        command = [sys.executable, "-c", code]
        process = children.spawn("one", command, env=own_environment(), log=folder / "log", stop=signal.SIGINT)
        wait_until(lambda: "ready" in (folder / "log").read_text(), 10, "it is ready")
        children.stop(process)
        assert "KeyboardInterrupt" in (folder / "log").read_text()
        assert "one" not in children.pids()


def test_stop_kills_a_deaf_child_and_its_descendants() -> None:
    """What ignores its stop signal is killed after the grace, with everything below it, also when it is frozen."""
    code = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "below = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True);"
        "print(below.pid, flush=True); time.sleep(600)"
    )
    with own_children() as (folder, children):
        process = children.spawn("deaf", [sys.executable, "-c", code], env=own_environment(), log=folder / "log")
        wait_until(lambda: (folder / "log").read_text().endswith("\n"), 10, "its child runs")
        below = int((folder / "log").read_text())
        os.kill(below, signal.SIGSTOP)
        assert children.stop(process, grace_s=0.2) == -signal.SIGKILL
        assert none_left({process.pid, below})


def test_stop_all_leaves_nothing() -> None:
    """After stop_all neither a child, nor the keeper, nor the list of them is there."""
    with own_children() as (folder, children):
        for name in ("a", "b", "c"):
            children.spawn(name, SLEEP, env=own_environment(), log=folder / "log")
        pids = set(children.pids().values())
        assert len(pids) == 4
        assert (folder / FILE).exists()
        children.stop_all()
        assert none_left(pids)
        assert not (folder / FILE).exists()
        assert children.pids() == {}


@pytest.mark.parametrize("frozen", [False, True])
def test_sigkill_of_the_parent_ends_everything_within_5_s(frozen: bool) -> None:
    """PostgreSQL, Envoy and Python children, frozen ones too, are gone 5 s after the parent was killed."""
    with open_folder() as folder, doomed(folder, "all") as (parent, pids):
        everyone = family(pids)
        assert pids.keys() >= {"postgres-az_a", "postgres-az_b", "envoy", "plain", "deaf", "keeper"}
        assert len(everyone) > len(pids) + 8  # PostgreSQL's backends are there
        if frozen:
            for pid in everyone - {pids["keeper"]}:
                os.kill(pid, signal.SIGSTOP)
        parent.kill()
        parent.wait()
        assert wait_until(lambda: none_left(everyone), 5, "everything ended") < 5


def test_killed_keeper_is_replaced_and_its_successor_knows_everyone() -> None:
    """A new keeper comes by itself and ends children that were started before it."""
    with open_folder() as folder, doomed(folder) as (parent, pids):
        everyone = family(pids) - {pids["keeper"]}
        os.kill(pids["keeper"], signal.SIGKILL)
        keepers: list[int] = []

        def replaced() -> bool:
            found = [child.pid for child in psutil.Process(parent.pid).children() if "lab.keeper" in words(child)]
            keepers[:] = [pid for pid in found if pid != pids["keeper"]]
            return bool(keepers)

        wait_until(replaced, 5, "another keeper")
        time.sleep(0.3)  # it has read the list
        parent.kill()
        parent.wait()
        wait_until(lambda: none_left(everyone | set(keepers)), 5, "everything ended")


def test_spawn_after_the_keeper_died_works() -> None:
    """A child started in the very moment the keeper dies is kept by the next one."""
    with own_children() as (folder, children):
        children.spawn("first", SLEEP, env=own_environment(), log=folder / "log")
        old = children.pids()["keeper"]
        os.kill(old, signal.SIGKILL)
        children.spawn("second", SLEEP, env=own_environment(), log=folder / "log")
        wait_until(lambda: children.pids().get("keeper", old) != old, 5, "another keeper")
        assert children.pids().keys() == {"first", "second", "keeper"}


def test_clean_stale_ends_what_a_dead_lab_left() -> None:
    """When the keeper could do nothing either, the next lab ends the children, and says which."""
    with open_folder() as folder, doomed(folder) as (parent, pids):
        everyone = family(pids) - {pids["keeper"]}
        os.kill(pids["keeper"], signal.SIGSTOP)
        parent.kill()
        parent.wait()
        assert sorted(clean_stale(folder)) == ["deaf", "parent", "plain"]
        assert none_left(everyone)
        assert clean_stale(folder) == []


def test_clean_stale_touches_nothing_of_a_living_lab() -> None:
    """While the lab that wrote the list is alive, its children stay."""
    with own_children() as (folder, children):
        process = children.spawn("one", SLEEP, env=own_environment(), log=folder / "log")
        assert clean_stale(folder) == []
        assert process.poll() is None
        assert (folder / FILE).exists()


def test_clean_stale_never_touches_a_pid_that_is_used_again() -> None:
    """A process that began at another time than the list says is somebody else's."""
    stranger = subprocess.Popen(SLEEP)
    try:
        with open_folder() as folder:
            began = psutil.Process(stranger.pid).create_time()
            child = {"name": "one", "pid": stranger.pid, "created": began - 60, "stop": int(signal.SIGKILL)}
            owner = {"name": "lab", "pid": os.getpid(), "created": 0.0, "stop": int(signal.SIGTERM)}
            (folder / FILE).write_text(json.dumps({"mark": "none", "owner": owner, "children": [child]}))
            assert clean_stale(folder) == []
            assert stranger.poll() is None
            assert not (folder / FILE).exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_clean_stale_tells_of_a_file_that_is_none(tmp_path: Path) -> None:
    """A list that cannot be understood is not removed silently: its processes may be there."""
    (tmp_path / FILE).write_text('{"children": [')
    with pytest.raises(LabError, match="end its processes"):
        clean_stale(tmp_path)
    assert (tmp_path / FILE).exists()


def test_clean_stale_finds_a_child_that_was_never_written_down() -> None:
    """A child started in the daemon's last moment carries the lab's mark and is ended too."""
    with own_children() as (folder, children):
        process = children.spawn("one", SLEEP, env=own_environment(), log=folder / "log")
        listed = json.loads((folder / FILE).read_text())
        listed["owner"]["created"] = 0.0
        (folder / FILE).write_text(json.dumps({**listed, "children": []}))
        assert clean_stale(folder) == [f"pid {process.pid}"]
        assert process.wait(5) == -signal.SIGTERM


def test_missing_program_is_an_error_and_leaves_no_record(tmp_path: Path) -> None:
    """What cannot be run raises OSError and is not listed."""
    with own_children() as (folder, children):
        with pytest.raises(FileNotFoundError):
            children.spawn("none", [str(tmp_path / "none")], env={}, log=folder / "log")
        assert children.pids().keys() == {"keeper"}


def test_children_without_any_child_start_no_keeper() -> None:
    """Nothing is started before the first child is."""
    with open_folder() as folder:
        children = Children(folder)
        assert children.pids() == {}
        children.stop_all()
