"""What a channel of `gameday.toml` must have, by kind; secrets that stand in the file; pages not meant to be public.

Pure: each problem is (key, sentence), the key empty where one is lacking. A value is never repeated in a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from urllib.parse import urlsplit

from gameday.aws import is_loopback
from gameday.config import Channel, Environment
from gameday.notify.references import is_reference
from gameday.telltale import without_shapes

MEAN: Mapping[str, tuple[str, ...]] = {  # the keys that mean something to each kind
    "slack": ("webhook", "token", "channel", "endpoint"),
    "pagerduty": ("routing_key", "incidents", "endpoint"),
    "statuspage": ("page", "component", "token", "sandbox", "public", "endpoint"),
    "webhook": ("url", "token"),
    "sns": ("topic",),
}
NEEDS: Mapping[str, tuple[str, ...]] = {
    "pagerduty": ("routing_key",), "statuspage": ("page", "token"), "webhook": ("url",), "sns": ("topic",),
}  # fmt: skip
SECRET = ("webhook", "token", "routing_key")
MEND = "write env:NAME or secretsmanager:ARN, and keep the secret there"
_KEYLIKE = re.compile(r"xox[a-z]-|xapp-|[0-9a-f]{32}|(?=[A-Za-z0-9_-]*\d)(?=[A-Za-z0-9_-]*[A-Za-z])[A-Za-z0-9_-]{20,}")
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]{1,256}")


def problems(channel: Channel, environment: Environment) -> Iterator[tuple[str, str]]:
    """Yield (key, sentence) for everything that is wrong with *channel* in *environment*."""
    for one in fields(Channel):
        value = getattr(channel, one.name)
        if one.name == "kind" or value == one.default:
            continue
        if one.name not in MEAN[channel.kind]:
            known = ", ".join(MEAN[channel.kind])
            yield one.name, f"{one.name!r} means nothing to kind {channel.kind!r}; known there: {known}"
        elif isinstance(value, str) and (wrong := _value(one.name, value) or _place(one.name, value, environment)):
            yield one.name, wrong
    for key in NEEDS.get(channel.kind, ()):
        if not getattr(channel, key):
            yield "", f"a channel of kind {channel.kind!r} lacks the key {key!r}; add it"
    if channel.kind == "slack":
        yield from _slack(channel)
    if channel.kind == "statuspage" and channel.sandbox == channel.public:
        yield "", "who sees this page must be said; write sandbox = true, or public = true when users are to see it"


def _slack(channel: Channel) -> Iterator[tuple[str, str]]:
    if bool(channel.webhook) == bool(channel.token):
        yield "", "Slack needs one way in; write webhook, or token and channel for messages in a thread"
    elif channel.token and not channel.channel:
        yield "", "a bot writes to a channel; add the key 'channel'"
    elif channel.webhook and channel.channel:
        yield "channel", "a webhook of Slack's has its channel already; take this key out, or write token for webhook"


def _value(key: str, value: str) -> str:
    if key in SECRET:
        return "" if is_reference(value) else f"{key!r} must be a reference, and no secret in the file; {MEND}"
    if key in ("url", "endpoint"):
        return "" if is_reference(value) else _address(key, value)
    if key == "topic":
        return "" if _TOPIC.fullmatch(value) else (
            "no ARN of a standard topic; write arn:aws:sns:REGION:ACCOUNT:NAME (a FIFO topic has no subject for people)"
        )  # fmt: skip
    return f"{key!r} looks like a secret in the file; {MEND}" if _is_secret(value) else ""


def _place(key: str, value: str, environment: Environment) -> str:
    """Return what is wrong with a value in this environment, though it is fine elsewhere."""
    if key in ("url", "endpoint") and environment.kind == "lab" and not is_reference(value) and not is_loopback(value):
        return f"{key!r} is not on this machine, and nothing leaves a lab; write an address of 127.0.0.1"
    if key == "topic" and (region := value.split(":")[3]) != environment.region:
        return f"the topic is in {region}, the environment in {environment.region}; name a topic there"
    return ""


def address_problem(key: str, value: str, environment: Environment) -> str:
    """Return what is wrong with the address or reference under *key* in this environment; empty: nothing."""
    return _value(key, value) or _place(key, value, environment)


def _address(key: str, value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError:
        return f"{key!r} is no address; write https://HOST/PATH"
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(value))):
        return f"{key!r} is no address that keeps a message private; write https://HOST/PATH"
    if parts.query or parts.username or "hooks.slack" in parts.hostname or _is_secret(value):
        return f"{key!r} has a secret in its address; {MEND}"
    return ""


def _is_secret(value: str) -> bool:
    return without_shapes(value) != value or any(_KEYLIKE.fullmatch(part) or part.startswith("xox")
                                                 for part in re.split(r"[/\s=&]", value))  # fmt: skip
