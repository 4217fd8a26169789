"""DB instances come and go over the API: real servers, real snapshots, and AWS's refusals."""

from __future__ import annotations

import time
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from lab.settings import DATABASE
from tests.lab.bench import wait_until
from tests.lab.databases import connect, create, created, delete, instance, names, one, points, wait_status
from tests.lab.twin import Twin

QUICK: Any = {"Delay": 1, "MaxAttempts": 30}


@pytest.fixture(scope="module")
def shop(running_lab: Twin) -> Any:
    """A Multi-AZ instance for this file, with a table that has one row."""
    shown = create(running_lab, "shop-db", MultiAZ=True, Tags=[{"Key": "team", "Value": "shop"}])
    with connect(shown) as connection:
        connection.execute("create table goods (n int)")
        connection.execute("insert into goods values (7)")
    yield shown
    delete(running_lab, "shop-db")


def code_of(refused: pytest.ExceptionInfo[ClientError]) -> str:
    """Return the error's code."""
    return refused.value.response["Error"]["Code"]


def test_new_instance_is_a_server_of_its_own(running_lab: Twin, shop: Any) -> None:
    """Its endpoint leads to its own database as its own user; it is listed, by name, ARN and filter."""
    lab = running_lab
    assert one(shop, "select current_user || ' ' || current_database()") == "shop shop"
    assert one(shop, "select rolcreatedb and not rolsuper from pg_roles where rolname = current_user") is True
    assert shop["Endpoint"]["Port"] != lab.settings.database_port
    assert shop["TagList"] == [{"Key": "team", "Value": "shop"}]
    pages = lab.rds.get_paginator("describe_db_instances").paginate(PaginationConfig={"PageSize": 20})
    assert {each["DBInstanceIdentifier"] for page in pages for each in page["DBInstances"]} == {DATABASE, "shop-db"}
    by_arn = lab.rds.describe_db_instances(DBInstanceIdentifier=shop["DBInstanceArn"])["DBInstances"]
    filters: list[Any] = [{"Name": "dbi-resource-id", "Values": [shop["DbiResourceId"]]}]
    by_filter = lab.rds.describe_db_instances(Filters=filters)["DBInstances"]
    assert [each["DBInstanceIdentifier"] for each in (*by_arn, *by_filter)] == ["shop-db", "shop-db"]


def test_new_multi_az_instance_fails_over_and_keeps_its_rows(running_lab: Twin, shop: Any) -> None:
    """A second instance has its own standby: after a forced failover its zones are swapped and its row is there."""
    began, zone = time.time(), instance(running_lab, "shop-db")["AvailabilityZone"]
    running_lab.rds.reboot_db_instance(DBInstanceIdentifier="shop-db", ForceFailover=True)
    running_lab.wait_truth("standby.rejoined", since=began, instance="shop-db")
    wait_status(running_lab, "shop-db")
    assert instance(running_lab, "shop-db")["SecondaryAvailabilityZone"] == zone
    assert one(shop, "select n from goods") == 7
    assert not running_lab.truth("standby.promoted", since=began, instance=DATABASE)


def test_snapshot_holds_what_there_was(running_lab: Twin, shop: Any) -> None:
    """A snapshot is taken while the instance is backing up; an instance restored from it has the row of then."""
    lab = running_lab
    taken = lab.rds.create_db_snapshot(DBInstanceIdentifier="shop-db", DBSnapshotIdentifier="before")["DBSnapshot"]
    assert (taken["Status"], taken["SnapshotType"]) == ("creating", "manual")
    assert instance(lab, "shop-db")["DBInstanceStatus"] == "backing-up"
    lab.rds.get_waiter("db_snapshot_available").wait(DBSnapshotIdentifier="before", WaiterConfig=QUICK)
    wait_status(lab, "shop-db")
    with connect(shop) as connection:
        connection.execute("delete from goods")
    with pytest.raises(ClientError) as twice:
        lab.rds.create_db_snapshot(DBInstanceIdentifier="shop-db", DBSnapshotIdentifier="before")
    assert code_of(twice) == "DBSnapshotAlreadyExists"
    lab.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="again", DBSnapshotIdentifier="before")
    wait_status(lab, "again")
    assert one(instance(lab, "again"), "select n from goods") == 7
    delete(lab, "again")
    assert lab.rds.delete_db_snapshot(DBSnapshotIdentifier="before")["DBSnapshot"]["Status"] == "deleted"
    with pytest.raises(ClientError) as gone:
        lab.rds.describe_db_snapshots(DBSnapshotIdentifier="before")
    assert code_of(gone) == "DBSnapshotNotFound"


def test_stopped_instance_is_down_until_it_is_started(running_lab: Twin, shop: Any) -> None:
    """Nobody can connect, nothing is measured, and a reboot is refused; after the start the standby protects again."""
    lab, began = running_lab, time.time()
    wait_status(lab, "shop-db")
    lab.rds.stop_db_instance(DBInstanceIdentifier="shop-db")
    wait_status(lab, "shop-db", "stopped")
    stopped = lab.truth("database.stopped", since=began, instance="shop-db")[0]["t"]
    with pytest.raises(psycopg.OperationalError):
        connect(shop, connect_timeout=2)
    for refused in (lab.rds.reboot_db_instance, lab.rds.stop_db_instance):
        with pytest.raises(ClientError) as error:
            refused(DBInstanceIdentifier="shop-db")
        assert code_of(error) == "InvalidDBInstanceState"
    time.sleep(2.2)
    assert not [at for at, _ in points(lab, "DatabaseConnections", "shop-db") if at > stopped]
    lab.rds.start_db_instance(DBInstanceIdentifier="shop-db")
    lab.rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier="shop-db", WaiterConfig=QUICK)
    assert one(shop, "select count(*) from goods") == 0
    assert one(shop, "show synchronous_standby_names") != ""
    told = lab.rds.describe_events(SourceIdentifier="shop-db", SourceType="db-instance")["Events"]
    assert [each["Message"] for each in told][-2:] == ["DB instance stopped", "DB instance started"]


def test_changes_wait_or_are_applied(running_lab: Twin, shop: Any) -> None:
    """Without ApplyImmediately class, storage (10 % more at least) and backups are pending; with it they come."""
    lab = running_lab
    changes: dict[str, Any] = {"AllocatedStorage": 21, "DBInstanceClass": "db.t4g.small", "BackupRetentionPeriod": 3}
    pending = lab.rds.modify_db_instance(DBInstanceIdentifier="shop-db", **changes)["DBInstance"]
    wanted = {"AllocatedStorage": 22, "DBInstanceClass": "db.t4g.small", "BackupRetentionPeriod": 3}
    assert pending["PendingModifiedValues"] == wanted
    assert (pending["AllocatedStorage"], pending["DBInstanceStatus"]) == (20, "available")
    lab.rds.modify_db_instance(DBInstanceIdentifier="shop-db", ApplyImmediately=True)
    wait_status(lab, "shop-db")
    shown = instance(lab, "shop-db")
    assert {name: shown[name] for name in wanted} == wanted
    assert shown["PendingModifiedValues"] == {}
    assert one(shop, "show max_connections") == str(2 * 2**30 // 9531392)  # the default is by the class's memory


def test_end_needs_a_word_about_the_last_snapshot(running_lab: Twin) -> None:
    """Neither or both of the two parameters is refused, and so is a protected instance; the last snapshot stays."""
    lab = running_lab
    create(lab, "brief", DeletionProtection=True)
    variants: list[dict[str, Any]] = [{"SkipFinalSnapshot": True}, {}]
    for more in variants:
        with pytest.raises(ClientError, match="Cannot delete protected DB Instance"):
            lab.rds.delete_db_instance(DBInstanceIdentifier="brief", **more)
    lab.rds.modify_db_instance(DBInstanceIdentifier="brief", DeletionProtection=False)
    variants = [{}, {"SkipFinalSnapshot": True, "FinalDBSnapshotIdentifier": "last"}]
    for more in variants:
        with pytest.raises(ClientError) as refused:
            lab.rds.delete_db_instance(DBInstanceIdentifier="brief", **more)
        assert code_of(refused) == "InvalidParameterCombination"
    lab.rds.delete_db_instance(DBInstanceIdentifier="brief", FinalDBSnapshotIdentifier="last")
    lab.rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier="brief", WaiterConfig=QUICK)
    pages = lab.rds.get_paginator("describe_db_snapshots").paginate(DBInstanceIdentifier="brief")
    assert [each["DBSnapshotIdentifier"] for page in pages for each in page["DBSnapshots"]] == ["last"]
    assert not [name for name in lab.pids() if "brief" in name]
    lab.rds.delete_db_snapshot(DBSnapshotIdentifier="last")


def test_lab_has_room_for_so_many_instances(running_lab: Twin, shop: Any) -> None:
    """With all spare ports in use an instance is refused as AWS does without capacity; a deleted one makes room."""
    lab = running_lab
    with created(lab, "second"):
        create(lab, "third")
        with pytest.raises(ClientError) as refused:
            create(lab, "fourth")
        assert code_of(refused) == "InsufficientDBInstanceCapacity"
        delete(lab, "third")
        with created(lab, "fourth"):
            assert names(lab) == {DATABASE, "shop-db", "second", "fourth"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Engine": "mysql"}, "InvalidParameterValue"),
        ({"DBInstanceClass": "db.x9.huge"}, "InvalidParameterValue"),
        ({"DBInstanceIdentifier": "no--name"}, "InvalidParameterValue"),
        ({"DBInstanceIdentifier": DATABASE}, "DBInstanceAlreadyExists"),
        ({"AllocatedStorage": 5}, "InvalidParameterValue"),
        ({"DBParameterGroupName": "none"}, "DBParameterGroupNotFound"),
        ({"AvailabilityZone": "us-east-1a"}, "InvalidParameterValue"),
        ({"EngineVersion": "9.6"}, "InvalidParameterCombination"),
        ({"BackupRetentionPeriod": 36}, "InvalidParameterValue"),
    ],
)
def test_instance_that_cannot_be_is_refused(running_lab: Twin, changes: dict[str, Any], code: str) -> None:
    """What AWS or the lab does not have is refused with the model's code, and leaves nothing behind."""
    before = names(running_lab)
    with pytest.raises(ClientError) as refused:
        create(running_lab, **{"name": "refused", **changes})
    assert code_of(refused) == code
    assert names(running_lab) == before


def test_tags_and_records_of_other_kinds(running_lab: Twin, shop: Any) -> None:
    """Subnet groups, maintenance and tags of groups are answered; what is not there has the model's code."""
    lab = running_lab
    (group,) = lab.rds.describe_db_subnet_groups()["DBSubnetGroups"]
    assert len(group["Subnets"]) == 3
    with pytest.raises(ClientError) as missing:
        lab.rds.describe_db_subnet_groups(DBSubnetGroupName="none")
    assert code_of(missing) == "DBSubnetGroupNotFoundFault"
    assert lab.rds.describe_pending_maintenance_actions()["PendingMaintenanceActions"] == []
    arn = lab.rds.describe_db_parameter_groups(DBParameterGroupName=DATABASE)["DBParameterGroups"][0]
    lab.rds.add_tags_to_resource(ResourceName=arn["DBParameterGroupArn"], Tags=[{"Key": "a", "Value": "b"}])
    assert lab.rds.list_tags_for_resource(ResourceName=arn["DBParameterGroupArn"])["TagList"] == [
        {"Key": "a", "Value": "b"}
    ]
    kinds = lab.rds.describe_event_categories()["EventCategoriesMapList"]
    assert {kind["SourceType"] for kind in kinds} == {"db-instance", "db-snapshot", "db-parameter-group"}
    wait_until(lambda: lab.database()["DBInstanceStatus"] == "available", 5, "the first instance was left alone")
