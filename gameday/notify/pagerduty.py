"""PagerDuty by the Events API v2: change events, which page nobody; an incident only when message and channel ask.

PagerDuty takes a summary of 1,024 characters, a dedup key of 255, and 512 kB in all. The client's own retries know no
end of time (it repeats a 429 without limit), so each answer is judged here before the client sees it.
"""

from __future__ import annotations

import time

from httpx2 import URL, HTTPTransport, Request, Response
from pagerduty import Error, EventsApiV2Client, HttpError

from gameday.aws import is_loopback
from gameday.model import Json, iso
from gameday.notify.message import Message, cut, cut_bytes
from gameday.notify.order import Failed, Order, Sent
from gameday.notify.wire import judge, lost

WHO = "PagerDuty"
API = "https://events.pagerduty.com"
LONGEST_SUMMARY, LONGEST_LINES, LONGEST_FIELD, MOST_FIELDS = 1024, 100_000, 1_000, 100
KEY_LENGTH = 32


def deliver(order: Order) -> Sent:
    """Send a change event; or the event of an incident, when the message asks for one and the channel allows it."""
    message, asked = order.message, order.message.incident
    with _client(order) as client:
        try:
            if asked and order.channel.incidents:
                return _incident(client, order)
            client.send_change_event(_payload(order, change=True), _links(message))
        except HttpError:
            raise Failed(f"{WHO} answers what its client cannot read") from None
        except Error as error:
            raise lost(WHO, innermost(error), order.timeout_s) from None
    if asked:
        return Sent(f"a change event; no {asked} of an incident, because the channel does not say incidents = true")
    return Sent("a change event; it pages nobody")


def look(order: Order) -> Sent:
    """See that there is a key of the right form: PagerDuty has no call that tells more and sends nothing."""
    order.address(order.channel.endpoint, API)
    if len(order.secret(order.channel.routing_key)) != KEY_LENGTH:
        raise Failed(f"a routing key has {KEY_LENGTH} characters, and this one has not")
    return Sent("a routing key is there; whether it is taken is seen with the first event only")


class _Client(EventsApiV2Client):
    """The client, without its own retries."""

    max_network_attempts = 0

    def postprocess(self, response: object) -> None:
        """Judge each answer before the client would wait and repeat."""
        status, headers = getattr(response, "status_code", 0), getattr(response, "headers", {})
        judge(WHO, int(status), headers.get("Retry-After"), _errors(response))


class ToThisMachine(HTTPTransport):
    """The way to a stand-in: the client takes https addresses only, so what it sends turns off at its own seam."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._to = URL(url)

    def handle_request(self, request: Request) -> Response:
        """Send it to the same path under the stand-in's address."""
        path = self._to.raw_path.rstrip(b"/") + request.url.raw_path
        request.url = self._to.copy_with(raw_path=path)
        request.headers["Host"] = request.url.netloc.decode()
        return super().handle_request(request)


def _client(order: Order) -> _Client:
    url = order.address(order.channel.endpoint, API)
    key = order.secret(order.channel.routing_key)
    if is_loopback(url):
        client = _Client(key, transport=ToThisMachine(url), trust_env=False)
    else:
        client = _Client(key, base_url=url)
    client.timeout = max(1, int(order.timeout_s))
    return client


def _incident(client: EventsApiV2Client, order: Order) -> Sent:
    message, key = order.message, order.ref or order.message.dedup_key
    if message.incident == "trigger":
        payload = _payload(order, change=False)
        key = client.send_event("trigger", dedup_key=key, payload=payload, links=_links(message), client="gameday")
        return Sent("an incident was triggered", key)
    client.send_event(message.incident, dedup_key=key)
    return Sent(f"the incident was {message.incident}d", key)


def _payload(order: Order, *, change: bool) -> dict[str, Json]:
    message = order.message
    details: dict[str, Json] = {**message.figures(MOST_FIELDS, LONGEST_FIELD), **message.footer}
    if message.lines:
        details["Details"] = cut_bytes("\n".join(message.lines), LONGEST_LINES)
    said: dict[str, Json] = {
        "summary": cut(message.headline, LONGEST_SUMMARY),
        "source": f"gameday on {order.environment.name}",
        "timestamp": iso(time.time()),
        "custom_details": details,
    }
    if change:
        return said
    service = order.environment.names.get("service", "")
    return {**said, "severity": message.weight, "class": message.kind, **({"component": service} if service else {})}


def _links(message: Message) -> list[dict[str, str]]:
    return [{"href": url, "text": cut(name, 200)} for name, url in list(message.links.items())[:20]]


def _errors(response: object) -> str:
    """Return what PagerDuty finds wrong with an event."""
    try:
        body = response.json()  # type: ignore[attr-defined]
    except ValueError:
        return ""
    errors = body.get("errors") if isinstance(body, dict) else None
    return "; ".join(str(one) for one in errors) if isinstance(errors, list) else ""


def innermost(error: BaseException) -> BaseException:
    """Return what began it: httpx wraps the system's own error once or twice."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__ or error
    return error
