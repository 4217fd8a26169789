"""The pair loses nothing that it acknowledged, trades places, and never hangs for good."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from lab import postgres_binaries
from lab.postgres import APP_USER, Pair, find_binaries
from lab.postgres_binaries import copy_of_wheel, version_of
from lab.processes import Children, own_environment, server_user
from lab.settings import LabError
from tests.lab.bench import exists, open_folder, own_children, wait_until
from tests.ports import free_ports

AS_USER = """
import sys
from pathlib import Path
from lab.postgres import Pair
from lab.processes import Children

from tests.ports import free_ports
children = Children(Path(sys.argv[1]))
try:
    pair = Pair(Path(sys.argv[1]) / "postgres", tuple(free_ports(2)), children)
    pair.up()
    pair.crash_primary()
    pair.promote()
    pair.rejoin()
    print(pair.is_synchronous, pair.primary.query("select count(*) from pg_stat_replication")[0][0])
finally:
    children.stop_all()
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[tuple[Pair, Path]]:
    """One pair for this file; each test leaves it synchronous and complete."""
    with own_children() as (folder, children):
        first, second = free_ports(2)
        pair = Pair(folder / "postgres", (first, second), children)
        pair.up()
        with psycopg.connect(pair.url(first), autocommit=True) as application:
            application.execute("create table numbers(n int)")
        yield pair, folder


@pytest.fixture
def pair(lab: tuple[Pair, Path]) -> Iterator[Pair]:
    """The pair, checked to be whole before and after the test."""
    pair, _ = lab
    assert pair.is_synchronous
    assert pair.standby_alive()
    yield pair
    assert pair.is_synchronous
    assert pair.standby_alive()


class Writers:
    """Four threads that insert numbers as the application and repeat each until it is acknowledged."""

    def __init__(self, pair: Pair) -> None:
        self.acknowledged: set[int] = set()
        self._pair = pair
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(k * 10**6,), daemon=True) for k in range(1, 5)]
        for thread in self._threads:
            thread.start()

    def _write(self, number: int) -> None:
        while not self._ended.is_set():
            try:
                with psycopg.connect(self._pair.url(self._pair.primary.port), autocommit=True) as connection:
                    while not self._ended.is_set():
                        connection.execute("insert into numbers values (%s)", (number,))
                        self.acknowledged.add(number)
                        number += 1
            except psycopg.Error:
                time.sleep(0.01)

    def wait_for(self, count: int) -> None:
        """Wait until so many more rows are acknowledged."""
        enough = len(self.acknowledged) + count
        wait_until(lambda: len(self.acknowledged) >= enough, 10, f"{count} more rows are acknowledged")

    def end(self) -> None:
        """Stop writing."""
        self._ended.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()


def numbers(pair: Pair) -> set[int]:
    """Return what the primary has."""
    with psycopg.connect(pair.url(pair.primary.port)) as connection:
        return {row[0] for row in connection.execute("select n from numbers").fetchall()}


def application(pair: Pair) -> psycopg.Connection[tuple[object, ...]]:
    """Return an autocommit connection to the primary as the application."""
    return psycopg.connect(pair.url(pair.primary.port), autocommit=True)


def test_new_pair_is_synchronous_and_seeded(pair: Pair) -> None:
    """Both servers run, the standby has what the primary has, and FoodConnect's rows are there."""
    assert pair.pids().keys() == {"az_a", "az_b"}
    assert int(pair.binaries.version.split(".")[0]) >= 15
    with application(pair) as connection:
        assert connection.execute("select (select count(*) from users), (select count(*) from posts)").fetchall() == [
            (50, 2000)
        ]


def test_application_is_no_superuser(pair: Pair) -> None:
    """The application cannot take the connections that are reserved for repairs."""
    with application(pair) as connection:
        assert connection.execute(
            "select current_user, usesuper from pg_user where usename = current_user"
        ).fetchall() == [(APP_USER, False)]


def test_crash_failover_loses_no_acknowledged_row(pair: Pair) -> None:
    """Three crashes in a row under four writers: every acknowledged row is there, and writes go on at once."""
    writers = Writers(pair)
    try:
        for _ in range(3):
            writers.wait_for(50)
            old = pair.primary
            pair.crash_primary()
            assert not old.alive
            pair.promote()
            assert pair.primary is not old
            assert not pair.is_synchronous  # else its first commit would hang
            writers.wait_for(1)
            pair.rejoin()
            assert pair.standby is old
    finally:
        writers.end()
    assert writers.acknowledged <= numbers(pair)


def test_commit_waits_for_a_dead_standby_until_degraded(pair: Pair) -> None:
    """Without its standby a commit hangs; `degrade` releases it."""
    pair.standby.stop_immediate()
    assert not pair.standby_alive()
    outcome: list[str] = []

    def insert() -> None:
        with application(pair) as connection:
            connection.execute("insert into numbers values (-1)")
        outcome.append("committed")

    thread = threading.Thread(target=insert, daemon=True)
    thread.start()
    thread.join(1)
    assert not outcome
    pair.degrade()
    thread.join(30)
    assert outcome
    assert not pair.is_synchronous
    pair.rejoin()


def test_frozen_primary_can_be_crashed(pair: Pair) -> None:
    """A stopped (SIGSTOP) server and its backends are ended and replaced."""
    frozen = psutil.Process(pair.primary.pid)
    members = [frozen, *frozen.children()]
    for member in members:
        member.suspend()
    pair.crash_primary()
    assert not any(exists(member.pid) for member in members)
    pair.promote()
    pair.rejoin()


def test_planned_switchover_keeps_everything(pair: Pair) -> None:
    """A clean stop, a promotion and a re-join keep the rows."""
    with application(pair) as connection:
        connection.execute("insert into numbers values (-2)")
    pair.stop_primary()
    pair.promote()
    assert -2 in numbers(pair)
    pair.rejoin()


def test_reboot_in_place_keeps_the_roles(pair: Pair) -> None:
    """A restarted primary is the same server on the same port, with a new process."""
    port, pid = pair.primary.port, pair.primary.pid
    pair.restart_primary()
    assert pair.primary.port == port
    assert pair.primary.pid not in (None, pid)
    wait_until(pair.standby_alive, 10, "the standby streams again")


def test_destroyed_node_is_copied_anew(pair: Pair) -> None:
    """Where nothing can be rewound the standby is made by a base backup."""
    pair.standby.stop_immediate()
    shutil.rmtree(pair.standby.data)
    pair.degrade()
    pair.rejoin()


def test_nothing_to_promote_is_told(pair: Pair) -> None:
    """Without a running standby a promotion is refused in a sentence."""
    pair.standby.stop_immediate()
    try:
        with pytest.raises(LabError, match="no standby to promote"):
            pair.promote()
    finally:
        pair.rejoin()


def test_server_that_cannot_start_shows_its_log(lab: tuple[Pair, Path]) -> None:
    """A taken port is a LabError with PostgreSQL's own words; no process is left."""
    taken = lab[0].primary.port
    with own_children() as (folder, children):
        single = Pair(folder, (taken, free_ports(1)[0]), children, synchronous=False)
        with pytest.raises(LabError, match=r"(?s)az_a did not start.*could not bind"):
            single.up()
        assert children.pids().keys() == {"keeper"}


def test_single_server_gets_its_standby_later() -> None:
    """Not synchronous means one server; `rejoin` makes it a pair."""
    with own_children() as (folder, children):
        first, second = free_ports(2)
        pair = Pair(folder, (first, second), children, synchronous=False)
        pair.up()
        assert pair.pids().keys() == {"az_a"}
        synchronous = [pair.is_synchronous]
        pair.rejoin()
        synchronous.append(pair.is_synchronous)
        assert pair.standby_alive()
        pair.down()
        synchronous.append(pair.is_synchronous)
        assert pair.pids() == {}
        assert synchronous == [False, True, False]


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests already run as an ordinary user")
def test_pair_works_for_an_ordinary_user() -> None:
    """Without root the servers run as oneself."""
    as_user = ["unshare", "--user", "--map-user=65534", "--map-group=65534"]  # keeps our right to read this checkout
    if shutil.which("unshare") is None or subprocess.run([*as_user, "true"], check=False).returncode != 0:
        pytest.skip("this machine has no user namespaces")
    with open_folder() as folder:
        done = subprocess.run(
            [*as_user, sys.executable, "-c", AS_USER, folder],
            env=own_environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.stdout, done.stderr) == ("True 1\n", "")


def test_folder_that_the_server_cannot_enter_is_told() -> None:
    """As root, a private folder is refused before anything is created."""
    if server_user() is None:
        pytest.skip("only root's servers run as somebody else")
    with open_folder() as folder:
        folder.chmod(0o700)
        children = Children(folder)
        with pytest.raises(LabError, match=r"runs as nobody and cannot enter .*postgres"):
            Pair(folder / "postgres", (1, 2), children).up()
        assert children.pids() == {}


def test_copied_wheel_runs() -> None:
    """The programs find their libraries in a copy, which a private environment of root's needs."""
    found = find_binaries(Path("/nowhere"))
    if not found.source.startswith("wheel"):
        pytest.skip("this PostgreSQL is not the wheel's")
    with open_folder() as folder:
        copy = copy_of_wheel(found.bin_dir.parents[1], folder / "postgresql")
        assert version_of(copy / "pginstall" / "bin") == found.version
        assert copy_of_wheel(found.bin_dir.parents[1], folder / "postgresql") == copy


def test_no_postgresql_is_told_with_the_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any says what to install."""
    monkeypatch.setattr(postgres_binaries, "WHEEL", "no_such_wheel")
    monkeypatch.setattr(postgres_binaries, "machine_bin_dirs", lambda: iter([tmp_path]))
    with pytest.raises(LabError, match=r"pip install 'foodconnect-gameday\[lab\]'"):
        find_binaries(tmp_path)


def test_child_of_postgres_gets_the_immediate_stop(lab: tuple[Pair, Path]) -> None:
    """A keeper ends PostgreSQL by an immediate stop, so each postmaster is recorded with SIGQUIT."""
    recorded = (lab[1] / "children.json").read_text()
    assert recorded.count(f'"stop": {int(signal.SIGQUIT)}') == 2
