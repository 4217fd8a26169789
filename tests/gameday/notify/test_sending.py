"""Services that refuse, fail, hang or lie: each delivery says so, nothing raises, and the others go through."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace

import pytest

from gameday.config import Channel, Environment
from gameday.notify import Channels, Delivery, Message, check
from gameday.notify import send as send_within
from gameday.redact import Redactor
from tests.gameday.notify.failing import Say, Server, serving
from tests.ports import free_ports

KEY = "5f00d0000000000000000000000e0e02"
TOKEN = "xoxb-Zq81mmQ7"
ENOUGH_S = 60.0  # for what is to come through, however busy the machine is
MESSAGE = Message("drill", "Bad image", ("It began.",), "2026-12-01T10-00-00Z-x", "me", "gameday halt",
                  page_status="investigating")  # fmt: skip
GOOD = {
    "/hook": [Say()],
    "/slack": [Say(body='{"ok": true, "ts": "1.2", "user": "u", "team": "t"}')],
    "/pd": [Say(202, '{"status": "success", "dedup_key": "k"}')],
    "/page": [Say(201, '{"id": "abc"}')],
    "/any": [Say(204, "")],
}
PATHS = {"hook": "/hook", "bot": "/slack", "pager": "/pd", "page": "/page", "any": "/any"}


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that the channels name; no proxy between a test and its server."""
    monkeypatch.setenv("T_TOKEN", TOKEN)
    monkeypatch.setenv("T_KEY", KEY)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def channels(url: str, monkeypatch: pytest.MonkeyPatch, *names: str) -> Channels:
    """Return channels of every kind but SNS that lead to a server of ours; with names, only those."""
    monkeypatch.setenv("T_HOOK", f"{url}/hook/secret-path-42")
    every = {
        "hook": Channel("slack", webhook="env:T_HOOK"),
        "bot": Channel("slack", token="env:T_TOKEN", channel="c", endpoint=f"{url}/slack"),
        "pager": Channel("pagerduty", routing_key="env:T_KEY", incidents=True, endpoint=f"{url}/pd"),
        "page": Channel("statuspage", page="p", token="env:T_TOKEN", sandbox=True, endpoint=f"{url}/page"),
        "any": Channel("webhook", url=f"{url}/any", token="env:T_TOKEN"),
    }
    environment = Environment("lab", "eu-west-1", name="lab", endpoint=url)
    return Channels(environment, {name: one for name, one in every.items() if not names or name in names})


def send(
    channels: Channels, message: Message, within_s: float = ENOUGH_S, redactor: Redactor | None = None
) -> list[Delivery]:
    """Send with time enough, unless time is what the test is about."""
    return send_within(channels, message, within_s=within_s, redactor=redactor)


def by_name(deliveries: list[Delivery]) -> dict[str, Delivery]:
    """Return deliveries by channel; each of them once."""
    found = {one.channel: one for one in deliveries}
    assert len(found) == len(deliveries)
    return found


def sent_with(
    answers: Mapping[str, list[Say]], monkeypatch: pytest.MonkeyPatch, within_s: float = ENOUGH_S
) -> tuple[dict[str, Delivery], Server]:
    """Send the message to all channels of a server that answers so."""
    with serving({**GOOD, **answers}) as server:
        return by_name(send(channels(server.url, monkeypatch), MESSAGE, within_s=within_s)), server


def everywhere(*says: Say) -> dict[str, list[Say]]:
    """Return these answers and then good ones, for every path."""
    return {path: [*says, *good] for path, good in GOOD.items()}


def test_too_many_requests_are_made_again_when_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """429 with Retry-After, then success: delivered, by two requests each."""
    found, server = sent_with(everywhere(Say(429, "{}", {"Retry-After": "1"})), monkeypatch)
    assert {name: one.ok for name, one in found.items()} == dict.fromkeys(PATHS, True), found
    assert {name: server.count(path) for name, path in PATHS.items()} == dict.fromkeys(PATHS, 2)
    assert (found["bot"].ref, found["page"].ref) == ("1.2", "abc")


def test_a_service_that_wants_us_to_wait_too_long_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry-After beyond the time there is: no second request, and no waiting for it."""
    found, server = sent_with(everywhere(Say(429, "{}", {"Retry-After": "3600"})), monkeypatch)
    assert all(not one.ok and "answers 429" in one.detail for one in found.values()), found
    assert len(server.seen) == len(PATHS)


def test_a_server_in_trouble_is_tried_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """500 and then success is a delivery; 503 for ever is none."""
    answers = {path: [Say(503, "down")] for path in GOOD}
    answers["/any"] = [Say(500), *GOOD["/any"]]
    found, server = sent_with(answers, monkeypatch)
    assert {name for name, one in found.items() if one.ok} == {"any"}, found
    assert all("503" in one.detail and "3 tries" in one.detail for name, one in found.items() if name != "any")
    assert {path: server.count(path) for path in GOOD} == {path: 2 if path == "/any" else 3 for path in GOOD}


def test_what_is_wrong_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """4xx, and Slack's 200 with a word: one request, the service's own words; the others go through."""
    answers = {
        "/hook": [Say(404, "no_service")],
        "/slack": [Say(200, '{"ok": false, "error": "channel_not_found"}')],
        "/pd": [Say(400, '{"errors": ["Invalid routing key"]}')],
    }
    found, server = sent_with(answers, monkeypatch)
    words = {"hook": "no_service", "bot": "channel_not_found", "pager": "Invalid routing key"}
    assert {name: word in found[name].detail and not found[name].ok for name, word in words.items()} == dict.fromkeys(
        words, True
    ), found
    assert found["page"].ok and found["any"].ok
    assert len(server.seen) == len(PATHS)


def test_a_redirect_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message and its key go where they were meant to go, or nowhere."""
    elsewhere = Say(302, "", {"Location": "/elsewhere"})
    with serving({**everywhere(elsewhere), "/elsewhere": [Say()]}) as server:
        found = by_name(send(channels(server.url, monkeypatch, "page", "any", "pager"), MESSAGE))
        assert all(not one.ok and "302" in one.detail for one in found.values()), found
        assert server.count("/elsewhere") == 0


def test_a_service_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """All come back while the server still hangs; nothing is sent twice, since it may have arrived."""
    answers = {path: [Say(hang=True)] for path in GOOD} | {"/any": GOOD["/any"]}
    sent_with({}, monkeypatch)  # what is imported with the first message is there now
    with serving({**GOOD, **answers, "/": [Say(hang=True)]}) as server:
        hanging = channels(server.url, monkeypatch)
        topic = Channel("sns", topic="arn:aws:sns:eu-west-1:123456789012:t")
        found = by_name(send(replace(hanging, named={**hanging.named, "topic": topic}), MESSAGE, within_s=4))
        assert not server.over.is_set()
        assert found.pop("any").ok and len(found) == len(PATHS)
        assert all(not one.ok and "may have arrived" in one.detail for one in found.values()), found
        assert {server.count(path) for path in GOOD} == {1}


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is refused is said to be refused, and the check says so too."""
    (port,) = free_ports(1)
    nobody = channels(f"http://127.0.0.1:{port}", monkeypatch)
    page = Channels(nobody.environment, {"page": nobody.named["page"]})
    for found in (send(nobody, MESSAGE), check(page, within_s=ENOUGH_S)):
        assert found and all(not one.ok and "refused" in one.detail for one in found), found


def test_a_service_that_repeats_the_secret_teaches_it_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither keys nor the webhook's address are in what comes back for the record; the request had them."""
    said = f"wrong: {TOKEN} {KEY} secret-path-42 /hook/secret-path-42"
    answers = {path: [Say(400, json.dumps({"errors": [said], "error": said}))] for path in GOOD}
    found, server = sent_with(answers, monkeypatch)
    told = json.dumps([one.as_json() for one in found.values()])
    assert not any(one.ok for one in found.values())
    assert TOKEN not in told and KEY not in told and "secret-path-42" not in told
    heads = {path: headers.get("Authorization", "") for _, path, headers, _ in server.seen}
    assert TOKEN in heads["/any"] and TOKEN in heads["/page/pages/p/incidents"]


def test_secrets_are_not_sent_to_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the channels' own nor those that the run's redactor knows; the rest of the text arrives."""
    said = replace(MESSAGE, lines=(f"before {TOKEN} between hunter2!x after",))
    with serving(GOOD) as server:
        found = send(channels(server.url, monkeypatch), said, redactor=Redactor("hunter2!x"))
        bodies = [body.decode() for _, path, _, body in server.seen]
    assert all(one.ok for one in found) and len(bodies) == len(PATHS)
    assert all("before" in one and "after" in one for one in bodies)
    assert not any(TOKEN in one or "hunter2" in one for one in bodies)


def test_a_missing_library_is_a_delivery_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the line that installs it."""
    monkeypatch.delitem(sys.modules, "gameday.notify.slack", raising=False)
    monkeypatch.setitem(sys.modules, "slack_sdk", None)
    with serving(GOOD) as server:
        found = by_name(send(channels(server.url, monkeypatch, "hook", "any"), MESSAGE))
    assert (found["hook"].ok, found["any"].ok) == (False, True)
    assert "pip install 'foodconnect-gameday[notify]'" in found["hook"].detail


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """And so is one that is empty."""
    monkeypatch.delenv("T_TOKEN")
    with serving(GOOD) as server:
        (found,) = send(channels(server.url, monkeypatch, "bot"), MESSAGE)
    assert (found.ok, found.detail) == (False, "the variable T_TOKEN is not set")


@pytest.mark.parametrize("kind", ["lab", "aws"])
def test_nothing_leaves_a_lab(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address elsewhere is refused before it is looked up; elsewhere it must be encrypted."""
    monkeypatch.setenv("T_HOOK", "http://hooks.invalid/services/x")
    environment = Environment("lab" if kind == "lab" else "aws", "eu-west-1", name=kind)
    named = {
        "hook": Channel("slack", webhook="env:T_HOOK"),
        "any": Channel("webhook", url="http://hooks.invalid/x"),
    }
    if kind == "lab":  # the services' own addresses
        named |= {
            "bot": Channel("slack", token="env:T_TOKEN", channel="c"),
            "pager": Channel("pagerduty", routing_key="env:T_KEY"),
            "page": Channel("statuspage", page="p", token="env:T_TOKEN", sandbox=True),
            "topic": Channel("sns", topic="arn:aws:sns:eu-west-1:123456789012:t"),
        }
    found = send(Channels(environment, named), MESSAGE)
    words = "on this machine" if kind == "lab" else "https://"
    assert len(found) == len(named) and all(not one.ok and words in one.detail for one in found), found


def test_a_proxy_does_not_carry_a_labs_message_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a proxy in the shell nothing reaches it; with NO_PROXY all goes straight to the stand-ins."""
    with serving({"/": [Say(500, "a proxy")]}) as proxy, serving(GOOD) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        found = send(channels(server.url, monkeypatch), MESSAGE)
        assert all("NO_PROXY" in one.detail for one in found) and not server.seen
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert all(one.ok for one in send(channels(server.url, monkeypatch), MESSAGE))
        assert not proxy.seen


def test_sns_in_trouble_is_told_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """A topic that is not there: one sentence with the code."""
    body = ("<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code><Message>Topic does not exist</Message>"
            "</Error></ErrorResponse>")  # fmt: skip
    with serving({"/": [Say(404, body)]}) as server:
        environment = Environment("lab", "eu-west-1", name="lab", endpoint=server.url)
        topic = Channel("sns", topic="arn:aws:sns:eu-west-1:123456789012:t")
        (found,) = send(Channels(environment, {"topic": topic}), MESSAGE)
    assert (found.ok, found.detail) == (False, "SNS answers NotFound")


SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:people-a1b2c3"


@pytest.mark.parametrize(
    ("reference", "held", "expected"),
    [
        (SECRET_ARN, TOKEN, ""),
        (f"{SECRET_ARN}#bot", json.dumps({"bot": TOKEN}), ""),
        (f"{SECRET_ARN}#bot", json.dumps({"other": TOKEN}), "has no text under bot"),
        (f"{SECRET_ARN}#bot", TOKEN, "is no JSON object"),
    ],
    ids=["whole", "a key", "no such key", "no JSON"],
)
def test_a_secret_may_be_kept_in_secrets_manager(reference: str, held: str, expected: str) -> None:
    """Whole, or one key of its JSON; it is asked for by AWS's own call, and never told."""
    answer = json.dumps({"ARN": SECRET_ARN, "SecretString": held})
    with serving({**GOOD, "/": [Say(200, answer)]}) as server:
        environment = Environment("lab", "eu-west-1", name="lab", endpoint=server.url)
        channel = Channel("webhook", url=f"{server.url}/any", token=f"secretsmanager:{reference}")
        (found,) = send(Channels(environment, {"any": channel}), MESSAGE)
        assert found.ok is (expected == "") and expected in found.detail and TOKEN not in found.detail
        asked = [head["X-Amz-Target"] for _, _, head, _ in server.seen if "X-Amz-Target" in head]
        given = [head["Authorization"] for _, path, head, _ in server.seen if path == "/any"]
    assert asked == ["secretsmanager.GetSecretValue"]
    assert given == ([] if expected else [f"Bearer {TOKEN}"])
