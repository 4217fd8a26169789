"""What SNS remembers: topics, subscriptions and messages, with the attributes that AWS has for them."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from lab.aws.names import arn
from lab.aws.patterns import Pattern, PatternError, parse_pattern
from lab.aws.registry import AwsError
from lab.settings import ACCOUNT

HTTP = ("http", "https")
RECORDED = ("sqs", "lambda", "email", "email-json", "sms", "firehose", "application")  # never delivered in a lab
ASKED = ("http", "https", "email", "email-json")  # their owner has to confirm
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PHASES = ("numNoDelayRetries", "numMinDelayRetries", "numMaxDelayRetries")
BACKOFFS = ("linear", "arithmetic", "geometric", "exponential")
TOKEN_S = 2 * 24 * 3600.0  # how long a confirmation may take


@dataclass(slots=True)
class Topic:
    """A standard topic; `attributes` holds what was set, by AWS's names."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    deleted: int = 0  # subscriptions that were

    @property
    def arn(self) -> str:
        """Its Amazon resource name."""
        return arn("sns", self.name)

    @property
    def signature_version(self) -> str:
        """Return "1" for SHA1, "2" for SHA256."""
        return self.attributes.get("SignatureVersion", "1")


@dataclass(slots=True)
class Subscription:
    """Who gets a topic's messages. Until it is confirmed, its ARN is nobody's business."""

    arn: str
    topic_arn: str
    protocol: str
    endpoint: str
    attributes: dict[str, str] = field(default_factory=dict)
    confirmed: bool = False
    authenticated: bool = True  # it was confirmed by a signed call
    guarded: bool = False  # AuthenticateOnUnsubscribe
    token: str = field(default_factory=lambda: secrets.token_hex(64))
    asked_at: float = field(default_factory=time.time)
    pattern: Pattern | None = None

    @property
    def shown_arn(self) -> str:
        """The ARN as lists show it."""
        return self.arn if self.confirmed else "PendingConfirmation"

    @property
    def raw(self) -> bool:
        """Is the message delivered without SNS's envelope?"""
        return self.attributes.get("RawMessageDelivery", "false") == "true"


@dataclass(frozen=True, slots=True)
class Message:
    """One published message; `attributes` are {name: {"Type": ..., "Value": ...}}, `at` is in epoch seconds."""

    body: str
    subject: str | None = None
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    by_protocol: Mapping[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid4()))
    at: float = field(default_factory=time.time)

    def body_for(self, protocol: str) -> str:
        """Return the text that a protocol gets."""
        return self.by_protocol.get(protocol, self.body)


def new_subscription(topic: Topic, protocol: str, endpoint: str, attributes: Mapping[str, str]) -> Subscription:
    """Make one; InvalidParameter for an endpoint that the lab cannot reach or an attribute that AWS does not know."""
    if protocol in HTTP:
        check_endpoint(protocol, endpoint)
    elif protocol not in RECORDED:
        raise invalid(f"Protocol Reason: Amazon SNS does not support this protocol string: {protocol}")
    made = Subscription(f"{topic.arn}:{uuid4()}", topic.arn, protocol, endpoint, confirmed=protocol not in ASKED)
    for name in sorted(attributes, key=lambda name: name != "FilterPolicyScope"):  # a policy is read by its scope
        set_attribute(made, name, attributes[name])
    return made


def check_endpoint(protocol: str, endpoint: str) -> None:
    """Take http on loopback only: what a lab publishes must not leave the machine."""
    parts = urlsplit(endpoint)
    if parts.scheme != protocol or not parts.hostname:
        raise invalid(f"Endpoint Reason: The endpoint must begin with {protocol}://")
    if protocol == "https":
        raise invalid("Endpoint Reason: the lab delivers by plain http on 127.0.0.1; use http://127.0.0.1:PORT/...")
    if parts.hostname not in LOOPBACK:
        raise invalid(f"Endpoint Reason: the lab delivers on this machine only; {parts.hostname} is not 127.0.0.1")
    if not endpoint.isascii() or not endpoint.isprintable() or " " in endpoint or not _has_port(endpoint):
        raise invalid("Endpoint Reason: Please specify a valid endpoint")


def _has_port(endpoint: str) -> bool:
    """Is the port a number that there is, or left out?"""
    try:
        return urlsplit(endpoint).port != 0
    except ValueError:
        return False


def set_attribute(subscription: Subscription, name: str, value: str) -> None:
    """Set one of a subscription's attributes, checked as AWS checks it."""
    if name in ("FilterPolicy", "FilterPolicyScope"):
        changed = {**subscription.attributes, name: value}
        subscription.pattern = _filter(changed.get("FilterPolicy"), changed.get("FilterPolicyScope"))
    elif name == "RawMessageDelivery":
        if value not in ("true", "false"):
            raise invalid(f"Attributes Reason: RawMessageDelivery: {value} is not true or false")
        if subscription.protocol.startswith(("email", "sms")) and value == "true":
            raise invalid("Attributes Reason: Delivery protocol does not support raw message delivery.")
    elif name == "DeliveryPolicy":
        check_delivery_policy(value)
    elif name == "RedrivePolicy":
        raise invalid("Attributes Reason: RedrivePolicy: the lab has no queue that could take what is not delivered")
    else:
        raise invalid(f"AttributeName Reason: {name} is not an attribute of a subscription that the lab plays")
    if value:
        subscription.attributes[name] = value
    else:
        subscription.attributes.pop(name, None)


def _filter(policy: str | None, scope: str | None) -> Pattern | None:
    if scope not in (None, "", "MessageAttributes", "MessageBody"):
        raise invalid(f"FilterPolicyScope: Invalid value [{scope}]. Please use either MessageBody or MessageAttributes")
    if not policy or policy == "{}":
        return None
    try:
        pattern = parse_pattern(policy)
    except PatternError as error:
        raise invalid(f"FilterPolicy: {error}") from None
    if scope != "MessageBody" and any(isinstance(each, dict) for each in pattern.values()):
        raise invalid("Filter policy scope MessageAttributes does not support nested filter policy")
    return pattern


def check_delivery_policy(text: str, whole: bool = False) -> None:
    """Read a delivery policy; `whole` is a topic's, which nests it in {"http": {...}}."""
    if not text:
        return
    try:
        given = json.loads(text)
        policy = given["http"] if whole else given
        retry = policy.get("healthyRetryPolicy") or policy.get("defaultHealthyRetryPolicy") or {}
        low, high = float(retry.get("minDelayTarget", 20)), float(retry.get("maxDelayTarget", 20))
        tries = int(retry.get("numRetries", 3))
        phases = [int(retry.get(name, 0)) for name in PHASES]
        request = policy.get("requestPolicy") or policy.get("defaultRequestPolicy") or {}
        kind = request.get("headerContentType", "text/plain")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise invalid("DeliveryPolicy: it is not a delivery policy in JSON") from None
    if not 1 <= low <= high <= 3600:
        raise invalid("DeliveryPolicy: healthyRetryPolicy.minDelayTarget must be from 1 s to maxDelayTarget, 3600 s")
    if not 0 <= tries <= 100:
        raise invalid("DeliveryPolicy: healthyRetryPolicy.numRetries must be from 0 to 100")
    if min(phases) < 0 or sum(phases) > tries:
        raise invalid("DeliveryPolicy: the phases of healthyRetryPolicy must not have more retries than numRetries")
    if retry.get("backoffFunction", "linear") not in BACKOFFS:
        raise invalid(f"DeliveryPolicy: healthyRetryPolicy.backoffFunction must be one of {', '.join(BACKOFFS)}")
    if not isinstance(kind, str) or not kind.isascii() or not kind.isprintable():
        raise invalid("DeliveryPolicy: requestPolicy.headerContentType is not a content type")


def subscription_attributes(subscription: Subscription, effective: Mapping[str, Any] | None) -> dict[str, str]:
    """Return what GetSubscriptionAttributes shows; `effective` is the delivery policy that counts."""
    shown = {
        "SubscriptionArn": subscription.arn,
        "TopicArn": subscription.topic_arn,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "Owner": ACCOUNT,
        "PendingConfirmation": str(not subscription.confirmed).lower(),
        "ConfirmationWasAuthenticated": str(subscription.confirmed and subscription.authenticated).lower(),
        "SubscriptionPrincipal": f"arn:aws:iam::{ACCOUNT}:root",
        "RawMessageDelivery": "false",
        **subscription.attributes,
    }
    if subscription.pattern is not None:
        shown.setdefault("FilterPolicyScope", "MessageAttributes")
    if effective is not None:
        shown["EffectiveDeliveryPolicy"] = json.dumps(effective)
    return shown


def invalid(message: str) -> AwsError:
    """Return SNS's error for a wrong parameter."""
    return AwsError("InvalidParameter", f"Invalid parameter: {message}")
