"""Amazon RDS: one PostgreSQL instance, Multi-AZ unless the lab says otherwise."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lab.aws.names import SECURITY_GROUP, VPC, arn, epoch_of, instant, stable_hex, subnet_of
from lab.aws.rds_instance import Rds
from lab.aws.registry import AwsError, Call, Params, handles
from lab.postgres import APP_USER
from lab.postgres import DATABASE as DATABASE_NAME
from lab.settings import DATABASE, ZONES

if TYPE_CHECKING:
    from lab.aws.world import World

DATABASE_ARN = arn("rds", f"db:{DATABASE}")
DEFAULT_MINUTES, MOST_MINUTES = 60, 14 * 24 * 60
SOURCE_TYPES = (
    "db-instance",
    "db-parameter-group",
    "db-security-group",
    "db-snapshot",
    "db-cluster",
    "db-cluster-snapshot",
    "custom-engine-version",
    "db-proxy",
    "blue-green-deployment",
    "db-shard-group",
    "zero-etl",
)
CATEGORIES = (
    "availability",
    "configuration change",
    "creation",
    "failover",
    "failure",
    "maintenance",
    "notification",
    "recovery",
)


def _tags(rds: Rds) -> list[dict[str, str]]:
    return [{"Key": tag["key"], "Value": tag["value"]} for tag in rds.tags]


def instance_view(world: World) -> dict[str, object]:
    """Return the member `DBInstance` of DescribeDBInstances."""
    rds, settings, pending = world.rds, world.settings, world.rds.pending_multi_az
    subnets = [
        {"SubnetIdentifier": subnet_of(z), "SubnetAvailabilityZone": {"Name": z}, "SubnetStatus": "Active"}
        for z in ZONES
    ]
    view: dict[str, object] = {
        "DBInstanceIdentifier": DATABASE,
        "DBInstanceArn": DATABASE_ARN,
        "DbiResourceId": f"db-{stable_hex(DATABASE, 26).upper()}",
        "DBInstanceClass": "db.t4g.medium",
        "DBInstanceStatus": rds.status,
        "Engine": "postgres",
        "EngineVersion": world.pair.binaries.version,
        "MasterUsername": APP_USER,
        "DBName": DATABASE_NAME,
        "Endpoint": {"Address": "127.0.0.1", "Port": settings.database_port, "HostedZoneId": "Z29XKXDKYMONMX"},
        "MultiAZ": rds.multi_az,
        "AvailabilityZone": rds.zone,
        "InstanceCreateTime": instant(rds.created_at),
        "AllocatedStorage": 20,
        "StorageType": "gp3",
        "StorageEncrypted": False,
        "BackupRetentionPeriod": 7,
        "PubliclyAccessible": False,
        "DeletionProtection": False,
        "AutoMinorVersionUpgrade": True,
        "PendingModifiedValues": {} if pending is None else {"MultiAZ": pending},
        "VpcSecurityGroups": [{"VpcSecurityGroupId": SECURITY_GROUP, "Status": "active"}],
        "DBSubnetGroup": {
            "DBSubnetGroupName": "foodconnect-db",
            "VpcId": VPC,
            "SubnetGroupStatus": "Complete",
            "Subnets": subnets,
        },
        "ReadReplicaDBInstanceIdentifiers": [],
        "TagList": _tags(rds),
    }
    return view | ({"SecondaryAvailabilityZone": rds.other_zone} if rds.multi_az else {})


def _check_name(name: str) -> None:
    if name.lower() not in (DATABASE, DATABASE_ARN.lower()):
        raise AwsError("DBInstanceNotFound", f"DBInstance {name} not found.")


@handles("rds", "DescribeDBInstances")
def describe_db_instances(world: World, params: Params, call: Call) -> dict[str, object]:
    """The one instance, by name, ARN or `db-instance-id` filter."""
    if params.get("DBInstanceIdentifier"):
        _check_name(params["DBInstanceIdentifier"])
    instance = instance_view(world)
    chosen = all(_passes(f["Name"], f["Values"]) for f in params.get("Filters", []))
    return {"DBInstances": [instance] if chosen else []}


def _passes(name: str, values: list[str]) -> bool:
    known = {"db-instance-id": (DATABASE, DATABASE_ARN), "engine": ("postgres",), "db-cluster-id": ()}
    if name not in known:
        raise AwsError("InvalidParameterValue", f"Unrecognized filter name: {name}")
    return bool(set(values) & set(known[name]))


@handles("rds", "RebootDBInstance")
def reboot_db_instance(world: World, params: Params, call: Call) -> dict[str, object]:
    """A real restart of the primary; with ForceFailover a crash, a promotion and a swap of the endpoint."""
    _check_name(params["DBInstanceIdentifier"])
    world.rds.reboot(force_failover=bool(params.get("ForceFailover")))
    return {"DBInstance": instance_view(world)}


@handles("rds", "ModifyDBInstance")
def modify_db_instance(world: World, params: Params, call: Call) -> dict[str, object]:
    """Make the instance Single-AZ (its standby ends) or Multi-AZ (it gets one); nothing else can be modified here."""
    _check_name(params["DBInstanceIdentifier"])
    others = set(params) - {"DBInstanceIdentifier", "MultiAZ", "ApplyImmediately"}
    if others:
        words = f"The lab modifies MultiAZ only, not {', '.join(sorted(others))}."
        raise AwsError("InvalidParameterCombination", words)
    if params.get("MultiAZ") is not None:
        world.rds.modify(multi_az=bool(params["MultiAZ"]), now=bool(params.get("ApplyImmediately")))
    return {"DBInstance": instance_view(world)}


@handles("rds", "DescribeEvents")
def describe_events(world: World, params: Params, call: Call) -> dict[str, object]:
    """Events of the last hour, or of Duration minutes, or between StartTime and EndTime; oldest first."""
    name, kind = params.get("SourceIdentifier"), params.get("SourceType")
    if name and not kind:
        raise AwsError("InvalidParameterCombination", "SourceType is required when SourceIdentifier is supplied.")
    if kind and kind not in SOURCE_TYPES:
        raise AwsError("InvalidParameterValue", f"Invalid source type: {kind}")
    since, until = _window(params)
    wanted = set(params.get("EventCategories") or [])
    ours = kind in (None, "db-instance") and name in (None, DATABASE)
    chosen = [
        {
            "SourceIdentifier": DATABASE,
            "SourceType": "db-instance",
            "SourceArn": DATABASE_ARN,
            "Message": event.message,
            "EventCategories": list(event.categories),
            "Date": instant(event.at),
        }
        for event in world.rds.events
        if ours and since <= event.at <= until and (not wanted or wanted & set(event.categories))
    ]
    size, first = int(params.get("MaxRecords") or 100), _marker(params)
    if not 20 <= size <= 100:
        raise AwsError("InvalidParameterValue", f"Invalid value {size} for MaxRecords. Must be between 20 and 100")
    more: dict[str, object] = {"Marker": str(first + size)} if first + size < len(chosen) else {}
    return {"Events": chosen[first : first + size], **more}


def _marker(params: Params) -> int:
    marker = params.get("Marker") or "0"
    if not marker.isdigit():
        raise AwsError("InvalidParameterValue", f"The specified marker {marker} is not valid.")
    return int(marker)


def _window(params: Params) -> tuple[float, float]:
    """Return the epoch seconds that DescribeEvents looks between."""
    minutes = int(params.get("Duration") or DEFAULT_MINUTES)
    if not 0 < minutes <= MOST_MINUTES:
        raise AwsError("InvalidParameterValue", "Duration must be between 1 and 20160 minutes.")
    start, end = params.get("StartTime"), params.get("EndTime")
    until = epoch_of(end) if end else time.time()
    return (epoch_of(start) if start else until - minutes * 60), until


@handles("rds", "DescribeEventCategories")
def describe_event_categories(world: World, params: Params, call: Call) -> dict[str, object]:
    """The categories that the instance's events carry."""
    return {"EventCategoriesMapList": [{"SourceType": "db-instance", "EventCategories": list(CATEGORIES)}]}


def _check_arn(name: str) -> None:
    if not name.startswith("arn:aws:rds:"):
        raise AwsError("InvalidParameterValue", f"Invalid resource name: {name}")
    if name != DATABASE_ARN:
        raise AwsError("DBInstanceNotFound", f"DBInstance {name.rpartition(':')[2]} not found.")


@handles("rds", "ListTagsForResource")
def list_tags_for_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """The instance's tags."""
    _check_arn(params["ResourceName"])
    return {"TagList": _tags(world.rds)}


@handles("rds", "AddTagsToResource")
def add_tags_to_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """Add tags, or change their values."""
    _check_arn(params["ResourceName"])
    merged = {tag["key"]: tag["value"] for tag in world.rds.tags}
    merged |= {tag["Key"]: tag.get("Value", "") for tag in params["Tags"]}
    world.rds.tags[:] = [{"key": key, "value": value} for key, value in merged.items()]
    return {}


@handles("rds", "RemoveTagsFromResource")
def remove_tags_from_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """Remove tags by key."""
    _check_arn(params["ResourceName"])
    world.rds.tags[:] = [tag for tag in world.rds.tags if tag["key"] not in params["TagKeys"]]
    return {}
