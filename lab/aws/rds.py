"""Amazon RDS: DB instances over the API. What they are made of stands in `rds_databases` and `rds_server`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.aws import rds_cluster_api, rds_event_api, rds_group_api, rds_snapshot_api, rds_tag_api
from lab.aws.rds_asked import CREATED, REPLICATED, RESTORED, check_asked
from lab.aws.rds_databases import furnish
from lab.aws.rds_instance import Rds, check_backup_days, check_class
from lab.aws.rds_replica import replicate, stand_alone
from lab.aws.rds_snapshot_api import last_snapshot
from lab.aws.rds_view import Tests, filtered, instance_view, kept_tags, page, resource_id
from lab.aws.registry import AwsError, Call, Params, handles
from lab.aws.unplayed import given

if TYPE_CHECKING:
    from lab.aws.world import World

__all__ = [  # imported for their handlers
    "rds_cluster_api",
    "rds_event_api",
    "rds_group_api",
    "rds_snapshot_api",
    "rds_tag_api",
]

TESTS: Tests[Rds] = {
    "db-instance-id": lambda rds: (rds.identifier, rds.arn),
    "dbi-resource-id": lambda rds: (resource_id(rds.identifier, rds.created_at),),
    "engine": lambda rds: ("postgres",),
    "db-cluster-id": lambda rds: (),
    "domain": lambda rds: (),
}
LEAST_GIB, MOST_GIB = 20, 65536
AT_ONCE = ("DeletionProtection", "AutoMinorVersionUpgrade", "PreferredBackupWindow", "PreferredMaintenanceWindow")
IGNORED = frozenset({"MasterUserPassword", "VpcSecurityGroupIds"})


def _answer(rds: Rds) -> dict[str, object]:
    return {"DBInstance": instance_view(rds)}


@handles("rds", "DescribeDBInstances")
def describe_db_instances(world: World, params: Params, call: Call) -> dict[str, object]:
    """The instances, by name or ARN or filters, a page at a time.

    Missing: what the lab does not play is not told: LatestRestorableTime, monitoring, certificates, option groups,
    Performance Insights.
    """
    name = params.get("DBInstanceIdentifier")
    found = [world.databases.find(name)] if name else list(world.databases.instances.values())
    some, more = page(filtered(found, params, TESTS), params)
    return {"DBInstances": [instance_view(rds) for rds in some], **more}


@handles("rds", "CreateDBInstance")
def create_db_instance(world: World, params: Params, call: Call) -> dict[str, object]:
    """A new server with a role and a database; with MultiAZ a synchronous standby as well.

    Its port is one of the lab's, whatever `Port` says, and it takes any password from this machine.
    Missing: encryption, IAM authentication, monitoring, Performance Insights, a public address, provisioned IOPS,
    option groups, managed passwords and engines other than postgres are refused; security groups have no effect.
    """
    check_asked(params, CREATED)
    databases = world.databases
    if params["Engine"] != "postgres":
        raise AwsError("InvalidParameterValue", f"Invalid DB engine: {params['Engine']}. The lab has postgres only.")
    for name in ("MasterUsername", "MasterUserPassword", "AllocatedStorage"):
        if not params.get(name):
            raise AwsError("InvalidParameterValue", f"The parameter {name} must be provided and must not be blank.")
    instance_class, gib = check_class(params["DBInstanceClass"]), _check_gib(params["AllocatedStorage"])
    days = check_backup_days(int(params.get("BackupRetentionPeriod", 1)))
    group = databases.groups.get(params.get("DBParameterGroupName") or databases.groups.default_name)
    _check_version(world, params)
    rds = databases.prepare(
        params["DBInstanceIdentifier"], multi_az=bool(params.get("MultiAZ")), zone=params.get("AvailabilityZone")
    )
    rds.group, rds.instance_class, rds.allocated_gib, rds.backup_days = group, instance_class, gib, days
    rds.master_user, rds.database = params["MasterUsername"], params.get("DBName") or "postgres"
    _take_in(rds, params)
    databases.begin(rds, lambda: rds.pair.up(lambda connection: furnish(connection, rds.master_user, rds.database)))
    return _answer(rds)


@handles("rds", "RestoreDBInstanceFromDBSnapshot")
def restore_db_instance(world: World, params: Params, call: Call) -> dict[str, object]:
    """A new server with the files of a snapshot.

    Missing: what CreateDBInstance refuses, and another storage size or engine; restoring to a point in time.
    """
    check_asked(params, RESTORED)
    databases = world.databases
    one = databases.find_snapshot(params.get("DBSnapshotIdentifier") or "")
    if one.status != "available":
        raise AwsError("InvalidDBSnapshotState", f"Snapshot {one.name} is not in available state.")
    instance_class = check_class(params.get("DBInstanceClass") or world.rds.instance_class)
    days = check_backup_days(int(params.get("BackupRetentionPeriod", 7)))
    group = databases.groups.get(params.get("DBParameterGroupName") or databases.groups.default_name)
    rds = databases.prepare(
        params["DBInstanceIdentifier"], multi_az=bool(params.get("MultiAZ")), zone=params.get("AvailabilityZone")
    )
    rds.group, rds.instance_class, rds.allocated_gib = group, instance_class, one.allocated_gib
    rds.master_user, rds.database = one.master_user, one.database
    rds.backup_days = days
    _take_in(rds, params)

    def make() -> None:
        rds.pair.primary.restore(one.folder)
        rds.pair.primary.start()
        databases.log.put("0043", "db-snapshot", one.name, one.tags, name=one.name)

    databases.begin(rds, make)
    return _answer(rds)


@handles("rds", "CreateDBInstanceReadReplica")
def create_read_replica(world: World, params: Params, call: Call) -> dict[str, object]:
    """A server that follows its source asynchronously, through a link of its own, and takes reads.

    Missing: Multi-AZ, cascading and cross-region replicas, and what CreateDBInstance refuses.
    """
    check_asked(params, REPLICATED)
    databases = world.databases
    source = databases.find(params.get("SourceDBInstanceIdentifier") or "")
    source.require("available")
    if source.source is not None:
        raise AwsError("InvalidDBInstanceState", "The lab has no read replicas of read replicas.")
    if not source.backup_days:
        words = f"Automated backups are not enabled for this database instance: {source.identifier}"
        raise AwsError("InvalidDBInstanceState", words)
    instance_class = check_class(params.get("DBInstanceClass") or source.instance_class)
    if params.get("MultiAZ"):
        raise AwsError("InvalidParameterCombination", "The lab has Single-AZ read replicas only.")
    group = databases.groups.get(params.get("DBParameterGroupName") or source.group.name)
    zone = params.get("AvailabilityZone") or source.other_zone
    rds = databases.prepare(params["DBInstanceIdentifier"], multi_az=False, zone=zone, source=source)
    rds.group, rds.instance_class, rds.allocated_gib, rds.backup_days = group, instance_class, source.allocated_gib, 0
    rds.master_user, rds.database = source.master_user, source.database
    _take_in(rds, params)
    source.replicas.append(rds)
    databases.begin(rds, lambda: replicate(rds))
    return _answer(rds)


@handles("rds", "PromoteReadReplica")
def promote_read_replica(world: World, params: Params, call: Call) -> dict[str, object]:
    """A read replica becomes an instance of its own, which takes writes.

    Missing: the reboot that AWS makes before the instance is available.
    """
    rds = world.databases.find(params["DBInstanceIdentifier"])
    rds.require("available")
    if rds.source is None:
        raise AwsError("InvalidDBInstanceState", "DB Instance is not a read replica.")
    days = check_backup_days(int(params.get("BackupRetentionPeriod", 1)))

    def work() -> None:
        stand_alone(rds)
        rds.backup_days = days
        _take_in(rds, params)
        rds.be("available")

    rds.work(work, "modifying")
    return _answer(rds)


@handles("rds", "DeleteDBInstance")
def delete_db_instance(world: World, params: Params, call: Call) -> dict[str, object]:
    """The servers end and their files go; a last snapshot stays unless SkipFinalSnapshot says otherwise.

    Missing: automated backups, so DeleteAutomatedBackups changes nothing.
    """
    rds = world.databases.find(params["DBInstanceIdentifier"])
    skip, last = bool(params.get("SkipFinalSnapshot")), params.get("FinalDBSnapshotIdentifier")
    if rds.deletion_protection:
        words = "Cannot delete protected DB Instance, please disable deletion protection and try again."
        raise AwsError("InvalidParameterCombination", words)
    if skip and last:
        words = "FinalDBSnapshotIdentifier can not be specified when deleting a DB instance with SkipFinalSnapshot."
        raise AwsError("InvalidParameterCombination", words)
    if rds.source is not None and not skip:
        words = "FinalDBSnapshotIdentifier can not be specified when deleting a replica instance"
        raise AwsError("InvalidParameterCombination", words)
    if not skip and not last:
        words = "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
        raise AwsError("InvalidParameterCombination", words)
    states = ("failed", "stopped", "incompatible-parameters") if skip else ()
    rds.require("available", *states)
    world.databases.delete(rds, last_snapshot(world, rds, last))
    return _answer(rds)


@handles("rds", "RebootDBInstance")
def reboot_db_instance(world: World, params: Params, call: Call) -> dict[str, object]:
    """A real restart of the primary; with ForceFailover a crash, a promotion and a swap of the endpoint.

    Simulated: the time to detect the loss and to change the endpoint (`failover_detection_s`, `failover_dns_s`).
    """
    rds = world.databases.find(params["DBInstanceIdentifier"])
    rds.reboot(force_failover=bool(params.get("ForceFailover")))
    return _answer(rds)


@handles("rds", "StopDBInstance")
def stop_db_instance(world: World, params: Params, call: Call) -> dict[str, object]:
    """The servers are down until StartDBInstance (not for seven days at most, as on AWS).

    Missing: the start after seven days.
    """
    rds = world.databases.find(params["DBInstanceIdentifier"])
    rds.require_stoppable()
    rds.stop(last_snapshot(world, rds, params.get("DBSnapshotIdentifier")))
    return _answer(rds)


@handles("rds", "StartDBInstance")
def start_db_instance(world: World, params: Params, call: Call) -> dict[str, object]:
    """The servers of a stopped instance start."""
    rds = world.databases.find(params["DBInstanceIdentifier"])
    rds.start()
    return _answer(rds)


@handles("rds", "ModifyDBInstance")
def modify_db_instance(world: World, params: Params, call: Call) -> dict[str, object]:
    """Change class, storage, zones, parameter group, backups, windows or protection; the rest is refused by name.

    Missing: a maintenance window never comes, so that a change without ApplyImmediately stays pending; a new password
    and security groups change nothing.
    """
    databases, rds = world.databases, world.databases.find(params["DBInstanceIdentifier"])
    known = {*rds.current, *AT_ONCE, *IGNORED, "DBInstanceIdentifier", "ApplyImmediately", "DBParameterGroupName"}
    if others := given(params, sorted(set(params) - known)):
        words = f"The lab cannot modify {', '.join(others)}."
        raise AwsError("InvalidParameterCombination", words)
    rds.require("available")
    changes = _changes(rds, params)
    if changes.get("MultiAZ"):
        databases.give_standby_port(rds)
    group = databases.groups.get(params["DBParameterGroupName"]) if params.get("DBParameterGroupName") else rds.group
    rds.modify(changes, now=bool(params.get("ApplyImmediately")))
    _take_in(rds, params)
    if group is not rds.group:
        rds.group = group
        rds.tell("0011", name=group.name)
    if "MasterUserPassword" in params:  # the lab's servers trust whoever comes from this machine
        rds.tell("0016")
    return _answer(rds)


def _changes(rds: Rds, params: Params) -> dict[str, object]:
    """Return what is asked for of that which can be pending."""
    changes: dict[str, object] = {name: params[name] for name in rds.current if params.get(name) is not None}
    if "DBInstanceClass" in changes:
        check_class(params["DBInstanceClass"])
    if "BackupRetentionPeriod" in changes and not check_backup_days(params["BackupRetentionPeriod"]) and rds.replicas:
        raise AwsError("InvalidParameterCombination", "Cannot disable backups of the source of a read replica.")
    if changes.get("MultiAZ") and rds.source is not None:
        raise AwsError("InvalidParameterCombination", "The lab has Single-AZ read replicas only.")
    if "AllocatedStorage" in changes and changes["AllocatedStorage"] != rds.allocated_gib:
        if params["AllocatedStorage"] < rds.allocated_gib:
            raise AwsError("InvalidParameterCombination", "Requested allocated storage size is smaller than before.")
        changes["AllocatedStorage"] = _check_gib(max(params["AllocatedStorage"], -(-rds.allocated_gib * 11 // 10)))
    return changes


def _take_in(rds: Rds, params: Params) -> None:
    """Take in what changes a record only, at once."""
    if params.get("DeletionProtection") is not None:
        rds.deletion_protection = bool(params["DeletionProtection"])
    if params.get("AutoMinorVersionUpgrade") is not None:
        rds.auto_minor = bool(params["AutoMinorVersionUpgrade"])
    rds.backup_window = params.get("PreferredBackupWindow") or rds.backup_window
    rds.maintenance_window = params.get("PreferredMaintenanceWindow") or rds.maintenance_window
    rds.storage_type = params.get("StorageType") or rds.storage_type
    rds.tags += kept_tags(params.get("Tags"))


def _check_gib(gib: int) -> int:
    if not LEAST_GIB <= gib <= MOST_GIB:
        words = f"Invalid storage size for engine name postgres and storage type gp3: {gib}"
        raise AwsError("InvalidParameterValue", words)
    return gib


def _check_version(world: World, params: Params) -> None:
    """The lab has one version of PostgreSQL; asking for its major version is asking for it."""
    ours, asked = world.pair.binaries.version, params.get("EngineVersion")
    if asked and asked not in (ours, ours.partition(".")[0]):
        raise AwsError("InvalidParameterCombination", f"Cannot find version {asked} for postgres; the lab has {ours}.")
