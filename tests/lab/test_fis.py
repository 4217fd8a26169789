"""FIS on a running lab: targets are found, actions really done, in their order, and told as they are."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.settings import CLUSTER, ERROR_ALARM
from tests.lab.bench import wait_until
from tests.lab.fis_lease import Lease
from tests.lab.fis_words import ALARM_STOP, DATABASES, SERVICE_TASKS, STOP_TASK, WAIT


def test_templates_can_be_listed_and_deleted(fis: Lease) -> None:
    """A template is described as it was given, listed, and gone once deleted."""
    name = fis.template({"a": WAIT}, tags={"Name": "seven"})
    found = fis.lab.fis.get_experiment_template(id=name)["experimentTemplate"]
    assert found["actions"]["a"]["parameters"] == WAIT["parameters"]
    assert found["tags"] == {"Name": "seven"}
    assert name in {each["id"] for each in fis.lab.fis.list_experiment_templates()["experimentTemplates"]}
    fis.lab.fis.delete_experiment_template(id=name)
    with pytest.raises(ClientError) as gone:
        fis.lab.fis.get_experiment_template(id=name)
    assert gone.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_stop_task_stops_as_many_as_asked(fis: Lease) -> None:
    """COUNT(1) of the service's tasks: exactly the resolved one is stopped, in the experiment's name."""
    began = time.time()
    experiment = fis.play({"stop": STOP_TASK}, {"tasks": SERVICE_TASKS})
    ended = fis.wait(experiment, "completed")
    (arn,) = fis.targets(experiment)
    (stopped,) = fis.lab.truth("task.stop_requested", since=began)
    assert arn.endswith(stopped["task"])
    assert experiment in fis.lab.task(arn)["stoppedReason"]
    assert ended["actions"]["stop"]["state"]["status"] == "completed"


def test_dry_run_resolves_and_touches_nothing(fis: Lease) -> None:
    """actionsMode skip-all: completed, its actions skipped, its targets resolved, no task stopped."""
    began = time.time()
    template = fis.template({"stop": STOP_TASK}, {"tasks": {**SERVICE_TASKS, "selectionMode": "PERCENT(70)"}})
    experiment = fis.start(template, experimentOptions={"actionsMode": "skip-all"})
    ended = fis.wait(experiment, "completed")
    assert ended["actions"]["stop"]["state"]["status"] == "skipped"
    assert len(fis.targets(experiment)) == 2
    assert not fis.lab.truth("task.stop_requested", since=began)


@pytest.mark.parametrize(
    "target",
    [
        {**SERVICE_TASKS, "selectionMode": "PERCENT(10)"},
        {"resourceType": "aws:ecs:task", "resourceTags": {"chaos": "never"}, "selectionMode": "ALL"},
        {**SERVICE_TASKS, "parameters": {"cluster": CLUSTER, "service": "other"}},
        {**SERVICE_TASKS, "filters": [{"path": "AvailabilityZone", "values": ["eu-west-1z"]}]},
    ],
)
def test_targets_that_mean_nothing_fail(fis: Lease, target: dict[str, Any]) -> None:
    """A tenth of three tasks, an unknown tag, service or zone: nothing is hit, and the experiment says so."""
    experiment = fis.play({"stop": STOP_TASK}, {"tasks": target})
    ended = fis.wait(experiment, "failed")
    assert ended["state"]["error"]["code"] == "InvalidTarget"
    assert ended["actions"]["stop"]["state"]["status"] == "cancelled"


def test_empty_targets_can_be_skipped(fis: Lease) -> None:
    """With emptyTargetResolutionMode skip the experiment completes, and its action says that it did nothing."""
    target = {"resourceType": "aws:ecs:task", "resourceTags": {"chaos": "never"}, "selectionMode": "ALL"}
    options = {"accountTargeting": "single-account", "emptyTargetResolutionMode": "skip"}
    experiment = fis.play({"stop": STOP_TASK}, {"tasks": target}, experimentOptions=options)
    assert fis.wait(experiment, "completed")["actions"]["stop"]["state"]["status"] == "skipped"


def test_targets_can_be_chosen_by_tag_and_zone(fis: Lease) -> None:
    """Tags and a filter on the zone find the one task that carries both."""
    target = {
        "resourceType": "aws:ecs:task",
        "resourceTags": {"chaos": "allowed"},
        "filters": [{"path": "AvailabilityZone", "values": ["eu-west-1b"]}],
        "selectionMode": "ALL",
    }
    template = fis.template({"stop": STOP_TASK}, {"tasks": target})
    experiment = fis.start(template, experimentOptions={"actionsMode": "skip-all"})
    fis.wait(experiment, "completed")
    (arn,) = fis.targets(experiment)
    assert fis.lab.task(arn)["availabilityZone"] == "eu-west-1b"


def test_actions_follow_each_other(fis: Lease) -> None:
    """startAfter: the second action begins when the first has ended, not before."""
    experiment = fis.play({"first": WAIT, "second": {**WAIT, "startAfter": ["first"]}})
    actions = fis.wait(experiment, "completed")["actions"]
    assert actions["first"]["endTime"] <= actions["second"]["startTime"]
    assert (actions["second"]["endTime"] - actions["first"]["startTime"]).total_seconds() >= 2


def test_database_is_rebooted(fis: Lease) -> None:
    """aws:rds:reboot-db-instances without failover: the real primary restarts."""
    began = time.time()
    experiment = fis.play(
        {"reboot": {"actionId": "aws:rds:reboot-db-instances", "targets": {"DBInstances": "db"}}}, {"db": DATABASES}
    )
    fis.wait(experiment, "completed")
    fis.lab.wait_truth("primary.restarted", since=began)


def moved(fis: Lease) -> bool:
    """Let FIS fail the database over; False when RDS abandons that, because it has just moved or has no standby."""
    began, reboot = time.time(), {"actionId": "aws:rds:reboot-db-instances", "targets": {"DBInstances": "db"}}
    experiment = fis.play({"reboot": {**reboot, "parameters": {"forceFailover": "true"}}}, {"db": DATABASES})
    fis.wait(experiment, "completed")
    assert fis.lab.wait_truth("reboot.asked", since=began)["experiment"] == experiment
    wait_until(lambda: fis.lab.truth("primary.killed", "failover.abandoned", since=began), 5, "RDS has decided")
    return bool(fis.lab.truth("primary.killed", since=began))


def test_database_fails_over(fis: Lease) -> None:
    """With forceFailover the real primary is killed, and the standby answers in the other zone."""
    zone, began = fis.lab.database()["AvailabilityZone"], time.time()
    wait_until(lambda: moved(fis), 20, "a failover that is not abandoned")
    fis.lab.wait_truth("primary.writable", since=began)
    wait_until(lambda: fis.lab.database()["DBInstanceStatus"] == "available", 15, "it is available")
    assert fis.lab.database()["AvailabilityZone"] != zone


def test_alarm_state_is_asserted(fis: Lease) -> None:
    """aws:cloudwatch:assert-alarm-state: the actions behind it only begin when the alarm is as asked."""
    alarm = {"alarmArns": ALARM_STOP[0]["value"], "alarmStates": "ALARM"}
    check = {"actionId": "aws:cloudwatch:assert-alarm-state", "parameters": alarm}
    began = time.time()
    actions = {"check": check, "stop": {**STOP_TASK, "startAfter": ["check"]}}
    fis.lab.cloudwatch.set_alarm_state(AlarmName=ERROR_ALARM, StateValue="OK", StateReason="test")
    experiment = fis.play(actions, {"tasks": SERVICE_TASKS})
    assert fis.wait(experiment, "failed")["actions"]["stop"]["state"]["status"] == "cancelled"
    assert not fis.lab.truth("task.stop_requested", since=began)


def test_actions_are_listed_with_their_parameters(fis: Lease) -> None:
    """ListActions and GetAction name what can be played, and which parameters are required."""
    names = {action["id"] for action in fis.lab.fis.list_actions()["actions"]}
    assert {"aws:ecs:stop-task", "aws:ecs:task-network-latency", "aws:rds:reboot-db-instances"} <= names
    action = fis.lab.fis.get_action(id="aws:ecs:task-network-latency")["action"]
    required = {name for name, each in action["parameters"].items() if each["required"]}
    assert required == {"duration"}
    assert action["targets"] == {"Tasks": {"resourceType": "aws:ecs:task"}}


def test_experiments_are_listed_newest_first(fis: Lease) -> None:
    """ListExperiments gives a template's experiments, the newest first."""
    template = fis.template({"a": WAIT})
    first, second = fis.start(template), fis.start(template)
    found = fis.lab.fis.list_experiments(experimentTemplateId=template)["experiments"]
    assert [each["id"] for each in found] == [second, first]
