"""RDS over its API, against the real pair: a failover moves servers, loses no acknowledged write, and says so."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import psutil
import psycopg
import pytest
from botocore.exceptions import ClientError

from lab.settings import DATABASE
from tests.lab.bench import least, wait_until
from tests.lab.twin import Twin


@dataclass(frozen=True)
class Written:
    """One acknowledged insert: when it was asked for, and when its answer was there."""

    asked: float
    at: float
    number: int


class Writer:
    """Inserts numbers through the endpoint, one connection an attempt; keeps what was acknowledged, and when."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.acknowledged: list[Written] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self._thread.start()

    def stop(self) -> None:
        """Write no more."""
        self._over.set()
        self._thread.join()

    def _write(self) -> None:
        number = 0
        while not self._over.wait(0.01):
            number, asked = number + 1, time.time()
            try:
                with psycopg.connect(self.dsn, autocommit=True, connect_timeout=2) as connection:
                    connection.execute("insert into written values (%s)", (number,))
            except psycopg.Error:
                continue
            self.acknowledged.append(Written(asked, time.time(), number))

    def gap(self) -> tuple[Written, Written]:
        """Return the writes at the ends of the longest time without an acknowledged one."""
        return max(pairwise(self.acknowledged), key=lambda ends: ends[1].at - ends[0].at)

    @property
    def longest_gap_s(self) -> float:
        """The longest time without an acknowledged write."""
        last, first = self.gap()
        return first.at - last.at

    def lost(self) -> set[int]:
        """Return the acknowledged numbers that are not in the database."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            rows = {row[0] for row in connection.execute("select n from written").fetchall()}
        return {written.number for written in self.acknowledged} - rows


@contextmanager
def writing(lab: Twin) -> Iterator[Writer]:
    """Write through the endpoint while the block runs."""
    with psycopg.connect(lab.state.dsn, autocommit=True) as connection:
        connection.execute("drop table if exists written")
        connection.execute("create table written (n int)")
    writer = Writer(lab.state.dsn)
    try:
        yield writer
    finally:
        writer.stop()


def messages_since(lab: Twin, began: float) -> list[str]:
    """Return the instance's event messages since then."""
    start = datetime.fromtimestamp(began - 0.001, UTC)
    found = lab.rds.describe_events(SourceIdentifier=DATABASE, SourceType="db-instance", StartTime=start)["Events"]
    return [event["Message"] for event in found]


def available(lab: Twin) -> bool:
    """Is the instance available?"""
    return lab.database()["DBInstanceStatus"] == "available"


def test_instance_is_what_is_said_about_it(lab: Twin) -> None:
    """The endpoint answers, with the version that DescribeDBInstances gives; both zones are named and differ."""
    instance = lab.database()
    with psycopg.connect(lab.state.dsn) as connection:
        (version,) = connection.execute("show server_version").fetchone() or ("?",)
    assert instance["EngineVersion"] == version
    assert instance["Endpoint"]["Port"] == lab.settings.database_port
    assert instance["MultiAZ"]
    assert instance["AvailabilityZone"] != instance["SecondaryAvailabilityZone"]


def test_forced_failover_moves_the_primary_and_loses_nothing(lab: Twin) -> None:
    """Crash, detection, promotion, swap, first write: in this order, as long as said; zones swap; no write is lost."""
    lab.cool_down()
    before, began = lab.database(), time.time()
    delays = lab.settings.simulated
    with writing(lab) as writer:
        time.sleep(0.5)
        answer = lab.rds.reboot_db_instance(DBInstanceIdentifier=DATABASE, ForceFailover=True)["DBInstance"]
        assert answer["DBInstanceStatus"] == "rebooting"
        with pytest.raises(ClientError) as refused:
            lab.rds.reboot_db_instance(DBInstanceIdentifier=DATABASE, ForceFailover=True)
        assert refused.value.response["Error"]["Code"] == "InvalidDBInstanceState"
        wait_until(lambda: available(lab), 15, "available")
        after = lab.database()
        lab.wait_truth("standby.rejoined", since=began)
        time.sleep(0.5)
    steps = ["primary.killed", "standby.promoted", "endpoint.swapped", "primary.writable", "standby.rejoined"]
    events = lab.truth(*steps, since=began)
    assert [event["what"] for event in events] == steps
    killed, promoted, swapped, writable, _ = (event["t"] for event in events)
    assert promoted - killed >= delays.failover_detection_s
    assert swapped - promoted >= delays.failover_dns_s
    last_good, first_good = writer.gap()
    assert last_good.asked <= killed  # how close these instants are is told by the tests of the ground truth
    assert swapped <= first_good.at
    assert swapped <= writable
    assert writer.lost() == set()
    assert (after["AvailabilityZone"], after["SecondaryAvailabilityZone"]) == (
        before["SecondaryAvailabilityZone"],
        before["AvailabilityZone"],
    )
    assert messages_since(lab, began) == [
        "Multi-AZ instance failover started.",
        "Multi-AZ instance failover completed.",
        "DB instance restarted",
    ]


def test_second_failover_soon_after_is_abandoned(lab: Twin) -> None:
    """A failover within ten seconds of the last is accepted, abandoned, and told in an event."""
    lab.cool_down()
    began = time.time()
    lab.rds.reboot_db_instance(DBInstanceIdentifier=DATABASE, ForceFailover=True)
    lab.wait_truth("standby.rejoined", since=began)
    wait_until(lambda: available(lab), 15, "available")
    again, zone = time.time(), lab.database()["AvailabilityZone"]
    lab.rds.reboot_db_instance(DBInstanceIdentifier=DATABASE, ForceFailover=True)
    assert messages_since(lab, again)[-1].startswith("Abandoning user requested failover since a failover recently")
    time.sleep(1)
    assert lab.database()["AvailabilityZone"] == zone
    assert not lab.truth("primary.killed", since=again)


def test_plain_reboot_restarts_the_primary_in_place(lab: Twin) -> None:
    """The server's start time changes, its zone does not; shutdown and restart are in the events."""

    def started() -> object:
        with psycopg.connect(lab.state.dsn) as connection:
            return connection.execute("select pg_postmaster_start_time()").fetchone()

    zone, before, began = lab.database()["AvailabilityZone"], started(), time.time()
    lab.rds.reboot_db_instance(DBInstanceIdentifier=DATABASE)
    wait_until(lambda: available(lab), 15, "available")
    assert started() != before
    assert lab.database()["AvailabilityZone"] == zone
    assert messages_since(lab, began) == ["DB instance shutdown", "DB instance restarted"]


def standby_of(lab: Twin) -> str:
    """Return the name of the server that is the standby."""
    promoted = lab.truth("standby.promoted")
    return "az_b" if not promoted or promoted[-1]["node"] == "az_a" else "az_a"


def gap_without_standby(lab: Twin) -> float:
    """Kill the standby while somebody writes; return the longest time without an acknowledged write.

    A primary that is too busy to answer meanwhile is recovered instead, as a silent one: such a look does not count.
    """
    began, name = time.time(), standby_of(lab)
    with writing(lab) as writer:
        time.sleep(0.5)
        os.kill(lab.pids()[f"postgres-{name}"], signal.SIGKILL)
        lab.wait_truth("standby.rejoined", since=began, node=name)
        time.sleep(0.5)
    assert writer.lost() == set()
    return writer.longest_gap_s if lab.truth("replication.asynchronous", since=began) else math.inf


def test_lost_standby_does_not_hold_up_commits(lab: Twin) -> None:
    """The standby is killed: commits go on within two seconds, asynchronously; the standby comes back and is armed."""
    assert least(lambda: gap_without_standby(lab), 2, 3) < 2
    name = standby_of(lab)
    with psycopg.connect(f"host=127.0.0.1 port={lab.settings.database_port} user=postgres dbname=template1") as asked:
        names = asked.execute("show synchronous_standby_names").fetchone()
    assert names == (f"FIRST 1 ({name})",)


def test_frozen_standby_does_not_hold_up_commits(lab: Twin) -> None:
    """A standby that is stopped but not dead is left behind within some seconds, and taken back when it goes on."""
    assert least(lambda: gap_with_frozen_standby(lab), 3, 3) < 3


def gap_with_frozen_standby(lab: Twin) -> float:
    """Freeze the standby while somebody writes; return the longest time without an acknowledged write."""
    began, name = time.time(), standby_of(lab)
    pid = lab.pids()[f"postgres-{name}"]
    frozen = [pid, *children_of(pid)]
    with writing(lab) as writer:
        time.sleep(0.5)
        for each in frozen:
            os.kill(each, signal.SIGSTOP)
        try:
            lab.wait_truth("replication.asynchronous", since=began)
            time.sleep(4)
        finally:
            for each in frozen:
                os.kill(each, signal.SIGCONT)
        lab.wait_truth("standby.rejoined", since=began, node=name)
        time.sleep(0.5)
    assert len(lab.truth("standby.lost", since=began)) == 1
    assert writer.lost() == set()
    return writer.longest_gap_s


def children_of(pid: int) -> list[int]:
    """Return the pids of a server's own processes."""
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def test_primary_killed_behind_the_api_fails_over(lab: Twin) -> None:
    """Nobody asked: the primary is killed, the standby takes over after the detection delay, nothing is lost."""
    began, zone = time.time(), lab.database()["AvailabilityZone"]
    promoted = lab.truth("standby.promoted")
    name = promoted[-1]["node"] if promoted else "az_a"
    with writing(lab) as writer:
        time.sleep(0.5)
        killed = time.time()
        os.kill(lab.pids()[f"postgres-{name}"], signal.SIGKILL)
        lab.wait_truth("standby.rejoined", since=began)
        time.sleep(0.5)
    noted = lab.truth("primary.killed", since=began)[0]["t"]
    first = lab.truth("standby.promoted", since=began)[0]["t"]
    assert killed <= noted <= first - lab.settings.simulated.failover_detection_s
    wait_until(lambda: available(lab), 15, "available")
    assert lab.database()["AvailabilityZone"] != zone
    assert writer.lost() == set()
    assert "Multi-AZ instance failover completed." in messages_since(lab, began)


def test_events_can_be_filtered(lab: Twin) -> None:
    """Category, time and page narrow DescribeEvents; an identifier without its type is refused."""
    ours = {"SourceType": "db-instance", "SourceIdentifier": DATABASE}
    creation = lab.rds.describe_events(**ours, EventCategories=["creation"])["Events"]  # type: ignore[arg-type]
    assert [event["Message"] for event in creation] == ["DB instance created"]
    future = datetime.now(UTC) + timedelta(hours=1)
    assert lab.rds.describe_events(StartTime=future, EndTime=future + timedelta(hours=1))["Events"] == []
    assert lab.rds.describe_events(SourceIdentifier="other", SourceType="db-instance")["Events"] == []
    with pytest.raises(ClientError) as refused:
        lab.rds.describe_events(SourceIdentifier=DATABASE)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterCombination"


def test_unknown_instance_is_not_found(lab: Twin) -> None:
    """Describing or rebooting an instance that is not there: DBInstanceNotFound."""
    with pytest.raises(ClientError) as described:
        lab.rds.describe_db_instances(DBInstanceIdentifier="other")
    with pytest.raises(ClientError) as rebooted:
        lab.rds.reboot_db_instance(DBInstanceIdentifier="other")
    codes = {error.value.response["Error"]["Code"] for error in (described, rebooted)}
    assert codes == {"DBInstanceNotFound"}


def test_tags_can_be_read_and_changed(lab: Twin) -> None:
    """The instance carries the staging's tags; one more can be put on and taken off."""
    arn = lab.database()["DBInstanceArn"]
    lab.rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "run", "Value": "7"}])
    tags = lab.rds.list_tags_for_resource(ResourceName=arn)["TagList"]
    assert {"Key": "run", "Value": "7"} in tags
    assert {"Key": "chaos", "Value": "allowed"} in tags
    lab.rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["run"])
    assert {"Key": "run", "Value": "7"} not in lab.rds.list_tags_for_resource(ResourceName=arn)["TagList"]


def modify(lab: Twin, *, multi_az: bool, now: bool = True) -> Any:
    """Ask for Single-AZ or Multi-AZ; return the instance that the answer shows."""
    answer = lab.rds.modify_db_instance(DBInstanceIdentifier=DATABASE, MultiAZ=multi_az, ApplyImmediately=now)
    return answer["DBInstance"]


def test_instance_can_be_made_single_az_and_multi_az_again(lab: Twin) -> None:
    """Modifying, then available without a standby: no failover, a lost primary restarts in place; then protected again.

    No acknowledged write is lost on the way.
    """
    began = time.time()
    with writing(lab) as writer:
        try:
            assert modify(lab, multi_az=False)["DBInstanceStatus"] == "modifying"
            wait_until(lambda: available(lab), 10, "it is Single-AZ")
            assert lab.database()["MultiAZ"] is False
            assert "SecondaryAvailabilityZone" not in lab.database()
            with pytest.raises(ClientError) as refused:
                lab.rds.reboot_db_instance(DBInstanceIdentifier=DATABASE, ForceFailover=True)
            assert refused.value.response["Error"]["Code"] == "InvalidParameterCombination"
            zone = lab.database()["AvailabilityZone"]
            primary = f"postgres-az_{zone[-1]}"  # the list of processes may still name the standby that ended
            os.kill(lab.pids()[primary], signal.SIGKILL)
            lab.wait_truth("primary.restarted", since=began)
            wait_until(lambda: available(lab), 10, "it is back")
            assert lab.database()["AvailabilityZone"] == zone
        finally:
            wait_until(lambda: available(lab), 20, "it can be modified")
            modify(lab, multi_az=True)
        wait_until(lambda: available(lab), 20, "it is Multi-AZ")
        assert lab.database()["SecondaryAvailabilityZone"] != zone
        lab.wait_truth("standby.rejoined", since=began)
    assert not lab.truth("standby.promoted", since=began)
    assert writer.lost() == set()
    told = messages_since(lab, began)
    assert [words for words in told if "convert" in words] == [
        "Applying modification to convert to a standard (Single-AZ) DB instance.",
        "Finished applying modification to convert to a standard (Single-AZ) DB instance.",
        "Applying modification to convert to a Multi-AZ DB instance.",
        "Finished applying modification to convert to a Multi-AZ DB instance.",
    ]


def test_modification_waits_for_its_window(lab: Twin) -> None:
    """Without ApplyImmediately nothing happens but a pending value; asking for what is there takes it back."""
    assert modify(lab, multi_az=False, now=False)["PendingModifiedValues"] == {"MultiAZ": False}
    assert (lab.database()["MultiAZ"], lab.database()["DBInstanceStatus"]) == (True, "available")
    assert modify(lab, multi_az=True)["PendingModifiedValues"] == {}
    assert lab.database()["DBInstanceStatus"] == "available"
    with pytest.raises(ClientError, match="The lab cannot modify DBPortNumber"):
        lab.rds.modify_db_instance(DBInstanceIdentifier=DATABASE, DBPortNumber=5433)


def test_connections_are_counted(lab: Twin) -> None:
    """CloudWatch has the application's real connections: each of the three tasks holds some."""

    def newest() -> float:
        now = datetime.now(UTC)
        found = lab.cloudwatch.get_metric_statistics(
            Namespace="AWS/RDS",
            MetricName="DatabaseConnections",
            Dimensions=[{"Name": "DBInstanceIdentifier", "Value": DATABASE}],
            StartTime=now - timedelta(minutes=1),
            EndTime=now,
            Period=1,
            Statistics=["Maximum"],
        )["Datapoints"]
        return max(found, key=lambda point: point["Timestamp"])["Maximum"] if found else 0.0

    wait_until(lambda: newest() >= 3, 10, "three connections")


def test_standby_that_never_comes_back_is_made_anew(lab: Twin) -> None:
    """A standby that stays frozen is replaced after some time, as AWS does; commits wait for the new one again."""
    began, name = time.time(), standby_of(lab)
    pid = lab.pids()[f"postgres-{name}"]
    frozen = [pid, *children_of(pid)]
    for each in frozen:
        os.kill(each, signal.SIGSTOP)
    lab.wait_truth("standby.rejoined", since=began, node=name, within_s=30)
    assert lab.pids()[f"postgres-{name}"] != pid
