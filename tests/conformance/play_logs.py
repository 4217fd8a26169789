"""CloudWatch Logs, operation by operation, in a group of its own."""

from __future__ import annotations

import time
from typing import Any

from tests.conformance.seen import Seen, all_refused, refused
from tests.lab.bench import wait_until

GROUP, STREAM, NONE = {"logGroupName": "conformance"}, {"logStreamName": "s"}, {"logGroupName": "nothing"}
COUNT = {"metricName": "Errors", "metricNamespace": "Conformance", "metricValue": "1"}


def play(seen: Seen) -> None:
    """Call every operation of Logs, with a refusal where AWS has one."""
    logs = seen.client("logs")
    logs.create_log_group(**GROUP)
    with refused("ResourceAlreadyExistsException"):
        logs.create_log_group(**GROUP)
    logs.create_log_stream(**GROUP, **STREAM)
    with refused("ResourceAlreadyExistsException"):
        logs.create_log_stream(**GROUP, **STREAM)
    _events(logs)
    _groups(logs)
    _tags(logs)
    _filters(logs)
    _insights(logs)
    logs.delete_log_stream(**GROUP, **STREAM)
    logs.delete_log_group(**GROUP)
    all_refused(
        "ResourceNotFoundException",
        lambda: logs.create_log_stream(**NONE, **STREAM),
        lambda: logs.delete_log_stream(**NONE, **STREAM),
        lambda: logs.delete_log_group(**NONE),
        lambda: logs.describe_log_streams(**NONE),
        lambda: logs.put_log_events(**NONE, **STREAM, logEvents=[{"timestamp": 1, "message": "m"}]),
        lambda: logs.get_log_events(**NONE, **STREAM),
        lambda: logs.filter_log_events(**NONE),
        lambda: logs.put_retention_policy(**NONE, retentionInDays=1),
        lambda: logs.delete_retention_policy(**NONE),
        lambda: logs.get_log_group_fields(**NONE),
    )


def _events(logs: Any) -> None:
    now = int(time.time() * 1000)
    logs.put_log_events(**GROUP, **STREAM, logEvents=[{"timestamp": now, "message": '{"status": 503}'}])
    with refused("InvalidParameterException"):
        unsorted = [{"timestamp": now, "message": "a"}, {"timestamp": now - 1, "message": "b"}]
        logs.put_log_events(**GROUP, **STREAM, logEvents=unsorted)
    assert logs.get_log_events(**GROUP, **STREAM)["events"]
    assert logs.filter_log_events(**GROUP, filterPattern="{ $.status >= 500 }")["events"]
    with refused("InvalidParameterException"):
        logs.filter_log_events(**GROUP, filterPattern="{ $.status >= }")
    logs.describe_log_streams(**GROUP)


def _groups(logs: Any) -> None:
    logs.describe_log_groups(logGroupNamePrefix="conf")
    logs.list_log_groups()
    logs.get_log_group_fields(**GROUP)
    logs.put_retention_policy(**GROUP, retentionInDays=7)
    with refused("InvalidParameterException"):
        logs.put_retention_policy(**GROUP, retentionInDays=8)
    logs.delete_retention_policy(**GROUP)


def _tags(logs: Any) -> None:
    arn = logs.describe_log_groups(logGroupNamePrefix="conf")["logGroups"][0]["logGroupArn"]
    logs.tag_resource(resourceArn=arn, tags={"k": "v"})
    logs.list_tags_for_resource(resourceArn=arn)
    logs.untag_resource(resourceArn=arn, tagKeys=["k"])
    logs.tag_log_group(**GROUP, tags={"k": "v"})
    logs.list_tags_log_group(**GROUP)
    logs.untag_log_group(**GROUP, tags=["k"])
    all_refused(
        "ResourceNotFoundException",
        lambda: logs.tag_resource(resourceArn=f"{arn}x", tags={"k": "v"}),
        lambda: logs.list_tags_for_resource(resourceArn=f"{arn}x"),
        lambda: logs.untag_resource(resourceArn=f"{arn}x", tagKeys=["k"]),
        lambda: logs.tag_log_group(**NONE, tags={"k": "v"}),
        lambda: logs.list_tags_log_group(**NONE),
        lambda: logs.untag_log_group(**NONE, tags=["k"]),
    )


def _filters(logs: Any) -> None:
    logs.put_metric_filter(**GROUP, filterName="f", filterPattern="ERROR", metricTransformations=[COUNT])
    with refused("InvalidParameterException"):
        logs.put_metric_filter(**GROUP, filterName="g", filterPattern="{", metricTransformations=[COUNT])
    logs.describe_metric_filters(**GROUP)
    assert logs.test_metric_filter(filterPattern="ERROR", logEventMessages=["an ERROR", "fine"])["matches"]
    with refused("InvalidParameterException"):
        logs.test_metric_filter(filterPattern="{", logEventMessages=["x"])
    logs.delete_metric_filter(**GROUP, filterName="f")
    with refused("ResourceNotFoundException"):
        logs.delete_metric_filter(**GROUP, filterName="f")


def _insights(logs: Any) -> None:
    saved = logs.put_query_definition(name="q", queryString="fields @message")["queryDefinitionId"]
    assert logs.describe_query_definitions(queryDefinitionNamePrefix="q")["queryDefinitions"]
    logs.delete_query_definition(queryDefinitionId=saved)
    during = {"startTime": int(time.time()) - 60, "endTime": int(time.time()) + 60}
    query = logs.start_query(**GROUP, **during, queryString="fields @ptr | filter status = 503")["queryId"]
    with refused("MalformedQueryException"):
        logs.start_query(**GROUP, **during, queryString="fields | dance")
    wait_until(lambda: logs.get_query_results(queryId=query)["status"] == "Complete", 10, "the query is complete")
    [row] = logs.get_query_results(queryId=query)["results"]
    pointer = next(field["value"] for field in row if field["field"] == "@ptr")
    assert logs.get_log_record(logRecordPointer=pointer)["logRecord"]
    with refused("InvalidParameterException"):
        logs.get_log_record(logRecordPointer="nothing")
    logs.describe_queries(**GROUP)
    with refused("InvalidParameterException"):
        logs.stop_query(queryId=query)
    all_refused(
        "ResourceNotFoundException",
        lambda: logs.get_query_results(queryId="nothing"),
        lambda: logs.stop_query(queryId="nothing"),
        lambda: logs.delete_query_definition(queryDefinitionId=saved),
    )
