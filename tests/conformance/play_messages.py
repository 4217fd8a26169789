"""SNS and EventBridge, operation by operation."""

from __future__ import annotations

import json
from typing import Any

from botocore import xform_name

from tests.conformance.seen import Seen, all_refused

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


def play(seen: Seen) -> None:
    """Call every operation of both, with a refusal where AWS has one."""
    sns, events = seen.client("sns"), seen.client("events")
    made = ""
    for service, operation, given in CALLS:
        client = sns if service == "sns" else events
        known = {"{arn}": made}
        params = {name: known.get(value, value) if isinstance(value, str) else value for name, value in given.items()}
        answer = getattr(client, xform_name(operation))(**params)
        made = answer.get("SubscriptionArn", made)
    all_refused(
        "NotFound",
        lambda: sns.publish(TopicArn=TOPIC, Message="m"),
        lambda: sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE),
        lambda: sns.get_topic_attributes(TopicArn=TOPIC),
        lambda: sns.set_topic_attributes(TopicArn=TOPIC, AttributeName="DisplayName", AttributeValue="T"),
        lambda: sns.list_subscriptions_by_topic(TopicArn=TOPIC),
        lambda: sns.get_subscription_attributes(SubscriptionArn=f"{TOPIC}:x"),
    )
    all_refused(
        "ResourceNotFoundException",
        lambda: events.describe_rule(Name="r"),
        lambda: events.enable_rule(Name="r"),
        lambda: events.disable_rule(Name="r"),
        lambda: events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": QUEUE}]),
        lambda: events.list_targets_by_rule(Rule="r"),
        lambda: events.describe_event_bus(Name="nothing"),
    )
    all_refused("InvalidEventPatternException", lambda: events.put_rule(Name="bad", EventPattern="{"))
