"""SNS: what is published reaches every confirmed http endpoint, signed, filtered, tried again; nothing leaves here."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_pem_x509_certificate

import lab.aws.sns
from lab.aws.sns_delivery import RETRY_POLICY, delays_of
from lab.settings import ACCOUNT
from lab.truth import read_truth
from tests.lab.aws.served import Api
from tests.lab.bench import wait_until
from tests.lab.endpoint import Endpoint, endpoint

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

assert lab.aws.sns.PAGE  # imported for its handlers


@pytest.fixture
def sns(api: Api) -> SNSClient:
    """A client of the served SNS."""
    client: SNSClient = api.client("sns")
    return client


@pytest.fixture
def hook() -> Iterator[Endpoint]:
    """An endpoint on loopback."""
    with endpoint() as listening:
        yield listening


@pytest.fixture
def topic(sns: SNSClient) -> str:
    """A topic."""
    return sns.create_topic(Name="page")["TopicArn"]


def get(url: str) -> bytes:
    """Follow a link, without a signature."""
    with urllib.request.urlopen(url, timeout=5) as response:
        body: bytes = response.read()
        return body


def confirmed(sns: SNSClient, topic: str, hook: Endpoint, **attributes: str) -> str:
    """Subscribe an endpoint and confirm by the link in what it got; return the subscription's ARN."""
    before = len(hook.posted)
    made = sns.subscribe(
        TopicArn=topic, Protocol="http", Endpoint=hook.url, Attributes=attributes, ReturnSubscriptionArn=True
    )
    get(json.loads(hook.wait(before + 1)[before].body)["SubscribeURL"])
    return made["SubscriptionArn"]


def code_of(call: Callable[..., Any], **arguments: object) -> str:
    """Return the code of the error that a call ends with."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return str(refused.value.response["Error"]["Code"])


def truth(api: Api, what: str) -> list[dict[str, object]]:
    """Return what really happened of this kind."""
    return [event for event in read_truth(api.core.truth.path) if event["what"] == what]


def test_a_topic_lives(sns: SNSClient, topic: str) -> None:
    """Created once however often, described, changed, tagged, listed, deleted."""
    assert topic == f"arn:aws:sns:eu-west-1:{ACCOUNT}:page"
    assert sns.create_topic(Name="page")["TopicArn"] == topic
    sns.set_topic_attributes(TopicArn=topic, AttributeName="DisplayName", AttributeValue="Pages")
    shown = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (shown["DisplayName"], shown["Owner"], shown["SubscriptionsConfirmed"]) == ("Pages", ACCOUNT, "0")
    assert json.loads(shown["EffectiveDeliveryPolicy"])["http"]["defaultHealthyRetryPolicy"]["numRetries"] == 3
    sns.tag_resource(ResourceArn=topic, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    sns.untag_resource(ResourceArn=topic, TagKeys=["a"])
    assert sns.list_tags_for_resource(ResourceArn=topic)["Tags"] == [{"Key": "b", "Value": "2"}]
    assert sns.list_topics()["Topics"] == [{"TopicArn": topic}]
    sns.delete_topic(TopicArn=topic)
    sns.delete_topic(TopicArn=topic)
    assert sns.list_topics()["Topics"] == []


def test_lists_come_in_pages(sns: SNSClient) -> None:
    """A hundred topics a page, with boto3's own paginator."""
    for number in range(101):
        sns.create_topic(Name=f"topic-{number:03}")
    pages = list(sns.get_paginator("list_topics").paginate())
    assert [len(page["Topics"]) for page in pages] == [100, 1]
    assert code_of(sns.list_topics, NextToken="?") == "InvalidParameter"


@pytest.mark.parametrize(
    ("protocol", "address", "why"),
    [
        ("http", "http://example.com/hook", "on this machine only"),
        ("http", "https://127.0.0.1/hook", "must begin with http"),
        ("https", "https://127.0.0.1/hook", "plain http"),
        ("http", "http://127.0.0.1:99999/hook", "valid endpoint"),
        ("http", "http://localhost:port/hook", "valid endpoint"),
        ("http", "http://127.0.0.1/h\u00f6ok", "valid endpoint"),
        ("carrier-pigeon", "roof", "does not support this protocol"),
    ],
)
def test_nothing_leaves_the_machine(sns: SNSClient, topic: str, protocol: str, address: str, why: str) -> None:
    """An endpoint elsewhere is refused in plain words."""
    with pytest.raises(ClientError, match=why) as refused:
        sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=address)
    assert refused.value.response["Error"]["Code"] == "InvalidParameter"


def test_an_endpoint_confirms_before_it_hears_anything(sns: SNSClient, topic: str, hook: Endpoint) -> None:
    """Pending until the link is followed; then messages come, with AWS's headers and members."""
    told = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=hook.url)["SubscriptionArn"]
    assert told == "pending confirmation"
    asked = hook.wait(1)[0]
    question = json.loads(asked.body)
    assert asked.headers["x-amz-sns-message-type"] == question["Type"] == "SubscriptionConfirmation"
    sns.publish(TopicArn=topic, Message="nobody hears this")
    listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert [one["SubscriptionArn"] for one in listed] == ["PendingConfirmation"]
    assert code_of(sns.confirm_subscription, TopicArn=topic, Token="wrong") == "InvalidParameter"
    arn = sns.confirm_subscription(TopicArn=topic, Token=question["Token"])["SubscriptionArn"]
    sent = sns.publish(TopicArn=topic, Message="up", Subject="hello")["MessageId"]
    notified = hook.wait(2)[1]
    message = json.loads(notified.body)
    assert (message["Message"], message["Subject"], message["MessageId"]) == ("up", "hello", sent)
    assert message["TopicArn"] == topic
    assert notified.headers["Content-Type"] == "text/plain; charset=UTF-8"
    assert notified.headers["x-amz-sns-subscription-arn"] == arn
    assert notified.headers["x-amz-sns-message-id"] == sent
    assert notified.headers["x-amz-sns-topic-arn"] == topic
    assert sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=hook.url)["SubscriptionArn"] == arn


@pytest.mark.parametrize(("version", "digest"), [("1", hashes.SHA1()), ("2", hashes.SHA256())])
def test_messages_are_signed(
    sns: SNSClient, topic: str, hook: Endpoint, version: str, digest: hashes.HashAlgorithm
) -> None:
    """The certificate at SigningCertURL verifies the signature over AWS's string to sign, and no other."""
    sns.set_topic_attributes(TopicArn=topic, AttributeName="SignatureVersion", AttributeValue=version)
    confirmed(sns, topic, hook)
    sns.publish(TopicArn=topic, Message="a\nb", Subject="s")
    message = json.loads(hook.wait(2)[1].body)
    names = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
    signed = "".join(f"{name}\n{message[name]}\n" for name in names).encode()
    key = load_pem_x509_certificate(get(message["SigningCertURL"])).public_key()
    assert isinstance(key, RSAPublicKey)
    signature = base64.b64decode(message["Signature"])
    key.verify(signature, signed, PKCS1v15(), digest)
    with pytest.raises(InvalidSignature):
        key.verify(signature, signed + b"!", PKCS1v15(), digest)


def test_order_is_kept_and_failures_are_tried_again(api: Api, sns: SNSClient, topic: str, hook: Endpoint) -> None:
    """A 500 is tried three times more, later than what came after it; a 400 is final. Both are noted, and counted."""
    confirmed(sns, topic, hook)
    ids = [sns.publish(TopicArn=topic, Message=str(number))["MessageId"] for number in range(5)]
    assert [json.loads(one.body)["MessageId"] for one in hook.wait(6)[1:]] == ids
    hook.answers[:] = [500, 200, 500, 500, 500]
    failing = sns.publish(TopicArn=topic, Message="never taken")["MessageId"]
    hook.wait(7)
    sns.publish(TopicArn=topic, Message="taken at once")
    wait_until(lambda: truth(api, "sns.given_up"), 5, "the last attempt")
    assert [json.loads(one.body)["Message"] for one in hook.posted[6:]] == [
        "never taken",
        "taken at once",
        *["never taken"] * 3,
    ]
    pauses = [event["again_s"] for event in truth(api, "sns.failed") if event["message"] == failing]
    assert pauses == [0.1] * 3
    hook.answers[:] = [400]
    refused = sns.publish(TopicArn=topic, Message="refused")["MessageId"]
    wait_until(lambda: len(truth(api, "sns.given_up")) == 2, 5, "the refusal")
    assert [event["message"] for event in truth(api, "sns.given_up")] == [failing, refused]
    counted = {metric.name for metric in api.core.cloudwatch.metrics.metrics() if metric.namespace == "AWS/SNS"}
    expected = {"NumberOfMessagesPublished", "NumberOfNotificationsDelivered", "NumberOfNotificationsFailed"}
    assert counted == expected


def test_a_dead_endpoint_holds_up_nobody(api: Api, sns: SNSClient, topic: str, hook: Endpoint) -> None:
    """Connection refused at one: the other has the message before the first is tried again."""
    with endpoint() as other:
        confirmed(sns, topic, other)
    confirmed(sns, topic, hook)
    sent = sns.publish(TopicArn=topic, Message="x")["MessageId"]
    hook.wait(2)
    wait_until(lambda: truth(api, "sns.given_up"), 5, "the end of the attempts")
    failed = [event for event in truth(api, "sns.failed") if event["message"] == sent]
    assert len(failed) == 3
    assert all(event["status"] == 0 and "Refused" in str(event["why"]) for event in failed)


@pytest.mark.parametrize(
    ("policy", "delays"),
    [
        ({}, [20, 20, 20]),
        ({"numRetries": 0}, []),
        ({"numRetries": 4, "numNoDelayRetries": 1, "numMinDelayRetries": 1, "numMaxDelayRetries": 1}, [0, 20, 20, 20]),
        ({"numRetries": 3, "minDelayTarget": 10, "maxDelayTarget": 30}, [10, 20, 30]),
        ({"numRetries": 3, "minDelayTarget": 1, "maxDelayTarget": 100, "backoffFunction": "exponential"}, [1, 10, 100]),
        ({"numRetries": 3, "minDelayTarget": 0.0, "maxDelayTarget": 8, "backoffFunction": "arithmetic"}, [0, 2, 8]),
    ],
)
def test_a_delivery_policy_says_when(policy: dict[str, Any], delays: list[float]) -> None:
    """At once, then at the least delay, growing, and at the longest; AWS's default is three times 20 s."""
    assert list(delays_of({**RETRY_POLICY, **policy})) == pytest.approx(delays)


def test_a_subscriptions_policy_beats_the_topics(sns: SNSClient, topic: str, hook: Endpoint) -> None:
    """Both are told back, and the subscription's counts; so does its content type."""
    general = {"http": {"defaultHealthyRetryPolicy": {"numRetries": 7}}}
    sns.set_topic_attributes(TopicArn=topic, AttributeName="DeliveryPolicy", AttributeValue=json.dumps(general))
    arn = confirmed(sns, topic, hook)

    def effective() -> dict[str, Any]:
        shown = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        policy: dict[str, Any] = json.loads(shown["EffectiveDeliveryPolicy"])
        return policy

    assert effective()["healthyRetryPolicy"]["numRetries"] == 7
    own = {"healthyRetryPolicy": {"numRetries": 1}, "requestPolicy": {"headerContentType": "application/json"}}
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="DeliveryPolicy", AttributeValue=json.dumps(own))
    assert effective()["healthyRetryPolicy"]["numRetries"] == 1
    sns.publish(TopicArn=topic, Message="x")
    assert hook.wait(2)[1].headers["Content-Type"] == "application/json"
    wrong = json.dumps({"healthyRetryPolicy": {"minDelayTarget": 0}})
    change = {"SubscriptionArn": arn, "AttributeName": "DeliveryPolicy", "AttributeValue": wrong}
    assert code_of(sns.set_subscription_attributes, **change) == "InvalidParameter"


@pytest.mark.parametrize(
    ("policy", "scope", "heard"),
    [
        ({"severity": ["high"]}, "MessageAttributes", ["first"]),
        ({"severity": [{"anything-but": "high"}]}, "MessageAttributes", ["second"]),
        ({"count": [{"numeric": [">=", 5]}]}, "MessageAttributes", ["first"]),
        ({"tags": ["b"]}, "MessageAttributes", ["second"]),
        ({"missing": [{"exists": False}]}, "MessageAttributes", ["first", "second"]),
        ({"alarm": {"state": ["OK"]}}, "MessageBody", ["second"]),
    ],
)
def test_a_filter_policy_chooses(
    api: Api, sns: SNSClient, topic: str, hook: Endpoint, policy: dict[str, Any], scope: str, heard: list[str]
) -> None:
    """By attributes or by the body; what is kept back is counted."""
    confirmed(sns, topic, hook, FilterPolicy=json.dumps(policy), FilterPolicyScope=scope)
    sns.publish(
        TopicArn=topic,
        Message='{"name": "first", "alarm": {"state": "ALARM"}}',
        MessageAttributes={
            "severity": {"DataType": "String", "StringValue": "high"},
            "count": {"DataType": "Number", "StringValue": "7"},
        },
    )
    sns.publish(
        TopicArn=topic,
        Message='{"name": "second", "alarm": {"state": "OK"}}',
        MessageAttributes={
            "severity": {"DataType": "String", "StringValue": "low"},
            "tags": {"DataType": "String.Array", "StringValue": '["a", "b"]'},
        },
    )
    came = hook.wait(1 + len(heard))[1:]
    assert [json.loads(json.loads(one.body)["Message"])["name"] for one in came] == heard
    wait_until(lambda: len(truth(api, "sns.delivered")) == 1 + len(heard), 5, "all deliveries")
    assert len(truth(api, "sns.filtered")) == 2 - len(heard)


def test_raw_and_structured_messages(sns: SNSClient, topic: str, hook: Endpoint) -> None:
    """Raw delivery posts the message alone; a structure of json gives each protocol its own."""
    arn = confirmed(sns, topic, hook)
    sns.publish(TopicArn=topic, Message='{"default": "d", "http": "h"}', MessageStructure="json")
    assert json.loads(hook.wait(2)[1].body)["Message"] == "h"
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="RawMessageDelivery", AttributeValue="true")
    sns.publish(TopicArn=topic, Message="as it is")
    raw = hook.wait(3)[2]
    assert (raw.body, raw.headers["x-amz-sns-rawdelivery"]) == (b"as it is", "true")


def test_the_link_ends_a_subscription_and_one_restores_it(sns: SNSClient, topic: str, hook: Endpoint) -> None:
    """UnsubscribeURL needs no signature, so the endpoint is told how to undo it; a signed call is final."""
    arn = confirmed(sns, topic, hook)
    sns.publish(TopicArn=topic, Message="x")
    get(json.loads(hook.wait(2)[1].body)["UnsubscribeURL"])
    assert sns.list_subscriptions()["Subscriptions"] == []
    told = json.loads(hook.wait(3)[2].body)
    assert told["Type"] == "UnsubscribeConfirmation"
    get(told["SubscribeURL"])
    assert [one["SubscriptionArn"] for one in sns.list_subscriptions()["Subscriptions"]] == [arn]
    sns.unsubscribe(SubscriptionArn=arn)
    assert sns.list_subscriptions()["Subscriptions"] == []
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsDeleted"] == "2"


def test_other_protocols_are_recorded_and_not_delivered(api: Api, sns: SNSClient, topic: str) -> None:
    """A queue is confirmed at once, an address is not; the truth says that nothing was sent."""
    queue = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:eu-west-1:{ACCOUNT}:q")
    assert queue["SubscriptionArn"].startswith(topic)
    mail = sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@foodconnect.example")
    assert mail["SubscriptionArn"] == "pending confirmation"
    sns.publish(TopicArn=topic, Message="x")
    assert [event["protocol"] for event in truth(api, "sns.not_delivered")] == ["email", "sqs"]


def test_a_batch_succeeds_and_fails_entry_by_entry(sns: SNSClient, topic: str, hook: Endpoint) -> None:
    """One good and one empty message; too many, equal or no entries are refused as a whole."""
    confirmed(sns, topic, hook)
    good: dict[str, Any] = {"Id": "1", "Message": "x"}
    entries: list[Any] = [good, {"Id": "2", "Message": "x", "Subject": "two\nlines"}]
    result = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert [one["Id"] for one in result["Successful"]] == ["1"]
    assert [(one["Id"], one["Code"]) for one in result["Failed"]] == [("2", "InvalidParameter")]
    hook.wait(2)
    for entries, code in (
        ([good, good], "BatchEntryIdsNotDistinct"),
        ([{**good, "Id": str(number)} for number in range(11)], "TooManyEntriesInBatchRequest"),
        ([{**good, "Id": "a b"}], "InvalidBatchEntryId"),
    ):
        assert code_of(sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=entries) == code


@pytest.mark.parametrize(
    "policy",
    [
        {"requestPolicy": {"headerContentType": "text/plain\r\nX-Other: 1"}},
        {"healthyRetryPolicy": {"numNoDelayRetries": "some"}},
        {"healthyRetryPolicy": {"numRetries": 2, "numMaxDelayRetries": 3}},
        {"healthyRetryPolicy": {"backoffFunction": "quick"}},
    ],
)
def test_a_policy_that_no_delivery_can_follow_is_refused(
    sns: SNSClient, topic: str, hook: Endpoint, policy: dict[str, Any]
) -> None:
    """It is refused when it is set, rather than ending the thread that delivers."""
    told = {"Attributes": {"DeliveryPolicy": json.dumps(policy)}}
    assert code_of(sns.subscribe, TopicArn=topic, Protocol="http", Endpoint=hook.url, **told) == "InvalidParameter"


@pytest.mark.parametrize(
    ("call", "arguments", "code"),
    [
        ("create_topic", {"Name": "no spaces"}, "InvalidParameter"),
        ("create_topic", {"Name": "queue.fifo"}, "InvalidParameter"),
        ("create_topic", {"Name": "page", "Attributes": {"DisplayName": "other"}}, "InvalidParameter"),
        ("publish", {"TopicArn": "{topic}", "Message": ""}, "InvalidParameter"),
        ("publish", {"TopicArn": "{topic}", "Message": "x" * 262_145}, "InvalidParameter"),
        ("publish", {"TopicArn": "{topic}", "Message": "x", "Subject": "ü"}, "InvalidParameter"),
        ("publish", {"TopicArn": "{topic}", "Message": "x", "MessageStructure": "json"}, "InvalidParameter"),
        ("publish", {"TopicArn": "{topic}-other", "Message": "x"}, "NotFound"),
        ("publish", {"PhoneNumber": "+15550100", "Message": "x"}, "InvalidParameter"),
        ("get_topic_attributes", {"TopicArn": "{topic}-other"}, "NotFound"),
        ("set_topic_attributes", {"TopicArn": "{topic}", "AttributeName": "Colour"}, "InvalidParameter"),
        ("get_subscription_attributes", {"SubscriptionArn": "{topic}:1"}, "NotFound"),
        ("unsubscribe", {"SubscriptionArn": "pending confirmation"}, "InvalidParameter"),
        ("tag_resource", {"ResourceArn": "{topic}-other", "Tags": []}, "ResourceNotFound"),
    ],
)
def test_what_aws_refuses_is_refused(
    sns: SNSClient, topic: str, call: str, arguments: dict[str, Any], code: str
) -> None:
    """A wrong call ends with the code that botocore's model has."""
    filled = {n: v.replace("{topic}", topic) if isinstance(v, str) else v for n, v in arguments.items()}
    assert code_of(getattr(sns, call), **filled) == code
