"""CloudWatch Logs: groups, streams, events, pages in both directions, filters, retention, tags, bounded memory."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from lab.aws.logs_store import Group, LogStore, Stream

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

    from tests.lab.aws.served import Api

GROUP, NOW = "/ecs/shop", int(time.time() * 1000)


@pytest.fixture
def logs(api: Api) -> CloudWatchLogsClient:
    """A client, a group and two streams."""
    client = cast("CloudWatchLogsClient", api.client("logs"))
    client.create_log_group(logGroupName=GROUP, tags={"team": "a"})
    for stream in ("app/one", "app/two"):
        client.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    return client


def put(logs: CloudWatchLogsClient, stream: str, *lines: tuple[int, str]) -> dict[str, object]:
    """Put events; times are ms before now."""
    events = [{"timestamp": NOW - ago, "message": message} for ago, message in lines]
    answer = logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)  # type: ignore[arg-type]  # plain texts
    return cast("dict[str, object]", answer)


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    """Return the error's code."""
    return error.value.response["Error"]["Code"]


def test_groups_and_streams_are_described(logs: CloudWatchLogsClient) -> None:
    """Names, ARNs, retention, times of the first and last event; streams by name or by their last event."""
    put(logs, "app/one", (3000, "a"), (1000, "b"))
    put(logs, "app/two", (2000, "c"))
    logs.put_retention_policy(logGroupName=GROUP, retentionInDays=7)
    [group] = logs.describe_log_groups(logGroupNamePrefix="/ecs/")["logGroups"]
    assert group["arn"] == f"{group['logGroupArn']}:*" == f"arn:aws:logs:eu-west-1:123456789012:log-group:{GROUP}:*"
    assert (group["retentionInDays"], group["storedBytes"], group["metricFilterCount"]) == (7, 3 * 27, 0)
    [short] = logs.describe_log_groups(logGroupNamePattern="hop")["logGroups"]
    assert short == {key: cast("Any", group)[key] for key in ("logGroupName", "creationTime", "arn")}
    assert logs.describe_log_groups(logGroupNamePattern="Hop")["logGroups"] == []
    [listed] = logs.list_log_groups(logGroupNamePattern="^/ecs/s.op$")["logGroups"]
    assert listed == {"logGroupName": GROUP, "logGroupArn": group["logGroupArn"], "logGroupClass": "STANDARD"}
    logs.delete_retention_policy(logGroupName=GROUP)
    assert "retentionInDays" not in logs.describe_log_groups()["logGroups"][0]
    names = [stream["logStreamName"] for stream in logs.describe_log_streams(logGroupName=GROUP)["logStreams"]]
    assert names == ["app/one", "app/two"]
    newest = logs.describe_log_streams(logGroupIdentifier=group["arn"], orderBy="LastEventTime", descending=True)
    first = newest["logStreams"][0]
    assert (first["logStreamName"], first["firstEventTimestamp"]) == ("app/one", NOW - 3000)
    assert first["lastEventTimestamp"] == NOW - 1000
    assert NOW - 5000 < first["lastIngestionTime"] <= time.time() * 1000


def test_groups_come_in_pages(logs: CloudWatchLogsClient) -> None:
    """The SDK's paginator sees every group once."""
    for number in range(7):
        logs.create_log_group(logGroupName=f"/page/{number}")
    pages = logs.get_paginator("describe_log_groups").paginate(PaginationConfig={"PageSize": 3})
    names = [[group["logGroupName"] for group in page["logGroups"]] for page in pages]
    assert [len(page) for page in names] == [3, 3, 2]
    assert [name for page in names for name in page] == [GROUP, *(f"/page/{number}" for number in range(7))]


def test_mistakes_have_awss_codes(logs: CloudWatchLogsClient) -> None:
    """What exists, what does not, what cannot be."""
    with pytest.raises(ClientError) as exists:
        logs.create_log_group(logGroupName=GROUP)
    with pytest.raises(ClientError) as no_group:
        logs.create_log_stream(logGroupName="/none", logStreamName="x")
    with pytest.raises(ClientError) as no_stream:
        logs.get_log_events(logGroupName=GROUP, logStreamName="none")
    with pytest.raises(ClientError) as days:
        logs.put_retention_policy(logGroupName=GROUP, retentionInDays=8)
    with pytest.raises(ClientError) as token:
        logs.get_log_events(logGroupName=GROUP, logStreamName="app/one", nextToken="f/nonsense")
    with pytest.raises(ClientError) as pattern:
        logs.filter_log_events(logGroupName=GROUP, filterPattern="{ $.a = }")
    with pytest.raises(ClientError) as order:
        put(logs, "app/one", (1, "late"), (2, "early"))
    codes = [code(error) for error in (exists, no_group, no_stream, days, token, pattern, order)]
    found, invalid = ["ResourceAlreadyExistsException", "ResourceNotFoundException"], "InvalidParameterException"
    assert codes == [*found, found[1], invalid, invalid, invalid, invalid]


def test_events_are_read_forward_and_backward(logs: CloudWatchLogsClient) -> None:
    """Pages meet without a gap or a repetition; at an end the same token comes back."""
    put(logs, "app/one", *((1000 - number, f"line {number}") for number in range(10)))
    where = {"logGroupName": GROUP, "logStreamName": "app/one", "limit": 4}
    page = logs.get_log_events(**where, startFromHead=True)  # type: ignore[arg-type]  # plain values
    seen: list[str] = []
    while page["events"]:
        seen += [event["message"] for event in page["events"]]
        token = page["nextForwardToken"]
        page = logs.get_log_events(**where, startFromHead=True, nextToken=token)  # type: ignore[arg-type]
    assert seen == [f"line {number}" for number in range(10)]
    assert page["nextForwardToken"] == token
    put(logs, "app/one", (0, "later"))
    assert logs.get_log_events(**where, nextToken=token)["events"][0]["message"] == "later"  # type: ignore[arg-type]
    newest = logs.get_log_events(**where)  # type: ignore[arg-type]
    assert [event["message"] for event in newest["events"]] == ["line 7", "line 8", "line 9", "later"]
    before = logs.get_log_events(**where, nextToken=newest["nextBackwardToken"])  # type: ignore[arg-type]
    assert [event["message"] for event in before["events"]] == [f"line {number}" for number in range(3, 7)]


def test_filtering_spans_streams_in_order_of_time(logs: CloudWatchLogsClient) -> None:
    """Range of time, streams by name or prefix, a pattern, pages; eventIds are unique."""
    put(logs, "app/one", (5000, "ERROR a"), (3000, "ok"), (1000, "ERROR c"))
    put(logs, "app/two", (4000, "ERROR b"), (2000, "ERROR late"))
    pages = list(
        logs.get_paginator("filter_log_events").paginate(
            logGroupName=GROUP, filterPattern="ERROR", PaginationConfig={"PageSize": 2}
        )
    )
    events = [event for page in pages for event in page["events"]]
    assert [event["message"] for event in events] == ["ERROR a", "ERROR b", "ERROR late", "ERROR c"]
    assert [event["logStreamName"] for event in events] == ["app/one", "app/two", "app/two", "app/one"]
    assert len({event["eventId"] for event in events}) == 4
    assert len(events[0]["eventId"]) == 56
    ranged = logs.filter_log_events(logGroupName=GROUP, startTime=NOW - 4000, endTime=NOW - 2000)["events"]
    assert [event["message"] for event in ranged] == ["ERROR b", "ok", "ERROR late"]
    newest = logs.filter_log_events(logGroupName=GROUP, startFromHead=False, limit=2)
    assert [event["message"] for event in newest["events"]] == ["ERROR c", "ERROR late"]
    rest = logs.filter_log_events(logGroupName=GROUP, nextToken=newest["nextToken"])["events"]
    assert [event["message"] for event in rest] == ["ok", "ERROR b", "ERROR a"]
    one = logs.filter_log_events(logGroupName=GROUP, logStreamNames=["app/two"], filterPattern='"ERROR late"')
    assert [event["timestamp"] for event in one["events"]] == [NOW - 2000]
    assert len(logs.filter_log_events(logGroupName=GROUP, logStreamNamePrefix="app/o")["events"]) == 3


def test_events_too_old_or_too_new_are_rejected(logs: CloudWatchLogsClient) -> None:
    """The rest of the batch is stored; the answer names the places."""
    hour, day = 3_600_000, 86_400_000
    old = put(logs, "app/one", (14 * day + hour, "too old"), (14 * day - hour, "old enough"))
    assert old["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    new = put(logs, "app/one", (0, "now"), (-3 * hour, "too new"))
    assert new["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    messages = [event["message"] for event in logs.filter_log_events(logGroupName=GROUP)["events"]]
    assert messages == ["old enough", "now"]
    logs.put_retention_policy(logGroupName=GROUP, retentionInDays=1)
    assert [event["message"] for event in logs.filter_log_events(logGroupName=GROUP)["events"]] == ["now"]


def test_deleting_takes_the_events_along(logs: CloudWatchLogsClient) -> None:
    """A stream that is made again is empty; a deleted group is gone."""
    put(logs, "app/one", (0, "x"))
    logs.delete_log_stream(logGroupName=GROUP, logStreamName="app/one")
    logs.create_log_stream(logGroupName=GROUP, logStreamName="app/one")
    assert logs.get_log_events(logGroupName=GROUP, logStreamName="app/one")["events"] == []
    logs.delete_log_group(logGroupName=GROUP)
    assert logs.describe_log_groups()["logGroups"] == []


def test_tags_by_arn_and_by_name(logs: CloudWatchLogsClient) -> None:
    """Both generations of calls see the same tags."""
    arn = logs.describe_log_groups()["logGroups"][0]["logGroupArn"]
    logs.tag_resource(resourceArn=arn, tags={"stage": "staging"})
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "a", "stage": "staging"}
    logs.untag_resource(resourceArn=arn, tagKeys=["team"])
    logs.tag_log_group(logGroupName=GROUP, tags={"owner": "b"})
    logs.untag_log_group(logGroupName=GROUP, tags=["stage"])
    assert logs.list_tags_log_group(logGroupName=GROUP)["tags"] == {"owner": "b"}


def test_memory_is_bounded_and_the_oldest_go_first() -> None:
    """Whatever group they are in; the newest events stay."""
    store = LogStore(limit_bytes=10_000)
    groups = [Group("old", 0), Group("new", 0)]
    for number, group in enumerate(groups):
        store.groups[group.name] = group
        stream = group.streams.setdefault("s", Stream("s", 0))
        store.put(group, stream, [(number * 1000 + at, "x" * 74) for at in range(80)])
    assert store.kept_bytes == sum(group.stored_bytes for group in groups) <= 10_000
    assert len(groups[1].streams["s"].events) == 80
    kept = groups[0].streams["s"].events
    assert 0 < len(kept) < 30
    assert kept[-1].at == 79
