"""What wakes the Lambda function, and its settings; what it does then is tested on a real lab."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gameday.errors import UsageError
from gameday.watch.aws_lambda import cause_of, options

NAMES = {"AWS_REGION": "eu-west-1", "GAMEDAY_WATCH_CLUSTER": "c", "GAMEDAY_WATCH_SERVICE": "s"}


def message(text: str) -> dict[str, Any]:
    """Return an SNS event."""
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": text}}]}


def alarm(state: str) -> dict[str, Any]:
    """Return an EventBridge event of an alarm."""
    return {"detail-type": "CloudWatch Alarm State Change", "detail": {"alarmName": "a", "state": {"value": state}}}


def deployment(arn: str) -> dict[str, Any]:
    """Return an EventBridge event of a deployment."""
    detail = {"eventName": "SERVICE_DEPLOYMENT_COMPLETED", "reason": "done"}
    return {"detail-type": "ECS Deployment State Change", "resources": [arn], "detail": detail}


@pytest.mark.parametrize(
    ("event", "looks"),
    [
        (message(json.dumps({"AlarmName": "a", "NewStateValue": "ALARM"})), True),
        (message(json.dumps({"AlarmName": "a", "NewStateValue": "OK"})), False),
        (alarm("ALARM"), True),
        (alarm("INSUFFICIENT_DATA"), False),
        (deployment("arn:aws:ecs:eu-west-1:1:service/c/s"), True),
        (deployment("arn:aws:ecs:eu-west-1:1:service/c/other"), False),
    ],
)
def test_what_is_worth_a_look(event: dict[str, Any], looks: bool) -> None:
    """An alarm that rings, and a deployment of the watched service; the rest says why not."""
    cause = cause_of(event, options(NAMES))
    assert (not cause.ignore) is looks
    assert cause.sentence


@pytest.mark.parametrize("event", [{}, {"detail-type": "Other"}, message("hello"), message("[1]")])
def test_an_unknown_event_is_an_error(event: dict[str, Any]) -> None:
    """It must not look like a release that was judged."""
    with pytest.raises(UsageError, match=r"known|CloudWatch alarm"):
        cause_of(event, options(NAMES))


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"GAMEDAY_WATCH_CLUSTER": "c"}, "GAMEDAY_WATCH_SERVICE is not set"),
        ({**NAMES, "GAMEDAY_WATCH_PERIOD_S": "minute"}, "GAMEDAY_WATCH_PERIOD_S is 'minute'; write a number"),
        ({**NAMES, "GAMEDAY_WATCH_PRESET": "slow"}, "write one of burn, seed"),
        ({**NAMES, "GAMEDAY_WATCH_DRY_RUN": "yes"}, "write one of false, true"),
    ],
)
def test_a_wrong_setting_is_named(variables: dict[str, str], told: str) -> None:
    """With what to write instead."""
    with pytest.raises(UsageError, match=told):
        options(variables)


def test_settings_are_read_in_one_place() -> None:
    """Every number has the pace of AWS's metrics unless it is given."""
    found = options({**NAMES, "GAMEDAY_WATCH_LOCK_TABLE": "locks", "GAMEDAY_WATCH_BY": "digest"})
    assert found.environment.lock_table == "locks"
    assert (found.environment.sampling.period_s, found.environment.watch.observe_s) == (60, 3600.0)
    assert (found.asked.manner.by, found.asked.manner.dry_run) == ("digest", False)
