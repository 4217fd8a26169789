"""An SNS topic: the subject is the headline, the message plain text, and attributes that subscriptions can filter by.

SNS takes a subject of fewer than 100 characters without line breaks, and 256 KiB of message and attributes together.
"""

from __future__ import annotations

from typing import Any

from gameday.aws import refuse_way_out
from gameday.errors import Refusal
from gameday.notify.message import cut, plain
from gameday.notify.order import Failed, Order, Sent, TryAgain
from gameday.notify.wire import TOO_MANY

LONGEST_SUBJECT, LONGEST = 99, 250_000


def deliver(order: Order) -> Sent:
    """Publish the message."""
    message = order.message
    attributes = {"kind": message.kind, "game_day": str(message.game_day).lower(), "severity": message.weight}
    answer = _ask(
        order,
        "publish",
        Subject=subject(message.headline),
        Message=plain(message, LONGEST),
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
        },
    )
    return Sent("published", str(answer["MessageId"]))


def look(order: Order) -> Sent:
    """Read the topic: who subscribed."""
    attributes = _ask(order, "get_topic_attributes")["Attributes"]
    count = int(attributes.get("SubscriptionsConfirmed", 0))
    return Sent(f"the topic is there; {count} {'has' if count == 1 else 'have'} subscribed")


def subject(headline: str) -> str:
    """Return a subject that every protocol of SNS takes: printable ASCII."""
    ascii_only = headline.encode("ascii", errors="replace").decode()
    return cut("".join(one if one.isprintable() else " " for one in ascii_only), LONGEST_SUBJECT)


def _ask(order: Order, operation: str, **params: object) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        refuse_way_out(order.environment)
        client = order.aws.client("sns")
        return getattr(client, operation)(TopicArn=order.channel.topic, **params)
    except Refusal as error:
        raise Failed(str(error)) from None
    except ClientError as error:
        status, code = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
        kind = TryAgain if status in TOO_MANY or status >= 500 or code.startswith("Throttl") else Failed
        raise kind(f"SNS answers {code}") from None
    except BotoCoreError as error:
        raise Failed(f"SNS cannot be reached: {type(error).__name__}") from None
