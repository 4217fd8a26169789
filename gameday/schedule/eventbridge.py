"""A plan as requests to Amazon EventBridge Scheduler, and the role that they need: pure functions of plan and runner.

A fault must not start hours late: no retries, and what could not be started within a minute is dropped. The day itself
looks at freezes and at its time again when it begins. The runner is never the cluster under test.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from gameday.config import Environment, Runner
from gameday.day import calendar
from gameday.day.plan import When
from gameday.errors import Refusal, UsageError
from gameday.model import Json
from gameday.schedule.plans import Scheduled, ranges

LATEST_S = 60  # the shortest that Scheduler takes: an older start is dropped
Document = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Requests:
    """What is sent: CreateScheduleGroup, CreateSchedule; and the policies of the role that Scheduler assumes."""

    group: Document
    schedule: Document
    trust: Document
    permissions: Document

    def document(self) -> Document:
        """Return all of it as JSON."""
        return {
            "create_schedule_group": self.group,
            "create_schedule": self.schedule,
            "role": {"trust": self.trust, "permissions": self.permissions},
        }


def group_of(environment: Environment) -> str:
    """Return the name of the schedule group of an environment; all schedules in it are the suite's."""
    return f"gameday-{environment.name}"


def requests(scheduled: Scheduled, environment: Environment, runner: Runner) -> Requests:
    """Return the requests. Raises UsageError: something is not known, or cannot be said; Refusal: the wrong cluster."""
    once = not scheduled.repeats()
    _complete(environment, runner)
    schedule: Document = {
        "Name": scheduled.id,
        "GroupName": group_of(environment),
        "Description": f"[GAME DAY] {scheduled.title}, of {scheduled.file}; written by gameday schedule"[:512],
        "ScheduleExpression": expression(scheduled.plan.when),
        "ScheduleExpressionTimezone": scheduled.plan.when.zone,
        "State": "ENABLED",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE" if once else "NONE",
        "Target": _target(scheduled, environment, runner),
    }
    group: Document = {"Name": group_of(environment), "Tags": [{"Key": "gameday", "Value": environment.name}]}
    return Requests(group, schedule, trust(environment), permissions(environment, runner))


def expression(when: When) -> str:
    """Return `at(...)` or `cron(...)`: six fields, a day of the month or of the week and `?` for the other one.

    Raises UsageError: the cron says what EventBridge Scheduler cannot.
    """
    if when.date is not None:
        return f"at({when.date}T{when.begins}:00)"
    assert when.cron is not None
    fields = calendar.cron_fields(when.cron)
    by_month, by_week = bool(fields.days or fields.last), bool(fields.weekdays or fields.nth)
    if by_month and by_week:
        raise _cannot(when, "one schedule has a day of the month or a day of the week; write `*` for one of them")
    if fields.last == "LW" or (fields.last and fields.days):
        raise _cannot(when, "it has `L` alone for the last day of a month, no `LW`; write L, or days as numbers")
    if len(fields.nth) > 1 or (fields.nth and fields.weekdays):
        raise _cannot(when, "it takes one `#` or one `L` day of the week alone; write one, and a plan for each other")
    days = "?" if by_week else fields.last or ranges(fields.days)
    return f"cron({fields.minute} {fields.hour} {days} {ranges(fields.months)} {_weekdays(fields)} *)"


def _weekdays(fields: calendar.Cron) -> str:
    """Return the sixth field but one. Scheduler counts from SUN = 1, cron from Sunday = 0: names leave no doubt."""
    if fields.nth:
        day, number = fields.nth[0]
        return f"{day + 1}#{number}" if number else f"{day + 1}L"
    return ",".join(calendar.WEEKDAYS[day] for day in fields.weekdays) or "?"


def trust(environment: Environment) -> Document:
    """Return the trust policy of the role: EventBridge Scheduler alone, for this account's schedule group."""
    source = _arn(environment, "scheduler", f"schedule-group/{group_of(environment)}")
    condition: Document = {"StringEquals": {"aws:SourceAccount": environment.account, "aws:SourceArn": source}}
    return _policy({"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole",
                    "Condition": condition})  # fmt: skip


def permissions(environment: Environment, runner: Runner) -> Document:
    """Return what the role may do: start the runner, pass its roles to it, and put what failed into the queue."""
    statements: list[Document] = []
    if runner.target == "codebuild":
        project = _arn(environment, "codebuild", f"project/{runner.project}")
        statements.append({"Effect": "Allow", "Action": "codebuild:StartBuild", "Resource": project})
    else:
        family = _definition(environment, runner).rpartition("/")[2]
        revisions = family if ":" in family else f"{family}:*"
        statements.append({"Effect": "Allow", "Action": "ecs:RunTask",
                           "Resource": _arn(environment, "ecs", f"task-definition/{revisions}"),
                           "Condition": {"ArnEquals": {"ecs:cluster": _cluster(environment, runner)}}})  # fmt: skip
        if runner.task_roles:
            passed: Document = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
            statements.append(
                {"Effect": "Allow", "Action": "iam:PassRole", "Resource": [*runner.task_roles], "Condition": passed}
            )
    if runner.dead_letter:
        statements.append({"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": runner.dead_letter})
    return _policy(*statements)


def command(scheduled: Scheduled, environment: Environment) -> list[str]:
    """Return the words that play the day where nobody watches."""
    elsewhere = [] if environment.name == scheduled.plan.environment else ["--on", environment.name]
    return ["gameday", "play", scheduled.file, *elsewhere, "--unattended", "--yes"]


def _target(scheduled: Scheduled, environment: Environment, runner: Runner) -> Document:
    target: Document = {
        "RoleArn": runner.role,
        "RetryPolicy": {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": LATEST_S},
    }
    if runner.dead_letter:
        target["DeadLetterConfig"] = {"Arn": runner.dead_letter}
    if runner.target == "codebuild":
        variables = [{"Name": name, "Value": value, "Type": "PLAINTEXT"} for name, value in
                     (("GAMEDAY_PLAN", scheduled.file), ("GAMEDAY_ON", environment.name))]  # fmt: skip
        build = {"ProjectName": runner.project, "IdempotencyToken": "<aws.scheduler.execution-id>",
                 "EnvironmentVariablesOverride": variables}  # fmt: skip
        arn = f"arn:{_partition(environment.region)}:scheduler:::aws-sdk:codebuild:startBuild"
        return {**target, "Arn": arn, "Input": json.dumps(build)}
    override = {"name": runner.container, "command": command(scheduled, environment)}
    network: Document = {"Subnets": [*runner.subnets], "AssignPublicIp": "DISABLED"}
    if runner.security_groups:
        network["SecurityGroups"] = [*runner.security_groups]
    ecs: Document = {"TaskDefinitionArn": _definition(environment, runner), "TaskCount": 1, "LaunchType": "FARGATE",
                     "NetworkConfiguration": {"awsvpcConfiguration": network}}  # fmt: skip
    return {**target, "Arn": _cluster(environment, runner), "EcsParameters": ecs,
            "Input": json.dumps({"containerOverrides": [override]})}  # fmt: skip


def _complete(environment: Environment, runner: Runner) -> None:
    """Raise UsageError for what is not known; Refusal: the runner would stand on what it tests."""
    ecs = {"cluster": runner.cluster, "task_definition": runner.task_definition, "subnets": runner.subnets}
    needed = {"role": runner.role, **({"project": runner.project} if runner.target == "codebuild" else ecs)}
    missing = [name for name, value in needed.items() if not value]
    if missing:
        options = " ".join(f"--{name.replace('_', '-')}" for name in missing)
        raise UsageError(f"{environment.name} has no runner: give {options}, or write {', '.join(missing)} into "
                         f"[environments.{environment.name}.runner] of gameday.toml")  # fmt: skip
    if not environment.account:
        raise UsageError(f"the account is not known: write it into [environments.{environment.name}] of gameday.toml")
    cluster = runner.cluster.rpartition("/")[2]
    if runner.target == "ecs" and cluster in tested(environment):
        raise Refusal(f"the runner's cluster {cluster} is tested in {environment.name}: a fault would hit the runner "
                      "and end what must undo it; give the runner a cluster of its own")  # fmt: skip


def tested(environment: Environment) -> set[str]:
    """Return the names of the clusters under test."""
    listed = {service.partition("/")[0] for service in environment.rules.services}
    return {name for name in (environment.names.get("cluster", ""), *listed) if name}


def _cluster(environment: Environment, runner: Runner) -> str:
    return (
        runner.cluster if runner.cluster.startswith("arn:") else _arn(environment, "ecs", f"cluster/{runner.cluster}")
    )


def _definition(environment: Environment, runner: Runner) -> str:
    given = runner.task_definition
    return given if given.startswith("arn:") else _arn(environment, "ecs", f"task-definition/{given}")


def _arn(environment: Environment, service: str, resource: str) -> str:
    return f"arn:{_partition(environment.region)}:{service}:{environment.region}:{environment.account}:{resource}"


def _partition(region: str) -> str:
    return next(
        (name for start, name in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov")) if region.startswith(start)), "aws"
    )


def _policy(*statements: Document) -> Document:
    return {"Version": "2012-10-17", "Statement": [*statements]}


def _cannot(when: When, why: str) -> UsageError:
    return UsageError(f"when.cron {when.cron!r} cannot be said to EventBridge Scheduler: {why}")
