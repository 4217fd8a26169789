"""RDS, operation by operation; the instance is well before and after."""

from __future__ import annotations

from typing import Any

from lab.settings import DATABASE
from tests.conformance.seen import Seen, all_refused, refused
from tests.lab.bench import wait_until

IT = {"DBInstanceIdentifier": DATABASE}
NOBODY = {"DBInstanceIdentifier": "nobody"}


def play(seen: Seen) -> None:
    """Call every operation of RDS, with a refusal where AWS has one."""
    rds = seen.client("rds")
    instance = rds.describe_db_instances(**IT)["DBInstances"][0]
    with refused("DBInstanceNotFound"):
        rds.describe_db_instances(**NOBODY)
    rds.describe_events(SourceType="db-instance", SourceIdentifier=DATABASE, Duration=60)
    with refused("InvalidParameterCombination"):
        rds.describe_events(SourceIdentifier=DATABASE)
    rds.describe_event_categories(SourceType="db-instance")
    arn = instance["DBInstanceArn"]
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "k", "Value": "v"}])
    rds.list_tags_for_resource(ResourceName=arn)
    rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["k"])
    nobody = arn.replace(DATABASE, "nobody")
    all_refused(
        "DBInstanceNotFound",
        lambda: rds.add_tags_to_resource(ResourceName=nobody, Tags=[]),
        lambda: rds.list_tags_for_resource(ResourceName=nobody),
        lambda: rds.remove_tags_from_resource(ResourceName=nobody, TagKeys=["k"]),
        lambda: rds.modify_db_instance(**NOBODY),
        lambda: rds.reboot_db_instance(**NOBODY),
    )
    _groups(rds)
    _instances(rds)
    _clusters(rds)
    rds.modify_db_instance(**IT, MultiAZ=True, ApplyImmediately=True)
    rds.reboot_db_instance(**IT)
    wait_until(lambda: seen.lab.database()["DBInstanceStatus"] == "available", 15, "the instance is available")


def _groups(rds: Any) -> None:
    group, none = {"DBParameterGroupName": "conformance"}, {"DBParameterGroupName": "nothing"}
    family = rds.describe_db_parameter_groups()["DBParameterGroups"][0]["DBParameterGroupFamily"]
    made = {**group, "DBParameterGroupFamily": family, "Description": "d"}
    rds.create_db_parameter_group(**made)
    with refused("DBParameterGroupAlreadyExists"):
        rds.create_db_parameter_group(**made)
    slow = {"ParameterName": "log_min_duration_statement", "ParameterValue": "500", "ApplyMethod": "immediate"}
    rds.modify_db_parameter_group(**group, Parameters=[slow])
    assert rds.describe_db_parameters(**group, Source="user")["Parameters"]
    rds.reset_db_parameter_group(**group, ResetAllParameters=True)
    rds.delete_db_parameter_group(**group)
    all_refused(
        "DBParameterGroupNotFound",
        lambda: rds.describe_db_parameter_groups(**none),
        lambda: rds.describe_db_parameters(**none),
        lambda: rds.modify_db_parameter_group(**none, Parameters=[slow]),
        lambda: rds.reset_db_parameter_group(**none, ResetAllParameters=True),
        lambda: rds.delete_db_parameter_group(**none),
    )
    rds.describe_db_subnet_groups()
    with refused("DBSubnetGroupNotFoundFault"):
        rds.describe_db_subnet_groups(DBSubnetGroupName="nothing")
    rds.describe_pending_maintenance_actions()


def _instances(rds: Any) -> None:
    """A second instance, from its creation to its end, with a snapshot and what becomes of both."""
    second, taken = {"DBInstanceIdentifier": "second"}, {"DBSnapshotIdentifier": "taken"}
    kind = {"DBInstanceClass": "db.t4g.micro", "Engine": "postgres", "AllocatedStorage": 20}
    rds.create_db_instance(**second, **kind, MasterUsername="keeper", MasterUserPassword="long enough")
    with refused("DBInstanceAlreadyExists"):
        rds.create_db_instance(**second, **kind, MasterUsername="keeper", MasterUserPassword="long enough")
    _until(rds, second, "available")
    rds.create_db_snapshot(**second, **taken)
    rds.get_waiter("db_snapshot_available").wait(**taken, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    rds.describe_db_snapshots(**taken)
    rds.stop_db_instance(**second)
    _until(rds, second, "stopped")
    rds.start_db_instance(**second)
    _until(rds, second, "available")
    rds.delete_db_instance(**second, SkipFinalSnapshot=True)
    rds.get_waiter("db_instance_deleted").wait(**second, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    restored = {"DBInstanceIdentifier": "restored"}
    rds.restore_db_instance_from_db_snapshot(**restored, **taken)
    _until(rds, restored, "available")
    rds.delete_db_instance(**restored, SkipFinalSnapshot=True)
    rds.delete_db_snapshot(**taken)
    replica = {"DBInstanceIdentifier": "replica"}
    rds.create_db_instance_read_replica(**replica, SourceDBInstanceIdentifier=DATABASE)
    _until(rds, replica, "available")
    rds.promote_read_replica(**replica)
    _until(rds, replica, "available")
    rds.delete_db_instance(**replica, SkipFinalSnapshot=True)
    all_refused(
        "DBInstanceNotFound",
        lambda: rds.create_db_snapshot(**NOBODY, **taken),
        lambda: rds.stop_db_instance(**NOBODY),
        lambda: rds.start_db_instance(**NOBODY),
        lambda: rds.delete_db_instance(**NOBODY, SkipFinalSnapshot=True),
        lambda: rds.create_db_instance_read_replica(**replica, SourceDBInstanceIdentifier="nobody"),
        lambda: rds.promote_read_replica(**NOBODY),
    )
    all_refused(
        "DBSnapshotNotFound",
        lambda: rds.describe_db_snapshots(**taken),
        lambda: rds.delete_db_snapshot(**taken),
        lambda: rds.restore_db_instance_from_db_snapshot(**restored, **taken),
    )


def _until(rds: Any, instance: dict[str, str], status: str) -> None:
    """Wait until an instance has a status."""

    def has_it() -> bool:
        found = rds.describe_db_instances(**instance)["DBInstances"][0]["DBInstanceStatus"]
        return str(found) == status

    wait_until(has_it, 40, f"{instance} is {status}")


def _clusters(rds: Any) -> None:
    """An account without Aurora."""
    assert rds.describe_db_clusters()["DBClusters"] == []
    one = {"DBClusterIdentifier": "nothing"}
    all_refused(
        "DBClusterNotFoundFault",
        lambda: rds.describe_db_clusters(**one),
        lambda: rds.failover_db_cluster(**one),
        lambda: rds.reboot_db_cluster(**one),
        lambda: rds.start_db_cluster(**one),
        lambda: rds.stop_db_cluster(**one),
        lambda: rds.delete_db_cluster(**one, SkipFinalSnapshot=True),
    )
    with refused("DBClusterEndpointNotFoundFault"):
        rds.delete_db_cluster_endpoint(DBClusterEndpointIdentifier="nothing")
