"""Any address that takes JSON by POST: the whole message as an object with a schema number."""

from __future__ import annotations

import time

from gameday.model import Json, iso
from gameday.notify.message import cut_bytes, plain
from gameday.notify.order import Order, Sent
from gameday.notify.wire import request

WHO = "the webhook"
LONGEST = 100_000


def deliver(order: Order) -> Sent:
    """Post the message."""
    channel = order.channel
    headers = {"Authorization": f"Bearer {order.secret(channel.token)}"} if channel.token else {}
    request(WHO, "POST", order.address(channel.url), body(order), headers, order.timeout_s)
    return Sent("posted")


def look(order: Order) -> Sent:
    """See that address and token are there: what is behind a webhook is not known."""
    order.address(order.channel.url)
    if order.channel.token:
        order.secret(order.channel.token)
    return Sent("the address is there; whether it answers is seen with the first message only")


def body(order: Order) -> dict[str, Json]:
    """Return the message as JSON; `text` is all of it for whoever only shows it."""
    message = order.message
    return {
        "schema": 1,
        "at": iso(time.time()),
        "environment": order.environment.name,
        "kind": message.kind,
        "game_day": message.game_day,
        "severity": message.weight,
        "title": message.headline,
        "text": plain(message, LONGEST),
        "lines": [cut_bytes(line, 4_000) for line in message.lines[:1_000]],
        "fields": dict(message.fields),
        "links": dict(message.links),
        "run": message.folder,
        "owner": message.footer["Owner"],
        "abort": message.footer["To abort"],
    }
