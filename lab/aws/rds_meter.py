"""What an instance's servers do, each second, as the metrics of AWS/RDS: names and units are AWS's.

One query on the monitor's connection tells the counters; rates and latencies are differences between two of them, so
that there is none in the first second after a start. A server that does not answer has no points, never a zero.
Percent of CPU are of the whole machine, FreeableMemory is the machine's; FreeStorageSpace is the allocated storage
less what the server's files take.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

import psutil
import psycopg

from lab.aws.metrics import MetricStore
from lab.aws.rds_instance import Rds
from lab.aws.rds_parameters import GIB
from lab.links import LinksGone
from lab.postgres_node import SUPERUSER
from lab.settings import LabError

EVERY_S = 1.0
NEW_S = 0.5  # two answers closer together make no rate
STORAGE_EVERY = 5  # seconds between two looks at the size of the files
BLOCK = 8192
Connection = psycopg.Connection[tuple[object, ...]]

# The columns are in the order of the fields of `Counts`; times are in milliseconds.
BASE = """
select (select count(*) from pg_stat_activity where backend_type = 'client backend' and usename <> %s) as connections,
       (select count(*) from pg_stat_activity where wait_event_type = 'IO') as waiting,
       (select array_agg(pid) from pg_stat_activity) as pids,
       (select max(age(datfrozenxid)) from pg_database) as used_xids,
       (select extract(epoch from now() - checkpoint_time)::float8 from pg_control_checkpoint()) as checkpoint_age,
       pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end,
                       '0/0')::float8 as wal,
       (select max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn))::float8 from pg_replication_slots
         where not pg_is_in_recovery()) as slot_lag,
       case when pg_is_in_recovery()
            then extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::float8 end as replica_lag,
       io.* from
"""
FROM_15 = """
(select blks_read::float8 as reads, blk_read_time as read_ms, (buffers + wal_write + wal_sync)::float8 as writes,
        blk_write_time + wal_write_time + wal_sync_time as write_ms,
        buffers::float8 * 8192 + wal_bytes::float8 as written
   from (select sum(blks_read) as blks_read, sum(blk_read_time) as blk_read_time, sum(blk_write_time) as blk_write_time
           from pg_stat_database) d,
        (select buffers_checkpoint + buffers_clean + buffers_backend as buffers from pg_stat_bgwriter) b,
        pg_stat_wal) io
"""
FROM_16 = """
(select reads::float8, read_ms::float8, (blocks + wal_write + wal_sync)::float8 as writes,
        (block_ms + wal_write_time + wal_sync_time)::float8 as write_ms,
        blocks::float8 * 8192 + wal_bytes::float8 as written
   from (select sum(coalesce(reads, 0)) as reads, sum(coalesce(read_time, 0)) as read_ms,
                sum(coalesce(writes, 0) + coalesce(extends, 0)) as blocks,
                sum(coalesce(write_time, 0) + coalesce(extend_time, 0)) as block_ms from pg_stat_io) b,
        pg_stat_wal) io
"""
FROM_18 = """
(select sum(coalesce(reads, 0))::float8 as reads, sum(coalesce(read_time, 0))::float8 as read_ms,
        sum(coalesce(writes, 0) + coalesce(extends, 0)
            + case object when 'wal' then coalesce(fsyncs, 0) else 0 end)::float8 as writes,
        sum(coalesce(write_time, 0) + coalesce(extend_time, 0)
            + case object when 'wal' then coalesce(fsync_time, 0) else 0 end)::float8 as write_ms,
        sum(coalesce(write_bytes, 0) + coalesce(extend_bytes, 0))::float8 as written from pg_stat_io) io
"""
STORAGE = """
select (select sum(pg_database_size(oid)) from pg_database)::float8,
       (select sum(size) from pg_ls_waldir())::float8
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """What the server has counted up to an instant, in the order of the query's columns, and the CPU it has used."""

    at: float
    connections: int
    waiting: int
    pids: list[int]
    used_xids: int
    checkpoint_age: float
    wal: float
    slot_lag: float | None
    replica_lag: float | None
    reads: float
    read_ms: float
    writes: float
    write_ms: float
    written: float
    cpu_s: float = 0.0
    received: int = 0  # bytes through the endpoint
    sent: int = 0


Point = tuple[str, float, str]  # name, value, unit


@dataclass(slots=True)
class Meter:
    """Measures one instance; `measure` may be called as often as one likes."""

    rds: Rds
    metrics: MetricStore
    last: Counts | None = None
    next_at: float = 0.0
    turns: int = 0
    storage: list[Point] = field(default_factory=list)

    def forget(self) -> None:
        """The connection is lost: what comes next is another server, or the same after a start."""
        self.last = None

    def measure(self, connection: Connection, now: float) -> None:
        """Put the points of this second; psycopg.Error when the server does not answer."""
        if now < self.next_at:
            return
        self.next_at = math.floor(now) + EVERY_S
        try:
            counts = self._count(connection, now)
            points = [*gauges(counts), *self._machine(connection)]
            if self.last is not None and counts.at - self.last.at > NEW_S:
                points += rates(self.last, counts)
        except LinksGone:  # they are being started anew, and the truth says so
            return
        except (psutil.Error, LabError):  # it went while we looked
            traceback.print_exc()
            return
        self.last = counts
        for name, value, unit in points:
            self.metrics.put("AWS/RDS", name, {"DBInstanceIdentifier": self.rds.identifier}, value, at=now, unit=unit)

    def _count(self, connection: Connection, now: float) -> Counts:
        row = connection.execute(query_for(connection.info.server_version), (SUPERUSER,)).fetchone()
        assert row is not None, "a query of aggregates has one row"
        seen = Counts(now, *row)  # type: ignore[arg-type]  # the columns are in the order of the fields
        link = self.rds.links.one(self.rds.link)
        return replace(seen, cpu_s=self._cpu_s(seen.pids), received=link.bytes_up, sent=link.bytes_down)

    def _cpu_s(self, pids: list[int]) -> float:
        """Return the CPU seconds of the server and all processes it ever had: the dead count with their parent."""
        postmaster = self.rds.pair.primary.pid
        if postmaster is None:
            raise LabError(f"{self.rds.identifier} has just ended")
        times = psutil.Process(postmaster).cpu_times()
        living = 0.0
        for pid in pids:
            with suppress(psutil.Error):  # a connection that has ended since
                own = psutil.Process(pid).cpu_times()
                living += own.user + own.system
        return times.user + times.system + times.children_user + times.children_system + living

    def _machine(self, connection: Connection) -> Iterator[Point]:
        yield "FreeableMemory", float(psutil.virtual_memory().available), "Bytes"
        if self.turns % STORAGE_EVERY == 0:
            self.storage = self._sizes(connection)
        self.turns += 1
        yield from self.storage

    def _sizes(self, connection: Connection) -> list[Point]:
        row = connection.execute(STORAGE).fetchone()
        assert row is not None, "a query of aggregates has one row"
        files, wal = (float(str(value)) for value in row)
        return [
            ("FreeStorageSpace", max(0.0, self.rds.allocated_gib * GIB - files - wal), "Bytes"),
            ("TransactionLogsDiskUsage", wal, "Bytes"),
        ]


def query_for(version: int) -> str:
    """Return the query for a server's version, as 160014: where PostgreSQL counts its reads and writes has moved."""
    return BASE + (FROM_15 if version < 160000 else FROM_16 if version < 180000 else FROM_18)


def gauges(counts: Counts) -> Iterator[Point]:
    """Yield what is true at the instant."""
    yield "DatabaseConnections", counts.connections, "Count"
    yield "DiskQueueDepth", counts.waiting, "Count"
    yield "MaximumUsedTransactionIDs", counts.used_xids, "Count"
    yield "CheckpointLag", counts.checkpoint_age, "Seconds"
    if counts.slot_lag is not None:
        yield "OldestReplicationSlotLag", counts.slot_lag, "Bytes"
    if counts.replica_lag is not None:
        yield "ReplicaLag", max(0.0, counts.replica_lag), "Seconds"


def rates(before: Counts, after: Counts) -> list[Point]:
    """Return what happened between two counts; nothing when the server's counters have begun anew."""
    seconds = after.at - before.at
    reads, writes = after.reads - before.reads, after.writes - before.writes
    if min(reads, writes, after.wal - before.wal) < 0:
        return []
    read_ms, write_ms = after.read_ms - before.read_ms, after.write_ms - before.write_ms
    cpu = 100 * (after.cpu_s - before.cpu_s) / seconds / (psutil.cpu_count() or 1)
    return [
        ("CPUUtilization", min(100.0, max(0.0, cpu)), "Percent"),
        ("ReadIOPS", reads / seconds, "Count/Second"),
        ("WriteIOPS", writes / seconds, "Count/Second"),
        ("ReadLatency", read_ms / reads / 1000 if reads else 0.0, "Seconds"),
        ("WriteLatency", write_ms / writes / 1000 if writes else 0.0, "Seconds"),
        ("ReadThroughput", reads * BLOCK / seconds, "Bytes/Second"),
        ("WriteThroughput", max(0.0, after.written - before.written) / seconds, "Bytes/Second"),
        ("TransactionLogsGeneration", (after.wal - before.wal) / seconds, "Bytes/Second"),
        ("NetworkReceiveThroughput", max(0, after.received - before.received) / seconds, "Bytes/Second"),
        ("NetworkTransmitThroughput", max(0, after.sent - before.sent) / seconds, "Bytes/Second"),
    ]
