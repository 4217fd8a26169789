"""FIS checks templates: whatever it does not know or allow is refused by name, and nothing is kept of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.lab.aws.asleep import Asleep, asleep
from tests.lab.fis_words import (
    ALARM_ARN,
    ALARM_STOP,
    CLUSTERS,
    DATABASES,
    SERVICE_TASKS,
    STOP_TASK,
    WAIT,
    latency,
    on_tasks,
)
from tests.lab.fis_words import body as whole

TASKS = {"tasks": SERVICE_TASKS}
BY_TAG = {"resourceType": "aws:ecs:task", "resourceTags": {"chaos": "allowed"}, "selectionMode": "ALL"}
FAIL_OVER = {"actionId": "aws:rds:failover-db-cluster", "targets": {"Clusters": "db"}}
TASK_ARN = "arn:aws:ecs:eu-west-1:123456789012:task/foodconnect-cluster/0"
NOTHING = {"resourceType": "aws:ecs:task", "selectionMode": "ALL"}
HOLE = {"duration": "PT1M", "port": "5432", "trafficType": "egress"}
BAD_ARN = {"resourceType": "aws:rds:db", "resourceArns": ["instance/foodconnect-db"], "selectionMode": "ALL"}
NO_ALARM = {"source": "aws:cloudwatch:alarm", "value": "arn:aws:sns:eu-west-1:123456789012:alarm:x"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asleep]:
    """One lab that is asleep, for this file."""
    with asleep(tmp_path_factory.mktemp("asleep")) as lab:
        yield lab


def assertion(**parameters: str) -> dict[str, Any]:
    """Return an action that looks at alarms."""
    return {
        "actionId": "aws:cloudwatch:assert-alarm-state",
        "parameters": {"alarmArns": ALARM_ARN, "alarmStates": "OK", **parameters},
    }


def filtered(path: str, *values: str, **target: Any) -> dict[str, Any]:
    """Return targets with a filter."""
    return {"tasks": {**SERVICE_TASKS, "filters": [{"path": path, "values": list(values)}], **target}}


# what the message must name, and the request
REFUSED: list[tuple[str, dict[str, Any]]] = [
    # actions and their targets
    ("invalid action id: aws:ecs:task-teleport", whole({"a": on_tasks("task-teleport")}, TASKS)),
    ("that the lab does not play", whole({"a": {"actionId": "aws:network:disrupt-connectivity"}})),
    ("that the lab does not play", whole({"a": {"actionId": "aws:ssm:send-command"}})),
    ('Unexpected target "Cluster" found in action "a"', whole({"a": {**STOP_TASK, "targets": {"Cluster": "tasks"}}})),
    ('Unexpected target "Tasks" found', whole({"a": {**WAIT, "targets": {"Tasks": "tasks"}}}, TASKS)),
    ('misses the target "Tasks"', whole({"a": {**STOP_TASK, "targets": {}}})),
    ("nobody", whole({"a": {**STOP_TASK, "targets": {"Tasks": "nobody"}}})),
    ("is of aws:rds:db", whole({"a": {**STOP_TASK, "targets": {"Tasks": "db"}}}, {"db": DATABASES})),
    ("is of aws:rds:db", whole({"a": FAIL_OVER}, {"db": DATABASES})),
    ("at least one action", whole({})),
    # parameters
    ("unknown parameter: delay", whole({"a": latency(delay="200")}, TASKS)),
    ("unknown parameter: force", whole({"a": on_tasks("stop-task", force="true")}, TASKS)),
    ("required parameter: duration", whole({"a": on_tasks("task-network-latency")}, TASKS)),
    ("required parameter: duration", whole({"a": on_tasks("task-network-blackhole-port", port="80")}, TASKS)),
    ("required parameter: processName", whole({"a": on_tasks("task-kill-process")}, TASKS)),
    ("5 minutes", whole({"a": latency(duration="5 minutes")}, TASKS)),
    ("PT13H", whole({"a": latency(duration="PT13H")}, TASKS)),
    ("PT0S", whole({"a": latency(duration="PT0S")}, TASKS)),
    ("flowsPercent", whole({"a": latency(flowsPercent="0")}, TASKS)),
    ("delayMilliseconds", whole({"a": latency(delayMilliseconds="-5")}, TASKS)),
    ("jitterMilliseconds", whole({"a": latency(jitterMilliseconds="1.5")}, TASKS)),
    ("sources", whole({"a": latency(sources="10.0.0.0/33")}, TASKS)),
    ("sources", whole({"a": latency(sources="10.0.0.1, 10.0.0.2")}, TASKS)),
    ("sources", whole({"a": latency(sources="2001:db8::1")}, TASKS)),
    ("useEcsFaultInjectionEndpoints", whole({"a": latency(useEcsFaultInjectionEndpoints="yes")}, TASKS)),
    ("lossPercent", whole({"a": on_tasks("task-network-packet-loss", duration="PT1M", lossPercent="101")}, TASKS)),
    ("port", whole({"a": on_tasks("task-network-blackhole-port", **{**HOLE, "port": "70000"})}, TASKS)),
    ("trafficType", whole({"a": on_tasks("task-network-blackhole-port", **{**HOLE, "trafficType": "in"})}, TASKS)),
    ("protocol", whole({"a": on_tasks("task-network-blackhole-port", **HOLE, protocol="icmp")}, TASKS)),
    ("signal", whole({"a": on_tasks("task-kill-process", processName="app", signal="SIGHUP")}, TASKS)),
    ("percent", whole({"a": on_tasks("task-cpu-stress", duration="PT1M", percent="101")}, TASKS)),
    ("percent", whole({"a": on_tasks("task-io-stress", duration="PT1M", percent="0")}, TASKS)),
    ("workers", whole({"a": on_tasks("task-io-stress", duration="PT1M", workers="0")}, TASKS)),
    ("alarmStates", whole({"a": assertion(alarmStates="GOOD")})),
    ("alarmArns", whole({"a": assertion(alarmArns="foodconnect-error-rate")})),
    ("at most 5", whole({"a": assertion(alarmArns=",".join([ALARM_ARN] * 6))})),
    # targets
    ("aws:ecs:pod", whole({"a": STOP_TASK}, {"tasks": {**SERVICE_TASKS, "resourceType": "aws:ecs:pod"}})),
    ("SOME(1)", whole({"a": STOP_TASK}, {"tasks": {**SERVICE_TASKS, "selectionMode": "SOME(1)"}})),
    ("COUNT(0)", whole({"a": STOP_TASK}, {"tasks": {**SERVICE_TASKS, "selectionMode": "COUNT(0)"}})),
    ("PERCENT(101)", whole({"a": STOP_TASK}, {"tasks": {**SERVICE_TASKS, "selectionMode": "PERCENT(101)"}})),
    ("tags or parameters", whole({"a": STOP_TASK}, {"tasks": NOTHING})),
    ("must not combine", whole({"a": STOP_TASK}, {"tasks": {**SERVICE_TASKS, "resourceArns": [TASK_ARN]}})),
    ("5 resource ARNs", whole({"a": STOP_TASK}, {"tasks": {**NOTHING, "resourceArns": [TASK_ARN] * 6}})),
    ("invalid resource ARN: instance/", whole({"a": FAIL_OVER}, {"db": BAD_ARN})),
    ("unknown parameter: zone", whole({"a": STOP_TASK}, {"tasks": {**BY_TAG, "parameters": {"zone": "a"}}})),
    ("filter path: availabilityZone", whole({"a": STOP_TASK}, filtered("availabilityZone", "eu-west-1a"))),
    ("filter path: Zone", whole({"a": STOP_TASK}, filtered("Zone", "eu-west-1a"))),
    ("filter path: Containers", whole({"a": STOP_TASK}, filtered("Containers", "app"))),
    ("filter path: LastStatus.Name", whole({"a": STOP_TASK}, filtered("LastStatus.Name", "RUNNING"))),
    ("has no values", whole({"a": STOP_TASK}, filtered("LastStatus"))),
    ('"unused" is not used', whole({"a": WAIT}, {"unused": SERVICE_TASKS})),
    ("no spaces", whole({"a": {**STOP_TASK, "targets": {"Tasks": "my tasks"}}}, {"my tasks": SERVICE_TASKS})),
    # the order of actions
    ("later", whole({"a": {**WAIT, "startAfter": ["later"]}})),
    ("circle: a", whole({"a": {**WAIT, "startAfter": ["a"]}})),
    ("circle: a, b", whole({"a": {**WAIT, "startAfter": ["b"]}, "b": {**WAIT, "startAfter": ["a"]}, "c": WAIT})),
    # the rest of the template
    ("role ARN", whole({"a": WAIT}, roleArn="arn:aws:iam::123456789012:user/somebody")),
    ("description", whole({"a": WAIT}, description="x" * 513)),
    ("a stop condition", whole({"a": WAIT}, stopConditions=[])),
    ("alarm:x", whole({"a": WAIT}, stopConditions=[NO_ALARM])),
    ("aws:health", whole({"a": WAIT}, stopConditions=[{"source": "aws:health", "value": ALARM_ARN}])),
    ("excludes others", whole({"a": WAIT}, stopConditions=[{"source": "none"}, *ALARM_STOP])),
    ("one account", whole({"a": WAIT}, experimentOptions={"accountTargeting": "multi-account"})),
    ("emptyTargetResolutionMode", whole({"a": WAIT}, experimentOptions={"emptyTargetResolutionMode": "ignore"})),
    ("logSchemaVersion", whole({"a": WAIT}, logConfiguration={"logSchemaVersion": 7})),
    ("log group ARN", whole({"a": WAIT}, logConfiguration={
        "logSchemaVersion": 2, "cloudWatchLogsConfiguration": {"logGroupArn": "arn:aws:logs:eu-west-1:123456789012:x"},
    })),
    ("preExperimentDuration", whole({"a": WAIT}, experimentReportConfiguration={"preExperimentDuration": "ten"})),
]  # fmt: skip


@pytest.mark.parametrize(("words", "request_"), REFUSED)
def test_what_fis_does_not_know_is_refused(lab: Asleep, words: str, request_: dict[str, Any]) -> None:
    """ValidationException that names what is wrong, and no template is left of it."""
    fis = lab.fis
    with pytest.raises(ClientError) as refused:
        fis.create_experiment_template(clientToken=uuid4().hex, **request_)
    error = refused.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert words in error["Message"]
    assert fis.list_experiment_templates()["experimentTemplates"] == []


@pytest.mark.parametrize("member", ["roleArn", "description", "actions", "stopConditions"])
def test_missing_members_are_refused(lab: Asleep, member: str) -> None:
    """A client that checks nothing itself is told what its request lacks."""
    request = whole({"a": WAIT})
    del request[member]
    with pytest.raises(ClientError) as refused:
        lab.client("fis", parameter_validation=False).create_experiment_template(clientToken=uuid4().hex, **request)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_limits_are_quotas(lab: Asleep) -> None:
    """More than 20 actions, and more than 5 stop conditions, exceed what FIS allows."""
    many = {f"a{n}": WAIT for n in range(21)}
    for request in (whole(many), whole({"a": WAIT}, stopConditions=ALARM_STOP * 6)):
        with pytest.raises(ClientError) as refused:
            lab.fis.create_experiment_template(clientToken=uuid4().hex, **request)
        assert refused.value.response["Error"]["Code"] == "ServiceQuotaExceededException"


ACCEPTED: list[dict[str, Any]] = [
    whole({"a": latency(duration="PT12H", sources="10.0.20.0/24,10.0.3.4,db.example.com,eu-west-1a,S3")}, TASKS),
    whole({"a": latency(duration="P0DT5M", delayMilliseconds="0", flowsPercent="1")}, TASKS),
    whole({"a": on_tasks("task-network-packet-loss", duration="PT1M")}, TASKS),
    whole({"a": on_tasks("task-network-blackhole-port", **HOLE, protocol="udp", installDependencies="False")}, TASKS),
    whole({"a": on_tasks("task-cpu-stress", duration="PT1M"), "b": on_tasks("task-io-stress", duration="PT1M")}, TASKS),
    whole({"a": on_tasks("task-kill-process", processName="uvicorn", signal="SIGKILL")}, TASKS),
    whole({"a": STOP_TASK}, filtered("Containers.LastStatus", "RUNNING")),
    whole({"a": FAIL_OVER}, {"db": {**DATABASES, "resourceType": "aws:rds:cluster"}}),
    whole({"a": {
        "actionId": "aws:ecs:drain-container-instances", "targets": {"Clusters": "c"},
        "parameters": {"drainagePercentage": "50", "duration": "PT5M"},
    }}, {"c": CLUSTERS}),
    whole({f"a{n}": WAIT for n in range(20)}, stopConditions=ALARM_STOP * 5),
    whole({"a": assertion(alarmStates="OK,INSUFFICIENT_DATA")}, logConfiguration={
        "logSchemaVersion": 2,
        "cloudWatchLogsConfiguration": {"logGroupArn": "arn:aws:logs:eu-west-1:123456789012:log-group:/fis:*"},
    }),
]  # fmt: skip


@pytest.mark.parametrize("request_", ACCEPTED)
def test_what_fis_knows_is_kept_as_given(lab: Asleep, request_: dict[str, Any]) -> None:
    """A right template is kept and given back member by member."""
    fis = lab.fis
    made = fis.create_experiment_template(clientToken=uuid4().hex, **request_)["experimentTemplate"]["id"]
    try:
        found = fis.get_experiment_template(id=made)["experimentTemplate"]
        assert {name: found[name] for name in request_} == request_  # type: ignore[literal-required]
    finally:
        fis.delete_experiment_template(id=made)
