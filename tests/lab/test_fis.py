"""FIS over its API: templates are checked, experiments really do what they say, and everything is undone."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.settings import ACCOUNT, CLUSTER, DATABASE, ERROR_ALARM, REGION, SERVICE
from tests.lab.bench import call, round_trip_ms, wait_until
from tests.lab.twin import Twin

ROLE = f"arn:aws:iam::{ACCOUNT}:role/foodconnect-fis-experiment"
NO_STOP = [{"source": "none"}]
ALARM_STOP = [{"source": "aws:cloudwatch:alarm", "value": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{ERROR_ALARM}"}]
SERVICE_TASKS = {
    "resourceType": "aws:ecs:task",
    "parameters": {"cluster": CLUSTER, "service": SERVICE},
    "selectionMode": "COUNT(1)",
}
DATABASES = {
    "resourceType": "aws:rds:db",
    "resourceArns": [f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{DATABASE}"],
    "selectionMode": "ALL",
}


def latency(**parameters: str) -> dict[str, Any]:
    """Return an action that delays what the tasks send."""
    plain = {"duration": "PT30S", "delayMilliseconds": "200", "jitterMilliseconds": "0", "sources": "127.0.0.1"}
    return {
        "actionId": "aws:ecs:task-network-latency",
        "parameters": {**plain, **parameters},
        "targets": {"Tasks": "tasks"},
    }


STOP_TASK = {"actionId": "aws:ecs:stop-task", "targets": {"Tasks": "tasks"}}
WAIT = {"actionId": "aws:fis:wait", "parameters": {"duration": "PT1S"}}


class Lease:
    """Makes templates and starts experiments; at the end all are stopped."""

    def __init__(self, lab: Twin) -> None:
        self.lab = lab
        self.started: list[str] = []

    def template(self, actions: Mapping[str, Any], targets: Mapping[str, Any] | None = None, **more: Any) -> str:
        """Make a template; return its identifier."""
        whole = {"description": "test", "roleArn": ROLE, "stopConditions": NO_STOP, **more}
        made = self.lab.fis.create_experiment_template(
            clientToken=uuid.uuid4().hex, actions=actions, targets=targets or {}, **whole
        )
        return made["experimentTemplate"]["id"]

    def start(self, template: str, **more: Any) -> str:
        """Start an experiment; return its identifier."""
        answer = self.lab.fis.start_experiment(
            **{"clientToken": uuid.uuid4().hex, **more}, experimentTemplateId=template
        )
        self.started.append(answer["experiment"]["id"])
        return self.started[-1]

    def play(self, actions: Mapping[str, Any], targets: Mapping[str, Any] | None = None, **more: Any) -> str:
        """Make a template and start it."""
        return self.start(self.template(actions, targets, **more))

    def get(self, experiment: str) -> Any:
        """Return an experiment."""
        return self.lab.fis.get_experiment(id=experiment)["experiment"]

    def status(self, experiment: str) -> str:
        """Return an experiment's status."""
        return str(self.get(experiment)["state"]["status"])

    def wait(self, experiment: str, status: str, within_s: float = 10) -> Any:
        """Wait for a status; return the experiment."""
        wait_until(
            lambda: self.status(experiment) == status, within_s, f"{status}, not {self.get(experiment)['state']}"
        )
        return self.get(experiment)

    def wait_slow(self, experiment: str) -> float:
        """Wait until a latency of this experiment is in force; return since when."""
        return float(self.lab.wait_truth("latency.on", since=0, experiment=experiment)["t"])

    def targets(self, experiment: str) -> list[str]:
        """Return the ARNs that the experiment's targets were resolved to."""
        found = self.lab.fis.list_experiment_resolved_targets(experimentId=experiment)["resolvedTargets"]
        return [value for each in found for value in each["targetInformation"].values()]

    def close(self) -> None:
        """Stop what still runs."""
        for experiment in self.started:
            if self.status(experiment) in ("initiating", "running"):
                self.lab.fis.stop_experiment(id=experiment)
        wait_until(
            lambda: all(self.status(each) in ("completed", "stopped", "failed", "cancelled") for each in self.started),
            10,
            "all ended",
        )


@pytest.fixture
def fis(lab: Twin) -> Iterator[Lease]:
    """FIS on the lab; no experiment outlives the test."""
    lease = Lease(lab)
    try:
        yield lease
    finally:
        lease.close()


def times_ms(lab: Twin) -> dict[str, float]:
    """Return how long each task takes to answer a request that asks the database; by the task's ARN."""
    found = {}
    for arn in lab.task_arns():
        details = lab.task(arn)["attachments"][0]["details"]
        host = next(each["value"] for each in details if each["name"] == "privateIPv4Address")
        found[arn] = min(call((host, 8080), "GET", "/posts?limit=1").ms for _ in range(3))
    return found


@pytest.mark.parametrize(
    ("words", "actions", "targets"),
    [
        ("aws:ecs:task-teleport", {"a": {**STOP_TASK, "actionId": "aws:ecs:task-teleport"}}, {"tasks": SERVICE_TASKS}),
        ("delay", {"a": latency(delay="200")}, {"tasks": SERVICE_TASKS}),
        ("duration", {"a": {**STOP_TASK, "actionId": "aws:ecs:task-network-latency"}}, {"tasks": SERVICE_TASKS}),
        ("5 minutes", {"a": latency(duration="5 minutes")}, {"tasks": SERVICE_TASKS}),
        ("PT13H", {"a": latency(duration="PT13H")}, {"tasks": SERVICE_TASKS}),
        ("flowsPercent", {"a": latency(flowsPercent="0")}, {"tasks": SERVICE_TASKS}),
        ("Cluster", {"a": {**STOP_TASK, "targets": {"Cluster": "tasks"}}}, {"tasks": SERVICE_TASKS}),
        ("none", {"a": {**STOP_TASK, "targets": {}}}, {}),
        ("nobody", {"a": {**STOP_TASK, "targets": {"Tasks": "nobody"}}}, {}),
        ("aws:rds:db", {"a": {**STOP_TASK, "targets": {"Tasks": "db"}}}, {"db": DATABASES}),
        ("aws:ecs:pod", {"a": STOP_TASK}, {"tasks": {**SERVICE_TASKS, "resourceType": "aws:ecs:pod"}}),
        ("SOME(1)", {"a": STOP_TASK}, {"tasks": {**SERVICE_TASKS, "selectionMode": "SOME(1)"}}),
        ("tags", {"a": STOP_TASK}, {"tasks": {"resourceType": "aws:ecs:task", "selectionMode": "ALL"}}),
        ("later", {"a": {**WAIT, "startAfter": ["later"]}}, {}),
        ("circle", {"a": {**WAIT, "startAfter": ["b"]}, "b": {**WAIT, "startAfter": ["a"]}}, {}),
        ("unused", {"a": WAIT}, {"unused": SERVICE_TASKS}),
    ],
)
def test_invented_names_are_refused(fis: Lease, words: str, actions: dict[str, Any], targets: dict[str, Any]) -> None:
    """A template with an action, parameter, target or value that FIS does not know: ValidationException, naming it."""
    with pytest.raises(ClientError) as refused:
        fis.template(actions, targets)
    error = refused.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert words in error["Message"]


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


def test_latency_is_felt_by_the_target_only_and_ends_by_itself(fis: Lease) -> None:
    """200 ms towards the database on one of three tasks; nobody asks, and after its duration it is off."""
    before = times_ms(fis.lab)
    began = time.time()
    experiment = fis.play({"slow": latency(duration="PT4S")}, {"tasks": SERVICE_TASKS})
    on = fis.lab.wait_truth("latency.on", since=began)
    (arn,) = fis.targets(experiment)
    during = times_ms(fis.lab)
    assert max(before.values()) < 150
    assert during[arn] >= 200
    assert max(ms for each, ms in during.items() if each != arn) < 150
    off = fis.lab.wait_truth("latency.off", since=began)
    assert 4 <= off["t"] - on["t"] < 4.3
    assert max(times_ms(fis.lab).values()) < 150
    fis.wait(experiment, "completed")


def test_latency_on_all_sources_reaches_the_load_balancer(fis: Lease) -> None:
    """Sources ALL: what a task answers is delayed too, also where no database is asked."""
    targets = {"tasks": {**SERVICE_TASKS, "selectionMode": "ALL"}}
    experiment = fis.play({"slow": latency(sources="ALL")}, targets)

    def slowed() -> set[tuple[str, str]]:
        events = fis.lab.truth("latency.on", experiment=experiment)
        return {(each["task"], each["link"].partition("-")[0]) for each in events}

    wait_until(lambda: len(slowed()) == 6, 5, "both links of three tasks")
    tasks = [arn.rpartition("/")[2] for arn in fis.targets(experiment)]
    assert slowed() == {(task, link) for task in tasks for link in ("db", "eni")}
    assert fis.lab.get("/health").ms >= 200
    fis.lab.fis.stop_experiment(id=experiment)
    fis.wait(experiment, "stopped")
    assert fis.lab.get("/health").ms < 150


def test_latency_elsewhere_is_not_felt(fis: Lease) -> None:
    """Sources that do not hold the database: the experiment runs, and no link is touched."""
    began = time.time()
    experiment = fis.play({"slow": latency(sources="10.0.20.0/24,S3")}, {"tasks": SERVICE_TASKS})
    fis.wait(experiment, "running")
    assert max(times_ms(fis.lab).values()) < 150
    assert not fis.lab.truth("latency.on", since=began)


def test_stopped_experiment_is_undone(fis: Lease) -> None:
    """StopExperiment in the middle of a latency: stopped, undone at once, and what had not begun is cancelled."""
    actions = {"slow": latency(), "later": {**WAIT, "startAfter": ["slow"]}}
    experiment = fis.play(actions, {"tasks": SERVICE_TASKS})
    began = fis.wait_slow(experiment)
    fis.lab.fis.stop_experiment(id=experiment)
    ended = fis.wait(experiment, "stopped")
    assert {name: each["state"]["status"] for name, each in ended["actions"].items()} == {
        "slow": "stopped",
        "later": "cancelled",
    }
    assert fis.lab.truth("latency.off", since=began)[0]["t"] - began < 2
    with pytest.raises(ClientError) as refused:
        fis.lab.fis.stop_experiment(id=experiment)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


@contextmanager
def alarm_back_to_ok(lab: Twin) -> Iterator[None]:
    """Set the alarm to OK at the end."""
    try:
        yield
    finally:
        lab.cloudwatch.set_alarm_state(AlarmName=ERROR_ALARM, StateValue="OK", StateReason="test over")


def test_short_alarm_stops_the_experiment(fis: Lease) -> None:
    """An alarm that goes to ALARM and at once back to OK is a stop condition met; everything is undone."""
    experiment = fis.play({"slow": latency()}, {"tasks": SERVICE_TASKS}, stopConditions=ALARM_STOP)
    fis.wait_slow(experiment)
    with alarm_back_to_ok(fis.lab):
        fis.lab.cloudwatch.set_alarm_state(AlarmName=ERROR_ALARM, StateValue="ALARM", StateReason="test")
    ended = fis.wait(experiment, "stopped")
    assert "stop condition" in ended["state"]["reason"]
    assert max(times_ms(fis.lab).values()) < 150


def test_evaluated_alarm_stops_the_experiment(fis: Lease) -> None:
    """An alarm that nobody sets, but that its own evaluation turns, ends the experiment within seconds."""
    cloudwatch, name = fis.lab.cloudwatch, "foodconnect-heartbeat"

    def put(treatment: str) -> None:
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="FoodConnect",
            MetricName="Heartbeat",
            Statistic="Sum",
            Period=10,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="LessThanThreshold",
            TreatMissingData=treatment,
        )

    put("notBreaching")
    try:
        [alarm] = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        stop = [{"source": "aws:cloudwatch:alarm", "value": alarm["AlarmArn"]}]
        experiment = fis.play({"slow": latency()}, {"tasks": SERVICE_TASKS}, stopConditions=stop)
        fis.wait_slow(experiment)
        began = time.time()
        put("breaching")  # no heartbeat is there
        assert "stop condition" in fis.wait(experiment, "stopped")["state"]["reason"]
        assert fis.lab.truth("latency.off", since=began)[0]["t"] - began < 2
    finally:
        cloudwatch.delete_alarms(AlarmNames=[name])


def test_composite_alarm_stops_the_experiment(fis: Lease) -> None:
    """A stop condition on a composite alarm is met as soon as its child makes it ring; everything is undone."""
    cloudwatch, name = fis.lab.cloudwatch, "foodconnect-chaos-stop"
    cloudwatch.put_composite_alarm(AlarmName=name, AlarmRule=f"ALARM({ERROR_ALARM}) OR FALSE")
    [alarm] = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    try:
        stop = [{"source": "aws:cloudwatch:alarm", "value": alarm["AlarmArn"]}]
        experiment = fis.play({"slow": latency()}, {"tasks": SERVICE_TASKS}, stopConditions=stop)
        fis.wait_slow(experiment)
        with alarm_back_to_ok(fis.lab):
            cloudwatch.set_alarm_state(AlarmName=ERROR_ALARM, StateValue="ALARM", StateReason="test")
        assert "stop condition" in fis.wait(experiment, "stopped")["state"]["reason"]
    finally:
        cloudwatch.delete_alarms(AlarmNames=[name])
    assert max(times_ms(fis.lab).values()) < 150


def test_alarm_that_is_on_already_stops_it_before_it_acts(fis: Lease) -> None:
    """Started while its stop condition is met, an experiment touches nothing."""
    began = time.time()
    with alarm_back_to_ok(fis.lab):
        fis.lab.cloudwatch.set_alarm_state(AlarmName=ERROR_ALARM, StateValue="ALARM", StateReason="test")
        experiment = fis.play({"stop": STOP_TASK}, {"tasks": SERVICE_TASKS}, stopConditions=ALARM_STOP)
        fis.wait(experiment, "stopped")
    assert not fis.lab.truth("task.stop_requested", since=began)


def test_dry_run_resolves_and_touches_nothing(fis: Lease) -> None:
    """actionsMode skip-all: completed, its actions skipped, its targets resolved, no task stopped."""
    began = time.time()
    template = fis.template({"stop": STOP_TASK}, {"tasks": {**SERVICE_TASKS, "selectionMode": "PERCENT(70)"}})
    experiment = fis.start(template, experimentOptions={"actionsMode": "skip-all"})
    ended = fis.wait(experiment, "completed")
    assert ended["actions"]["stop"]["state"]["status"] == "skipped"
    assert len(fis.targets(experiment)) == 2
    assert not fis.lab.truth("task.stop_requested", since=began)


def test_same_token_is_the_same_experiment(fis: Lease) -> None:
    """A repeated StartExperiment, as a client does after a lost answer, starts nothing twice."""
    template, token = fis.template({"a": WAIT}), uuid.uuid4().hex
    assert fis.start(template, clientToken=token) == fis.start(template, clientToken=token)


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


def test_two_network_faults_on_one_task_are_refused(fis: Lease) -> None:
    """A task whose network is disturbed already takes no second fault; the first stays in force."""
    arn = fis.lab.task_arns()[0]
    target = {"resourceType": "aws:ecs:task", "resourceArns": [arn], "selectionMode": "ALL"}
    first = fis.play({"slow": latency()}, {"tasks": target})
    fis.wait_slow(first)
    second = fis.play({"slow": latency()}, {"tasks": target})
    fis.wait(second, "failed")
    assert fis.status(first) == "running"
    assert times_ms(fis.lab)[arn] >= 200


def test_fault_of_a_task_that_was_stopped_is_undone_without_it(fis: Lease) -> None:
    """The slowed task is stopped meanwhile: its link is gone, the truth says so, and the experiment ends well."""
    began = time.time()
    experiment = fis.play({"slow": latency(duration="PT4S")}, {"tasks": SERVICE_TASKS})
    fis.wait_slow(experiment)
    (arn,) = fis.targets(experiment)
    fis.lab.ecs.stop_task(cluster=CLUSTER, task=arn)
    fis.wait(experiment, "completed")
    assert [event["gone"] for event in fis.lab.truth("latency.off", since=began)] == [True]


def test_delay_can_be_measured_through_the_link(fis: Lease) -> None:
    """A question to the database through the slowed task's link takes as long as said, and no longer once stopped."""
    experiment = fis.play({"slow": latency()}, {"tasks": SERVICE_TASKS})
    fis.wait_slow(experiment)
    links = fis.lab.links()
    [slowed] = [state for state in links.values() if state.fault.latency_ms]
    plain = [state for name, state in links.items() if name.startswith("db-") and not state.fault.latency_ms]
    assert len(plain) == 2
    assert 195 < round_trip_ms(slowed.listen) < 400
    assert max(round_trip_ms(state.listen) for state in plain) < 100
    fis.lab.fis.stop_experiment(id=experiment)
    fis.wait(experiment, "stopped")
    assert round_trip_ms(slowed.listen) < 100
    assert not [state for state in fis.lab.links().values() if state.fault.latency_ms]


def test_database_is_rebooted(fis: Lease) -> None:
    """aws:rds:reboot-db-instances without failover: the real primary restarts."""
    began = time.time()
    experiment = fis.play(
        {"reboot": {"actionId": "aws:rds:reboot-db-instances", "targets": {"DBInstances": "db"}}}, {"db": DATABASES}
    )
    fis.wait(experiment, "completed")
    fis.lab.wait_truth("primary.restarted", since=began)


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


def test_safety_lever_stops_everything(fis: Lease) -> None:
    """Engaged: what runs is stopped and undone, what starts is cancelled; disengaged, experiments run again."""
    running = fis.play({"slow": latency()}, {"tasks": SERVICE_TASKS})
    fis.wait_slow(running)
    lever = fis.lab.fis.update_safety_lever_state(id="default", state={"status": "engaged", "reason": "enough"})
    try:
        assert lever["safetyLever"]["state"] == {"status": "engaged", "reason": "enough"}
        fis.wait(running, "stopped")
        assert fis.status(fis.play({"a": WAIT})) == "cancelled"
    finally:
        fis.lab.fis.update_safety_lever_state(id="default", state={"status": "disengaged", "reason": "test over"})
    assert fis.lab.fis.get_safety_lever(id="default")["safetyLever"]["state"]["status"] == "disengaged"
    fis.wait(fis.play({"a": WAIT}), "completed")


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
