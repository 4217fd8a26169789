"""Statuspage: one incident a run on a page that the configuration names, and the status of one component with it.

A message reaches the page only when it has a `page_status`, and the channel says `sandbox = true` or `public = true`.
Subscribers are told by Statuspage only on a public page, and never of practice. A public page gets no names of runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from gameday.model import Json
from gameday.notify.message import Message, cut_bytes, plain
from gameday.notify.order import Failed, Order, Passed, Sent
from gameday.notify.wire import request

WHO = "Statuspage"
API = "https://api.statuspage.io/v1"
LONGEST_NAME, LONGEST_BODY = 255, 25_000
COMPONENT = {
    "critical": "major_outage", "error": "partial_outage", "warning": "degraded_performance", "info": "",
}  # fmt: skip


def deliver(order: Order) -> Sent:
    """Open the run's incident, or post an update to it."""
    channel, message = order.channel, order.message
    if not message.page_status:
        raise Passed("the message is not for a status page")
    if channel.sandbox == channel.public:
        raise Failed("nobody said who sees this page; write sandbox = true or public = true")
    if not order.ref and message.page_status == "resolved":
        raise Failed("this run has no incident on the page that could be resolved")
    path = "/incidents" + (f"/{quote(order.ref, safe='')}" if order.ref else "")
    answer = _call(order, "PATCH" if order.ref else "POST", path, {"incident": incident(order)})
    ref = order.ref or str(answer.get("id") or "")
    return Sent(f"{message.page_status} on {'the public' if channel.public else 'a sandbox'} page", ref)


def look(order: Order) -> Sent:
    """Read the page, and the component if one is named."""
    component = order.channel.component
    answer = _call(order, "GET", f"/components/{quote(component, safe='')}" if component else "", None)
    return Sent(f"the {'component' if component else 'page'} is there: {answer.get('name')}")


def incident(order: Order) -> dict[str, Json]:
    """Return the incident as the API takes it."""
    message, channel = order.message, order.channel
    made: dict[str, Json] = {
        "status": message.page_status,
        "body": text(message, public=channel.public),
        "deliver_notifications": channel.public and not message.game_day,
    }
    if not order.ref:
        made["name"] = cut_bytes(message.headline, LONGEST_NAME)
    status = "operational" if message.page_status == "resolved" else COMPONENT[message.weight]
    if channel.component and status:
        made |= {"component_ids": [channel.component], "components": {channel.component: status}}
    return made


def text(message: Message, *, public: bool) -> str:
    """Return what users read: on a public page the lines only."""
    if not public:
        return plain(message, LONGEST_BODY)
    return cut_bytes("\n".join([message.headline, *message.lines]), LONGEST_BODY)


def _call(order: Order, method: str, path: str, body: Json) -> Mapping[str, Json]:
    url = order.address(order.channel.endpoint, API)
    headers = {"Authorization": f"OAuth {order.secret(order.channel.token)}"}
    page = quote(order.channel.page, safe="")
    return request(WHO, method, f"{url}/pages/{page}{path}", body, headers, order.timeout_s)[0]
