"""What Multi-AZ does when more than the primary is lost, told in AWS's events; and what `lab status` says of it."""

from __future__ import annotations

import os
import signal
import time

import psycopg

from lab import control
from lab.settings import DATABASE
from tests.lab.bench import exists, wait_until
from tests.lab.test_rds import available, messages_since, modify
from tests.lab.twin import Twin


def kill(lab: Twin, *nodes: str) -> None:
    """Kill servers by the name of their zone, each once the one before is over, as soon as all of them run."""
    wait_until(lambda: {f"postgres-{node}" for node in nodes} <= set(lab.pids()), 10, "they run")
    pids = [lab.pids()[f"postgres-{node}"] for node in nodes]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        while exists(pid):  # on a full machine it is not over at once
            time.sleep(0.001)


def test_lost_pair_is_activated_in_the_same_zone(lab: Twin) -> None:
    """Primary and standby are killed together: recovery, then activation of the primary where it was; no failover."""
    began, zone = time.time(), lab.database()["AvailabilityZone"]
    (mark,) = (lab.settings.home / "postgres").glob("az_*/data/standby.signal")
    standby = mark.parents[1].name  # first: seen between the two, a dead primary with a living standby fails over
    kill(lab, standby, *({"az_a", "az_b"} - {standby}))
    lab.wait_truth("primary.activated", since=began)
    lab.wait_truth("standby.rejoined", since=began)
    wait_until(lambda: available(lab), 15, "available")
    assert lab.database()["AvailabilityZone"] == zone
    assert messages_since(lab, began) == [
        "Multi-AZ instance recovery started. Recovery time will vary with the amount of data to be recovered.",
        "DB instance shutdown",
        "DB instance restarted",
        "Multi-AZ instance recovery completed. Pending failover or activation.",
        "Multi-AZ instance activation started.",
        "Multi-AZ instance activation completed.",
    ]
    assert not lab.truth("standby.promoted", since=began)


def test_single_server_recovers_and_status_says_single_az(lab: Twin) -> None:
    """Made Single-AZ, `lab status` says so; a killed server recovers in place, in recovery events; then back again."""

    def status_says() -> bool | None:
        state = control.status(lab.settings.home)
        return state.multi_az if state else None

    assert status_says() is True
    modify(lab, multi_az=False)
    wait_until(lambda: available(lab), 10, "it is Single-AZ")
    wait_until(lambda: status_says() is False, 5, "the status follows")
    began, zone = time.time(), lab.database()["AvailabilityZone"]
    kill(lab, f"az_{zone[-1]}")
    lab.wait_truth("primary.restarted", since=began)
    wait_until(lambda: available(lab), 10, "it is back")
    told = messages_since(lab, began)
    assert told[0].startswith("Recovery of the DB instance has started.")
    assert told[-1] == "Recovery of the DB instance is complete."
    modify(lab, multi_az=True)
    wait_until(lambda: available(lab), 20, "it is Multi-AZ")
    wait_until(lambda: status_says() is True, 5, "the status follows")
    with psycopg.connect(lab.state.dsn) as connection:
        assert connection.execute("select count(*) from posts").fetchone() is not None
    assert lab.database()["DBInstanceIdentifier"] == DATABASE
