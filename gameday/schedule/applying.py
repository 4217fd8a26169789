"""The door to EventBridge Scheduler: puts a schedule in place, and finds those that no plan stands behind any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from gameday.aws import Aws
from gameday.errors import UsageError
from gameday.schedule.eventbridge import Document, Requests, expression, group_of
from gameday.schedule.plans import Scheduled, id_of, one_line

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient

RETRIES: Document = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}


@dataclass(frozen=True, slots=True)
class Drift:
    """A schedule in EventBridge that is not as its plan says; *name* is the schedule's."""

    name: str
    what: str


def apply(aws: Aws, requests: Requests) -> str:
    """Create the group and the schedule, or bring the schedule up to date; return what was done, in a sentence.

    Raises UsageError: AWS does not take it, with AWS's reason.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    client = _client(aws)
    name, group = str(requests.schedule["Name"]), str(requests.schedule["GroupName"])
    arguments = cast("Any", requests.schedule)
    try:
        if not _exists(client.get_schedule_group, Name=group):
            client.create_schedule_group(**cast("Any", requests.group))
        if not _exists(client.get_schedule, Name=name, GroupName=group):
            return f"created {client.create_schedule(**arguments)['ScheduleArn']}"
        known = cast("Mapping[str, object]", client.get_schedule(Name=name, GroupName=group))
        if all(known.get(key) == value for key, value in requests.schedule.items()):
            return f"{known['Arn']} is as the plan says; nothing was changed"
        return f"changed {client.update_schedule(**arguments)['ScheduleArn']}"
    except (BotoCoreError, ClientError) as error:
        raise UsageError(f"EventBridge Scheduler does not take the schedule {name}: {error}") from None


def drift(aws: Aws, plans: Sequence[Scheduled], names: Iterable[str]) -> list[Drift]:
    """Return every schedule of the environment's group that has no plan, neither of *plans* nor called one of *names*;
    that is another than its plan of *plans* says; and each of *plans* that is due there and has no schedule.

    Raises UsageError: EventBridge Scheduler does not answer.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    environment = aws.environment
    here = {one.id: one for one in plans if one.plan.environment == environment.name}
    try:
        known = {str(one["Name"]): one for one in _schedules(aws, group_of(environment))}
    except (BotoCoreError, ClientError) as error:
        raise UsageError(f"{environment.name}: EventBridge Scheduler does not answer: {error}") from None
    found = [Drift(name, "no plan is called so any more; delete it: it would start what is not there")
             for name in sorted(known.keys() - here.keys() - {id_of(name) for name in names})]  # fmt: skip
    for name in sorted(known.keys() & here.keys()):
        found += [Drift(name, what) for what in differences(here[name], known[name])]
    due = {name for name, one in here.items() if one.plan.when.cron or one.plan.when.date}
    return found + [
        Drift(name, f"{here[name].file} is due and has no schedule here; another scheduler may start it")
        for name in sorted(due - known.keys())
    ]


def differences(scheduled: Scheduled, known: Mapping[str, Any]) -> Iterator[str]:
    """Yield in what a schedule, as GetSchedule tells it, is not as the plan says."""
    when = scheduled.plan.when
    if when.cron is None and when.date is None:
        yield f"{scheduled.file} is due at no time of its own any more; delete it"
        return
    try:
        said = expression(when)
    except UsageError as error:
        yield str(error)
        return
    wanted = {
        "ScheduleExpression": said,
        "ScheduleExpressionTimezone": when.zone,
        "State": "ENABLED",
        "FlexibleTimeWindow": {"Mode": "OFF"},
    }
    for key, value in wanted.items():
        if known.get(key) != value:
            yield f"{key} is {one_line(str(known.get(key)))}, the plan says {value}"
    target = known.get("Target") or {}
    if target.get("RetryPolicy") != RETRIES:
        yield f"RetryPolicy is {target.get('RetryPolicy')}: a day could start late; the suite writes {RETRIES}"
    if scheduled.file not in str(target.get("Input", "")):
        yield f"its Input does not name {scheduled.file}"


def _schedules(aws: Aws, group: str) -> Iterator[Mapping[str, Any]]:
    client = _client(aws)
    if not _exists(client.get_schedule_group, Name=group):
        return
    for page in client.get_paginator("list_schedules").paginate(GroupName=group):
        for one in page["Schedules"]:
            if one.get("GroupName", group) == group:
                yield client.get_schedule(Name=one["Name"], GroupName=group)


def _exists(ask: Any, **names: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        ask(**names)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return False
        raise
    return True


def _client(aws: Aws) -> EventBridgeSchedulerClient:
    return cast("EventBridgeSchedulerClient", aws.client("scheduler", retries=3))
