"""EventBridge Scheduler, operation by operation."""

from __future__ import annotations

from typing import Any

from lab.aws.names import CLUSTER_ARN, arn
from lab.settings import ACCOUNT
from tests.conformance.seen import Seen, all_refused, refused

ROLE = f"arn:aws:iam::{ACCOUNT}:role/conformance"
TASK = {"Arn": CLUSTER_ARN, "RoleArn": ROLE, "EcsParameters": {"TaskDefinitionArn": arn("ecs", "task-definition/x:1")}}
BUILD = {"Arn": "arn:aws:scheduler:::aws-sdk:codebuild:startBuild", "RoleArn": ROLE, "Input": '{"ProjectName": "x"}'}
OFF: dict[str, Any] = {"FlexibleTimeWindow": {"Mode": "OFF"}}
WEEKLY: dict[str, Any] = {"ScheduleExpression": "cron(30 9 ? * WED *)", "Target": TASK, **OFF}
WRONG: tuple[dict[str, Any], ...] = (
    {"ScheduleExpression": "cron(30 9 * * WED)"},
    {"ScheduleExpression": "cron(30 9 * * WED *)"},  # one day too many
    {"ScheduleExpression": "cron(30 9 ? * 0 *)"},  # Sunday is 1
    {"ScheduleExpression": "cron(30 9 ? * MON#6 *)"},
    {"ScheduleExpression": "cron(60 9 ? * WED *)"},
    {"ScheduleExpression": "at(2026-12-03 10:00)"},
    {"ScheduleExpression": "rate(0 days)"},
    {"ScheduleExpressionTimezone": "Europe/Dublim"},
    {"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}},
    {"Target": {**TASK, "RetryPolicy": {"MaximumEventAgeInSeconds": 30}}},
    {"Target": {**TASK, "RetryPolicy": {"MaximumRetryAttempts": 186}}},
    {"Target": {**TASK, "RoleArn": "gameday"}},
    {"Target": {"Arn": CLUSTER_ARN, "RoleArn": ROLE}},
    {"Target": {**BUILD, "Input": "x"}},
    {"Target": {**BUILD, "Arn": "arn:aws:scheduler:::aws-sdk:codebuild:listBuilds"}},
    {"Description": "x" * 513},
)


def play(seen: Seen) -> None:
    """Call every operation, with a refusal where AWS has one."""
    client = seen.client("scheduler")
    group = client.create_schedule_group(Name="conformance", Tags=[{"Key": "a", "Value": "b"}])["ScheduleGroupArn"]
    with refused("ConflictException"):
        client.create_schedule_group(Name="conformance")
    with refused("ValidationException"):
        client.create_schedule_group(Name="with space")
    client.tag_resource(ResourceArn=group, Tags=[{"Key": "c", "Value": "d"}])
    client.untag_resource(ResourceArn=group, TagKeys=["a"])
    assert client.list_tags_for_resource(ResourceArn=group)["Tags"] == [{"Key": "c", "Value": "d"}]
    assert client.get_schedule_group(Name="conformance")["State"] == "ACTIVE"
    assert len(client.list_schedule_groups(NamePrefix="conf")["ScheduleGroups"]) == 1
    _schedules(client)
    client.delete_schedule_group(Name="conformance")
    with refused("ValidationException"):
        client.delete_schedule_group(Name="default")
    nothing = {"ResourceArn": f"{group}-not"}
    all_refused(
        "ResourceNotFoundException",
        lambda: client.get_schedule_group(Name="conformance"),
        lambda: client.delete_schedule_group(Name="conformance"),
        lambda: client.get_schedule(Name="weekly"),
        lambda: client.list_schedules(GroupName="conformance"),
        lambda: client.create_schedule(Name="x", GroupName="conformance", **WEEKLY),
        lambda: client.list_tags_for_resource(**nothing),
        lambda: client.tag_resource(**nothing, Tags=[]),
        lambda: client.untag_resource(**nothing, TagKeys=["a"]),
    )


def _schedules(client: Any) -> None:
    here = {"GroupName": "conformance"}
    client.create_schedule(Name="weekly", **here, **WEEKLY)
    told = client.get_schedule(Name="weekly", **here)
    assert told["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 185  # AWS's own, unless one says otherwise
    with refused("ConflictException"):
        client.create_schedule(Name="weekly", **here, **WEEKLY)
    for number, wrong in enumerate(WRONG):
        with refused("ValidationException"):
            client.create_schedule(Name=f"wrong-{number}", **here, **{**WEEKLY, **wrong})
    once = {"ScheduleExpression": "at(2026-12-03T10:00:00)", "Target": BUILD, **OFF, "State": "DISABLED"}
    client.update_schedule(Name="weekly", **here, **once, ScheduleExpressionTimezone="Europe/Dublin")
    assert client.get_schedule(Name="weekly", **here)["State"] == "DISABLED"
    assert len(client.list_schedules(**here, State="DISABLED")["Schedules"]) == 1
    client.delete_schedule(Name="weekly", **here)
    all_refused(
        "ResourceNotFoundException",
        lambda: client.delete_schedule(Name="weekly", **here),
        lambda: client.update_schedule(Name="weekly", **here, **WEEKLY),
    )
