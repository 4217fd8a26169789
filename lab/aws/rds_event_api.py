"""RDS events over the API, and the maintenance that never comes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lab.aws.names import epoch_of, instant
from lab.aws.rds_events import CATEGORIES, RdsEvent
from lab.aws.rds_view import page
from lab.aws.registry import AwsError, Call, Params, handles

if TYPE_CHECKING:
    from lab.aws.world import World

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


def _view(event: RdsEvent) -> dict[str, object]:
    return {
        "SourceIdentifier": event.source,
        "SourceType": event.source_type,
        "SourceArn": event.arn,
        "Message": event.message,
        "EventCategories": [event.category],
        "Date": instant(event.at),
    }


@handles("rds", "DescribeEvents")
def describe_events(world: World, params: Params, call: Call) -> dict[str, object]:
    """Events of the last hour, or of Duration minutes, or between StartTime and EndTime; oldest first.

    Missing: the newest 2,000 events are kept, not 14 days; events of what the lab does not play.
    """
    name, kind = params.get("SourceIdentifier"), params.get("SourceType")
    if name and not kind:
        raise AwsError("InvalidParameterCombination", "SourceType is required when SourceIdentifier is supplied.")
    if kind and kind not in SOURCE_TYPES:
        raise AwsError("InvalidParameterValue", f"Invalid source type: {kind}")
    since, until = _window(params)
    wanted = set(params.get("EventCategories") or [])
    chosen = [
        event
        for event in list(world.databases.log.kept)
        if kind in (None, event.source_type)
        and (not name or name.lower() == event.source)
        and since <= event.at <= until
        and (not wanted or event.category in wanted)
    ]
    some, more = page(chosen, params)
    return {"Events": [_view(event) for event in some], **more}


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
    """The categories that events carry, by the type of their source."""
    kind = params.get("SourceType")
    if kind and kind not in SOURCE_TYPES:
        raise AwsError("InvalidParameterValue", f"Invalid source type: {kind}")
    chosen = [(name, words) for name, words in CATEGORIES.items() if kind in (None, name)]
    return {"EventCategoriesMapList": [{"SourceType": name, "EventCategories": list(words)} for name, words in chosen]}


@handles("rds", "DescribePendingMaintenanceActions")
def describe_pending_maintenance(world: World, params: Params, call: Call) -> dict[str, object]:
    """Nothing: the lab is never patched. An instance that is not there is ResourceNotFoundFault.

    Missing: maintenance.
    """
    asked = params.get("ResourceIdentifier")
    if asked and asked not in {rds.arn for rds in world.databases.instances.values()}:
        raise AwsError("ResourceNotFoundFault", f"The specified resource {asked} was not found.")
    return {"PendingMaintenanceActions": []}
