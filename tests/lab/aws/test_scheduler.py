"""EventBridge Scheduler in the lab: what is a schedule and what is none, and that a group takes its schedules along."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

import lab.aws.scheduler
from lab.aws.scheduler_expression import problems
from tests.conformance.play_scheduler import WEEKLY
from tests.lab.aws.served import Api, failure

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient

assert lab.aws.scheduler.RETRIES  # imported for its handlers


@pytest.mark.parametrize(
    "expression",
    [
        "cron(30 9 ? * WED *)",
        "cron(0 9 1,15 * ? *)",
        "cron(0 9 1-7 JAN-MAR,12 ? 2026-2030)",
        "cron(0/15 */2 L * ? *)",
        "cron(15 10 ? * 6L 2026)",
        "cron(0 9 ? * 3#2 *)",
        "cron(0 9 ? * MON-FRI *)",
        "cron(0 9 15W * ? *)",
        "at(2026-12-03T10:00:00)",
        "rate(1 day)",
        "rate(5 minutes)",
    ],
)
def test_what_aws_takes_is_taken(expression: str) -> None:
    """Signs, names and ranges of each field."""
    assert list(problems(expression, "Europe/Dublin")) == []


@pytest.mark.parametrize(
    "expression",
    [
        "30 9 ? * WED *",
        "cron(30 9 * * WED)",
        "cron(30 9 * * * *)",
        "cron(30 9 ? * ? *)",
        "cron(30 9 ? * 8 *)",
        "cron(30 9 ? * 0 *)",
        "cron(30 24 ? * WED *)",
        "cron(30 9 32 * ? *)",
        "cron(30 9 LW * ? *)",
        "cron(30 9 ? * MON/2 *)",
        "cron(30 9 ? * MON#1,TUE#1 *)",
        "cron(30 9 1 FEBR ? *)",
        "cron(30 9 1- * ? *)",
        "cron(30 9 1 * ? 1969)",
        "cron(30/0 9 1 * ? *)",
        "at(2026-13-03T10:00:00)",
        "at(2026-12-03T10:00:00Z)",
        "rate(0 days)",
        "rate(5 weeks)",
    ],
)
def test_what_is_no_schedule_is_refused(expression: str) -> None:
    """Each with a sentence that names it."""
    (said,) = problems(expression, None)
    assert expression in said


def test_a_zone_must_be_one() -> None:
    """Also a name that would lead out of the database."""
    assert [*problems("rate(1 day)", "Mars/Base")] == [*problems("rate(1 day)", "../../etc/passwd")] != []


def test_a_group_takes_its_schedules_along(api: Api) -> None:
    """The same name in another group is another schedule, and stays."""
    client = cast("EventBridgeSchedulerClient", api.client("scheduler"))
    client.create_schedule_group(Name="one")
    client.create_schedule(Name="weekly", GroupName="one", **WEEKLY)
    client.create_schedule(Name="weekly", **WEEKLY)
    assert {each["GroupName"] for each in client.list_schedules()["Schedules"]} == {"one", "default"}
    client.delete_schedule_group(Name="one")
    assert [each["GroupName"] for each in client.list_schedules()["Schedules"]] == ["default"]
    error = failure(client.list_schedules, NextToken="x")
    assert error.response["Error"]["Code"] == "ValidationException"
