"""DB snapshots over the API: real base backups, kept until they are deleted or the lab ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lab.aws.rds_databases import Snapshot
from lab.aws.rds_instance import Rds
from lab.aws.rds_view import Tests, filtered, kept_tags, page, resource_id, snapshot_view
from lab.aws.registry import AwsError, Call, Params, handles

if TYPE_CHECKING:
    from lab.aws.world import World

TESTS: Tests[Snapshot] = {
    "db-instance-id": lambda one: (one.instance,),
    "db-snapshot-id": lambda one: (one.name,),
    "snapshot-type": lambda one: ("manual",),
    "engine": lambda one: ("postgres",),
    "dbi-resource-id": lambda one: (resource_id(one.instance, one.instance_created_at),),
}
TYPES = ("automated", "manual", "shared", "public", "awsbackup")


def last_snapshot(world: World, rds: Rds, name: str | None) -> Callable[[], None] | None:
    """Return what takes a snapshot on the way to a stop or an end; None when no name is given."""
    if not name:
        return None
    _, take = world.databases.snapshot(rds, name, [])
    return take


@handles("rds", "CreateDBSnapshot")
def create_db_snapshot(world: World, params: Params, call: Call) -> dict[str, object]:
    """A base backup of the primary; the instance is `backing-up` meanwhile.

    Missing: PercentProgress is 0, then 100.
    """
    rds = world.databases.find(params["DBInstanceIdentifier"])
    rds.require("available")
    one, take = world.databases.snapshot(rds, params["DBSnapshotIdentifier"], kept_tags(params.get("Tags")))
    try:
        rds.snapshot(take)
    except AwsError:
        del world.databases.snapshots[one.name]
        raise
    return {"DBSnapshot": snapshot_view(one)}


@handles("rds", "DescribeDBSnapshots")
def describe_db_snapshots(world: World, params: Params, call: Call) -> dict[str, object]:
    """The snapshots, by name, instance, type or filters, a page at a time; the lab takes none by itself.

    Missing: automated snapshots, and those of other accounts.
    """
    name, instance, kind = (params.get(key) for key in ("DBSnapshotIdentifier", "DBInstanceIdentifier", "SnapshotType"))
    if kind and kind not in TYPES:
        raise AwsError("InvalidParameterValue", f"Invalid snapshot type: {kind}")
    databases = world.databases
    found = [databases.find_snapshot(name)] if name else list(databases.snapshots.values())
    wanted = [one for one in found if kind in (None, "manual") and (not instance or one.instance == instance.lower())]
    if params.get("DbiResourceId"):
        wanted = [one for one in wanted if params["DbiResourceId"] in TESTS["dbi-resource-id"](one)]
    some, more = page(filtered(wanted, params, TESTS), params)
    return {"DBSnapshots": [snapshot_view(one) for one in some], **more}


@handles("rds", "DeleteDBSnapshot")
def delete_db_snapshot(world: World, params: Params, call: Call) -> dict[str, object]:
    """The files of a snapshot go."""
    one = world.databases.find_snapshot(params["DBSnapshotIdentifier"])
    world.databases.drop_snapshot(one)
    return {"DBSnapshot": snapshot_view(one)}
