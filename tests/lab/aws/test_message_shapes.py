"""Handlers of SNS and EventBridge answer in AWS's member names: what a serializer would silently drop is found here."""

from __future__ import annotations

import json
from typing import Any

import botocore.session

import lab.aws.events_api
import lab.aws.sns
from lab.aws.registry import Call, handler_of, operations
from lab.settings import REGION
from tests.lab.aws.served import Api
from tests.lab.test_shapes import wrong

assert lab.aws.events_api.MOST_TARGETS  # both imported for their handlers
assert lab.aws.sns.PAGE
TOPIC = "arn:aws:sns:eu-west-1:123456789012:t"
RULE = "arn:aws:events:eu-west-1:123456789012:rule/r"
TAGS = [{"Key": "a", "Value": "1"}]
EVENT = {"id": "1", "account": "1", "source": "x", "time": "t", "region": "r", "resources": [], "detail-type": "d"}
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:q"
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("sns", "CreateTopic", {"Name": "t", "Tags": TAGS}),
    ("sns", "ListTopics", {}),
    ("sns", "SetTopicAttributes", {"TopicArn": TOPIC, "AttributeName": "DisplayName", "AttributeValue": "T"}),
    ("sns", "GetTopicAttributes", {"TopicArn": TOPIC}),
    ("sns", "TagResource", {"ResourceArn": TOPIC, "Tags": TAGS}),
    ("sns", "ListTagsForResource", {"ResourceArn": TOPIC}),
    ("sns", "UntagResource", {"ResourceArn": TOPIC, "TagKeys": ["a"]}),
    ("sns", "Subscribe", {"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": QUEUE}),
    ("sns", "ConfirmSubscription", {"TopicArn": TOPIC, "Token": "{token}"}),
    ("sns", "ListSubscriptions", {}),
    ("sns", "ListSubscriptionsByTopic", {"TopicArn": TOPIC}),
    ("sns", "SetSubscriptionAttributes", {"SubscriptionArn": "{arn}", "AttributeName": "FilterPolicy"}),
    ("sns", "GetSubscriptionAttributes", {"SubscriptionArn": "{arn}"}),
    ("sns", "Publish", {"TopicArn": TOPIC, "Message": "m"}),
    ("sns", "PublishBatch", {"TopicArn": TOPIC, "PublishBatchRequestEntries": [{"Id": "1", "Message": ""}]}),
    ("sns", "Unsubscribe", {"SubscriptionArn": "{arn}"}),
    ("sns", "DeleteTopic", {"TopicArn": TOPIC}),
    ("events", "CreateEventBus", {"Name": "b", "Description": "d"}),
    ("events", "DescribeEventBus", {"Name": "b"}),
    ("events", "ListEventBuses", {"Limit": 1}),
    ("events", "DeleteEventBus", {"Name": "b"}),
    ("events", "PutRule", {"Name": "r", "EventPattern": '{"source": ["x"]}', "Description": "d"}),
    ("events", "DescribeRule", {"Name": "r"}),
    ("events", "DisableRule", {"Name": "r"}),
    ("events", "EnableRule", {"Name": "r"}),
    ("events", "ListRules", {"Limit": 1}),
    ("events", "PutTargets", {"Rule": "r", "Targets": [{"Id": "1", "Arn": QUEUE}]}),
    ("events", "ListTargetsByRule", {"Rule": "r"}),
    ("events", "ListRuleNamesByTarget", {"TargetArn": QUEUE}),
    ("events", "PutEvents", {"Entries": [{"Source": "x", "DetailType": "d", "Detail": "{}"}, {"Source": "x"}]}),
    ("events", "TestEventPattern", {"EventPattern": '{"source": ["x"]}', "Event": json.dumps(EVENT)}),
    ("events", "TagResource", {"ResourceARN": RULE, "Tags": TAGS}),
    ("events", "ListTagsForResource", {"ResourceARN": RULE}),
    ("events", "UntagResource", {"ResourceARN": RULE, "TagKeys": ["a"]}),
    ("events", "RemoveTargets", {"Rule": "r", "Ids": ["1", "2"]}),
    ("events", "DeleteRule", {"Name": "r"}),
]


def test_every_answer_fits_its_shape(api: Api) -> None:
    """Every operation of both: only members that botocore knows, of the type it expects."""
    session, problems, world = botocore.session.get_session(), [], api.core.as_world()
    assert {call[:2] for call in CALLS} == {known for known in operations() if known[0] in ("sns", "events")}
    for service, operation, given in CALLS:
        made = list(api.core.sns.subscriptions.values())
        known = {"{arn}": made[0].arn, "{token}": made[0].token} if made else {}
        params = {name: known.get(value, value) if isinstance(value, str) else value for name, value in given.items()}
        handler = handler_of(service, operation)
        assert handler is not None
        shape = session.get_service_model(service).operation_model(operation).output_shape
        answer = handler(world, params, Call("lab", REGION, service))
        problems += wrong(shape, answer, f"{service}:{operation}")
    assert problems == []
