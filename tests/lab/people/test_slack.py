"""Slack's stand-in: messages and threads over the Web API and a webhook, with Slack's own errors."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from lab.people.addresses import WEBHOOK_PATH
from tests.lab.people.caller import BOT, People

WEBHOOK = f"/slack/{WEBHOOK_PATH}"


def history(people: People, **arguments: object) -> list[str]:
    """Return the texts of #incidents, newest first."""
    return [one["text"] for one in people.slack("conversations.history", channel="incidents", **arguments)["messages"]]


def test_the_webhook_posts_to_incidents(people: People) -> None:
    """JSON or a form: "ok", and the message is there."""
    assert people.call("POST", WEBHOOK, {"text": "by webhook"}).json == b"ok"
    form = urlencode({"payload": '{"text": "by form"}'}).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert people.call("POST", WEBHOOK, form, kind).status == 200
    assert history(people)[:2] == ["by form", "by webhook"]


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        (WEBHOOK, b"{}", 400, b"no_text"),
        (WEBHOOK, b"no json", 400, b"invalid_payload"),
        (WEBHOOK, b"[]", 400, b"invalid_payload"),
        ("/slack/services/T1/B1/wrong", b'{"text": "x"}', 404, b"no_service"),
    ],
)
def test_a_wrong_call_of_the_webhook(people: People, path: str, body: bytes, status: int, error: bytes) -> None:
    """The error is a word."""
    refused = people.call("POST", path, body)
    assert (refused.status, refused.json) == (status, error)


def test_a_thread_is_told_apart_from_the_channel(people: People) -> None:
    """Replies come with their parent, not in the history, unless they were sent to the channel too."""
    parent = people.slack("chat.postMessage", channel="#incidents", text="incident")
    assert parent["ok"]
    reply = {"channel": parent["channel"], "thread_ts": parent["ts"]}
    first = people.slack("chat.postMessage", text="first", **reply)
    people.slack("chat.postMessage", text="second", reply_broadcast=True, **reply)
    assert float(first["ts"]) > float(parent["ts"])
    assert history(people)[:2] == ["second", "incident"]
    thread = people.slack("conversations.replies", channel=parent["channel"], ts=parent["ts"])
    assert [one["text"] for one in thread["messages"]] == ["incident", "first", "second"]
    assert thread["messages"][0]["reply_count"] == 2


def test_a_message_is_changed_linked_and_reacted_to(people: People) -> None:
    """It keeps its ts."""
    posted = people.slack("chat.postMessage", channel="game-day", text="before")
    place = {"channel": posted["channel"]}
    assert people.slack("chat.update", ts=posted["ts"], text="after", **place)["ts"] == posted["ts"]
    assert people.slack("reactions.add", timestamp=posted["ts"], name="eyes", **place) == {"ok": True}
    assert people.slack("reactions.add", timestamp=posted["ts"], name="eyes", **place)["error"] == "already_reacted"
    link = people.slack("chat.getPermalink", message_ts=posted["ts"], **place)["permalink"]
    assert link.endswith(f"/archives/{posted['channel']}/p{posted['ts'].replace('.', '')}")
    (message, *_) = people.slack("conversations.history", **place)["messages"]
    assert (message["text"], message["reactions"][0]["count"]) == ("after", 1)


def test_history_comes_in_pages_and_between_instants(people: People) -> None:
    """By limit and cursor; `oldest` is left out unless asked for."""
    stamps = [people.slack("chat.postMessage", channel="incidents", text=f"n{n}")["ts"] for n in range(5)]
    assert len(set(stamps)) == 5
    assert stamps == sorted(stamps)
    seen: list[str] = []
    cursor = ""
    while len(seen) < 5:
        page = people.slack("conversations.history", channel="incidents", limit=2, cursor=cursor)
        seen += [one["text"] for one in page["messages"]]
        cursor = page["response_metadata"]["next_cursor"]
    assert seen[:5] == ["n4", "n3", "n2", "n1", "n0"]
    assert history(people, oldest=stamps[2]) == ["n4", "n3"]
    assert history(people, oldest=stamps[2], latest=stamps[3], inclusive=True) == ["n3", "n2"]


def test_channels_and_people(people: People) -> None:
    """Channels are created, named and listed; so are users; the token knows who it is."""
    made = people.slack("conversations.create", name="inc-7")["channel"]
    topic = people.slack("conversations.setTopic", channel=made["id"], topic="the outage")
    assert topic["channel"]["topic"]["value"] == "the outage"
    names = [one["name"] for one in people.slack("conversations.list")["channels"]]
    assert names[:2] == ["incidents", "game-day"]
    assert "inc-7" in names
    assert people.slack("conversations.create", name="inc-7")["error"] == "name_taken"
    assert people.slack("auth.test")["user_id"] == "U0GAMEDAY"
    assert [one["name"] for one in people.slack("users.list")["members"]] == ["robin.falk", "kim.osei"]


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("chat.postMessage", {"channel": "incidents"}, "no_text"),
        ("chat.postMessage", {"channel": "nowhere", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": "incidents", "text": "x", "thread_ts": "1.0"}, "thread_not_found"),
        ("chat.postMessage", {"channel": "incidents", "text": "x" * 40_001}, "msg_too_long"),
        ("chat.postMessage", {"channel": "incidents", "blocks": "no json"}, "invalid_blocks_format"),
        ("chat.update", {"channel": "incidents", "ts": "1.0", "text": "x"}, "message_not_found"),
        ("reactions.add", {"channel": "incidents", "timestamp": "1.0", "name": "x"}, "message_not_found"),
        ("conversations.replies", {"channel": "incidents", "ts": "1.0"}, "thread_not_found"),
        ("conversations.create", {"name": "No Spaces"}, "invalid_name_specials"),
        ("conversations.history", {"channel": "incidents", "cursor": "x"}, "invalid_cursor"),
        ("chat.shout", {}, "unknown_method"),
    ],
)
def test_a_wrong_call_is_told(people: People, method: str, arguments: dict[str, Any], error: str) -> None:
    """200, and the error in the answer."""
    assert people.slack(method, **arguments)["error"] == error


def test_tokens_and_the_rate_limit(people: People) -> None:
    """No token, a wrong one, and too many calls."""
    assert people.call("POST", "/slack/api/auth.test", {}).json["error"] == "not_authed"
    wrong = people.call("POST", "/slack/api/auth.test", {}, {"Authorization": "Bearer x"})
    assert wrong.json["error"] == "invalid_auth"
    people.script(refuse={"slack": 1})
    refused = people.call("POST", "/slack/api/auth.test", {}, BOT)
    assert (refused.status, refused.headers["retry-after"], refused.json["error"]) == (429, "1", "ratelimited")
    assert people.slack("auth.test")["ok"]
