"""What a request for a new DB instance may ask for: the rest of RDS's members is refused by name, not ignored."""

from __future__ import annotations

from collections.abc import Collection

from lab.aws.rds_view import SUBNET_GROUP
from lab.aws.registry import AwsError, Params
from lab.aws.unplayed import given

_NEW = frozenset(
    {"DBInstanceIdentifier", "DBInstanceClass", "AvailabilityZone", "MultiAZ", "DBParameterGroupName", "StorageType"}
    | {"AutoMinorVersionUpgrade", "DeletionProtection", "PreferredBackupWindow", "PreferredMaintenanceWindow", "Tags"}
    | {"Port", "LicenseModel", "VpcSecurityGroupIds", "DBSubnetGroupName"}
)
CREATED = _NEW | {
    *("Engine", "EngineVersion", "AllocatedStorage", "MasterUsername", "MasterUserPassword", "DBName"),
    "BackupRetentionPeriod",
}
RESTORED = _NEW | {"DBSnapshotIdentifier", "Engine", "BackupRetentionPeriod"}
REPLICATED = _NEW | {"SourceDBInstanceIdentifier"}


def check_asked(params: Params, played: Collection[str]) -> None:
    """InvalidParameterCombination for what the lab does not play, DBSubnetGroupNotFoundFault, or nothing."""
    if others := given(params, sorted(set(params) - set(played))):
        raise AwsError("InvalidParameterCombination", f"The lab does not play the parameter {', '.join(others)}.")
    group = params.get("DBSubnetGroupName") or SUBNET_GROUP
    if group.lower() != SUBNET_GROUP:
        raise AwsError("DBSubnetGroupNotFoundFault", f"DB subnet group '{group}' does not exist.")
