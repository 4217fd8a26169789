"""How RDS shows its records: instances, snapshots, parameter groups, subnet groups; and its pages and filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from lab.aws.names import SECURITY_GROUP, VPC, arn, instant, stable_hex, subnet_of
from lab.aws.rds_databases import Snapshot
from lab.aws.rds_instance import Rds
from lab.aws.rds_parameters import Group, Parameter
from lab.aws.registry import AwsError, Params
from lab.settings import ZONES

SUBNET_GROUP = "foodconnect-db"
Item = TypeVar("Item")
View = dict[str, object]
Tests = Mapping[str, Callable[[Item], Iterable[str]]]  # filter name: the values that an item answers to


def tag_list(tags: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return tags as RDS writes them."""
    return [{"Key": tag["key"], "Value": tag["value"]} for tag in tags]


def kept_tags(given: Iterable[Mapping[str, str]] | None) -> list[dict[str, str]]:
    """Return tags as the lab keeps them."""
    return [{"key": tag["Key"], "value": tag.get("Value", "")} for tag in given or ()]


def subnet_group() -> View:
    """Return the member `DBSubnetGroup`: one subnet in each zone."""
    return {
        "DBSubnetGroupName": SUBNET_GROUP,
        "DBSubnetGroupDescription": "FoodConnect's database",
        "DBSubnetGroupArn": arn("rds", f"subgrp:{SUBNET_GROUP}"),
        "VpcId": VPC,
        "SubnetGroupStatus": "Complete",
        "SupportedNetworkTypes": ["IPV4"],
        "Subnets": [
            {"SubnetIdentifier": subnet_of(z), "SubnetAvailabilityZone": {"Name": z}, "SubnetStatus": "Active"}
            for z in ZONES
        ],
    }


def instance_view(rds: Rds) -> View:
    """Return the member `DBInstance` of DescribeDBInstances."""
    view: View = {
        "DBInstanceIdentifier": rds.identifier,
        "DBInstanceArn": rds.arn,
        "DbiResourceId": resource_id(rds.identifier, rds.created_at),
        "DBInstanceClass": rds.instance_class,
        "DBInstanceStatus": rds.status,
        "Engine": "postgres",
        "EngineVersion": rds.pair.binaries.version,
        "LicenseModel": "postgresql-license",
        "MasterUsername": rds.master_user,
        "DBName": rds.database,
        "MultiAZ": rds.multi_az,
        "AvailabilityZone": rds.zone,
        "InstanceCreateTime": instant(rds.created_at),
        "AllocatedStorage": rds.allocated_gib,
        "StorageType": rds.storage_type,
        "StorageEncrypted": False,
        "BackupRetentionPeriod": rds.backup_days,
        "PreferredBackupWindow": rds.backup_window,
        "PreferredMaintenanceWindow": rds.maintenance_window,
        "PubliclyAccessible": False,
        "DeletionProtection": rds.deletion_protection,
        "AutoMinorVersionUpgrade": rds.auto_minor,
        "CopyTagsToSnapshot": False,
        "PendingModifiedValues": dict(rds.pending),
        "VpcSecurityGroups": [{"VpcSecurityGroupId": SECURITY_GROUP, "Status": "active"}],
        "DBParameterGroups": [
            {"DBParameterGroupName": rds.group.name, "ParameterApplyStatus": rds.parameter_status},
        ],
        "DBSubnetGroup": subnet_group(),
        "ReadReplicaDBInstanceIdentifiers": [replica.identifier for replica in rds.replicas],
        "TagList": tag_list(rds.tags),
    }
    if rds.status not in ("creating", "failed"):
        view["Endpoint"] = {"Address": "127.0.0.1", "Port": rds.port, "HostedZoneId": "Z29XKXDKYMONMX"}
    if rds.multi_az:
        view["SecondaryAvailabilityZone"] = rds.other_zone
    return view | _replica_view(rds)


def _replica_view(rds: Rds) -> View:
    if rds.source is None:
        return {}
    message = "" if rds.streaming else f"The replica is not connected to {rds.source.identifier}."
    info = {"StatusType": "read replication", "Normal": rds.streaming, "Message": message}
    return {
        "ReadReplicaSourceDBInstanceIdentifier": rds.source.identifier,
        "StatusInfos": [{**info, "Status": "replicating" if rds.streaming else "error"}],
    }


def resource_id(identifier: str, created_at: float) -> str:
    """Return the DbiResourceId of an instance by its name and birth, which no other instance ever has."""
    return f"db-{stable_hex(f'{identifier}-{created_at}', 26).upper()}"


def snapshot_view(one: Snapshot) -> View:
    """Return the member `DBSnapshot`."""
    return {
        "DBSnapshotIdentifier": one.name,
        "DBSnapshotArn": one.arn,
        "DBInstanceIdentifier": one.instance,
        "SnapshotCreateTime": instant(one.created_at),
        "OriginalSnapshotCreateTime": instant(one.created_at),
        "InstanceCreateTime": instant(one.instance_created_at),
        "Status": one.status,
        "PercentProgress": 100 if one.status == "available" else 0,
        "SnapshotType": "manual",
        "SnapshotTarget": "region",
        "Engine": "postgres",
        "EngineVersion": one.version,
        "LicenseModel": "postgresql-license",
        "AllocatedStorage": one.allocated_gib,
        "StorageType": "gp3",
        "Encrypted": False,
        "Port": one.port,
        "AvailabilityZone": one.zone,
        "VpcId": VPC,
        "MasterUsername": one.master_user,
        "IAMDatabaseAuthenticationEnabled": False,
        "DbiResourceId": resource_id(one.instance, one.instance_created_at),
        "TagList": tag_list(one.tags),
    }


def group_view(group: Group) -> View:
    """Return the member `DBParameterGroup`."""
    return {
        "DBParameterGroupName": group.name,
        "DBParameterGroupFamily": group.family,
        "Description": group.description,
        "DBParameterGroupArn": group.arn,
    }


def parameter_view(parameter: Parameter, value: str | None, source: str) -> View:
    """Return a member of `Parameters`; without a value the engine's default holds."""
    view: View = {
        "ParameterName": parameter.name,
        "Description": parameter.description,
        "Source": source,
        "ApplyType": "static" if parameter.static else "dynamic",
        "DataType": parameter.data_type,
        "IsModifiable": parameter.modifiable,
        "ApplyMethod": "pending-reboot",
    }
    view |= {"AllowedValues": parameter.allowed} if parameter.allowed else {}
    return view if value is None else {**view, "ParameterValue": value}


def page(items: Sequence[Item], params: Params) -> tuple[list[Item], View]:
    """Return one page of 20 to 100 items, and {"Marker": ...} if there are more."""
    size, marker = int(params.get("MaxRecords") or 100), params.get("Marker") or "0"
    if not 20 <= size <= 100:
        raise AwsError("InvalidParameterValue", f"Invalid value {size} for MaxRecords. Must be between 20 and 100")
    if not marker.isdigit():
        raise AwsError("InvalidParameterValue", f"The specified marker {marker} is not valid.")
    after = int(marker) + size
    return list(items[int(marker) : after]), {"Marker": str(after)} if after < len(items) else {}


def filtered(items: Iterable[Item], params: Params, tests: Tests[Item]) -> list[Item]:
    """Return the items that pass all filters; InvalidParameterValue for a filter that the operation does not know."""
    filters = params.get("Filters") or []
    if strange := [one["Name"] for one in filters if one["Name"] not in tests]:
        raise AwsError("InvalidParameterValue", f"Unrecognized filter name: {strange[0]}")
    return [item for item in items if all(set(one["Values"]) & set(tests[one["Name"]](item)) for one in filters)]
