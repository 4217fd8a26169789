"""The database instance: a real pair of servers, its states and events, and the failover that moves it.

One thread at a time moves the pair (`moving`); the records are read and written under the world's lock, the work is
done without it. Whatever really happens is noted in the truth at the step itself.
"""

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock, RLock, Thread

import psycopg

from lab.aws.names import new_hex
from lab.aws.registry import AwsError
from lab.links import Links
from lab.postgres import Pair
from lab.postgres_node import MAINTENANCE, SUPERUSER
from lab.settings import DATABASE, ZONES, LabError, Settings
from lab.truth import Truth

ENDPOINT_LINK = "endpoint"
COOL_DOWN_S = 10.0  # a second failover within this time is abandoned
FREE_S = 0.1  # the longest to wait for a watcher that only looks
PROBED_S = 20.0  # the longest to wait for the first write after a failover
PROBE_TABLE = "create table if not exists rds_heartbeat (id int primary key, at timestamptz)"
PROBE_WRITE = "insert into rds_heartbeat values (1, now()) on conflict (id) do update set at = now()"

STARTED = "Multi-AZ instance failover started."
COMPLETED = "Multi-AZ instance failover completed."
PARTIAL = "Recovered from partial failover."
RESTARTED = "DB instance restarted"
SHUTDOWN = "DB instance shutdown"
TO_MULTI_AZ = "Applying modification to convert to a Multi-AZ DB instance."
IS_MULTI_AZ = "Finished applying modification to convert to a Multi-AZ DB instance."
TO_SINGLE_AZ = "Applying modification to convert to a standard (Single-AZ) DB instance."
IS_SINGLE_AZ = "Finished applying modification to convert to a standard (Single-AZ) DB instance."
ABANDONED = "Abandoning user requested failover since a failover recently occurred on the database instance."


@dataclass(frozen=True, slots=True)
class RdsEvent:
    """One line of DescribeEvents."""

    at: float
    message: str
    categories: tuple[str, ...]
    id: str = field(default_factory=new_hex)


@dataclass(slots=True)
class Rds:
    """The instance foodconnect-db. Handlers call it under the world's lock; its threads take the lock themselves."""

    settings: Settings
    lock: RLock
    truth: Truth
    pair: Pair
    links: Links
    status: str = "creating"
    zone: str = ZONES[0]
    other_zone: str = ZONES[1]
    created_at: float = field(default_factory=time.time)
    events: deque[RdsEvent] = field(default_factory=lambda: deque(maxlen=1000))
    tags: list[dict[str, str]] = field(default_factory=list)
    last_failover_at: float = 0.0
    protected: bool = False  # does every commit wait for a standby?
    connections: int = 0  # the application's, as the monitor last saw them
    pending_multi_az: bool | None = None  # what a modification without ApplyImmediately has left for later
    multi_az: bool = field(init=False)  # begins as the settings say
    moving: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.multi_az = self.settings.multi_az

    def record(self, message: str, *categories: str) -> None:
        """Put an event on the list."""
        with self.lock:
            self.events.append(RdsEvent(time.time(), message, categories))

    def ready(self) -> None:
        """Say that the pair is up."""
        self.pair.primary.query(PROBE_TABLE)
        with self.lock:
            self.status, self.protected = "available", self.multi_az
        self.record("DB instance created", "creation")

    # -- what a caller asks for --------------------------------------------------------------------------

    def reboot(self, *, force_failover: bool) -> None:
        """Accept a reboot, or refuse it as RDS does; a thread does the work."""
        if self.status != "available":
            raise AwsError("InvalidDBInstanceState", f"Instance {DATABASE} is not in available state.")
        if not force_failover:
            self._work(self.restart)
            return
        if not self.multi_az:
            words = "Cannot specify ForceFailover for a non Multi-AZ DB instance"
            raise AwsError("InvalidParameterCombination", words)
        recently = time.time() - self.last_failover_at < COOL_DOWN_S
        if recently or not self.protected or not self._is_free():
            self.record(ABANDONED, "failover")
            self.truth.note("failover.abandoned", recently=recently)
            return
        self._work(self.fail_over)

    def modify(self, *, multi_az: bool, now: bool) -> None:
        """Accept a change between Single-AZ and Multi-AZ; a thread does the work, the status is `modifying` meanwhile.

        Without `now` it stays pending, as on AWS until the next maintenance window (which never comes here).
        """
        if self.status != "available":
            raise AwsError("InvalidDBInstanceState", f"Instance {DATABASE} is not in available state.")
        changes = multi_az != self.multi_az
        if changes and now:
            self._work(self.gain_standby if multi_az else self.lose_standby, "modifying")
        self.pending_multi_az = multi_az if changes and not now else None

    def _is_free(self) -> bool:
        """Does nobody move the pair? (the watcher takes it for a moment whenever it looks)"""
        if not self.moving.acquire(timeout=FREE_S):
            return False
        self.moving.release()
        return True

    def _work(self, work: Callable[[], None], status: str = "rebooting") -> None:
        if not self.moving.acquire(timeout=FREE_S):
            raise AwsError("InvalidDBInstanceState", f"Instance {DATABASE} is not in available state.")
        self.status = status

        def guarded() -> None:
            try:
                work()
            except Exception:  # noqa: BLE001 - whatever broke the move, the watcher must get the pair to mend it
                traceback.print_exc()
                self.truth.note("database.broken", error=traceback.format_exc(limit=1))
            finally:
                self.moving.release()

        Thread(target=guarded, daemon=True, name="rds-work").start()

    # -- the work; the caller holds `moving` --------------------------------------------------------------

    def restart(self) -> None:
        """Restart the primary in place: a reboot without failover, or the recovery of a single server."""
        self._be("rebooting")
        self.truth.note("primary.stopping")
        self.pair.restart_primary()
        self.truth.note("primary.restarted")
        self.record(SHUTDOWN, "availability")
        self.record(RESTARTED, "availability")
        self._be("available")

    def fail_over(self) -> None:
        """Crash the primary, promote the standby, swap the endpoint; then bring the old primary back as standby."""
        delays = self.settings.simulated
        self._be("rebooting")
        self.record(STARTED, "failover")
        killed = time.time()
        was_dead = not self.pair.primary.alive
        self.pair.crash_primary()
        if not was_dead:
            self.truth.note("primary.killed", at=killed, node=self.pair.primary.name)
        self.protected = False
        time.sleep(max(0.0, killed + delays.failover_detection_s - time.time()))
        if not self.pair.standby.alive:  # it went too: there is only the old primary's data to go on with
            self.restart()
            self.record(PARTIAL, "failover")
            return
        self.pair.promote()
        promoted = self.truth.note("standby.promoted", node=self.pair.primary.name)
        time.sleep(max(0.0, promoted + delays.failover_dns_s - time.time()))
        self.links.retarget(ENDPOINT_LINK, ("127.0.0.1", self.pair.primary.port), cut=True)
        self.truth.note("endpoint.swapped", port=self.pair.primary.port)
        self.truth.note("primary.writable", at=self._first_write())
        with self.lock:
            self.zone, self.other_zone = self.other_zone, self.zone
            self.last_failover_at = time.time()
            self.record(COMPLETED, "failover")
            self.record(RESTARTED, "availability")
            self.status = "available"
        self.protect()

    def lose_standby(self) -> None:
        """Become Single-AZ: commits wait for nobody, and the standby is ended."""
        self.record(TO_SINGLE_AZ, "configuration change")
        self.pair.degrade()
        with self.lock:
            self.multi_az = self.protected = False
        self.pair.standby.stop_immediate()
        self.truth.note("database.converted", multi_az=False)
        self.record(IS_SINGLE_AZ, "configuration change")
        self._be("available")

    def gain_standby(self) -> None:
        """Become Multi-AZ: a standby is brought back or made, and every commit waits for it."""
        self.record(TO_MULTI_AZ, "configuration change")
        with self.lock:
            self.multi_az = True
        self.protect()
        self.truth.note("database.converted", multi_az=True)
        self.record(IS_MULTI_AZ, "configuration change")
        self._be("available")

    def protect(self, *, rebuild: bool = False) -> None:
        """Bring the standby (back) into replication and wait for it on every commit from now on.

        `rebuild` stops one that runs but does not follow, and makes it anew.
        """
        try:
            if self.pair.standby.alive and not rebuild:
                self.pair.arm()
            else:
                self.pair.rejoin()
        except (LabError, OSError, psycopg.Error) as error:
            self.truth.note("standby.lost", error=str(error))
            with suppress(psycopg.OperationalError):  # the primary went too: the watcher sees to that next
                self.pair.degrade()  # else every commit would wait for a standby that does not come
            return
        self.protected = True
        self.truth.note("standby.rejoined", node=self.pair.standby.name)

    def expose(self) -> None:
        """Commit without the standby from now on: it is lost."""
        self.truth.note("standby.lost", node=self.pair.standby.name)
        self.pair.degrade()
        self.protected = False
        self.truth.note("replication.asynchronous")

    def settle(self) -> None:
        """Say `available` again after a move that broke off: nobody moves the pair, and the primary answers."""
        if self.status in ("rebooting", "modifying"):
            self._be("available")

    def _be(self, status: str) -> None:
        with self.lock:
            self.status = status

    def _first_write(self) -> float:
        """Write through the endpoint until a write is acknowledged; return when that was."""
        deadline = time.monotonic() + PROBED_S
        address = f"host=127.0.0.1 port={self.settings.database_port}"
        endpoint = f"{address} user={SUPERUSER} dbname={MAINTENANCE} sslmode=disable"
        while True:
            try:
                with psycopg.connect(endpoint, autocommit=True, connect_timeout=2) as connection:
                    connection.execute(PROBE_WRITE)
                    return time.time()
            except psycopg.Error:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.002)
