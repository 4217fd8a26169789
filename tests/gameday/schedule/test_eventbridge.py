"""The requests to EventBridge Scheduler: what its own model says of them, and what is refused before it is sent."""

from __future__ import annotations

import json
import random
import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from gameday.config import Environment, Rules, Runner
from gameday.day import calendar
from gameday.day.plan import Plan, Roles, When
from gameday.errors import Refusal, UsageError
from gameday.schedule.applying import differences
from gameday.schedule.eventbridge import expression, requests
from gameday.schedule.plans import Scheduled
from lab.aws.scheduler_expression import problems as lab_problems
from tests.gameday.schedule.samples import NOW

HERE = "arn:aws:{}:eu-west-1:111122223333:{}"
ROLE = "arn:aws:iam::111122223333:role/gameday-scheduler"
STAGING = Environment(
    "aws",
    "eu-west-1",
    "111122223333",
    name="staging",
    names={"cluster": "foodconnect-cluster"},
    rules=Rules(services=["other-cluster/backend"]),
)
RUNNER = Runner(
    cluster="gameday-runner",
    task_definition="gameday:7",
    subnets=["subnet-1", "subnet-2"],
    security_groups=["sg-1"],
    task_roles=["arn:aws:iam::111122223333:role/gameday-task"],
    role=ROLE,
    dead_letter=HERE.format("sqs", "gameday-missed"),
)
WEEKLY = When(cron="30 9 * * WED", zone="Europe/Dublin")


def scheduled(when: When = WEEKLY, title: str = "A weekly day") -> Scheduled:
    """Return a plan that is due then."""
    plan = Plan(title, Roles("ann", "bob"), [], environment="staging", when=when)
    return Scheduled("plans/weekly.yaml", plan)


def complaints(service: str, operation: str, params: dict[str, Any]) -> str:
    """Return what botocore's model finds wrong, the longest lengths and the patterns included."""
    shape = botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape
    assert shape is not None
    return str(ParamValidator().validate(params, shape).generate_report()) + "".join(misfits(shape, params))


def misfits(shape: Any, value: Any) -> Iterator[str]:
    """Yield each text that is too long or has another form, and each number that is too large."""
    if shape.type_name == "structure":
        for name, inner in value.items():
            yield from misfits(shape.members[name], inner)
    elif shape.type_name == "list":
        for inner in value:
            yield from misfits(shape.member, inner)
    elif shape.type_name == "string":
        if len(value) > shape.metadata.get("max", len(value)) or not re.fullmatch(
            shape.metadata.get("pattern", "(?s).*"), value
        ):
            yield f"{shape.name}: {value!r}"
    elif shape.type_name == "integer" and value > shape.metadata.get("max", value):
        yield f"{shape.name}: {value}"


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("30 9 * * WED", "cron(30 9 ? * WED *)"),
        ("30 9 * * 3", "cron(30 9 ? * WED *)"),  # cron counts from Sunday = 0, Scheduler from SUN = 1
        ("0 9 * * 0", "cron(0 9 ? * SUN *)"),
        ("0 9 * * 7", "cron(0 9 ? * SUN *)"),
        ("0 9 * * MON-FRI", "cron(0 9 ? * MON,TUE,WED,THU,FRI *)"),
        ("0 9 * * *", "cron(0 9 * * ? *)"),
        ("5 0 1,15 */3 *", "cron(5 0 1,15 1,4,7,10 ? *)"),
        ("0 9 1-7 JAN,FEB,MAR *", "cron(0 9 1-7 1-3 ? *)"),
        ("0 9 L * *", "cron(0 9 L * ? *)"),
        ("0 9 * * MON#2", "cron(0 9 ? * 2#2 *)"),
        ("0 9 * * 5L", "cron(0 9 ? * 6L *)"),  # the last Friday
    ],
)
def test_a_cron_is_said_in_six_fields(cron: str, said: str) -> None:
    """With `?` for the day that is not given, and days of the week that cannot be miscounted."""
    assert expression(When(cron=cron)) == said


def days_of(expression: str) -> list[date]:
    """Return the days of a year from NOW on at which Scheduler starts: its six fields, read after its documentation."""
    _, _, days, months, weekdays, year = expression.removeprefix("cron(").removesuffix(")").split()
    assert year == "*" and (days == "?") != (weekdays == "?")
    every = [datetime.fromtimestamp(NOW, UTC).date() + timedelta(days=count) for count in range(365)]
    return [day for day in every if _among(months, day.month) and _day_fits(days, weekdays, day)]


def _among(field: str, number: int) -> bool:
    spans = [part.partition("-") for part in field.split(",")]
    return field in ("*", "?") or any(int(low) <= number <= int(high or low) for low, _, high in spans)


def _day_fits(days: str, weekdays: str, day: date) -> bool:
    last = monthrange(day.year, day.month)[1]
    name = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")[day.isoweekday() % 7]
    number = day.isoweekday() % 7 + 1
    if weekdays == "?":
        return day.day == last if days == "L" else _among(days, day.day)
    if weekdays.endswith("L"):
        return int(weekdays[:-1]) == number and day.day + 7 > last
    if "#" in weekdays:
        return weekdays == f"{number}#{(day.day + 6) // 7}"
    return weekdays == "*" or name in weekdays.split(",")


def some_crons(count: int) -> list[str]:
    """Return crons of many kinds, always the same ones."""
    draw = random.Random(6)
    days = ["*", "1", "L", "1,15", "1-7", "*/10", "31", "28-31"]
    months = ["*", "JAN", "1,6", "3-5", "*/3", "FEB"]
    weekdays = ["*", "0", "7", "1-5", "MON,WED", "SAT", "TUE#2", "5L", "FRI#5", "*/2", "0L"]
    fields = (range(60), range(24), days, months, weekdays)
    return [" ".join(str(draw.choice(field)) for field in fields) for _ in range(count)]


def test_scheduler_starts_on_the_plans_days() -> None:
    """Of many crons each is refused, or is one that AWS takes and that means the same days of a year."""
    said = 0
    for cron in some_crons(500):
        when = When(cron=cron)
        if calendar.problems(when):
            continue  # 31 February
        try:
            found = expression(when)
        except UsageError:
            continue
        assert list(lab_problems(found, "UTC")) == [], cron
        wanted = [datetime.fromtimestamp(at, UTC).date() for at in calendar.begins(when, NOW, NOW + 365 * 86400)]
        assert days_of(found) == wanted, (cron, found)
        said += 1
    assert said > 80


@pytest.mark.parametrize(
    ("cron", "why"),
    [
        ("0 9 1 * MON", "day of the month or a day of the week"),
        ("0 9 */2 * MON", "day of the month or a day of the week"),
        ("0 9 LW * *", "no `LW`"),
        ("0 9 1,L * *", "L"),
        ("0 9 * * MON#1,MON#3", "one `#`"),
        ("0 9 * * MON#1,TUE", "one `#`"),
    ],
)
def test_what_cannot_be_said_is_refused_with_why(cron: str, why: str) -> None:
    """Rather no schedule than one on another day."""
    with pytest.raises(UsageError, match="cannot be said to EventBridge Scheduler") as refused:
        expression(When(cron=cron))
    assert why in str(refused.value)


@pytest.mark.parametrize("runner", [RUNNER, replace(RUNNER, target="codebuild", project="gameday")])
@pytest.mark.parametrize("when", [WEEKLY, When(date="2026-12-03", zone="America/New_York")])
def test_the_requests_fit_aws_own_model(runner: Runner, when: When) -> None:
    """Members, types, lengths and ranges; and so does what is handed to the target."""
    title = 'A "day"\n of ' + "x" * 600
    found = requests(scheduled(when, title), STAGING, runner)
    assert complaints("scheduler", "CreateScheduleGroup", found.group) == ""
    assert complaints("scheduler", "CreateSchedule", found.schedule) == ""
    target: Any = found.schedule["Target"]
    given = json.loads(target["Input"])
    if runner.target == "codebuild":
        lower = {name[0].lower() + name[1:]: value for name, value in given.items()}
        lower["environmentVariablesOverride"] = [
            {name.lower(): value for name, value in one.items()} for one in given["EnvironmentVariablesOverride"]
        ]
        assert complaints("codebuild", "StartBuild", lower) == ""
    else:
        task = {"cluster": target["Arn"], "taskDefinition": target["EcsParameters"]["TaskDefinitionArn"]}
        assert complaints("ecs", "RunTask", {**task, "overrides": given}) == ""


def test_nothing_starts_late_and_nothing_is_tried_twice() -> None:
    """No retries, a minute at the most, no window; what cannot start goes to the queue, a date deletes its schedule."""
    weekly, once = (requests(scheduled(when), STAGING, RUNNER).schedule for when in (WEEKLY, When(date="2026-12-03")))
    target: Any = weekly["Target"]
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
    assert target["DeadLetterConfig"] == {"Arn": RUNNER.dead_letter}
    assert weekly["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert (weekly["ScheduleExpressionTimezone"], weekly["ActionAfterCompletion"]) == ("Europe/Dublin", "NONE")
    assert (once["ScheduleExpression"], once["ActionAfterCompletion"]) == ("at(2026-12-03T10:00:00)", "DELETE")


def test_the_role_starts_the_runner_and_nothing_else() -> None:
    """Trust for this account's group alone; one task definition on one cluster, its roles to ECS, one queue."""
    found = requests(scheduled(), STAGING, RUNNER)
    trusted: Any = found.trust["Statement"]
    told: Any = found.permissions["Statement"]
    assert [one["Principal"] for one in trusted] == [{"Service": "scheduler.amazonaws.com"}]
    assert trusted[0]["Condition"] == {
        "StringEquals": {
            "aws:SourceAccount": "111122223333",
            "aws:SourceArn": HERE.format("scheduler", "schedule-group/gameday-staging"),
        }
    }
    assert [one["Action"] for one in told] == ["ecs:RunTask", "iam:PassRole", "sqs:SendMessage"]
    assert told[0]["Resource"] == HERE.format("ecs", "task-definition/gameday:7")
    assert told[0]["Condition"] == {"ArnEquals": {"ecs:cluster": HERE.format("ecs", "cluster/gameday-runner")}}
    assert told[1]["Condition"] == {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    assert "*" not in json.dumps(told)


@pytest.mark.parametrize(
    "cluster", ["foodconnect-cluster", HERE.format("ecs", "cluster/foodconnect-cluster"), "other-cluster"]
)
def test_the_runner_is_never_on_what_it_tests(cluster: str) -> None:
    """By name, by ARN, and on any cluster whose services may be hit."""
    with pytest.raises(Refusal, match="a cluster of its own"):
        requests(scheduled(), STAGING, replace(RUNNER, cluster=cluster))


@pytest.mark.parametrize(
    ("environment", "runner", "said"),
    [
        (STAGING, Runner(), "--role --cluster --task-definition --subnets"),
        (STAGING, Runner(target="codebuild", role=ROLE), "--project"),
        (replace(STAGING, account=""), RUNNER, "the account is not known"),
    ],
)
def test_what_is_not_known_is_asked_for(environment: Environment, runner: Runner, said: str) -> None:
    """With the options, and the place in gameday.toml."""
    with pytest.raises(UsageError, match=said):
        requests(scheduled(), environment, runner)


def test_a_plan_that_is_never_due_has_no_schedule() -> None:
    """It says what to write into the plan."""
    with pytest.raises(UsageError, match="nothing to schedule"):
        requests(scheduled(When()), STAGING, RUNNER)


def test_a_schedule_that_was_changed_by_hand_differs() -> None:
    """Time, zone, state, window, retries and plan are compared; as written, nothing differs."""
    known: dict[str, Any] = {**requests(scheduled(), STAGING, RUNNER).schedule}
    assert list(differences(scheduled(), known)) == []
    retried = {**known["Target"], "RetryPolicy": {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400}}
    for change, said in (
        ({"ScheduleExpression": "cron(30 9 ? * THU *)"}, "THU"),
        ({"ScheduleExpressionTimezone": "UTC"}, "Timezone"),
        ({"State": "DISABLED"}, "DISABLED"),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 60}}, "FLEXIBLE"),
        ({"Target": retried}, "could start late"),
        ({"Target": {**known["Target"], "Input": "{}"}}, "does not name plans/weekly.yaml"),
    ):
        (told,) = differences(scheduled(), {**known, **change})
        assert said in told
    assert "any more" in next(differences(scheduled(When()), known))
