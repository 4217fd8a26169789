"""All DB instances of the lab, their snapshots and parameter groups, and how instances come and go.

A new instance has real servers of its own on the lab's spare ports: one for the endpoint, one for the server, one more
for a standby or for the link through which a read replica follows its source.
"""

from __future__ import annotations

import re
import shutil
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import psycopg
from psycopg import sql

from lab.aws.metrics import MetricStore
from lab.aws.names import arn
from lab.aws.rds_events import EventLog
from lab.aws.rds_instance import Rds
from lab.aws.rds_meter import Meter
from lab.aws.rds_parameters import CATALOGUE, Groups, catalogue
from lab.aws.rds_replica import leave, stand_alone
from lab.aws.rds_server import Server
from lab.aws.rds_watch import Watch
from lab.aws.registry import AwsError
from lab.postgres import Pair
from lab.processes import Children
from lab.settings import ZONES, LabError

NAME = re.compile(r"[A-Za-z](?:-?[A-Za-z0-9])*")
LONGEST_NAME = 63
IN_NAMES = 50  # of an identifier, in the names of its servers, which PostgreSQL cuts at 63


@dataclass(slots=True)
class Snapshot:
    """A manual snapshot: a base backup in `folder`, and what the instance was when it was taken."""

    name: str
    instance: str
    folder: Path
    allocated_gib: int
    master_user: str
    database: str
    zone: str
    port: int
    version: str
    instance_created_at: float
    created_at: float = field(default_factory=time.time)
    status: str = "creating"
    tags: list[dict[str, str]] = field(default_factory=list)

    @property
    def arn(self) -> str:
        """Its ARN."""
        return arn("rds", f"snapshot:{self.name}")


@dataclass(slots=True)
class Databases:
    """The instances by name; `main` is foodconnect-db. Handlers call it under the world's lock."""

    main: Rds
    children: Children
    metrics: MetricStore
    log: EventLog
    groups: Groups
    closing: Event
    instances: dict[str, Rds] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    spare: list[int] = field(default_factory=list)  # ports that nobody has

    def __post_init__(self) -> None:
        self.instances[self.main.identifier] = self.main
        self.spare = list(self.main.settings.spare_ports)

    def start(self) -> None:
        """Learn the engine's parameters, and look after the first instance from now on."""
        self.groups.parameters = catalogue(self.main.pair.primary.query(CATALOGUE))
        self.look_after(self.main)

    def look_after(self, rds: Rds) -> None:
        """Watch an instance and measure it."""
        Watch(rds, self.closing, Meter(rds, self.metrics)).start()

    def find(self, name_or_arn: str) -> Rds:
        """Return an instance; DBInstanceNotFound when there is none of this name or ARN."""
        name = name_or_arn.lower()
        found = next((rds for rds in self.instances.values() if name in (rds.identifier, rds.arn.lower())), None)
        if found is None:
            raise AwsError("DBInstanceNotFound", f"DBInstance {name_or_arn} not found.")
        return found

    def find_snapshot(self, name_or_arn: str) -> Snapshot:
        """Return a snapshot; DBSnapshotNotFound when there is none of this name or ARN."""
        name = name_or_arn.lower()
        found = next((one for one in self.snapshots.values() if name in (one.name, one.arn.lower())), None)
        if found is None:
            raise AwsError("DBSnapshotNotFound", f"DBSnapshot not found: {name_or_arn}")
        return found

    # -- instances come ----------------------------------------------------------------------------------

    def prepare(self, identifier: str, *, multi_az: bool, zone: str | None, source: Rds | None = None) -> Rds:
        """Return a new instance's record, with ports and a folder but without servers.

        DBInstanceAlreadyExists, InvalidParameterValue for its name or zone; InsufficientDBInstanceCapacity when the
        spare ports do not suffice.
        """
        name, main = check_name(identifier, "DBInstanceIdentifier"), self.main
        if name in self.instances:
            raise AwsError("DBInstanceAlreadyExists", "DB instance already exists")
        if zone is not None and zone not in ZONES:
            raise AwsError("InvalidParameterValue", f"Invalid availability zone: [{zone}]")
        first = zone or ZONES[0]
        ports = self._take_ports(2 + multi_az + (source is not None))
        word = name.replace("-", "_")[:IN_NAMES]
        folder = main.settings.home / "postgres" / "instances" / name
        standby = ports[2] if multi_az else 0
        names = f"{word}_a", f"{word}_b"
        binaries = main.pair.binaries
        pair = Pair(folder, (ports[1], standby), self.children, synchronous=multi_az, names=names, binaries=binaries)
        rds = Rds(
            *(main.settings, main.lock, main.truth, pair, main.links, self.log, main.group, ports[0], name),
            link=f"endpoint-{name}",
            zone=first,
            other_zone=next(other for other in ZONES if other != first),
            multi_az=multi_az,
            source=source,
            stream_port=ports[-1] if source else 0,
        )
        self.instances[name] = rds
        return rds

    def _take_ports(self, count: int) -> list[int]:
        if count > len(self.spare):
            words = f"The lab has {len(self.spare)} spare ports left for database servers; {count} are needed."
            raise AwsError("InsufficientDBInstanceCapacity", words)
        taken, self.spare[:] = self.spare[:count], self.spare[count:]
        return taken

    def give_standby_port(self, rds: Rds) -> None:
        """See to it that an instance can have a standby; InsufficientDBInstanceCapacity when no port is left."""
        if not rds.pair.standby.port:
            (rds.pair.standby.port,) = self._take_ports(1)

    def begin(self, rds: Rds, make: Callable[[], None]) -> None:
        """Have a thread make the servers by `make`, then look after them; a failure is status `failed`."""
        for node in (rds.pair.primary, rds.pair.standby):
            node.parameters = rds.wanted

        def work() -> None:
            try:
                rds.pair.check_folder()
                rds.open_links()
                make()
                if rds.multi_az and not rds.pair.standby.alive:
                    rds.pair.rejoin()
                rds.ready()
                self.look_after(rds)
            except (LabError, OSError, psycopg.Error) as error:
                self._fail(rds, error)

        rds.work(work, "creating")

    def _fail(self, rds: Rds, error: Exception) -> None:
        rds.note("database.failed", error=str(error))
        rds.pair.down()
        rds.be("failed")
        if rds.source is not None:
            rds.tell("0202")
        rds.tell("0278", message=str(error).splitlines()[0])

    # -- instances go ------------------------------------------------------------------------------------

    def delete(self, rds: Rds, back_up: Callable[[], None] | None) -> None:
        """End an instance for good, after a last snapshot if there is something to take it."""

        def work() -> None:
            if back_up:
                _or_stay(rds, back_up)
            for replica in list(rds.replicas):  # as RDS for PostgreSQL does with those in the same region
                with replica.moving:
                    _set_free(replica)
            rds.ended.set()
            rds.pair.down()
            with suppress(LabError):  # the links end with their process, if that is gone
                if rds.source is not None:
                    leave(rds, rds.source)
                rds.close_links()
            rds.note("database.deleted")
            for folder in (rds.pair.primary.folder, rds.pair.standby.folder):
                shutil.rmtree(folder, ignore_errors=True)
            with rds.lock:
                del self.instances[rds.identifier]
                self.spare += self._ports_of(rds)
            rds.tell("0003")

        rds.work(work, "deleting")

    def _ports_of(self, rds: Rds) -> list[int]:
        """Return the ports that come free with an instance; those of the first one are its own for good."""
        if rds is self.main:
            return []
        used = rds.port, rds.pair.primary.port, rds.pair.standby.port, rds.stream_port
        return [port for port in used if port]

    # -- snapshots ---------------------------------------------------------------------------------------

    def snapshot(self, rds: Rds, name: str, tags: list[dict[str, str]]) -> tuple[Snapshot, Callable[[], None]]:
        """Put a snapshot on the list; return it, and what takes it while nobody moves the servers.

        DBSnapshotAlreadyExists when its name is taken.
        """
        name = check_name(name, "DBSnapshotIdentifier", longest=255)
        if name in self.snapshots:
            raise AwsError("DBSnapshotAlreadyExists", f"Cannot create the snapshot because one named {name} exists.")
        folder = self.main.settings.home / "postgres" / "snapshots" / name
        one = Snapshot(
            *(name, rds.identifier, folder, rds.allocated_gib, rds.master_user, rds.database, rds.zone, rds.port),
            *(rds.pair.binaries.version, rds.created_at),
            tags=tags,
        )
        self.snapshots[name] = one

        def take() -> None:
            self.log.put("0040", "db-snapshot", name, tags)
            try:
                rds.back_up(folder)
            except (LabError, OSError):
                one.status = "failed"
                raise
            one.created_at, one.status = time.time(), "available"
            self.log.put("0042", "db-snapshot", name, tags)

        return one, take

    def drop_snapshot(self, one: Snapshot) -> None:
        """Remove a snapshot; InvalidDBSnapshotState while it is being taken."""
        if one.status == "creating":
            raise AwsError("InvalidDBSnapshotState", f"Snapshot {one.name} is not in available state.")
        shutil.rmtree(one.folder, ignore_errors=True)
        del self.snapshots[one.name]
        one.status = "deleted"
        self.log.put("0041", "db-snapshot", one.name, one.tags)


def _or_stay(rds: Rds, back_up: Callable[[], None]) -> None:
    """Take the last snapshot; an instance of which none can be taken stays."""
    try:
        back_up()
    except (LabError, OSError):
        rds.be("available")
        raise


def _set_free(replica: Server) -> None:
    """Make an instance of its own of a replica; one whose server does not run is only no replica any more."""
    source = replica.source
    try:
        stand_alone(replica)
    except (LabError, psycopg.Error):
        traceback.print_exc()
        if replica.source is not None and source is not None:
            leave(replica, source)


def furnish(connection: psycopg.Connection[tuple[object, ...]], owner: str, database: str) -> None:
    """Give a new server a role that may create databases and roles, and a database of its own."""
    role, name = sql.Identifier(owner), sql.Identifier(database)
    connection.execute(sql.SQL("create role {} login createdb createrole").format(role))
    if database != "postgres":  # creating one would write 7 MB twice
        connection.execute(sql.SQL("alter database postgres rename to {}").format(name))
    connection.execute(sql.SQL("alter database {} owner to {}").format(name, role))


def check_name(name: str, member: str, longest: int = LONGEST_NAME) -> str:
    """Return an identifier in lower case; InvalidParameterValue for what AWS does not take as one."""
    if len(name) > longest or not NAME.fullmatch(name):
        words = (
            f"The parameter {member} is not a valid identifier. Identifiers must begin with a letter; must contain only"
            " ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens."
        )
        raise AwsError("InvalidParameterValue", words)
    return name.lower()
