"""A schedule in the lab's EventBridge Scheduler: put in place, changed, found to differ, found without a plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import lab.aws.scheduler
from gameday.aws import Aws
from gameday.config import Environment
from gameday.day.plan import When
from gameday.errors import Refusal, UsageError
from gameday.schedule.applying import apply, drift
from gameday.schedule.eventbridge import requests
from gameday.schedule.plans import Scheduled
from tests.gameday.schedule.test_eventbridge import RUNNER, STAGING, scheduled
from tests.lab.aws.served import Api

assert lab.aws.scheduler.RETRIES  # imported for its handlers


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """The lab's API on a free port."""
    served = Api(tmp_path)
    try:
        yield served
    finally:
        served.close()


@pytest.fixture
def here(api: Api) -> Environment:
    """The environment `staging`, as if it were in this lab."""
    return replace(STAGING, kind="lab", endpoint=api.url)


def test_a_schedule_is_created_changed_and_left_as_it_is(api: Api, here: Environment) -> None:
    """The second time nothing is changed; with another time it is; every call fits what AWS takes."""
    aws = Aws(here)
    assert apply(aws, requests(scheduled(), here, RUNNER)).startswith("created arn:aws:scheduler:")
    assert apply(aws, requests(scheduled(), here, RUNNER)).endswith("nothing was changed")
    later = scheduled(When(cron="30 10 * * WED", zone="Europe/Dublin"))
    assert apply(aws, requests(later, here, RUNNER)).startswith("changed arn:aws:scheduler:")
    known = api.client("scheduler").get_schedule(Name="weekly", GroupName="gameday-staging")
    assert known["ScheduleExpression"] == "cron(30 10 ? * WED *)"
    assert known["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 0


def test_what_differs_from_its_plan_is_named(api: Api, here: Environment) -> None:
    """Changed by hand, without a plan, due without a schedule; read only, and nothing of other groups."""
    aws = Aws(here)
    reader = Aws(here, read_only=True)
    plan = scheduled()
    assert [one.what for one in drift(reader, [plan], [])] == [
        "plans/weekly.yaml is due and has no schedule here; another scheduler may start it"
    ]
    apply(aws, requests(plan, here, RUNNER))
    assert drift(reader, [plan], []) == []
    client = api.client("scheduler")
    for name in ("old", "other"):
        client.create_schedule(**{**requests(plan, here, RUNNER).schedule, "Name": name})
    client.create_schedule(**{**requests(plan, here, RUNNER).schedule, "Name": "foreign", "GroupName": "default"})
    client.update_schedule(**{**requests(plan, here, RUNNER).schedule, "State": "DISABLED"})
    found = drift(reader, [plan, Scheduled("plans/unset.yaml", scheduled(When()).plan)], ["other"])
    assert [(one.name, one.what.partition(",")[0].partition(";")[0]) for one in found] == [
        ("old", "no plan is called so any more"),
        ("weekly", "State is DISABLED"),
    ]
    with pytest.raises(Refusal, match="changes nothing"):
        apply(reader, requests(scheduled(When(cron="0 9 * * *")), here, RUNNER))


def test_what_aws_does_not_take_is_told_with_its_reason(here: Environment) -> None:
    """A wrong role: AWS's own words."""
    with pytest.raises(UsageError, match=r"does not take the schedule weekly: .*gameday is not the ARN of a role"):
        apply(Aws(here), requests(scheduled(), here, replace(RUNNER, role="gameday")))
