"""One PostgreSQL server on loopback: its data folder, its configuration, its postmaster.

Everything in the data folder must belong to the server's user, and pg_rewind copies the source's configuration over
the target's, port included: so the configuration is written again after each copy.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import LiteralString

import psycopg

from lab.postgres_binaries import Binaries
from lab.processes import Children, server_user
from lab.settings import LabError

SUPERUSER = "postgres"
MAINTENANCE = "template1"  # the database that is always there; the application's is its own
Rows = list[tuple[object, ...]]
TOOL_S = 60  # the longest a program may take
STARTED_S = 20
# A backend still in its handshake can hold up an immediate stop for ever; SIGKILL follows after this.
IMMEDIATE_S = 3.0
FAST_S = 15.0

# mmap: a killed server leaves its POSIX segments in /dev/shm for good, its files go with its folder
CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 100
superuser_reserved_connections = 10
shared_buffers = 32MB
dynamic_shared_memory_type = mmap
wal_level = replica
max_wal_senders = 10
wal_keep_size = 64MB
max_slot_wal_keep_size = 512MB
track_io_timing = on
track_wal_io_timing = on
wal_log_hints = on
hot_standby = on
max_wal_size = 256MB
logging_collector = off
log_line_prefix = '%m [%p] '
wal_receiver_timeout = 5s
wal_sender_timeout = 5s
wal_retrieve_retry_interval = 100ms
tcp_keepalives_idle = 2
tcp_keepalives_interval = 1
tcp_keepalives_count = 3
autovacuum_naptime = 10s
jit = off
recovery_init_sync_method = {init_sync}
"""


class Node:
    """A server named like an availability zone; `log` is where its output goes.

    `parameters` are PostgreSQL's, by name, as they stand in its configuration above the lab's own.
    """

    def __init__(
        self,
        name: str,
        port: int,
        folder: Path,
        binaries: Binaries,
        children: Children,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.port = port
        self.folder = folder
        self.parameters = dict(parameters or {})
        self.log = folder.with_suffix(".log")
        self._binaries = binaries
        self._children = children
        self._user = server_user()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def alive(self) -> bool:
        """Is the postmaster running?"""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The postmaster's pid; None when it is not running."""
        return self._process.pid if self._process and self.alive else None

    @property
    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": str(self.folder), "PGAPPNAME": self.name}

    def tool(self, program: str | Path, *arguments: str | Path) -> None:
        """Run one of PostgreSQL's programs as the server's user; LabError with its words when it fails."""
        command = [self._binaries.bin_dir / program, *arguments]
        try:
            done = subprocess.run(
                command,
                env=self._environment,
                user=self._user,
                cwd=self.folder,
                capture_output=True,
                text=True,
                timeout=TOOL_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise LabError(f"{Path(program).name} did not end within {TOOL_S} s for {self.name}") from None
        if done.returncode != 0:
            raise LabError(f"{Path(program).name} failed for {self.name}: {done.stderr.strip()[-1000:]}")

    def clear(self) -> None:
        """Make the node's folder new and empty."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self._give(self.folder)

    def initdb(self) -> None:
        """Create a new, empty cluster."""
        self.clear()
        self.tool(
            *("initdb", "-D", self.data, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C"),
            *("--no-sync", "--no-instructions", "-k"),
        )
        self.configure()

    def copy_from(self, source: Node) -> None:
        """Become the twin of a node that was never started: quicker than a base backup of a running one."""
        self.clear()
        self.tool("/bin/cp", "-a", source.data, self.data)
        self.configure()

    def clone(self, port: int) -> None:
        """Become a copy of the running server behind a port, by base backup."""
        self.clear()
        self._base_backup(port, self.data)
        self.configure()

    def back_up(self, folder: Path) -> None:
        """Write a base backup of this running server into a new folder."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._give(folder)
        self._base_backup(self.port, folder / "data")

    def restore(self, backup: Path) -> None:
        """Become what a base backup holds; a server of its own from the next start on."""
        self.clear()
        self.tool("/bin/cp", "-a", backup / "data", self.data)
        (self.data / "standby.signal").unlink(missing_ok=True)
        self.configure()

    def _base_backup(self, port: int, folder: Path) -> None:
        self.tool(
            *("pg_basebackup", "-h", "127.0.0.1", "-p", str(port), "-U", SUPERUSER, "-D", folder),
            *("-X", "stream", "-c", "fast", "--no-sync"),
        )

    def rewind(self, source: Node) -> None:
        """Undo what this stopped node has that the running source does not."""
        source.query("CHECKPOINT")  # pg_rewind reads the source's timeline from its control file
        address = f"host=127.0.0.1 port={source.port} user={SUPERUSER} dbname={MAINTENANCE}"
        self.tool("pg_rewind", "-D", self.data, "--no-sync", f"--source-server={address}")
        self.configure()

    def configure(self) -> None:
        """Write the configuration and drop what `ALTER SYSTEM` left, such as a copied synchronous_standby_names."""
        self.write_parameters()
        (self.data / "postgresql.auto.conf").write_text("")
        main = self.data / "postgresql.conf"
        if "include 'lab.conf'" not in main.read_text():
            main.write_text(main.read_text() + "\ninclude 'lab.conf'\n")

    def write_parameters(self) -> None:
        """Write the lab's own settings and `parameters`; a start takes them all in, a reload the dynamic ones."""
        # syncfs exists on Linux only; with fsync of every file a standby starts in 2 s instead of 0.1 s
        init_sync = "syncfs" if sys.platform == "linux" else "fsync"
        lines = [f"{name} = '{_quoted(value)}'" for name, value in sorted(self.parameters.items())]
        own = self.data / "lab.conf"
        own.write_text(CONFIGURATION.format(port=self.port, init_sync=init_sync) + "\n".join(lines) + "\n")
        self._give(own)

    def follow(self, port: int, *, slot: str = "") -> None:
        """Be a standby of the server behind a port from the next start on, by a replication slot if one is named."""
        lines = [
            f"primary_conninfo = 'host=127.0.0.1 port={port} user={SUPERUSER} "
            f"application_name={self.name} connect_timeout=2'"
        ]
        lines += [f"primary_slot_name = '{slot}'"] if slot else []
        (self.data / "postgresql.auto.conf").write_text("\n".join(lines) + "\n")
        mark = self.data / "standby.signal"
        mark.touch()
        self._give(mark)

    def start(self) -> None:
        """Start the server and wait until it takes connections; LabError with the end of its log when it does not."""
        self._process = self._children.spawn(
            f"postgres-{self.name}",
            [str(self._binaries.bin_dir / "postgres"), "-D", str(self.data)],
            env=self._environment,
            log=self.log,
            user=self._user,
            stop=signal.SIGQUIT,
            cwd=self.folder,
        )
        deadline = time.monotonic() + STARTED_S
        while not self._answers():
            if not self.alive or time.monotonic() > deadline:
                self.stop_immediate()
                raise LabError(f"PostgreSQL {self.name} did not start; the end of {self.log}:\n{self._log_tail()}")
            time.sleep(0.01)

    def stop_fast(self) -> None:
        """Stop in order: everything is written, every standby has it."""
        self._stop(signal.SIGINT, FAST_S)

    def stop_immediate(self) -> None:
        """Stop as a crash would: nothing more is written, and SIGKILL follows if it does not go."""
        self._stop(signal.SIGQUIT, IMMEDIATE_S)

    def crash(self) -> float:
        """Stop as a crash would; return the instant of the signal, which is sent before anything else is looked at."""
        if self._process:
            self._process.send_signal(signal.SIGQUIT)
        at = time.time()
        self.stop_immediate()
        return at

    def _stop(self, by: signal.Signals, grace_s: float) -> None:
        if self._process:
            self._children.stop(self._process, by=by, grace_s=grace_s)
            self._process = None

    def connect(self, *, connect_timeout: int = 2) -> psycopg.Connection[tuple[object, ...]]:
        """Return an autocommit superuser connection to the server itself, not through a link."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=SUPERUSER,
            dbname=MAINTENANCE,
            autocommit=True,
            connect_timeout=connect_timeout,
            options="-c statement_timeout=30s",
            sslmode="disable",
        )

    def query(self, *statements: LiteralString) -> Rows:
        """Run statements on a new connection; return the rows of the last."""
        with self.connect() as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def _answers(self) -> bool:
        """Does this server, and no other that had the port before, take connections?"""
        try:
            return self.query("show data_directory") == [(str(self.data),)]
        except psycopg.OperationalError:
            return False

    def _log_tail(self) -> str:
        return self.log.read_text(errors="replace")[-1500:]

    def _give(self, path: Path) -> None:
        if self._user:
            shutil.chown(path, self._user)


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")
