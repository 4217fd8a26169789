"""SNS's subscriptions over the API. An unsigned call may confirm and unsubscribe, as the links in messages do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.aws.paging import page
from lab.aws.registry import AwsError, Call, Params, handles
from lab.aws.sns_model import Subscription, invalid, set_attribute, subscription_attributes
from lab.settings import ACCOUNT

if TYPE_CHECKING:
    from lab.aws.world import World

ANYBODY = "anybody"  # the access key of a call without a signature
PAGE = 100


@handles("sns", "Subscribe")
def subscribe(world: World, params: Params, call: Call) -> dict[str, object]:
    """Subscribe an endpoint; the ARN is told when it is confirmed, or when the caller asks for it at once.

    Missing: email, SMS, SQS, Lambda, Firehose and applications are kept and get nothing; https and addresses outside
    this machine are refused.
    Simulated: the pauses between tries (`sns_retry_s`).
    """
    topic, endpoint = world.sns.topic(params["TopicArn"]), params.get("Endpoint")
    if not endpoint:
        raise invalid("Endpoint")
    made = world.sns.subscribe(topic, params["Protocol"], endpoint, params.get("Attributes") or {})
    told = made.confirmed or params.get("ReturnSubscriptionArn")
    return {"SubscriptionArn": made.arn if told else "pending confirmation"}


@handles("sns", "ConfirmSubscription")
def confirm_subscription(world: World, params: Params, call: Call) -> dict[str, object]:
    """Confirm with the token that the endpoint got."""
    guarded, signed = params.get("AuthenticateOnUnsubscribe") == "true", call.access_key != ANYBODY
    topic = world.sns.topic(params["TopicArn"])
    return {"SubscriptionArn": world.sns.confirm(topic, params["Token"], guarded=guarded, authenticated=signed).arn}


@handles("sns", "Unsubscribe")
def unsubscribe(world: World, params: Params, call: Call) -> dict[str, object]:
    """End a subscription; there need not be one."""
    arn = params["SubscriptionArn"]
    if arn.lower() in ("pending confirmation", "pendingconfirmation") or arn.count(":") < 6:
        raise invalid("SubscriptionArn Reason: An ARN must have at least 6 elements")
    world.sns.unsubscribe(arn, authenticated=call.access_key != ANYBODY)
    return {}


@handles("sns", "ListSubscriptions")
def list_subscriptions(world: World, params: Params, call: Call) -> dict[str, object]:
    """List all subscriptions, a hundred a page."""
    return _listed(list(world.sns.subscriptions.values()), params)


@handles("sns", "ListSubscriptionsByTopic")
def list_subscriptions_by_topic(world: World, params: Params, call: Call) -> dict[str, object]:
    """List a topic's subscriptions, a hundred a page."""
    return _listed(world.sns.of(world.sns.topic(params["TopicArn"])), params)


def _listed(each: list[Subscription], params: Params) -> dict[str, object]:
    try:
        shown, token = page(each, params.get("NextToken"), PAGE)
    except AwsError:
        raise invalid("NextToken") from None
    return {"Subscriptions": [_view(one) for one in shown], **token}


def _view(one: Subscription) -> dict[str, object]:
    return {
        "SubscriptionArn": one.shown_arn,
        "Owner": ACCOUNT,
        "Protocol": one.protocol,
        "Endpoint": one.endpoint,
        "TopicArn": one.topic_arn,
    }


@handles("sns", "GetSubscriptionAttributes")
def get_subscription_attributes(world: World, params: Params, call: Call) -> dict[str, object]:
    """Return a subscription's attributes."""
    found = world.sns.subscription(params["SubscriptionArn"])
    return {"Attributes": subscription_attributes(found, world.sns.policy_of(found))}


@handles("sns", "SetSubscriptionAttributes")
def set_subscription_attributes(world: World, params: Params, call: Call) -> dict[str, object]:
    """Set one attribute: FilterPolicy, FilterPolicyScope, RawMessageDelivery or DeliveryPolicy.

    Missing: RedrivePolicy and ReplayPolicy are refused.
    """
    found = world.sns.subscription(params["SubscriptionArn"])
    with world.sns.lock:
        set_attribute(found, params["AttributeName"], params.get("AttributeValue") or "")
    return {}
