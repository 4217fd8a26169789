"""Slack: an incoming webhook, or a bot whose first message of a run opens the thread that the others stand in.

Slack shows at most 40,000 characters of a text, 150 of a header, 3,000 of a section, and ten fields of 2,000.
Retries are left to `gameday.notify.sending`, because the client's own know no end of time.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from gameday.model import Json
from gameday.notify.message import Message, cut, plain
from gameday.notify.order import Failed, Order, Sent, TryAgain, proxied
from gameday.notify.wire import judge, lost, refusal

WHO = "Slack"
API = "https://slack.com/api"
LONGEST_TEXT, LONGEST_HEADER, LONGEST_SECTION, LONGEST_FIELD, MOST_FIELDS = 40_000, 150, 3_000, 2_000, 10
PASSING = ("ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_silent = logging.getLogger("gameday.notify.slack")  # the client would print the address of a webhook
_silent.propagate = False
_silent.addHandler(logging.NullHandler())
_silent.setLevel(logging.CRITICAL)


def deliver(order: Order) -> Sent:
    """Post the message."""
    message = order.message
    text = escaped(plain(message, LONGEST_TEXT // 2), LONGEST_TEXT)
    if order.channel.webhook:
        return _through_webhook(order, text)
    client = _client(order)
    try:
        answer = client.chat_postMessage(
            channel=order.channel.channel, text=text, blocks=blocks(message), thread_ts=order.ref or None,
            unfurl_links=False, unfurl_media=False,
        )  # fmt: skip
    except SlackApiError as error:
        raise refused(error) from None
    except OSError as error:
        raise lost(WHO, error, order.timeout_s) from None
    return Sent(
        "in the thread" if order.ref else "posted; it opens the thread", order.ref or str(answer.get("ts") or "")
    )


def look(order: Order) -> Sent:
    """Ask who the token belongs to; a webhook can only be tried by posting, so its address is all that is looked at."""
    if order.channel.webhook:
        order.address(order.channel.webhook)
        return Sent("the webhook's address is there; whether it is taken is seen with the first message only")
    try:
        answer = _client(order).auth_test()
    except SlackApiError as error:
        raise refused(error) from None
    except OSError as error:
        raise lost(WHO, error, order.timeout_s) from None
    return Sent(f"the token is that of {answer.get('user')} in {answer.get('team')}")


def _through_webhook(order: Order, text: str) -> Sent:
    url = order.address(order.channel.webhook)
    client = WebhookClient(url, timeout=whole(order.timeout_s), retry_handlers=[], logger=_silent)
    client.proxy = client.proxy if proxied(url) else None
    try:
        answer = client.send(text=text, blocks=blocks(order.message), unfurl_links=False, unfurl_media=False)
    except OSError as error:
        raise lost(WHO, error, order.timeout_s) from None
    judge(WHO, answer.status_code, _header(answer.headers, "retry-after"), answer.body)
    return Sent("posted")


def _client(order: Order) -> WebClient:
    url = order.address(order.channel.endpoint, API)
    return client_of(order.secret(order.channel.token), url, order.timeout_s)


def client_of(token: str, url: str, timeout_s: float) -> WebClient:
    """Return a client of the Web API at *url*, without retries of its own."""
    client = WebClient(token, base_url=url, timeout=whole(timeout_s), retry_handlers=[], logger=_silent)
    client.proxy = client.proxy if proxied(url) else None
    return client


def refused(error: SlackApiError) -> Failed | TryAgain:
    """Return what Slack's answer means: 200 and a word for what it will not do."""
    answer = error.response
    word, status = str(answer.get("error") or ""), int(answer.status_code)
    if word in PASSING or status >= 300:
        return refusal(WHO, 503 if status < 300 else status, _header(answer.headers, "retry-after"), word)
    return Failed(f"{WHO} does not take it: {word or 'no reason given'}")


def _header(headers: Mapping[str, str], name: str) -> str | None:
    return next((value for key, value in headers.items() if key.lower() == name), None)


def whole(timeout_s: float) -> int:
    """Return a time-out as the client takes it, one second or more."""
    return max(1, int(timeout_s))


def blocks(message: Message) -> list[dict[str, Json]]:
    """Return the message as Block Kit: headline, text, figures, links, and at the foot run, owner and how to abort."""
    made: list[dict[str, Json]] = [
        {
            "type": "header",
            "text": {"type": "plain_text", "text": cut(message.headline, LONGEST_HEADER), "emoji": False},
        }
    ]
    body = "\n".join([*message.lines, *[f"{name}: {url}" for name, url in message.links.items()]])
    if body.strip():
        made.append({"type": "section", "text": _marked(escaped(body, LONGEST_SECTION))})
    if figures := message.figures(MOST_FIELDS, LONGEST_FIELD // 2):
        fields: list[Json] = [_marked(escaped(f"{name}\n{text}", LONGEST_FIELD)) for name, text in figures.items()]
        made.append({"type": "section", "fields": fields})
    foot: list[Json] = [_marked(escaped(f"{name}: {text}", LONGEST_FIELD)) for name, text in message.footer.items()]
    return [*made, {"type": "context", "elements": foot}]


def _marked(text: str) -> dict[str, Json]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def escaped(text: str, most: int) -> str:
    """Return *text* with Slack's three special characters escaped, at most *most* long; no entity is cut in two."""
    whole_text = text.translate(_ESCAPES)
    if len(whole_text) <= most:
        return whole_text
    room, kept = most - 6, []
    for character in text:
        part = character.translate(_ESCAPES)
        room -= len(part)
        if room < 0:
            break
        kept.append(part)
    return "".join(kept) + " [cut]"
