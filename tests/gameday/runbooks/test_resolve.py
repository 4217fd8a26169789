"""What is asked of an environment, what is not, and what an answer says about a name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gameday.aws import Aws
from gameday.config import load_settings
from gameday.runbooks.aws_cli import Call
from gameday.runbooks.resolve import Answer, date, missing, resolve

ROOT = Path(__file__).parents[3]
NOBODY = "http://127.0.0.1:9"  # the port of `discard`: nothing listens


def answers(tmp_path: Path, *commands: str) -> list[Answer]:
    """Return what comes of asking an environment that does not answer."""
    path = tmp_path / "page.md"
    path.write_text("\n".join(["## Steps", "### 1. Do", "```bash", *commands, "```"]))
    environment = replace(load_settings(ROOT).environment("lab"), endpoint=NOBODY)
    return resolve(path, environment, Aws(environment, read_only=True))


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("aws ecs update-service --service s --desired-count 3", "it is no reading command"),
        ("aws logs start-query --start-time 1 --end-time 2 --query-string x", "it is no reading command"),
        ("aws ecs wait services-stable --services s", "it waits"),
        ("aws secretsmanager get-secret-value --secret-id x", "it reads a secret"),
        ("aws ssm get-parameter --name x --with-decryption", "it reads a secret"),
        ("aws ecr get-authorization-token", "it reads a secret"),
        ("aws ecs describe-tasks --tasks $TASK", "$TASK is known only when it is needed"),
        ("T=$(aws ecs run-task --task-definition t --query tasks[0].taskArn)", "it is no reading command"),
    ],
)
def test_what_is_never_asked(command: str, why: str, tmp_path: Path) -> None:
    """Changes, waits, secrets and what is not known: each is named and none leaves this machine."""
    [answer] = answers(tmp_path, command)
    assert (answer.kind, answer.why) == ("not asked", why)


def test_no_answer_is_not_well(tmp_path: Path) -> None:
    """An API that cannot be reached is `unread`, with why, at the command's place; the variable stays unknown."""
    first, second = answers(
        tmp_path, "X=$(aws ecs list-clusters --query 'clusterArns[0]')", 'aws ecs list-tasks --cluster "$X"'
    )
    assert (first.line, first.column, first.kind) == (4, 5, "unread") and "EndpointConnectionError" in first.why
    assert second.kind == "not asked"


ALARMS = {"MetricAlarms": [{"AlarmName": "a", "AlarmArn": "arn:aws:cloudwatch:eu-west-1:1:alarm:a"}]}


@pytest.mark.parametrize(
    ("operation", "params", "answer", "told"),
    [
        ("DescribeAlarms", {"AlarmNames": ["a"]}, ALARMS, ""),
        ("DescribeAlarms", {"AlarmNames": ["a", "b"]}, ALARMS, "'b'"),
        ("DescribeAlarms", {"StateValue": "ALARM"}, {"MetricAlarms": []}, ""),
        ("DescribeServices", {"cluster": "c", "services": ["s"]},
         {"services": [], "failures": [{"arn": "arn/s", "reason": "MISSING"}]}, "arn/s is MISSING"),
        ("DescribeAlarmHistory", {"AlarmName": "a"}, {"AlarmHistoryItems": []}, ""),
        ("DescribeEvents", {"SourceIdentifier": "d"}, {"Events": []}, ""),
        ("DescribeLogGroups", {"logGroupNamePrefix": "/ecs"}, {"logGroups": []}, "begins with '/ecs'"),
        ("DescribeClusters", {"clusters": ["c"]}, {"clusters": [{"clusterArn": "arn:aws:ecs:x:1:cluster/c"}]}, ""),
        ("DescribeLogGroups", {"logGroupNamePrefix": "/ecs"}, {"logGroups": [{"logGroupName": "/ecs/a"}]}, ""),
        ("DescribeDBSnapshots", {"DBInstanceIdentifier": "d"}, {"DBSnapshots": []}, ""),
        ("ListTasks", {"cluster": "c"}, {"taskArns": []}, ""),
    ],
)  # fmt: skip
def test_an_answer_that_leaves_a_name_out(operation: str, params: Any, answer: Any, told: str) -> None:
    """AWS answers for what there is: a name that is left out is gone; an empty list that may be empty says nothing."""
    why = missing(Call("any", operation, params), answer)
    assert told in why and bool(why) == bool(told)


def test_dates_as_gnu_date_prints_them() -> None:
    """`date -u` with and without `-d 'N minutes ago'`; any other way to call it is left unknown."""
    now = datetime(2026, 12, 3, 10, 5, 0, tzinfo=UTC)
    assert date(["-u", "+%FT%TZ"], now) == "2026-12-03T10:05:00Z"
    assert date(["-u", "-d", "30 minutes ago", "+%Y-%m-%dT%H:%M:%SZ"], now) == "2026-12-03T09:35:00Z"
    assert date(["-u", "-d", "1 day ago", "+%s"], now) == str(int(now.timestamp()) - 86400)
    assert date(["-u", "-d", "last friday", "+%s"], now) == "" and date([], now) == ""
    assert date(["-u", "+%Y%m%d"], now) == ""  # part of a name of something that will be made
