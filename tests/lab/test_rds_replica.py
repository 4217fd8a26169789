"""A read replica really streams: its lag is measured, grows when replay or its link is held up, and ends with it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from lab.faults import Fault
from lab.links import Links
from lab.settings import DATABASE
from tests.lab.bench import wait_until
from tests.lab.databases import connect, delete, instance, names, newest, one, wait_status
from tests.lab.twin import Twin

NAME = "foodconnect-replica"
LINK = f"replication-{NAME}"
SLOTS = "select count(*) from pg_replication_slots"


@pytest.fixture(scope="module")
def replica(running_lab: Twin) -> Iterator[Any]:
    """A read replica of the first instance for this file."""
    lab = running_lab
    wait_until(lab.is_well, 30, "the lab is well")
    lab.rds.create_db_instance_read_replica(DBInstanceIdentifier=NAME, SourceDBInstanceIdentifier=DATABASE)
    wait_status(lab, NAME)
    wait_until(lambda: stream(lab)["Normal"], 10, "it streams")
    yield instance(lab, NAME)
    if NAME in names(lab):
        delete(lab, NAME)


def stream(lab: Twin) -> Any:
    """Return the replica's StatusInfo."""
    return instance(lab, NAME)["StatusInfos"][0]


def lag(lab: Twin) -> float:
    """Return the newest ReplicaLag; -1 without one."""
    found = newest(lab, "ReplicaLag", NAME)
    return -1.0 if found is None else found


def superuser(shown: Any) -> psycopg.Connection[tuple[object, ...]]:
    """Return an autocommit superuser connection through the endpoint."""
    return connect({**shown, "MasterUsername": "postgres"})


def test_replica_reads_and_does_not_write(running_lab: Twin, replica: Any) -> None:
    """It has the source's rows and takes no writes; both instances name each other."""
    assert replica["ReadReplicaSourceDBInstanceIdentifier"] == DATABASE
    assert running_lab.database()["ReadReplicaDBInstanceIdentifiers"] == [NAME]
    assert stream(running_lab) == {
        "StatusType": "read replication",
        "Normal": True,
        "Status": "replicating",
        "Message": "",
    }
    assert int(str(one(replica, "select count(*) from posts"))) >= 2000
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        one(replica, "insert into posts values (default, 'x', 1, 'x', 'x') returning 1")


def test_source_and_replica_cannot_be_stopped(running_lab: Twin, replica: Any) -> None:
    """StopDBInstance refuses both, as AWS does; so are backups of 0 days for the source."""
    for name in (DATABASE, NAME):
        with pytest.raises(ClientError) as refused:
            running_lab.rds.stop_db_instance(DBInstanceIdentifier=name)
        assert refused.value.response["Error"]["Code"] == "InvalidDBInstanceState"
    with pytest.raises(ClientError):
        running_lab.rds.modify_db_instance(DBInstanceIdentifier=DATABASE, BackupRetentionPeriod=0)


def test_lag_grows_while_replay_is_paused(running_lab: Twin, replica: Any) -> None:
    """ReplicaLag is small, grows with the time that replay is paused, and is small again afterwards."""
    wait_until(lambda: 0 <= lag(running_lab) < 1, 5, "it has no lag to speak of")
    with superuser(replica) as connection:
        connection.execute("select pg_wal_replay_pause()")
        wait_until(lambda: lag(running_lab) > 2, 6, "it lags")
        assert stream(running_lab)["Status"] == "replicating"
        connection.execute("select pg_wal_replay_resume()")
    wait_until(lambda: 0 <= lag(running_lab) < 1, 5, "it has caught up")


def test_lag_is_at_least_the_delay_of_its_link(running_lab: Twin, replica: Any) -> None:
    """With 1.5 s on the replication link what is read on the replica is that much older."""
    links = Links(running_lab.settings.link_admin_port)
    links.set(LINK, Fault(latency_ms=1500))
    try:
        wait_until(lambda: lag(running_lab) >= 1.5, 8, "it lags as long")
    finally:
        links.clear(LINK)
    wait_until(lambda: 0 <= lag(running_lab) < 1, 8, "it has caught up")


def test_replica_without_its_link_is_in_error(running_lab: Twin, replica: Any) -> None:
    """A refused replication link: status error and an event; once it is back it replicates, and says so."""
    links = Links(running_lab.settings.link_admin_port)
    links.set(LINK, Fault(refuse=True))
    links.reset(LINK)
    try:
        wait_until(lambda: stream(running_lab)["Status"] == "error", 8, "it is in error")
        assert not stream(running_lab)["Normal"]
        assert stream(running_lab)["Message"]
    finally:
        links.clear(LINK)
    wait_until(lambda: stream(running_lab)["Normal"], 8, "it replicates")
    told = running_lab.rds.describe_events(SourceIdentifier=NAME, SourceType="db-instance")["Events"]
    assert [each["Message"] for each in told if each["EventCategories"] == ["read replica"]][-2:] == [
        "Replication has stopped",
        "Replication for the Read Replica resumed",
    ]


def test_replica_follows_the_new_primary(running_lab: Twin, replica: Any) -> None:
    """After a failover of the source a row written there arrives at the replica."""
    lab, began = running_lab, time.time()
    last = max((event["t"] for event in lab.truth("endpoint.swapped", instance=DATABASE)), default=0.0)
    time.sleep(max(0.0, last + 10.1 - time.time()))
    lab.rds.reboot_db_instance(DBInstanceIdentifier=DATABASE, ForceFailover=True)
    lab.wait_truth("standby.rejoined", since=began, instance=DATABASE)
    with psycopg.connect(lab.state.dsn, autocommit=True) as connection:
        connection.execute("create table after_failover as select 1 as n")
    wait_until(lambda: one(replica, "select to_regclass('after_failover') is not null") is True, 10, "it arrives")
    with psycopg.connect(lab.state.dsn, autocommit=True) as connection:
        connection.execute("drop table after_failover")


def test_promoted_replica_takes_writes(running_lab: Twin, replica: Any) -> None:
    """It is an instance of its own: it writes, the source no longer names it, and keeps nothing for it."""
    lab = running_lab
    wait_until(lambda: stream(lab)["Normal"], 10, "it streams")
    lab.rds.promote_read_replica(DBInstanceIdentifier=NAME, BackupRetentionPeriod=2)
    wait_status(lab, NAME)
    with connect(instance(lab, NAME)) as connection:
        connection.execute("create table own as select 1 as n")
    shown = instance(lab, NAME)
    assert "StatusInfos" not in shown
    assert shown["BackupRetentionPeriod"] == 2
    assert lab.database()["ReadReplicaDBInstanceIdentifiers"] == []
    assert LINK not in lab.links()
    wait_until(lambda: one(lab.database(), SLOTS) == 0, 5, "no slot is left")
    with pytest.raises(ClientError) as refused:
        lab.rds.promote_read_replica(DBInstanceIdentifier=NAME)
    assert refused.value.response["Error"]["Code"] == "InvalidDBInstanceState"
