"""Whoever is on call follows the script; every hop is a request that was really made."""

from __future__ import annotations

import time

import pytest

from tests.lab.bench import wait_until
from tests.lab.people.caller import People

OPENED = ("pagerduty.triggered", "pagerduty.notified", "pagerduty.acknowledged", "slack.message", "statuspage.incident")
CLOSED = ("pagerduty.resolved", "slack.message", "statuspage.incident")


def test_a_page_is_followed_to_the_status_page_and_back(people: People) -> None:
    """In order, no earlier than the script says; the reply stands in the thread; the component is well again."""
    people.script(responds=True, bridges=True)
    began = time.time()
    key, _ = people.trigger()
    people.wait_journal("statuspage.incident", since=began)
    steps = people.journal(*OPENED, since=began)
    assert [step["what"] for step in steps] == list(OPENED)
    at = {step["what"]: step["t"] for step in steps}
    assert at["pagerduty.acknowledged"] - at["pagerduty.notified"] >= 0.2
    assert at["slack.message"] - at["pagerduty.acknowledged"] >= 0.1
    assert at["statuspage.incident"] - at["slack.message"] >= 0.1
    assert people.page("GET", "/components/cmpapi").json["status"] == "degraded_performance"
    ended = time.time()
    people.event("resolve", key)
    people.wait_journal("statuspage.incident", since=ended)
    after = people.journal(*CLOSED, since=ended)
    assert [step["what"] for step in after] == list(CLOSED)
    assert after[1]["thread_ts"] == steps[3]["ts"]
    assert people.page("GET", "/components/cmpapi").json["status"] == "operational"
    paths = [line["path"] for line in people.journal("http", since=began) if line["method"] in ("PUT", "POST", "PATCH")]
    hops = ("/people/webhook", "/pagerduty/incidents/", "/slack/api/chat.postMessage", "/statuspage/v1/pages/")
    assert all(any(path.startswith(hop) for path in paths) for hop in hops)


def test_what_is_refused_for_now_is_tried_again(people: People) -> None:
    """One 429 of Slack's does not lose the message."""
    people.script(responds=True, bridges=True, refuse={"slack": 1})
    began = time.time()
    key, _ = people.trigger()
    people.wait_journal("statuspage.incident", since=began)
    calls = [line["status"] for line in people.journal("http", since=began) if line["who"] == "slack"]
    assert calls == [429, 200]
    ended = time.time()
    people.event("resolve", key)
    people.wait_journal("statuspage.incident", since=ended)


def test_nobody_acknowledges_what_is_over(people: People) -> None:
    """An alarm that ends before anybody looked: no acknowledgement, no message, no word on the status page."""
    people.script(responds=True, bridges=True, acknowledge_s=1.0)  # time enough to resolve it
    began = time.time()
    key, _ = people.trigger()
    people.event("resolve", key)
    looked = "/pagerduty/incidents/Q"

    def has_looked() -> bool:
        lines = people.journal("http", since=began)
        return any(line["method"] == "GET" and line["path"].startswith(looked) for line in lines)

    wait_until(has_looked, 5, "the look at the incident")
    time.sleep(0.3)
    assert not people.journal("pagerduty.acknowledged", "slack.message", "statuspage.incident", since=began)


def test_the_script_can_be_read_and_makes_sense(people: People) -> None:
    """What is changed is told back; an unknown name or a wrong value changes nothing."""
    assert people.script(acknowledge_s=0.5).json["acknowledge_s"] == 0.5
    assert people.call("GET", "/people/script").json["acknowledge_s"] == 0.5
    assert people.call("POST", "/people/webhook", {"event": 1}).status == 400


@pytest.mark.parametrize(
    "change", [{"acknowledge": 1}, {"acknowledge_s": -1}, {"responds": 1}, {"refuse": {"telegraph": 1}}]
)
def test_a_wrong_script_is_refused(people: People, change: dict[str, object]) -> None:
    """400, in a sentence."""
    before = people.call("GET", "/people/script").json
    refused = people.script(**change)
    assert (refused.status, " " in refused.json["error"]) == (400, True)
    assert people.call("GET", "/people/script").json == before
