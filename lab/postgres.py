"""A PostgreSQL primary and its standby, which trade places: what Multi-AZ RDS does, on loopback.

A commit is acknowledged once the standby has it on disk. The price: with a dead standby every commit waits for ever
(no statement_timeout ends that) until `degrade()`. A freshly promoted standby is asynchronous for the same reason,
until the old primary has come back (`rejoin`). A pair that is not `durable` waits for nobody: its standby follows
through a slow link, and what it has not got yet is lost with the primary.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg

from lab.backend.schema import APP_USER, DATABASE, seed
from lab.postgres_binaries import Binaries, can_run, find_binaries
from lab.postgres_node import Node
from lab.processes import Children, server_user
from lab.settings import LabError

__all__ = ["APP_USER", "DATABASE", "Binaries", "Node", "Pair", "find_binaries"]

SYNCHRONOUS_S = 20.0
CAUGHT_UP_S = 10.0
Connection = psycopg.Connection[tuple[object, ...]]
# A standby refuses to run with less of these than its primary has; what they are when nobody sets them.
MIRRORED = {
    "max_connections": 100,
    "max_worker_processes": 8,
    "max_prepared_transactions": 0,
    "max_locks_per_transaction": 64,
}


class Pair:
    """A primary and a synchronous standby; with `synchronous=False` a primary alone, whose standby `rejoin` makes.

    `names` are those of the two servers, also towards each other. With `through`, the port of a link to the primary,
    the standby follows asynchronously through that link. Nothing here locks: callers see to it that only one change
    at a time is under way.
    """

    def __init__(
        self,
        folder: Path,
        ports: tuple[int, int],
        children: Children,
        *,
        synchronous: bool = True,
        names: tuple[str, str] = ("az_a", "az_b"),
        through: int | None = None,
        parameters: Mapping[str, str] | None = None,
        binaries: Binaries | None = None,
    ) -> None:
        self.folder = folder = folder.absolute()
        self._synchronous = synchronous
        self._through = through
        self.binaries: Binaries = binaries or find_binaries(folder)
        self.primary, self.standby = (
            Node(name, port, folder / name, self.binaries, children, parameters)
            for name, port in zip(names, ports, strict=True)
        )

    @staticmethod
    def url(port: int, host: str = "127.0.0.1") -> str:
        """Return the application's DATABASE_URL for an address."""
        return f"postgresql://{APP_USER}@{host}:{port}/{DATABASE}"

    @property
    def durable(self) -> bool:
        """Does a commit wait for the standby, if there is one?"""
        return self._through is None

    def up(self, furnish: Callable[[Connection], None] | None = None) -> None:
        """Create and start the servers, with the application's schema and rows. Takes about one second.

        `furnish` puts something else into the new primary, by a superuser's connection.
        """
        self.check_folder()
        self.primary.initdb()
        if not self._synchronous:
            self.primary.start()
            self._furnish(furnish)
            return
        self.standby.copy_from(self.primary)
        self._follow()
        self.primary.start()
        with ThreadPoolExecutor(1) as pool:
            started = pool.submit(self.standby.start)
            self._furnish(furnish)
            started.result()
        self.arm()

    @property
    def is_synchronous(self) -> bool:
        """Does the primary wait for its standby? False as well when it does not answer."""
        try:
            return self.primary.query("show synchronous_standby_names") != [("",)]
        except psycopg.OperationalError:
            return False

    def standby_alive(self) -> bool:
        """Is the standby running, and does the primary stream to it? False when the primary does not answer."""
        if not self.standby.alive:
            return False
        try:
            with self.primary.connect() as connection:
                return self._streams(connection)
        except psycopg.OperationalError:
            return False

    def crash_primary(self) -> float:
        """End the primary as a crash would: nothing more is written or acknowledged. Return when that was."""
        return self.primary.crash()

    def stop_primary(self) -> None:
        """End the primary in order, as for a planned switchover: the standby has everything."""
        self.primary.stop_fast()

    def stop(self) -> None:
        """End both in order, the primary first, so that the standby has everything."""
        self.primary.stop_fast()
        self.standby.stop_fast()

    def start(self) -> None:
        """Start what `stop` ended; the standby, if there was one, is waited for as before."""
        self.primary.start()
        if (self.standby.data / "standby.signal").exists():
            self.standby.start()
            self.arm()

    def promote(self) -> None:
        """Make the standby the primary, which takes 0.1 s; the two names trade places. The old primary must be stopped.

        Raises LabError when there is no standby to promote.
        """
        if not self.standby.alive:
            raise LabError(f"there is no standby to promote: {self.standby.name} is not running")
        promote(self.standby)
        self.primary, self.standby = self.standby, self.primary

    def rejoin(self) -> None:
        """Bring the stopped node back as standby: rewound, or copied anew where that is not possible."""
        self.standby.stop_immediate()
        if not self._rewinds():
            self.standby.clone(self.primary.port)
        self._follow()
        self.standby.start()
        self.arm()

    def restart_primary(self) -> None:
        """Stop and start the primary in place, as a reboot without failover does."""
        self.primary.stop_fast()
        self.primary.start()

    def reload(self, parameters: Mapping[str, str]) -> None:
        """Put dynamic parameters in force at once, on both servers; those that are not named go back to the default."""
        for node in (self.primary, self.standby):
            node.parameters = dict(parameters)
            if node.alive:
                node.write_parameters()
                node.query("select pg_reload_conf()")

    def restart_with(self, parameters: Mapping[str, str]) -> None:
        """Restart both servers with other parameters, in the order that keeps the standby able to follow.

        The standby first gets the larger of the old and new values, then the primary the new ones, then the standby.
        LabError when a server does not start with them.
        """
        old, standby = self.primary.parameters, self.standby
        if not standby.alive:
            standby.parameters = dict(parameters)
            _restart(self.primary, parameters)
            return
        _restart(standby, {**old, **_larger(old, parameters)})
        _restart(self.primary, parameters)
        self._wait_caught_up()
        _restart(standby, parameters)
        self.arm()

    def degrade(self) -> None:
        """Commit without the standby from now on; commits that wait for a dead one are released within 10 ms."""
        self.primary.query("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")

    def arm(self) -> None:
        """Wait for the standby on every commit from now on; LabError when it ends or does not stream within 20 s.

        A pair that is not durable waits only here, until the standby has what there is now.
        """
        with self.primary.connect() as connection:
            if self.durable:
                names = psycopg.sql.Literal(f"FIRST 1 ({self.standby.name})")
                connection.execute(psycopg.sql.SQL("ALTER SYSTEM SET synchronous_standby_names = {}").format(names))
                connection.execute("SELECT pg_reload_conf()")
            deadline = time.monotonic() + SYNCHRONOUS_S
            while not self._streams(connection, "sync" if self.durable else "async"):
                if not self.standby.alive or time.monotonic() > deadline:
                    raise LabError(f"{self.standby.name} does not follow {self.primary.name}; see {self.standby.log}")
                time.sleep(0.01)
        if not self.durable:
            self._wait_caught_up()

    def down(self) -> None:
        """Stop both."""
        for node in (self.standby, self.primary):
            node.stop_immediate()

    def pids(self) -> dict[str, int]:
        """Return {"az_a": pid, ...} of the running postmasters."""
        return {node.name: node.pid for node in (self.primary, self.standby) if node.pid is not None}

    def check_folder(self) -> None:
        """Make the folder; LabError when the servers' user cannot enter it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not can_run(self.folder):
            raise LabError(f"PostgreSQL runs as {server_user()} and cannot enter {self.folder}; choose another folder")

    def _streams(self, connection: Connection, state: str = "%") -> bool:
        asked = "select 1 from pg_stat_replication where state = 'streaming' and application_name = %s"
        return bool(connection.execute(asked + " and sync_state like %s", (self.standby.name, state)).fetchall())

    def _rewinds(self) -> bool:
        """Rewind the standby; False if it never was a server, or its history has left the primary's."""
        if not self.standby.data.exists():
            return False
        try:
            self.standby.rewind(self.primary)
        except (LabError, OSError):
            return False
        return True

    def _follow(self) -> None:
        self.standby.follow(self._through or self.primary.port)

    def _wait_caught_up(self) -> None:
        """Wait until the standby has replayed what the primary has written; LabError after 10 s."""
        (written,) = self.primary.query("select pg_current_wal_flush_lsn()::text")[0]
        deadline = time.monotonic() + CAUGHT_UP_S
        with self.standby.connect() as connection:
            asked = "select pg_last_wal_replay_lsn() >= %s::pg_lsn"
            while connection.execute(asked, (written,)).fetchone() != (True,):
                if time.monotonic() > deadline:
                    raise LabError(f"{self.standby.name} does not follow {self.primary.name}; see {self.standby.log}")
                time.sleep(0.01)

    def _furnish(self, furnish: Callable[[Connection], None] | None) -> None:
        with self.primary.connect() as connection:
            if furnish:
                furnish(connection)
            else:
                seed(connection, self.url(self.primary.port))


def promote(node: Node) -> None:
    """Make a standby a primary, which takes 0.1 s; LabError when it does not become one."""
    if node.query("select pg_promote(true, 30)") != [(True,)]:
        raise LabError(f"{node.name} was not promoted within 30 s; see {node.log}")


def _restart(node: Node, parameters: Mapping[str, str]) -> None:
    node.parameters = dict(parameters)
    node.write_parameters()
    node.stop_fast()
    node.start()


def _larger(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Return the larger value of each parameter that a standby must not have less of."""
    return {
        name: str(max(int(values.get(name, default)) for values in (old, new))) for name, default in MIRRORED.items()
    }
