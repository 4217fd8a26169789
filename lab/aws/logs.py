"""CloudWatch Logs over the API: groups, streams, retention, tags. Events, metric filters and Insights stand beside."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import lab.aws.logs_events
import lab.aws.logs_insights
import lab.aws.logs_metric_filters  # noqa: F401  their handlers belong to the same service
from lab.aws.logs_find import find_group, given_group, group_of, invalid, missing, paged
from lab.aws.logs_store import Group, Stream, now_ms
from lab.aws.registry import AwsError, Call, Params, handles
from lab.aws.unplayed import refuse_unplayed
from lab.settings import ACCOUNT

if TYPE_CHECKING:
    from lab.aws.world import World

RETENTIONS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
CLASSES = ("STANDARD", "INFREQUENT_ACCESS", "DELIVERY")
MOST_TAGS = 50
_GROUP_NAME = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")
_STREAM_NAME = re.compile(r"[^:*]{1,512}")


@handles("logs", "CreateLogGroup")
def create_group(world: World, params: Params, call: Call) -> dict[str, object]:
    """Create a group.

    Missing: deletion protection is refused, a KMS key is not kept, and INFREQUENT_ACCESS and DELIVERY are classes in
    name only.
    """
    name, kind = params["logGroupName"], params.get("logGroupClass", "STANDARD")
    if not _GROUP_NAME.fullmatch(name):
        raise invalid(f"The log group name {name!r} must match {_GROUP_NAME.pattern}.")
    if kind not in CLASSES:
        raise invalid(f"The log group class {kind!r} is none of {', '.join(CLASSES)}.")
    refuse_unplayed("InvalidParameterException", params, ("deletionProtectionEnabled",))
    groups = world.logs.store.groups
    if name in groups:
        raise AwsError("ResourceAlreadyExistsException", "The specified log group already exists")
    groups[name] = Group(name, now_ms(), kind, tags=dict(params.get("tags") or {}))
    return {}


@handles("logs", "DeleteLogGroup")
def delete_group(world: World, params: Params, call: Call) -> dict[str, object]:
    """Delete a group with all that is in it."""
    store = world.logs.store
    group = find_group(store, params["logGroupName"])
    store.remove(group, list(group.streams.values()))
    del store.groups[group.name]
    return {}


@handles("logs", "DescribeLogGroups")
def describe_groups(world: World, params: Params, call: Call) -> dict[str, object]:
    """List groups by name, prefix or part of the name.

    Missing: linked accounts; data protection and inherited properties are never told.
    """
    prefix, part = params.get("logGroupNamePrefix"), params.get("logGroupNamePattern")
    if prefix and part:
        raise invalid("logGroupNamePrefix and logGroupNamePattern are mutually exclusive.")
    store = world.logs.store
    wanted = [group_of(store, name).name for name in params.get("logGroupIdentifiers") or ()]
    found = [
        group
        for name, group in sorted(store.groups.items())
        if name.startswith(prefix or "") and (part or "") in name and (not wanted or name in wanted)
        if _chosen(group, params)
    ]
    listed, token = paged(found, params)
    shown = [_group_as_dict(group) for group in listed]
    if part:  # as AWS has it, there are no other members then
        shown = [{key: group[key] for key in ("logGroupName", "creationTime", "arn")} for group in shown]
    return {"logGroups": shown, **token}


def _chosen(group: Group, params: Params) -> bool:
    """Does a group pass the filters on its class, its account and its tags?"""
    values = ((group.tags.get(tag.get("key")), tag.get("values")) for tag in params.get("logGroupTags") or ())
    return (
        params.get("logGroupClass") in (None, group.log_class)
        and ACCOUNT in (params.get("accountIdentifiers") or [ACCOUNT])
        and all(value is not None and (not wanted or value in wanted) for value, wanted in values)
    )


@handles("logs", "ListLogGroups")
def list_groups(world: World, params: Params, call: Call) -> dict[str, object]:
    """List groups whose name matches a regular expression.

    Missing: linked accounts; filters on data sources and field indexes are refused.
    """
    refuse_unplayed("InvalidParameterException", params, ("dataSources", "fieldIndexNames"))
    try:
        search = re.compile(params.get("logGroupNamePattern") or "").search
    except re.error as error:
        raise invalid(f"The log group name pattern is no regular expression: {error}.") from None
    every = sorted(world.logs.store.groups.items())
    found = [group for name, group in every if search(name) and _chosen(group, params)]
    listed, token = paged(found, params, most=1000)
    shown = [{"logGroupName": g.name, "logGroupArn": g.arn, "logGroupClass": g.log_class} for g in listed]
    return {"logGroups": shown, **token}


def _group_as_dict(group: Group) -> dict[str, object]:
    kept = {} if group.retention_days is None else {"retentionInDays": group.retention_days}
    return {
        "logGroupName": group.name,
        "creationTime": group.created,
        "metricFilterCount": len(group.filters),
        "arn": f"{group.arn}:*",
        "logGroupArn": group.arn,
        "storedBytes": group.stored_bytes,
        "logGroupClass": group.log_class,
        **kept,
    }


@handles("logs", "PutRetentionPolicy")
def put_retention(world: World, params: Params, call: Call) -> dict[str, object]:
    """Keep events for so many days.

    Missing: memory is bounded (40 MB of messages), so the oldest events may go before.
    """
    days = params["retentionInDays"]
    if days not in RETENTIONS:
        raise invalid(f"The retention {days} is none of {', '.join(map(str, RETENTIONS))} days.")
    find_group(world.logs.store, params["logGroupName"]).retention_days = days
    return {}


@handles("logs", "DeleteRetentionPolicy")
def delete_retention(world: World, params: Params, call: Call) -> dict[str, object]:
    """Keep events for ever; the lab's memory has an end all the same."""
    find_group(world.logs.store, params["logGroupName"]).retention_days = None
    return {}


@handles("logs", "CreateLogStream")
def create_stream(world: World, params: Params, call: Call) -> dict[str, object]:
    """Create a stream."""
    group, name = find_group(world.logs.store, params["logGroupName"]), params["logStreamName"]
    if not _STREAM_NAME.fullmatch(name):
        raise invalid(f"The log stream name {name!r} must match {_STREAM_NAME.pattern}.")
    if name in group.streams:
        raise AwsError("ResourceAlreadyExistsException", "The specified log stream already exists")
    group.streams[name] = Stream(name, now_ms())
    return {}


@handles("logs", "DeleteLogStream")
def delete_stream(world: World, params: Params, call: Call) -> dict[str, object]:
    """Delete a stream with its events."""
    store = world.logs.store
    group = find_group(store, params["logGroupName"])
    if params["logStreamName"] not in group.streams:
        raise missing("log stream")
    store.remove(group, [group.streams[params["logStreamName"]]])
    return {}


@handles("logs", "DescribeLogStreams")
def describe_streams(world: World, params: Params, call: Call) -> dict[str, object]:
    """List a group's streams by name, or by the time of their last event.

    Missing: lastEventTimestamp is true at once, where AWS takes up to an hour.
    """
    group, prefix = given_group(world.logs.store, params), params.get("logStreamNamePrefix")
    by_time = params.get("orderBy", "LogStreamName") == "LastEventTime"
    if by_time and prefix:
        raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
    found = [stream for stream in group.streams.values() if stream.name.startswith(prefix or "")]
    found.sort(key=lambda stream: stream.name)
    if by_time:
        found.sort(key=lambda stream: stream.events[-1].at if stream.events else 0)
    if params.get("descending"):
        found.reverse()
    listed, token = paged(found, params)
    return {"logStreams": [_stream_as_dict(group, stream) for stream in listed], **token}


def _stream_as_dict(group: Group, stream: Stream) -> dict[str, object]:
    shown: dict[str, object] = {
        "logStreamName": stream.name,
        "creationTime": stream.created,
        "arn": f"{group.arn}:log-stream:{stream.name}",
        "storedBytes": 0,  # AWS has counted none by stream since 2019
        "uploadSequenceToken": "49039859516795136475",
    }
    if stream.events:
        shown |= {"firstEventTimestamp": stream.events[0].at, "lastEventTimestamp": stream.events[-1].at}
    if stream.last_ingested is not None:
        shown["lastIngestionTime"] = stream.last_ingested
    return shown


@handles("logs", "TagResource")
def tag(world: World, params: Params, call: Call) -> dict[str, object]:
    """Tag a group by its ARN."""
    return _tag(group_of(world.logs.store, params["resourceArn"]), params["tags"])


@handles("logs", "TagLogGroup")
def tag_by_name(world: World, params: Params, call: Call) -> dict[str, object]:
    """Tag a group by its name, as older SDKs do."""
    return _tag(find_group(world.logs.store, params["logGroupName"]), params["tags"])


def _tag(group: Group, tags: Mapping[str, str]) -> dict[str, object]:
    if len({**group.tags, **tags}) > MOST_TAGS:
        raise invalid(f"A log group takes {MOST_TAGS} tags at most.")
    group.tags |= tags
    return {}


@handles("logs", "UntagResource")
def untag(world: World, params: Params, call: Call) -> dict[str, object]:
    """Remove tags from a group by its ARN."""
    return _untag(group_of(world.logs.store, params["resourceArn"]), params["tagKeys"])


@handles("logs", "UntagLogGroup")
def untag_by_name(world: World, params: Params, call: Call) -> dict[str, object]:
    """Remove tags from a group by its name."""
    return _untag(find_group(world.logs.store, params["logGroupName"]), params["tags"])


def _untag(group: Group, keys: Sequence[str]) -> dict[str, object]:
    for key in keys:
        group.tags.pop(key, None)
    return {}


@handles("logs", "ListTagsForResource")
def list_tags(world: World, params: Params, call: Call) -> dict[str, object]:
    """Return a group's tags by its ARN."""
    return {"tags": dict(group_of(world.logs.store, params["resourceArn"]).tags)}


@handles("logs", "ListTagsLogGroup")
def list_tags_by_name(world: World, params: Params, call: Call) -> dict[str, object]:
    """Return a group's tags by its name."""
    return {"tags": dict(find_group(world.logs.store, params["logGroupName"]).tags)}
