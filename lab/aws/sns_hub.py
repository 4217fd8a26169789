"""SNS itself: topics, who subscribed, and what a published message becomes for each of them.

Only http endpoints on this machine get their messages; all other protocols are recorded, and each message that they
would have got is noted in the truth as not delivered. It has a lock of its own, because alarms publish without the
world's.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from lab.aws.metrics import MetricStore
from lab.aws.patterns import matches
from lab.aws.registry import AwsError
from lab.aws.sns_delivery import Delivery, Parcel, delays_of, effective_policy
from lab.aws.sns_documents import attribute_values, confirmation, notification
from lab.aws.sns_model import ASKED, HTTP, TOKEN_S, Message, Subscription, Topic, invalid, new_subscription
from lab.aws.sns_signature import Signer
from lab.truth import Truth

LONGEST_MESSAGE = 262_144  # bytes, attributes included
LONGEST_SUBJECT = 100


class Firing(Protocol):
    """What an alarm asks to be done: the ARNs of its actions, its new state and the message AWS sends."""

    @property
    def alarm(self) -> str:
        """The alarm's name."""

    @property
    def actions(self) -> Sequence[str]:
        """ARNs, of SNS topics and of others."""

    @property
    def new(self) -> str:
        """The state that it is in now."""

    @property
    def message(self) -> Mapping[str, Any]:
        """The JSON that AWS sends to a topic."""


@dataclass(slots=True)
class Sns:
    """One lab's SNS; `url` is where its AWS API answers. Safe to call from any thread; publishing does not block."""

    url: str
    truth: Truth
    metrics: MetricStore
    delivery: Delivery
    signer: Signer = field(default_factory=Signer)
    topics: dict[str, Topic] = field(default_factory=dict)  # by ARN, as are subscriptions
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    left: dict[str, Subscription] = field(default_factory=dict)  # ended by a link, and may be restored by one
    lock: threading.RLock = field(default_factory=threading.RLock)

    def topic(self, arn: str) -> Topic:
        """Return a topic; NotFound when there is none."""
        if not arn.startswith("arn:aws:sns:") or arn.count(":") < 5:
            raise invalid("TopicArn Reason: An ARN must have at least 6 elements, not the value given")
        found = self.topics.get(arn)
        if found is None:
            raise AwsError("NotFound", "Topic does not exist")
        return found

    def subscription(self, arn: str) -> Subscription:
        """Return a subscription; NotFound when there is none."""
        found = self.subscriptions.get(arn)
        if found is None:
            raise AwsError("NotFound", "Subscription does not exist")
        return found

    def of(self, topic: Topic) -> list[Subscription]:
        """Return a topic's subscriptions, oldest first."""
        return [each for each in self.subscriptions.values() if each.topic_arn == topic.arn]

    def publish(
        self,
        topic_arn: str,
        message: str,
        subject: str | None = None,
        attributes: Mapping[str, Mapping[str, str]] | None = None,
        by_protocol: Mapping[str, str] | None = None,
    ) -> str:
        """Publish; return the message's id. NotFound or InvalidParameter as AWS gives them."""
        made = Message(message, subject, attributes or {}, by_protocol or {})
        check_message(made)
        with self.lock:
            topic = self.topic(topic_arn)
            self.truth.note("sns.published", at=made.at, topic=topic.arn, message=made.id, subject=subject)
            self._count(topic, "NumberOfMessagesPublished")
            for subscription in self.of(topic):
                if subscription.confirmed:
                    self._pass_on(topic, subscription, made)
        return made.id

    def on_firing(self, firing: Firing) -> None:
        """Publish an alarm's message to the topics among its actions; AwsError when one of them cannot take it."""
        subject = f'{firing.new}: "{firing.alarm}" in {firing.message.get("Region", "EU (Ireland)")}'
        cut = subject if len(subject) <= LONGEST_SUBJECT else f"{subject[: LONGEST_SUBJECT - 3]}..."
        for action in firing.actions:
            if action.startswith("arn:aws:sns:"):
                self.publish(action, json.dumps(firing.message), cut)

    def take_event(self, topic_arn: str, text: str) -> None:
        """Publish what an EventBridge rule passes on; AwsError when the topic cannot take it."""
        self.publish(topic_arn, text)

    def subscribe(self, topic: Topic, protocol: str, endpoint: str, attributes: Mapping[str, str]) -> Subscription:
        """Subscribe an endpoint, or find that it is; who has to confirm is asked, once more if it was before."""
        with self.lock:
            known = [s for s in self.of(topic) if (s.protocol, s.endpoint) == (protocol, endpoint)]
            made = new_subscription(topic, protocol, endpoint, attributes)
            if known:
                if any(known[0].attributes.get(name) != value for name, value in attributes.items()):
                    raise invalid("Attributes Reason: Subscription already exists with different attributes")
                made = known[0]
            self.subscriptions[made.arn] = made
            if not made.confirmed:
                made.asked_at = time.time()
                self._ask(topic, made, "SubscriptionConfirmation")
            return made

    def confirm(self, topic: Topic, token: str, *, guarded: bool, authenticated: bool) -> Subscription:
        """Confirm by the token that the endpoint got; InvalidParameter for another or a late one."""
        with self.lock:
            for each in (*self.of(topic), *self.left.values()):
                if each.token != token or each.topic_arn != topic.arn or time.time() - each.asked_at > TOKEN_S:
                    continue
                if not each.confirmed:
                    each.confirmed, each.guarded, each.authenticated = True, guarded, authenticated
                    self.truth.note("sns.confirmed", subscription=each.arn, endpoint=each.endpoint)
                self.left.pop(each.arn, None)
                self.subscriptions[each.arn] = each
                return each
        raise invalid("Token")

    def unsubscribe(self, arn: str, *, authenticated: bool) -> None:
        """End a subscription. Who did so without a signature may have been anybody: the endpoint is told how to
        undo it.
        """
        with self.lock:
            found = self.subscriptions.get(arn)
            if found is None:
                return
            if found.guarded and not authenticated:
                raise AwsError("AuthorizationError", "The subscription asks for an authenticated Unsubscribe")
            del self.subscriptions[arn]
            topic = self.topics.get(found.topic_arn)
            if topic is not None:
                topic.deleted += 1
                if not authenticated and found.protocol in ASKED:
                    found.asked_at, found.confirmed = time.time(), False
                    self.left[arn] = found
                    self._ask(topic, found, "UnsubscribeConfirmation")

    def delete(self, arn: str) -> None:
        """Delete a topic and its subscriptions; none is no error."""
        with self.lock:
            topic = self.topics.pop(arn, None)
            for each in self.of(topic) if topic else ():
                del self.subscriptions[each.arn]

    def policy_of(self, subscription: Subscription) -> dict[str, Any] | None:
        """Return the delivery policy that counts for an HTTP subscription, None for another."""
        if subscription.protocol not in HTTP:
            return None
        topic = self.topics.get(subscription.topic_arn)
        general = topic.attributes.get("DeliveryPolicy") if topic else None
        return effective_policy(general, subscription.attributes.get("DeliveryPolicy"))

    def _pass_on(self, topic: Topic, subscription: Subscription, message: Message) -> None:
        about: dict[str, Any] = {"subscription": subscription.arn, "message": message.id}
        if not wanted(subscription, message):
            self.truth.note("sns.filtered", **about)
            self._count(topic, "NumberOfNotificationsFilteredOut")
        elif subscription.protocol not in HTTP:
            self.truth.note("sns.not_delivered", protocol=subscription.protocol, **about)
        else:
            document = notification(self.url, self.signer.path, topic, subscription, message)
            raw = message.body_for(subscription.protocol) if subscription.raw else None
            self._send(topic, subscription, document, raw)

    def _ask(self, topic: Topic, subscription: Subscription, kind: str) -> None:
        if subscription.protocol in HTTP:
            self._send(topic, subscription, confirmation(self.url, self.signer.path, topic, subscription, kind), None)
        else:
            self.truth.note("sns.not_delivered", protocol=subscription.protocol, subscription=subscription.arn)

    def _send(self, topic: Topic, subscription: Subscription, document: dict[str, Any], raw: str | None) -> None:
        policy = self.policy_of(subscription)
        assert policy is not None, f"{subscription.protocol} is not delivered"
        kind = document["Type"]
        headers = {
            "x-amz-sns-message-type": kind,
            "x-amz-sns-message-id": document["MessageId"],
            "x-amz-sns-topic-arn": topic.arn,
            "Content-Type": policy["requestPolicy"]["headerContentType"],
            "User-Agent": "Amazon Simple Notification Service Agent",
        }
        if kind != "SubscriptionConfirmation":
            headers["x-amz-sns-subscription-arn"] = subscription.arn
        if raw is not None:
            headers["x-amz-sns-rawdelivery"] = "true"

        def write() -> bytes:
            if raw is not None:
                return raw.encode()
            signed = {**document, "Signature": self.signer.sign(document)}
            return json.dumps({name: signed[name] for name in document}, indent=2).encode()

        def told(delivered: bool) -> None:
            self._count(topic, "NumberOfNotificationsDelivered" if delivered else "NumberOfNotificationsFailed")

        delays = delays_of(policy["healthyRetryPolicy"])
        id_ = document["MessageId"]
        self.delivery.send(Parcel(subscription.arn, subscription.endpoint, headers, write, id_, kind, delays, told))

    def _count(self, topic: Topic, metric: str) -> None:
        self.metrics.put("AWS/SNS", metric, {"TopicName": topic.name}, 1.0, unit="Count")


def wanted(subscription: Subscription, message: Message) -> bool:
    """Does the subscription's filter policy let a message through?"""
    if subscription.pattern is None:
        return True
    if subscription.attributes.get("FilterPolicyScope") != "MessageBody":
        return matches(subscription.pattern, attribute_values(message.attributes))
    try:
        return matches(subscription.pattern, json.loads(message.body))
    except ValueError:
        return False


def check_message(message: Message) -> None:
    """Refuse what AWS refuses: an empty or a too long message, a subject that is no line of ASCII."""
    if not message.body:
        raise invalid("Empty message")
    told = [message.body, *(text for each in message.attributes.values() for text in each.values())]
    if sum(len(text.encode()) for text in told) > LONGEST_MESSAGE:
        raise invalid("Message too long")
    subject = message.subject
    if subject is None:
        return
    if not subject or len(subject) > LONGEST_SUBJECT or not subject.isascii() or not subject.isprintable():
        raise invalid("Subject")
