"""A PostgreSQL primary and its synchronous standby, which trade places: what Multi-AZ RDS does, on loopback.

A commit is acknowledged once the standby has it on disk. The price: with a dead standby every commit waits for ever
(no statement_timeout ends that) until `degrade()`. A freshly promoted standby is asynchronous for the same reason,
until the old primary has come back (`rejoin`).

With a `WalLink` as its `wal` the pair is asynchronous throughout: no commit waits, a crash loses what the link holds.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg

from lab.backend.schema import APP_USER, DATABASE, seed
from lab.postgres_binaries import Binaries, can_run, find_binaries
from lab.postgres_node import Node
from lab.processes import Children, server_user
from lab.settings import LabError
from lab.wal_link import WalLink

__all__ = ["APP_USER", "DATABASE", "Binaries", "Node", "Pair", "find_binaries"]

SYNCHRONOUS_S = 20.0


class Pair:
    """A primary and a synchronous standby; with `synchronous=False` a primary alone, whose standby `rejoin` makes.

    Nothing here locks: callers see to it that only one change at a time is under way.
    """

    def __init__(
        self,
        folder: Path,
        ports: tuple[int, int],
        children: Children,
        *,
        synchronous: bool = True,
        connections: int = 100,
    ) -> None:
        self.wal: WalLink | None = None
        self._folder = folder = folder.absolute()
        self._synchronous = synchronous
        self.binaries: Binaries = find_binaries(folder)
        self.primary, self.standby = (
            Node(name, port, folder / name, self.binaries, children, connections=connections)
            for name, port in zip(("az_a", "az_b"), ports, strict=True)
        )

    @staticmethod
    def url(port: int, host: str = "127.0.0.1") -> str:
        """Return the application's DATABASE_URL for an address."""
        return f"postgresql://{APP_USER}@{host}:{port}/{DATABASE}"

    def up(self) -> None:
        """Create and start the servers, with the application's schema and rows. Takes about one second."""
        self._check_folder()
        self.primary.initdb()
        if not self._synchronous:
            self.primary.start()
            self._seed()
            return
        self.standby.copy_from(self.primary)
        self._follow()
        self.primary.start()
        with ThreadPoolExecutor(1) as pool:
            started = pool.submit(self.standby.start)
            self._seed()
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
            return bool(self.primary.query("select 1 from pg_stat_replication where state = 'streaming'"))
        except psycopg.OperationalError:
            return False

    def crash_primary(self) -> None:
        """End the primary as a crash would: nothing more is written or acknowledged."""
        if self.wal:
            self.wal.cut()
        self.primary.stop_immediate()

    def stop_primary(self) -> None:
        """End the primary in order, as for a planned switchover: the standby has everything."""
        self.primary.stop_fast()

    def promote(self) -> None:
        """Make the standby the primary, which takes 0.1 s; the two names trade places. The old primary must be stopped.

        Raises LabError when there is no standby to promote.
        """
        if not self.standby.alive:
            raise LabError(f"there is no standby to promote: {self.standby.name} is not running")
        if self.standby.query("select pg_promote(true, 30)") != [(True,)]:
            raise LabError(f"{self.standby.name} was not promoted within 30 s; see {self.standby.log}")
        self.primary, self.standby = self.standby, self.primary

    def rejoin(self) -> None:
        """Bring the stopped node back as synchronous standby: rewound, or copied anew where that is not possible."""
        self.standby.stop_immediate()
        try:
            self.standby.rewind(self.primary)
        except (LabError, OSError):  # it never was a server, or its history has left the primary's
            self.standby.clone(self.primary)
        self._follow()
        self.standby.start()
        self.arm()

    def restart_primary(self) -> None:
        """Stop and start the primary in place, as a reboot without failover does."""
        self.primary.stop_fast()
        self.primary.start()

    def degrade(self) -> None:
        """Commit without the standby from now on; commits that wait for a dead one are released within 10 ms."""
        self.primary.query("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")

    def arm(self) -> None:
        """Wait for the standby on every commit from now on; LabError when it does not stream within 20 s.

        An asynchronous pair only waits until the standby follows.
        """
        if self.wal:
            self._wait_follows()
            self.wal.lag()
            return
        with self.primary.connect() as connection:
            names = psycopg.sql.Literal(f"FIRST 1 ({self.standby.name})")
            connection.execute(psycopg.sql.SQL("ALTER SYSTEM SET synchronous_standby_names = {}").format(names))
            connection.execute("SELECT pg_reload_conf()")
            deadline = time.monotonic() + SYNCHRONOUS_S
            streaming = "select 1 from pg_stat_replication where state = 'streaming' and sync_state = 'sync'"
            while not connection.execute(streaming).fetchall():
                if time.monotonic() > deadline:
                    raise LabError(f"{self.standby.name} does not follow {self.primary.name}; see {self.standby.log}")
                time.sleep(0.01)

    def relink(self) -> None:
        """Open the standby's link again: the link process has been started anew."""
        if self.wal:
            self.wal.lead_to(self.primary.port)
            if self.standby.alive:
                self._wait_follows()
            self.wal.lag()

    def down(self) -> None:
        """Stop both."""
        for node in (self.standby, self.primary):
            node.stop_immediate()

    def pids(self) -> dict[str, int]:
        """Return {"az_a": pid, ...} of the running postmasters."""
        return {node.name: node.pid for node in (self.primary, self.standby) if node.pid is not None}

    def _follow(self) -> None:
        """Let the standby follow the primary from its next start on."""
        if self.wal:
            self.wal.lead_to(self.primary.port)
        self.standby.follow(self.wal.port if self.wal else self.primary.port)

    def _wait_follows(self) -> None:
        """Wait until the standby has what the primary has now; LabError when it has not within 20 s."""
        follows = "select 1 from pg_stat_replication where state = 'streaming' and replay_lsn >= %s::pg_lsn"
        deadline = time.monotonic() + SYNCHRONOUS_S
        with self.primary.connect() as connection:
            written = connection.execute("select pg_current_wal_flush_lsn()").fetchone()
            while not connection.execute(follows, written).fetchall():
                if time.monotonic() > deadline:
                    raise LabError(f"{self.standby.name} does not follow {self.primary.name}; see {self.standby.log}")
                time.sleep(0.01)

    def _seed(self) -> None:
        with self.primary.connect() as connection:
            seed(connection, self.url(self.primary.port))

    def _check_folder(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if not can_run(self._folder):
            raise LabError(f"PostgreSQL runs as {server_user()} and cannot enter {self._folder}; choose another folder")
