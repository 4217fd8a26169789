"""A move of the database that meets trouble halfway ends all the same, and the API tells how it is then."""

from __future__ import annotations

import os
import signal
import time

import psycopg
import pytest

from lab.settings import DATABASE
from tests.lab.bench import wait_until
from tests.lab.databases import instance, wait_status
from tests.lab.test_rds import available, messages_since
from tests.lab.twin import Twin


def test_failover_outlives_the_link_process(lab: Twin) -> None:
    """It is killed just before the endpoint is swapped: once it is back the endpoint leads to the new primary."""
    lab.cool_down()
    began, zone = time.time(), lab.database()["AvailabilityZone"]
    lab.rds.reboot_db_instance(DBInstanceIdentifier=DATABASE, ForceFailover=True)
    lab.wait_truth("standby.promoted", since=began)
    os.kill(lab.pids()["link"], signal.SIGKILL)
    lab.wait_truth("primary.writable", since=began)
    lab.wait_truth("standby.rejoined", since=began)
    assert not lab.truth("database.broken", since=began)
    wait_until(lambda: available(lab), 15, "available")
    assert lab.database()["AvailabilityZone"] != zone
    assert "Multi-AZ instance failover completed." in messages_since(lab, began)


@pytest.mark.parametrize("call", ["stop_db_instance", "delete_db_instance"])
def test_instance_of_which_no_snapshot_can_be_taken_stays(lab: Twin, call: str) -> None:
    """A stop or an end asked for a last snapshot, and the disk does not take it: the instance is available again."""
    name, member = (
        f"last-{call[:4]}",
        "DBSnapshotIdentifier" if call.startswith("stop") else "FinalDBSnapshotIdentifier",
    )
    folder = lab.settings.home / "postgres" / "snapshots"
    folder.mkdir(exist_ok=True)
    (folder / name).touch()  # a file, where the snapshot's folder would be
    lab.rds.modify_db_instance(DBInstanceIdentifier=DATABASE, DeletionProtection=False)
    getattr(lab.rds, call)(**{"DBInstanceIdentifier": DATABASE, member: name})
    wait_status(lab, DATABASE)
    (shown,) = lab.rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"]
    assert shown["Status"] == "failed"
    with psycopg.connect(lab.state.dsn) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_standby_that_does_not_start_is_made_anew(lab: Twin) -> None:
    """Its files are damaged while the instance is stopped: the instance starts, and has a standby again.

    Nothing is kept for a read replica that is gone.
    """
    with superuser(lab) as connection:  # as when a read replica is deleted while its source is down
        connection.execute("select pg_create_physical_replication_slot('long_gone', true)")
    lab.rds.stop_db_instance(DBInstanceIdentifier=DATABASE)
    wait_status(lab, DATABASE, "stopped")
    (mark,) = (lab.settings.home / "postgres").glob("az_*/data/standby.signal")
    (mark.parent / "global" / "pg_control").unlink()
    began = time.time()
    lab.rds.start_db_instance(DBInstanceIdentifier=DATABASE)
    lab.wait_truth("standby.rejoined", since=began)
    wait_status(lab, DATABASE)
    assert instance(lab, DATABASE)["MultiAZ"]
    with superuser(lab) as connection:
        assert connection.execute("select slot_name from pg_replication_slots").fetchall() == []


def superuser(lab: Twin) -> psycopg.Connection[tuple[object, ...]]:
    """Return a superuser's connection through the endpoint."""
    port = lab.database()["Endpoint"]["Port"]
    return psycopg.connect(host="127.0.0.1", port=port, user="postgres", dbname="template1", autocommit=True)
