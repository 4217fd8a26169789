"""FIS's records over its API: templates, tokens, quotas, the states an experiment goes through, and what it tells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from lab.aws.own_api import OwnApi
from tests.lab.aws.asleep import Asleep, asleep
from tests.lab.bench import wait_until
from tests.lab.fis_words import ALARM_STOP, CLUSTERS, DATABASES, SERVICE_TASKS, STOP_TASK, WAIT, body

if TYPE_CHECKING:
    from mypy_boto3_fis import FISClient

OVER = ("completed", "stopped", "failed", "cancelled")
LONG_WAIT = {"actionId": "aws:fis:wait", "parameters": {"duration": "PT1H"}}
REPORT = {"outputs": {"s3Configuration": {"bucketName": "evidence"}}, "preExperimentDuration": "PT5M"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asleep]:
    """One lab that is asleep, for this file."""
    with asleep(tmp_path_factory.mktemp("asleep")) as lab:
        yield lab


@pytest.fixture
def fis(lab: Asleep) -> Iterator[FISClient]:
    """A client; no template and no running experiment outlives the test."""
    client = lab.fis
    yield client
    for template in client.list_experiment_templates()["experimentTemplates"]:
        client.delete_experiment_template(id=template["id"])
    for each in client.list_experiments()["experiments"]:
        if each["state"]["status"] not in OVER:
            client.stop_experiment(id=each["id"])
            ended(client, each["id"])


def make(fis: FISClient, *actions: Any, **more: Any) -> str:
    """Make a template of these actions, which it names a0, a1 ...; return its identifier."""
    named = {f"a{n}": action for n, action in enumerate(actions)}
    made = fis.create_experiment_template(clientToken=uuid4().hex, **body(named, **more))
    return made["experimentTemplate"]["id"]


def play(fis: FISClient, template: str, **more: Any) -> str:
    """Start an experiment; return its identifier."""
    token = {"clientToken": uuid4().hex, **more}
    return fis.start_experiment(experimentTemplateId=template, **token)["experiment"]["id"]


def ended(fis: FISClient, experiment: str) -> Any:
    """Wait until it is over; return it."""
    wait_until(lambda: fis.get_experiment(id=experiment)["experiment"]["state"]["status"] in OVER, 10, "it is over")
    return fis.get_experiment(id=experiment)["experiment"]


def code_of(refused: pytest.ExceptionInfo[ClientError]) -> str:
    """Return an error's code."""
    return str(refused.value.response["Error"]["Code"])


def told(lab: Asleep, experiment: str) -> list[Any]:
    """Return the events about an experiment."""
    kept = [event.as_dict() for event in lab.world.events.kept]
    return [event for event in kept if event["detail"].get("experiment-id") == experiment]


def test_template_is_updated_as_a_whole(fis: FISClient) -> None:
    """UpdateExperimentTemplate replaces the members given, keeps the others, and refuses what creation refuses."""
    name = make(fis, WAIT, tags={"team": "backend"})
    before = fis.get_experiment_template(id=name)["experimentTemplate"]
    options: Any = {"emptyTargetResolutionMode": "skip"}
    after = fis.update_experiment_template(id=name, description="newer", experimentOptions=options)[
        "experimentTemplate"
    ]
    assert (after["description"], after["actions"], after["tags"]) == ("newer", before["actions"], {"team": "backend"})
    assert after["experimentOptions"] == {"accountTargeting": "single-account", "emptyTargetResolutionMode": "skip"}
    assert after["lastUpdateTime"] > before["lastUpdateTime"]
    assert after["creationTime"] == before["creationTime"]
    with pytest.raises(ClientError) as refused:
        fis.update_experiment_template(id=name, actions={"a": {"actionId": "aws:ecs:task-teleport"}})
    assert code_of(refused) == "ValidationException"
    assert fis.get_experiment_template(id=name)["experimentTemplate"]["actions"] == before["actions"]
    with pytest.raises(ClientError) as unknown:
        fis.update_experiment_template(id="EXT0", description="x")
    assert code_of(unknown) == "ResourceNotFoundException"


def test_running_experiment_keeps_the_template_it_began_with(fis: FISClient) -> None:
    """What is updated meanwhile counts for the next experiment only."""
    name = make(fis, LONG_WAIT)
    running = play(fis, name)
    actions: Any = {"b": WAIT}
    fis.update_experiment_template(id=name, actions=actions)
    assert list(fis.get_experiment(id=running)["experiment"]["actions"]) == ["a0"]
    assert list(fis.get_experiment(id=play(fis, name))["experiment"]["actions"]) == ["b"]


def test_tokens_make_requests_repeatable(fis: FISClient) -> None:
    """The same token and request give the same template and experiment; with another request it is a conflict."""
    token = uuid4().hex
    first = fis.create_experiment_template(clientToken=token, **body({"a": LONG_WAIT}))["experimentTemplate"]["id"]
    again = fis.create_experiment_template(clientToken=token, **body({"a": LONG_WAIT}))["experimentTemplate"]["id"]
    assert first == again
    with pytest.raises(ClientError) as other:
        fis.create_experiment_template(clientToken=token, **body({"a": WAIT}))
    assert code_of(other) == "ConflictException"
    assert play(fis, first, clientToken=token) == play(fis, first, clientToken=token)
    with pytest.raises(ClientError) as tagged:
        play(fis, first, clientToken=token, tags={"run": "2"})
    assert code_of(tagged) == "ConflictException"


def test_tags_come_and_go(fis: FISClient) -> None:
    """TagResource and UntagResource act on templates and on experiments."""
    template = make(fis, WAIT, tags={"a": "1", "b": "2"})
    arn = fis.get_experiment_template(id=template)["experimentTemplate"]["arn"]
    fis.tag_resource(resourceArn=arn, tags={"c": "3"})
    fis.untag_resource(resourceArn=arn, tagKeys=["a", "unknown"])
    assert fis.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2", "c": "3"}
    experiment = fis.get_experiment(id=play(fis, template, tags={"run": "1"}))["experiment"]
    fis.untag_resource(resourceArn=experiment["arn"])
    assert fis.get_experiment(id=experiment["id"])["experiment"]["tags"] == {}


def test_lists_come_in_pages(fis: FISClient) -> None:
    """A paginator brings every template once, however small its pages are."""
    made = {make(fis, WAIT) for _ in range(5)}
    pages = list(fis.get_paginator("list_experiment_templates").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["experimentTemplates"]) for page in pages] == [2, 2, 1]
    assert {each["id"] for page in pages for each in page["experimentTemplates"]} == made


def test_resource_types_are_listed_with_their_parameters(fis: FISClient) -> None:
    """ListTargetResourceTypes and GetTargetResourceType name what targets can be; what is unknown is not found."""
    types = {each["resourceType"] for each in fis.list_target_resource_types()["targetResourceTypes"]}
    assert types == {"aws:ecs:cluster", "aws:ecs:task", "aws:rds:cluster", "aws:rds:db"}
    task = fis.get_target_resource_type(resourceType="aws:ecs:task")["targetResourceType"]
    assert set(task["parameters"]) == {"cluster", "service"}
    for ask in (
        lambda: fis.get_target_resource_type(resourceType="aws:ecs:pod"),
        lambda: fis.get_action(id="aws:network:disrupt-connectivity"),
    ):
        with pytest.raises(ClientError) as unknown:
            ask()
        assert code_of(unknown) == "ResourceNotFoundException"


def test_every_action_is_described(fis: FISClient) -> None:
    """Each listed action names its target's resource type, and says which of its parameters are required."""
    for summary in fis.list_actions()["actions"]:
        action = fis.get_action(id=summary["id"])["action"]
        assert action["targets"] == summary["targets"]
        assert all(parameter["description"] for parameter in action.get("parameters", {}).values())
    hole = fis.get_action(id="aws:ecs:task-network-blackhole-port")["action"]["parameters"]
    assert {name for name, each in hole.items() if each["required"]} == {"duration", "port", "trafficType"}


def test_lab_is_one_account(fis: FISClient) -> None:
    """There are no target account configurations, none can be made, and none is found."""
    template = make(fis, WAIT)
    configurations = fis.list_target_account_configurations(experimentTemplateId=template)
    assert configurations["targetAccountConfigurations"] == []
    experiment = play(fis, template)
    listed = fis.list_experiment_target_account_configurations(experimentId=experiment)
    assert listed["targetAccountConfigurations"] == []
    account: Any = {"experimentTemplateId": template, "accountId": "210987654321"}
    with pytest.raises(ClientError) as refused:
        fis.create_target_account_configuration(**account, roleArn="arn:aws:iam::210987654321:role/fis")
    assert code_of(refused) == "ValidationException"
    with pytest.raises(ClientError) as unknown:
        fis.get_target_account_configuration(**account)
    assert code_of(unknown) == "ResourceNotFoundException"


def test_quotas_hold(fis: FISClient) -> None:
    """Five experiments at once and 500 templates are all that an account may have."""
    template = make(fis, LONG_WAIT)
    for _ in range(5):
        play(fis, template)
    with pytest.raises(ClientError) as sixth:
        play(fis, template)
    assert code_of(sixth) == "ServiceQuotaExceededException"
    for _ in range(499):
        make(fis, WAIT)
    with pytest.raises(ClientError) as one_more:
        make(fis, WAIT)
    assert code_of(one_more) == "ServiceQuotaExceededException"
    pages = fis.get_paginator("list_experiment_templates").paginate()
    for each in [each for page in pages for each in page["experimentTemplates"]]:
        fis.delete_experiment_template(id=each["id"])


def test_ten_actions_run_in_parallel_and_no_more(fis: FISClient) -> None:
    """The eleventh fails the experiment, and the ten are stopped; in a row they may be more."""
    failed = ended(fis, play(fis, make(fis, *[LONG_WAIT] * 11)))
    assert failed["state"]["status"] == "failed"
    assert failed["state"]["error"]["code"] == "QuotaExceededFailure"
    statuses = [each["state"]["status"] for each in failed["actions"].values()]
    assert sorted(statuses) == ["failed"] + ["stopped"] * 10


def test_states_and_times_follow_each_other(lab: Asleep, fis: FISClient) -> None:
    """initiating, running, completed: each change is an event, its old state the new one before; times are in order."""
    experiment = ended(fis, play(fis, make(fis, WAIT, {**WAIT, "startAfter": ["a0"]})))
    events = told(lab, experiment["id"])
    new = [event["detail"]["new-state"] for event in events]
    assert [state["status"] for state in new] == ["initiating", "running", "completed"]
    assert [event["detail"]["old-state"] for event in events][1:] == new[:-1]
    assert events[0]["detail"]["old-state"]["status"] == "pending"
    for event in events:
        assert (event["source"], event["detail-type"]) == ("aws.fis", "FIS Experiment State Change")
        assert event["resources"] == [experiment["arn"]]
        assert event["detail"]["experiment-template-id"] == experiment["experimentTemplateId"]
    first, second = experiment["actions"]["a0"], experiment["actions"]["a1"]
    times = [experiment["creationTime"], experiment["startTime"], first["startTime"], first["endTime"]]
    times += [second["startTime"], second["endTime"], experiment["endTime"]]
    assert all(one <= other for one, other in pairwise(times))


def test_stop_is_told_in_two_steps(lab: Asleep, fis: FISClient) -> None:
    """stopping, then stopped, with the reason; what had not begun has no times."""
    experiment = play(fis, make(fis, LONG_WAIT, {**WAIT, "startAfter": ["a0"]}))
    wait_until(lambda: "running" in str(fis.get_experiment(id=experiment)["experiment"]["actions"]["a0"]), 5, "runs")
    assert fis.stop_experiment(id=experiment)["experiment"]["state"]["status"] == "stopping"
    over = ended(fis, experiment)
    new = [event["detail"]["new-state"]["status"] for event in told(lab, experiment)]
    assert new == ["initiating", "running", "stopping", "stopped"]
    assert over["state"]["reason"] == "Experiment stopped by user."
    assert over["actions"]["a0"]["endTime"] >= over["actions"]["a0"]["startTime"]
    assert not {"startTime", "endTime"} & set(over["actions"]["a1"])


@pytest.mark.parametrize(
    ("action", "target"),
    [
        (STOP_TASK, {"tasks": SERVICE_TASKS}),
        (
            {"actionId": "aws:rds:failover-db-cluster", "targets": {"Clusters": "db"}},
            {"db": {**DATABASES, "resourceType": "aws:rds:cluster"}},
        ),
        (
            {"actionId": "aws:rds:failover-db-cluster", "targets": {"Clusters": "db"}},
            {"db": {"resourceType": "aws:rds:cluster", "resourceTags": {"chaos": "allowed"}, "selectionMode": "ALL"}},
        ),
        (
            {
                "actionId": "aws:ecs:drain-container-instances",
                "targets": {"Clusters": "cluster"},
                "parameters": {"drainagePercentage": "50", "duration": "PT1M"},
            },
            {"cluster": CLUSTERS},
        ),
    ],
)
def test_targets_that_are_not_there_fail(fis: FISClient, action: Any, target: Any) -> None:
    """No task, no Aurora cluster (an instance is none), no container instance on Fargate: InvalidTarget."""
    failed = ended(fis, play(fis, make(fis, action, targets=target)))
    assert failed["state"]["status"] == "failed"
    assert failed["state"]["error"]["code"] == "InvalidTarget"


def test_asserted_alarm_that_does_not_exist_fails(fis: FISClient) -> None:
    """The experiment fails in the action that asks for it."""
    check = {
        "actionId": "aws:cloudwatch:assert-alarm-state",
        "parameters": {"alarmArns": ALARM_STOP[0]["value"], "alarmStates": "OK"},
    }
    failed = ended(fis, play(fis, make(fis, check)))
    assert failed["actions"]["a0"]["state"]["status"] == "failed"
    assert failed["state"]["error"]["location"] == "a0"
    assert "does not exist" in failed["state"]["reason"]


def test_report_is_asked_for_and_never_written(fis: FISClient) -> None:
    """experimentReportConfiguration is kept; its report fails once the experiment has ended, for there is no S3."""
    running = play(fis, make(fis, WAIT, experimentReportConfiguration=REPORT))
    view = fis.get_experiment(id=running)["experiment"]
    assert view["experimentReportConfiguration"] == REPORT
    assert view["experimentReport"]["state"]["status"] == "pending"
    assert ended(fis, running)["experimentReport"]["state"]["status"] == "failed"
    assert "experimentReport" not in ended(fis, play(fis, make(fis, WAIT)))


def test_filters_follow_the_description(lab: Asleep, fis: FISClient) -> None:
    """A path into lists and structures finds its value, or nothing; DescribeDBInstances is asked for databases."""
    for path, value, count in (
        ("Engine", "postgres", 1),
        ("MultiAZ", "true", 1),
        ("DBSubnetGroup.Subnets.SubnetAvailabilityZone.Name", "eu-west-1c", 1),
        ("Engine", "mysql", 0),
    ):
        target: Any = {
            "resourceType": "aws:rds:db",
            "parameters": {"availabilityZoneIdentifiers": "eu-west-1a,euw1-az1"},
            "filters": [{"path": path, "values": [value, "another"]}],
            "selectionMode": "ALL",
        }
        reboot = {"actionId": "aws:rds:reboot-db-instances", "targets": {"DBInstances": "db"}}
        template = make(fis, reboot, targets={"db": target}, experimentOptions={"emptyTargetResolutionMode": "skip"})
        preview = play(fis, template, experimentOptions={"actionsMode": "skip-all"})
        assert ended(fis, preview)["actions"]["a0"]["state"]["status"] == "skipped"
        assert len(fis.list_experiment_resolved_targets(experimentId=preview)["resolvedTargets"]) == count


LOGGED = {
    "logSchemaVersion": 2,
    "cloudWatchLogsConfiguration": {"logGroupArn": "arn:aws:logs:eu-west-1:123456789012:log-group:/chaos/fis:*"},
}


class Heard(OwnApi):
    """The lab's own API, of which only CloudWatch Logs is another: it keeps what it is told."""

    def __init__(self, lab: Asleep) -> None:
        super().__init__(lab.world)
        self.records: list[Any] = []
        self.streams: list[Any] = []

    @staticmethod
    def plays(service: str, operation: str) -> bool:
        """Everything."""
        return True

    def call(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        """Keep what is for the logs, and pass on the rest."""
        if service != "logs":
            return super().call(service, operation, **params)
        self.streams.append((params["logGroupName"], params["logStreamName"]))
        self.records += [json.loads(event["message"]) for event in params.get("logEvents", [])]
        return {}


@pytest.fixture
def heard(lab: Asleep) -> Iterator[Heard]:
    """What FIS writes to CloudWatch Logs."""
    actions = lab.world.fis.actions
    before, actions.api = actions.api, Heard(lab)
    yield actions.api
    actions.api = before


def test_log_tells_every_step(fis: FISClient, heard: Heard) -> None:
    """With a logConfiguration each step is a record of AWS's schema 2, in the stream that has the experiment's name."""
    reboot = {"actionId": "aws:rds:reboot-db-instances", "targets": {"DBInstances": "db"}}
    template = make(fis, WAIT, {**reboot, "startAfter": ["a0"]}, targets={"db": DATABASES}, logConfiguration=LOGGED)
    failed = ended(fis, play(fis, template))  # no database runs here, so the reboot is refused
    steps = ["experiment-start", "target-resolution-start", "target-resolution-detail", "target-resolution-end"]
    steps += ["action-start", "action-end", "action-start", "action-error", "action-end", "experiment-end"]
    assert [record["log_type"] for record in heard.records] == steps
    assert {(record["id"], record["version"]) for record in heard.records} == {(failed["id"], "2")}
    assert set(heard.streams) == {("/chaos/fis", f"/aws/fis/{failed['id']}")}
    details = [record["details"] for record in heard.records]
    assert (details[2]["target_type"], details[2]["resolved_targets_count"]) == ("aws:rds:db", 1)
    assert details[3]["resolved_targets"] == [{"arn": DATABASES["resourceArns"][0]}]
    assert details[4]["parameters"] == WAIT["parameters"]
    assert details[7]["action_state"] == failed["actions"]["a1"]["state"]
    assert details[9]["experiment_state"]["status"] == "failed"


def test_log_is_switched_off_by_an_empty_configuration(fis: FISClient, heard: Heard) -> None:
    """UpdateExperimentTemplate with an empty logConfiguration takes it out, and nothing is written any more."""
    template = make(fis, WAIT, logConfiguration=LOGGED)
    answer = fis.update_experiment_template(id=template, logConfiguration={})
    assert "logConfiguration" not in answer["experimentTemplate"]
    assert ended(fis, play(fis, template))["state"]["status"] == "completed"
    assert heard.records == []


def test_lab_that_goes_down_stops_its_experiments(lab: Asleep, fis: FISClient) -> None:
    """Every experiment is stopped and undone before the processes end."""
    running = play(fis, make(fis, LONG_WAIT))
    lab.world.fis.close()
    over = fis.get_experiment(id=running)["experiment"]
    assert (over["state"]["status"], over["state"]["reason"]) == ("stopped", "Experiment stopped: the lab goes down.")
