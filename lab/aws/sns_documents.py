"""The JSON that SNS posts to an endpoint: a notification, or the question whether the endpoint wants any."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from lab.aws.names import instant
from lab.aws.sns_model import Message, Subscription, Topic


def notification(
    api: str, certificate: str, topic: Topic, subscription: Subscription, message: Message
) -> dict[str, Any]:
    """Return a Notification with an empty signature."""
    unsubscribe = urlencode({"Action": "Unsubscribe", "SubscriptionArn": subscription.arn})
    document: dict[str, Any] = {"Type": "Notification", "MessageId": message.id, "TopicArn": topic.arn}
    if message.subject is not None:
        document["Subject"] = message.subject
    document |= {
        "Message": message.body_for(subscription.protocol),
        "Timestamp": _stamp(message.at),
        "SignatureVersion": topic.signature_version,
        "Signature": "",
        "SigningCertURL": f"{api}{certificate}",
        "UnsubscribeURL": f"{api}/?{unsubscribe}",
    }
    if message.attributes:
        document["MessageAttributes"] = {name: dict(value) for name, value in message.attributes.items()}
    return document


def confirmation(api: str, certificate: str, topic: Topic, subscription: Subscription, kind: str) -> dict[str, Any]:
    """Return a SubscriptionConfirmation, or an UnsubscribeConfirmation, with an empty signature."""
    confirm = urlencode({"Action": "ConfirmSubscription", "TopicArn": topic.arn, "Token": subscription.token})
    chosen = (
        f"You have chosen to subscribe to the topic {topic.arn}.\nTo confirm the subscription, visit the SubscribeURL"
    )
    left = f"You have chosen to deactivate subscription {subscription.arn}.\nTo cancel this operation and restore the"
    asked = kind == "SubscriptionConfirmation"
    return {
        "Type": kind,
        "MessageId": str(uuid4()),
        "Token": subscription.token,
        "TopicArn": topic.arn,
        "Message": f"{chosen} included in this message." if asked else f"{left} subscription, visit the SubscribeURL.",
        "SubscribeURL": f"{api}/?{confirm}",
        "Timestamp": _stamp(subscription.asked_at),
        "SignatureVersion": topic.signature_version,
        "Signature": "",
        "SigningCertURL": f"{api}{certificate}",
    }


def attribute_values(attributes: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return message attributes as a filter policy sees them: text, numbers and lists; binary ones are not seen."""
    seen: dict[str, Any] = {}
    for name, given in attributes.items():
        kind, value = given["Type"], given["Value"]
        if kind.startswith("String.Array") or kind.startswith("Number"):
            try:
                seen[name] = json.loads(value)
            except ValueError:
                continue
        elif kind.startswith("String"):
            seen[name] = value
    return seen


def _stamp(at: float) -> str:
    when = instant(at)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03}Z"
