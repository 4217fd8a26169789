"""A database instance as it really is: its servers, what state they are in, and the moves that change it.

One thread at a time moves the servers (`moving`); the records are read and written under the world's lock, the work
is done without it. Whatever really happens is noted in the truth at the step itself, and told in AWS's events.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, RLock

import psycopg

from lab.aws.rds_events import EventLog
from lab.aws.rds_parameters import Group, memory_of
from lab.aws.rds_replica import HEARTBEAT, drop_strange_slots, keep_slot
from lab.faults import Fault
from lab.links import Links
from lab.postgres import Pair
from lab.postgres_node import MAINTENANCE, SUPERUSER
from lab.settings import DATABASE, ZONES, LabError, Settings
from lab.truth import Truth

ENDPOINT_LINK = "endpoint"  # of the instance foodconnect-db; those of the others end with their names
STANDBY_LINK = "standby"  # of an asynchronous one
LINKS_BACK_S = 20.0  # the longest to wait for the link process, which is started anew when it is gone
PROBED_S = 20.0  # the longest to wait for the first write after a failover
PROBE_WRITE = "insert into rds_heartbeat values (1, now()) on conflict (id) do update set at = now()"


@dataclass(slots=True)
class Server:
    """The servers behind one DB instance. Its work is done by the thread that holds `moving`."""

    settings: Settings
    lock: RLock
    truth: Truth
    pair: Pair
    links: Links
    log: EventLog
    group: Group
    port: int  # of the endpoint
    identifier: str = DATABASE
    link: str = ENDPOINT_LINK
    instance_class: str = "db.t4g.medium"
    status: str = "creating"
    zone: str = ZONES[0]
    other_zone: str = ZONES[1]
    created_at: float = field(default_factory=time.time)
    tags: list[dict[str, str]] = field(default_factory=list)
    last_failover_at: float = 0.0
    multi_az: bool = False
    protected: bool = False  # is there a standby to fail over to? (every commit waits for it, if the pair is durable)
    moving: Lock = field(default_factory=Lock)
    queued: int = 0  # moves that were accepted and wait for their turn
    ended: Event = field(default_factory=Event)  # deleted: nobody looks after it any more
    source: Server | None = None  # of a read replica
    replicas: list[Server] = field(default_factory=list)
    streaming: bool = False  # a read replica: does it follow its source?
    source_moved: bool = False  # a read replica: its source has failed over, and it does not follow the new one yet
    stream_port: int = 0  # a read replica follows its source through a link of its own

    # -- what is told ------------------------------------------------------------------------------------

    def tell(self, number: str, **words: str) -> None:
        """Put one of AWS's events on the list."""
        self.log.put(number, "db-instance", self.identifier, self.tags, **words)

    def note(self, what: str, at: float | None = None, **details: object) -> float:
        """Write down what really happened, and to which instance; return when."""
        return self.truth.note(what, at=at, instance=self.identifier, **details)

    def ready(self) -> None:
        """Say that the servers are up."""
        if self.source is None:
            self.pair.primary.query(HEARTBEAT)
        with self.lock:
            self.status, self.protected = "available", self.multi_az
        self.tell("0005")

    def be(self, status: str) -> None:
        """Have another status."""
        with self.lock:
            self.status = status

    @property
    def wanted(self) -> dict[str, str]:
        """The parameters that the group asks for; those in force are `pair.primary.parameters`."""
        return self.group.resolve(memory_of(self.instance_class))

    @property
    def slot(self) -> str:
        """The replication slot of a read replica, and the end of its link's name."""
        return self.identifier.replace("-", "_")

    @property
    def stream_link(self) -> str:
        """The link that a read replica follows its source through."""
        return f"replication-{self.identifier}"

    # -- links -------------------------------------------------------------------------------------------

    def open_links(self) -> None:
        """Open the endpoint, and what a read replica or an asynchronous standby follows its primary through."""
        self.links.open(self.link, ("127.0.0.1", self.port), ("127.0.0.1", self.pair.primary.port))
        if self.source is not None:
            target = self.source.pair.primary.port
            self.links.open(self.stream_link, ("127.0.0.1", self.stream_port), ("127.0.0.1", target))
        if not self.pair.durable:
            open_standby_link(self.settings, self.links, self.pair)
            slow_standby_link(self.settings, self.links)

    def close_links(self) -> None:
        """Close them."""
        open_now = self.links.describe()
        for name in (self.link, self.stream_link, *(() if self.pair.durable else (STANDBY_LINK,))):
            if name in open_now:
                self.links.close(name)

    # -- moves: the caller holds `moving` ------------------------------------------------------------------

    def restart(self) -> None:
        """Restart the primary in place: a reboot without failover. What waits for a reboot is applied."""
        self.be("rebooting")
        if self.bounce():
            self.be("available")

    def recover(self) -> None:
        """Bring the lost primary back in place, because there is no standby to take over."""
        self.be("rebooting")
        if not self.multi_az:
            self.tell("0020")
            if self.bounce():
                self.tell("0021")
                self.be("available")
            return
        self.tell("0052")
        if self.bounce():
            self.tell("0053")
            if self.protected:
                self.expose()
            else:
                self.pair.degrade()
            self._activate()
            self.be("available")

    def bounce(self) -> bool:
        """Stop and start the primary, with the parameters that the group asks for; False when it refuses these."""
        wanted, changes = self.wanted, self.wanted != self.pair.primary.parameters
        self.note("primary.stopping")
        try:
            if changes:
                self.pair.restart_with(wanted)
            else:
                self.pair.restart_primary()
        except LabError as error:
            if not changes or self.pair.primary.alive:
                raise
            self._refuse_parameters(error)
            return False
        if self.multi_az and not self.pair.standby.alive:
            self.pair.degrade()  # the configuration may still say to wait for it
        drop_strange_slots(self)
        self.note("primary.restarted")
        self.tell("0004")
        self.tell("0006")
        return True

    def _refuse_parameters(self, error: LabError) -> None:
        self.note("parameters.refused", error=str(error))
        self.pair.standby.stop_immediate()
        with self.lock:
            self.status, self.protected = "incompatible-parameters", False
        self.tell("0035", state="incompatible-parameters", message="The server did not start with its parameters.")

    def fail_over(self) -> None:
        """Crash the primary, promote the standby, swap the endpoint; then bring the old primary back as standby."""
        delays = self.settings.simulated
        self.be("rebooting")
        self.tell("0013")
        killed = self._lose_primary()
        time.sleep(max(0.0, killed + delays.failover_detection_s - time.time()))
        if not self.pair.standby.alive:  # it went too: there is only the old primary's data to go on with
            self.recover()
            self.tell("0065")
            return
        self.pair.promote()
        promoted = self.note("standby.promoted", node=self.pair.primary.name)
        self._lead_replicas()
        time.sleep(max(0.0, promoted + delays.failover_dns_s - time.time()))
        self._swap_endpoint()
        self.note("primary.writable", at=self._first_write())
        with self.lock:
            self.zone, self.other_zone = self.other_zone, self.zone
            self.last_failover_at = time.time()
            self.tell("0049")
            self.tell("0006")
            self.status = "available"
        self.protect()

    def _lose_primary(self) -> float:
        """End the primary as a crash would, with what is under way to an asynchronous standby; return when."""
        was_dead = not self.pair.primary.alive
        self._cut_standby()
        killed = self.pair.crash_primary()
        self._cut_standby()  # what was sent between the two
        if not was_dead:
            self.note("primary.killed", at=killed, node=self.pair.primary.name)
        self.protected = False
        return killed

    def _cut_standby(self) -> None:
        """Drop what is under way to an asynchronous standby; it is dropped already if the link process is gone."""
        if not self.pair.durable:
            with suppress(LabError):
                self.links.reset(STANDBY_LINK)

    def _activate(self) -> None:
        """Say that the primary goes on in the zone it was in, once it takes writes through the endpoint."""
        self.tell("0050")
        self.note("primary.activated", at=self._first_write(), node=self.pair.primary.name)
        self.tell("0051")

    def _swap_endpoint(self) -> None:
        """Have the endpoint lead to the new primary; should the link process be gone, as soon as it is back."""
        deadline = time.monotonic() + LINKS_BACK_S
        while True:
            try:
                self.links.retarget(self.link, ("127.0.0.1", self.pair.primary.port), cut=True)
                break
            except LabError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        self.note("endpoint.swapped", port=self.pair.primary.port)

    def _lead_replicas(self) -> None:
        """Have the read replicas, and the link of an asynchronous standby, follow the new primary.

        What cannot (a replica that comes or goes just now, the link process gone) must not break the failover off:
        a replica that does not follow is made anew, and links are opened anew with what they lead to by then.
        """
        target = "127.0.0.1", self.pair.primary.port
        if not self.pair.durable:
            with suppress(LabError):
                self.links.retarget(STANDBY_LINK, target, cut=True)
        for replica in list(self.replicas):
            replica.source_moved = True
            with suppress(LabError, psycopg.Error):
                keep_slot(self, replica)
                self.links.retarget(replica.stream_link, target, cut=True)

    def lose_standby(self) -> None:
        """Become Single-AZ: commits wait for nobody, and the standby is ended."""
        self.tell("0030")
        self.pair.degrade()
        with self.lock:
            self.multi_az = self.protected = False
        self.pair.standby.stop_immediate()
        self.note("database.converted", multi_az=False)
        self.tell("0029")

    def gain_standby(self) -> None:
        """Become Multi-AZ: a standby is brought back or made, and every commit waits for it."""
        self.tell("0024")
        with self.lock:
            self.multi_az = True
        self.protect()
        self.note("database.converted", multi_az=True)
        self.tell("0025")

    def protect(self, *, rebuild: bool = False) -> None:
        """Bring the standby (back) into replication and wait for it on every commit from now on.

        `rebuild` stops one that runs but does not follow, and makes it anew.
        """
        if rebuild:
            self.tell("0361")
        try:
            if not self.pair.durable:
                self.links.clear(STANDBY_LINK)  # else it would take the lag's time for each megabyte it has missed
            if self.pair.standby.alive and not rebuild:
                self.pair.arm()
            else:
                self.pair.rejoin()
            if not self.pair.durable:
                slow_standby_link(self.settings, self.links)
        except (LabError, OSError, psycopg.Error) as error:
            self.note("standby.lost", error=str(error))
            with suppress(psycopg.OperationalError):  # the primary went too: the watcher sees to that next
                self.pair.degrade()  # else every commit would wait for a standby that does not come
            return
        self.protected = True
        drop_strange_slots(self)
        self.note("standby.rejoined", node=self.pair.standby.name)
        if rebuild:
            self.tell("0362")

    def expose(self) -> None:
        """Commit without the standby from now on: it is lost."""
        self.note("standby.lost", node=self.pair.standby.name)
        self.pair.degrade()
        self.protected = False
        self.note("replication.asynchronous")

    def settle(self) -> None:
        """Say `available` again after a move that broke off: nobody moves the pair, and the primary answers."""
        if self.status in ("rebooting", "modifying", "backing-up", "starting", "stopping") and not self.queued:
            self.be("available")

    def shut_down(self) -> None:
        """Stop the servers in order; nobody can connect until `start_up`."""
        self.be("stopping")
        self.pair.stop()
        self.note("database.stopped")
        with self.lock:
            self.status, self.protected = "stopped", False
        self.tell("0087")

    def start_up(self) -> None:
        """Start what was stopped, with the parameters that the group asks for."""
        self.pair.start()
        if self.wanted != self.pair.primary.parameters:
            self.pair.restart_with(self.wanted)
        self.note("database.started")
        with self.lock:
            self.status, self.protected = "available", self.multi_az
        self.tell("0088")

    def back_up(self, folder: Path) -> None:
        """Write a base backup of the primary into a new folder."""
        self.tell("0001")
        began = self.note("backup.started")
        self.pair.primary.back_up(folder)
        self.note("backup.finished", took_s=round(time.time() - began, 3))
        self.tell("0002")

    def take_in(self, names: list[str]) -> None:
        """Put dynamic parameters of the group in force, without a restart."""
        in_force, wanted = dict(self.pair.primary.parameters), self.wanted
        for name in names:
            in_force.pop(name, None)
            if name in wanted:
                in_force[name] = wanted[name]
        self.pair.reload(in_force)
        self.note("parameters.applied", names=names)
        self.tell("0092")

    def _first_write(self) -> float:
        """Write through the endpoint until a write is acknowledged; return when that was."""
        deadline = time.monotonic() + PROBED_S
        address = f"host=127.0.0.1 port={self.port}"
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


def open_standby_link(settings: Settings, links: Links, pair: Pair) -> None:
    """Open the link through which an asynchronous standby follows its primary, still a plain wire."""
    links.open(STANDBY_LINK, ("127.0.0.1", settings.standby_link_port), ("127.0.0.1", pair.primary.port))


def slow_standby_link(settings: Settings, links: Links) -> None:
    """Have an asynchronous standby lag from now on: it has caught up."""
    links.set(STANDBY_LINK, Fault(latency_ms=settings.simulated.standby_lag_s * 1000, direction="down"))
