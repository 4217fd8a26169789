"""EventBridge: a rule hears what fits its pattern, and its targets get the part of it that they asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

import lab.aws.events_api
import lab.aws.sns
from lab.aws.event_input import fill, look_up
from lab.settings import ACCOUNT
from lab.truth import read_truth
from tests.lab.aws.served import Api
from tests.lab.endpoint import Endpoint, endpoint

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

assert lab.aws.events_api.MOST_TARGETS  # both imported for their handlers
assert lab.aws.sns.PAGE
QUEUE = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:q"
ECS_PATTERN = json.dumps({"source": ["aws.ecs"], "detail": {"lastStatus": ["STOPPED"]}})


@pytest.fixture
def events(api: Api) -> EventBridgeClient:
    """A client of the served EventBridge."""
    client: EventBridgeClient = api.client("events")
    return client


@pytest.fixture
def hook() -> Iterator[Endpoint]:
    """An endpoint on loopback."""
    with endpoint() as listening:
        yield listening


@pytest.fixture
def topic(api: Api, hook: Endpoint) -> str:
    """A topic that tells the endpoint what it gets, without SNS's envelope."""
    sns = api.client("sns")
    arn: str = sns.create_topic(Name="told")["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=hook.url, Attributes={"RawMessageDelivery": "true"})
    sns.confirm_subscription(TopicArn=arn, Token=json.loads(hook.wait(1)[0].body)["Token"])
    hook.posted.clear()
    return arn


def code_of(call: Callable[..., Any], **arguments: object) -> str:
    """Return the code of the error that a call ends with."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return str(refused.value.response["Error"]["Code"])


def truth(api: Api, what: str) -> list[dict[str, object]]:
    """Return what really happened of this kind."""
    return [event for event in read_truth(api.core.truth.path) if event["what"] == what]


def test_a_rule_lives(events: EventBridgeClient) -> None:
    """Put, described, listed, switched off and on, given targets, and deleted only without them."""
    arn = events.put_rule(Name="stopped", EventPattern=ECS_PATTERN, Description="d")["RuleArn"]
    assert arn == f"arn:aws:events:eu-west-1:{ACCOUNT}:rule/stopped"
    events.disable_rule(Name="stopped")
    assert events.describe_rule(Name="stopped")["State"] == "DISABLED"
    events.enable_rule(Name="stopped")
    assert [(one["Name"], one["State"]) for one in events.list_rules()["Rules"]] == [("stopped", "ENABLED")]
    events.put_targets(Rule="stopped", Targets=[{"Id": "1", "Arn": QUEUE}, {"Id": "2", "Arn": QUEUE}])
    assert [one["Id"] for one in events.list_targets_by_rule(Rule="stopped")["Targets"]] == ["1", "2"]
    assert events.list_rule_names_by_target(TargetArn=QUEUE)["RuleNames"] == ["stopped"]
    assert code_of(events.delete_rule, Name="stopped") == "ValidationException"
    removed = events.remove_targets(Rule="stopped", Ids=["1", "2", "3"])
    assert [one["TargetId"] for one in removed["FailedEntries"]] == ["3"]
    events.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "1"}])
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    events.delete_rule(Name="stopped")
    assert events.list_rules()["Rules"] == []


def test_buses(events: EventBridgeClient) -> None:
    """The default one is there; one of one's own has its own rules."""
    events.create_event_bus(Name="games")
    assert [bus["Name"] for bus in events.list_event_buses()["EventBuses"]] == ["default", "games"]
    assert events.describe_event_bus()["Arn"] == f"arn:aws:events:eu-west-1:{ACCOUNT}:event-bus/default"
    rule = events.put_rule(Name="r", EventPattern='{"source": ["x"]}', EventBusName="games")["RuleArn"]
    assert rule.endswith(":rule/games/r")
    assert events.list_rules()["Rules"] == []
    assert code_of(events.delete_event_bus, Name="games") == "ValidationException"
    events.delete_rule(Name="r", EventBusName="games")
    events.delete_event_bus(Name="games")
    assert code_of(events.describe_event_bus, Name="games") == "ResourceNotFoundException"


def test_what_a_service_tells_reaches_a_topic(api: Api, events: EventBridgeClient, topic: str, hook: Endpoint) -> None:
    """Only what fits, the whole event, in order; a rule that is off hears nothing."""
    events.put_rule(Name="stopped", EventPattern=ECS_PATTERN)
    events.put_targets(Rule="stopped", Targets=[{"Id": "1", "Arn": topic}])
    put = api.core.events.put
    put("aws.ecs", "ECS Task State Change", {"lastStatus": "RUNNING"})
    first = put("aws.ecs", "ECS Task State Change", {"lastStatus": "STOPPED"}, resources=["arn:a"])
    put("aws.rds", "RDS DB Instance Event", {"lastStatus": "STOPPED"})
    second = put("aws.ecs", "ECS Task State Change", {"lastStatus": "STOPPED", "n": 2})
    came = [json.loads(one.body) for one in hook.wait(2)]
    assert came == [first.as_dict(), second.as_dict()]
    events.disable_rule(Name="stopped")
    put("aws.ecs", "ECS Task State Change", {"lastStatus": "STOPPED"})
    assert len(truth(api, "rule.delivered")) == 2


def test_targets_choose_what_they_get(events: EventBridgeClient, topic: str, hook: Endpoint) -> None:
    """A part by InputPath, a constant, and a template with values in and out of quotes."""
    events.put_rule(Name="mine", EventPattern='{"source": ["gameday"]}')
    template = '{"run": <run>, "said": "run <run> of <aws.events.rule-name> is <state>", "marks": <marks>, "no": <no>}'
    paths = {"run": "$.detail.run", "state": "$.detail-type", "marks": "$.detail.marks", "no": "$.detail.nothing"}
    events.put_targets(
        Rule="mine",
        Targets=[
            {"Id": "part", "Arn": topic, "InputPath": "$.detail.marks[1]"},
            {"Id": "constant", "Arn": topic, "Input": '{"a": 1}'},
            {"Id": "made", "Arn": topic, "InputTransformer": {"InputPathsMap": paths, "InputTemplate": template}},
        ],
    )
    detail = json.dumps({"run": "r-7", "marks": [1, {"x": 2}]})
    put = events.put_events(Entries=[{"Source": "gameday", "DetailType": "begun", "Detail": detail}])
    assert put["FailedEntryCount"] == 0
    assert [json.loads(one.body) for one in hook.wait(3)] == [
        {"x": 2},
        {"a": 1},
        {"run": "r-7", "said": "run r-7 of mine is begun", "marks": [1, {"x": 2}], "no": ""},
    ]


def test_other_targets_are_recorded_and_not_delivered(api: Api, events: EventBridgeClient) -> None:
    """The truth says so; a topic that does not exist is a failed invocation, and is counted as one."""
    events.put_rule(Name="mine", EventPattern='{"source": ["gameday"]}')
    lost = f"arn:aws:sns:eu-west-1:{ACCOUNT}:nobody"
    events.put_targets(Rule="mine", Targets=[{"Id": "1", "Arn": QUEUE}, {"Id": "2", "Arn": lost}])
    events.put_events(Entries=[{"Source": "gameday", "DetailType": "t", "Detail": "{}"}])
    assert [event["target"] for event in truth(api, "rule.not_delivered")] == [QUEUE]
    assert [event["target"] for event in truth(api, "rule.failed")] == [lost]
    counted = {m.name for m in api.core.cloudwatch.metrics.metrics() if m.namespace == "AWS/Events"}
    assert counted == {"TriggeredRules", "FailedInvocations"}


def test_entries_fail_one_by_one(api: Api, events: EventBridgeClient) -> None:
    """AWS's code for each; the good one has an id and is on the bus."""
    good: dict[str, Any] = {"Source": "gameday", "DetailType": "t", "Detail": '{"a": 1}', "Resources": ["arn:x"]}
    wrong: list[Any] = [{"Source": "aws.ecs"}, {"Detail": "{"}, {"Detail": "[]"}, {"DetailType": ""}]
    entries: list[Any] = [good, *({**good, **change} for change in wrong)]
    result = events.put_events(Entries=entries)
    assert [one.get("ErrorCode") for one in result["Entries"]] == [
        None,
        "NotAuthorizedForSource",
        "MalformedDetail",
        "MalformedDetail",
        "InvalidArgument",
    ]
    assert result["FailedEntryCount"] == 4
    assert [event.id for event in api.core.events.kept] == [result["Entries"][0]["EventId"]]


def test_a_schedule_is_recorded(events: EventBridgeClient) -> None:
    """It is told back; nothing in a lab fires by time."""
    for schedule in ("rate(5 minutes)", "cron(0 10 * * ? *)"):
        events.put_rule(Name="weekly", ScheduleExpression=schedule)
        assert events.describe_rule(Name="weekly")["ScheduleExpression"] == schedule
    assert code_of(events.put_rule, Name="weekly", ScheduleExpression="now and then") == "ValidationException"


def test_patterns_can_be_tried(events: EventBridgeClient) -> None:
    """TestEventPattern says yes and no; an event without its envelope is refused."""
    event = {"id": "1", "account": "1", "source": "aws.ecs", "time": "t", "region": "r", "resources": []}
    whole = json.dumps({**event, "detail-type": "x", "detail": {"lastStatus": "STOPPED"}})
    assert events.test_event_pattern(EventPattern=ECS_PATTERN, Event=whole)["Result"] is True
    assert events.test_event_pattern(EventPattern='{"source": ["aws.rds"]}', Event=whole)["Result"] is False
    assert code_of(events.test_event_pattern, EventPattern=ECS_PATTERN, Event="{}") == "ValidationException"


@pytest.mark.parametrize(
    ("call", "arguments", "code"),
    [
        ("put_rule", {"Name": "r"}, "ValidationException"),
        ("put_rule", {"Name": "r", "EventPattern": '{"source": "x"}'}, "InvalidEventPatternException"),
        ("put_rule", {"Name": "r", "EventPattern": "{}", "EventBusName": "b"}, "ResourceNotFoundException"),
        ("describe_rule", {"Name": "r"}, "ResourceNotFoundException"),
        ("enable_rule", {"Name": "r"}, "ResourceNotFoundException"),
        ("put_targets", {"Rule": "r", "Targets": [{"Id": "1", "Arn": QUEUE}]}, "ResourceNotFoundException"),
        ("put_targets", {"Rule": "there", "Targets": [{"Id": "1", "Arn": "x"}]}, "ValidationException"),
        (
            "put_targets",
            {"Rule": "there", "Targets": [{"Id": "1", "Arn": QUEUE, "InputPath": "detail"}]},
            "ValidationException",
        ),
        (
            "put_targets",
            {"Rule": "there", "Targets": [{"Id": "1", "Arn": QUEUE, "InputPath": "$.a", "Input": "{}"}]},
            "ValidationException",
        ),
        (
            "put_targets",
            {
                "Rule": "there",
                "Targets": [{"Id": "1", "Arn": QUEUE, "InputTransformer": {"InputTemplate": '"<unknown>"'}}],
            },
            "ValidationException",
        ),
        (
            "put_targets",
            {"Rule": "there", "Targets": [{"Id": str(n), "Arn": QUEUE} for n in range(6)]},
            "LimitExceededException",
        ),
        ("create_event_bus", {"Name": "default"}, "ResourceAlreadyExistsException"),
        ("delete_event_bus", {"Name": "default"}, "ValidationException"),
        ("list_tags_for_resource", {"ResourceARN": QUEUE}, "ResourceNotFoundException"),
        ("list_rules", {"NextToken": "?"}, "ValidationException"),
    ],
)
def test_what_aws_refuses_is_refused(
    events: EventBridgeClient, call: str, arguments: dict[str, Any], code: str
) -> None:
    """A wrong call ends with the code that botocore's model has."""
    events.put_rule(Name="there", EventPattern='{"source": ["x"]}')
    assert code_of(getattr(events, call), **arguments) == code


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ('{"a": <s>}', '{"a": "x\\"y"}'),
        ('{"a": "<s>"}', '{"a": "x\\"y"}'),
        ('{"a": "<n> of <n>", "b": <n>}', '{"a": "3 of 3", "b": 3}'),
        ('"<o>"', '"{\\"k\\": 1}"'),
        ("<o>", '{"k": 1}'),
    ],
)
def test_a_template_is_filled_in(template: str, filled: str) -> None:
    """Text inside quotes, JSON outside."""
    assert fill(template, {"s": 'x"y', "n": 3, "o": {"k": 1}}) == filled


def test_a_path_finds_fields_and_members() -> None:
    """By name, in brackets, and by index."""
    event = {"a": {"b-c": [1, {"d": 2}]}}
    assert look_up(event, "$.a.b-c[1].d") == look_up(event, "$['a']['b-c'][1]['d']") == 2
