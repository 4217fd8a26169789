"""SNS over the API: topics, publishing and tags. Subscriptions are in `sns_subscriptions`, behaviour in `sns_hub`."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import lab.aws.sns_subscriptions  # noqa: F401  its handlers belong to the same service
from lab.aws.paging import page
from lab.aws.registry import AwsError, Call, Params, handles
from lab.aws.sns_delivery import effective_policy
from lab.aws.sns_model import Topic, check_delivery_policy, invalid
from lab.settings import ACCOUNT

if TYPE_CHECKING:
    from lab.aws.world import World

PAGE = 100
MOST_IN_A_BATCH = 10
MOST_TAGS = 50
_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_KEPT = ("DisplayName", "Policy", "KmsMasterKeyId", "TracingConfig", "DataProtectionPolicy")  # recorded, of no effect
_FEEDBACK = re.compile(r"(HTTP|Lambda|SQS|Firehose|Application)(Success|Failure)Feedback(RoleArn|SampleRate)")


@handles("sns", "CreateTopic")
def create_topic(world: World, params: Params, call: Call) -> dict[str, object]:
    """Create a topic, or return the one of that name if it has the same attributes and tags.

    Missing: FIFO topics are refused; policy, encryption, tracing, data protection and delivery feedback are kept
    without effect.
    """
    name, attributes, tags = params["Name"], params.get("Attributes") or {}, _tags(params.get("Tags") or ())
    if name.endswith(".fifo") or attributes.get("FifoTopic") == "true":
        raise invalid("Topic Name Reason: the lab has standard topics only, because it has no queues")
    if not _NAME.fullmatch(name):
        raise invalid("Topic Name")
    made = Topic(name, tags=tags)
    for attribute, value in attributes.items():
        _set(made, attribute, value)
    with world.sns.lock:
        known = world.sns.topics.get(made.arn)
        if known and any(known.attributes.get(one) != value for one, value in made.attributes.items()):
            raise invalid("Attributes Reason: Topic already exists with different attributes")
        if known and tags and known.tags != tags:
            raise invalid("Tags Reason: Topic already exists with different tags")
        world.sns.topics.setdefault(made.arn, made)
    return {"TopicArn": made.arn}


@handles("sns", "DeleteTopic")
def delete_topic(world: World, params: Params, call: Call) -> dict[str, object]:
    """Delete a topic and its subscriptions; there need not be one."""
    world.sns.delete(params["TopicArn"])
    return {}


@handles("sns", "ListTopics")
def list_topics(world: World, params: Params, call: Call) -> dict[str, object]:
    """List topics, a hundred a page."""
    shown, token = paged(sorted(world.sns.topics), params.get("NextToken"))
    return {"Topics": [{"TopicArn": arn} for arn in shown], **token}


def paged(items: Sequence[Any], token: str | None) -> tuple[list[Any], dict[str, object]]:
    """Return one page and the token of the next; SNS's InvalidParameter for a token that is not ours."""
    try:
        return page(items, token, PAGE)
    except AwsError:
        raise invalid("NextToken") from None


@handles("sns", "GetTopicAttributes")
def get_topic_attributes(world: World, params: Params, call: Call) -> dict[str, object]:
    """Return a topic's attributes, and how many subscribed."""
    topic = world.sns.topic(params["TopicArn"])
    each = world.sns.of(topic)
    policy = effective_policy(topic.attributes.get("DeliveryPolicy"), None)
    http = {
        "defaultHealthyRetryPolicy": policy["healthyRetryPolicy"],
        "disableSubscriptionOverrides": False,
        "defaultRequestPolicy": policy["requestPolicy"],
    }
    shown = {
        "TopicArn": topic.arn,
        "Owner": ACCOUNT,
        "DisplayName": "",
        "Policy": json.dumps(_default_policy(topic)),
        "SubscriptionsConfirmed": str(sum(one.confirmed for one in each)),
        "SubscriptionsPending": str(sum(not one.confirmed for one in each)),
        "SubscriptionsDeleted": str(topic.deleted),
        "EffectiveDeliveryPolicy": json.dumps({"http": http}),
        **topic.attributes,
    }
    return {"Attributes": shown}


def _default_policy(topic: Topic) -> dict[str, object]:
    actions = ("Publish", "RemovePermission", "SetTopicAttributes", "DeleteTopic", "ListSubscriptionsByTopic")
    more = ("GetTopicAttributes", "AddPermission", "Subscribe")
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in (*actions, *more)],
        "Resource": topic.arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": ACCOUNT}},
    }
    return {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}


@handles("sns", "SetTopicAttributes")
def set_topic_attributes(world: World, params: Params, call: Call) -> dict[str, object]:
    """Set one attribute.

    Missing: policy, encryption, tracing, data protection and delivery feedback are kept without effect.
    """
    _set(world.sns.topic(params["TopicArn"]), params["AttributeName"], params.get("AttributeValue") or "")
    return {}


def _set(topic: Topic, name: str, value: str) -> None:
    if name == "DeliveryPolicy":
        check_delivery_policy(value, whole=True)
    elif name == "SignatureVersion":
        if value not in ("1", "2"):
            raise invalid("Attributes Reason: SignatureVersion: the value must be 1 or 2")
    elif name != "FifoTopic" and name not in _KEPT and not _FEEDBACK.fullmatch(name):
        raise invalid("AttributeName")
    if value:
        topic.attributes[name] = value
    else:
        topic.attributes.pop(name, None)


@handles("sns", "Publish")
def publish(world: World, params: Params, call: Call) -> dict[str, object]:
    """Publish a message to a topic; what subscribed over http on this machine gets it.

    Missing: phone numbers and MessageDeduplicationId are refused; MessageGroupId changes nothing.
    """
    arn = params.get("TopicArn") or params.get("TargetArn")
    if not arn:
        raise invalid("TopicArn or TargetArn Reason: no value for required parameter; the lab calls no phone number")
    return {"MessageId": _publish(world, arn, params)}


def _publish(world: World, arn: str, params: Mapping[str, Any]) -> str:
    if params.get("MessageDeduplicationId"):
        raise invalid("MessageDeduplicationId Reason: the parameter is for FIFO topics, and the lab has none")
    attributes = {name: _attribute(name, given) for name, given in (params.get("MessageAttributes") or {}).items()}
    by_protocol: Mapping[str, str] = {}
    message = params["Message"]
    if params.get("MessageStructure") == "json":
        by_protocol = _by_protocol(message)
        message = by_protocol["default"]
    elif params.get("MessageStructure"):
        raise invalid("MessageStructure")
    return world.sns.publish(arn, message, params.get("Subject"), attributes, by_protocol)


def _attribute(name: str, given: Mapping[str, Any]) -> dict[str, str]:
    kind = given["DataType"]
    if kind.split(".")[0] not in ("String", "Number", "Binary"):
        known = "the set of supported type prefixes is Binary, Number, and String"
        raise _wrong_value(f"The message attribute '{name}' has an invalid message attribute type, {known}.")
    value = given.get("BinaryValue") if kind.startswith("Binary") else given.get("StringValue")
    if not value:
        lacks = "must contain non-empty message attribute value for message attribute type"
        raise _wrong_value(f"The message attribute '{name}' {lacks} '{kind}'.")
    if isinstance(value, bytes):
        value = base64.b64encode(value).decode()
    if kind.startswith("Number"):
        try:
            float(value)
        except ValueError:
            raise _wrong_value(f"Could not cast message attribute '{name}' value to number.") from None
    return {"Type": kind, "Value": value}


def _by_protocol(message: str) -> dict[str, str]:
    try:
        given = json.loads(message)
    except ValueError:
        raise invalid("Message Structure - JSON message body failed to parse") from None
    if not isinstance(given, dict) or not isinstance(given.get("default"), str):
        raise invalid("Message Structure - No default entry in JSON message body")
    return {name: text for name, text in given.items() if isinstance(text, str)}


def _wrong_value(message: str) -> AwsError:
    return AwsError("ParameterValueInvalid", message)


@handles("sns", "PublishBatch")
def publish_batch(world: World, params: Params, call: Call) -> dict[str, object]:
    """Publish up to ten messages; each succeeds or fails by itself.

    Missing: as for Publish.
    """
    topic, entries = world.sns.topic(params["TopicArn"]), params["PublishBatchRequestEntries"]
    ids = [entry["Id"] for entry in entries]
    if not entries:
        raise AwsError("EmptyBatchRequest", "The batch request doesn't contain any entries.")
    if len(entries) > MOST_IN_A_BATCH:
        raise AwsError("TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible.")
    if len(set(ids)) < len(ids):
        raise AwsError("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.")
    if wrong := [one for one in ids if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", one)]:
        raise AwsError("InvalidBatchEntryId", f"The Id of a batch entry in a batch request is invalid: {wrong[0]}")
    sent: list[dict[str, object]] = []
    failed: list[dict[str, object]] = []
    for entry in entries:
        try:
            sent.append({"Id": entry["Id"], "MessageId": _publish(world, topic.arn, entry)})
        except AwsError as error:
            failed.append({"Id": entry["Id"], "Code": error.code, "Message": error.message, "SenderFault": True})
    return {"Successful": sent, "Failed": failed}


@handles("sns", "TagResource")
def tag_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """Tag a topic."""
    topic = _tagged(world, params["ResourceArn"])
    tags = {**topic.tags, **_tags(params["Tags"])}
    if len(tags) > MOST_TAGS:
        raise AwsError(
            "TagLimitExceeded", f"Could not complete request: tag quota of per resource exceeded: {MOST_TAGS}"
        )
    topic.tags = tags
    return {}


@handles("sns", "UntagResource")
def untag_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """Take tags off a topic."""
    topic = _tagged(world, params["ResourceArn"])
    topic.tags = {key: value for key, value in topic.tags.items() if key not in params["TagKeys"]}
    return {}


@handles("sns", "ListTagsForResource")
def list_tags_for_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """List a topic's tags."""
    tags = _tagged(world, params["ResourceArn"]).tags
    return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}


def _tagged(world: World, arn: str) -> Topic:
    topic = world.sns.topics.get(arn)
    if topic is None:
        raise AwsError("ResourceNotFound", "Resource does not exist")
    return topic


def _tags(given: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {each["Key"]: each.get("Value", "") for each in given}
