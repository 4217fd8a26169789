"""The channels of our own gameday.toml against the stand-ins of a running lab; what they wrote down is the truth."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from gameday.cli._shared import lab_variables
from gameday.config import Channel, load_settings
from gameday.notify import Channels, Notifier, channels_of, check
from lab.people.addresses import EVENTS_KEY
from tests.lab.bench import wait_until
from tests.lab.people.caller import People
from tests.lab.twin import Twin, twin

ROOT = Path(__file__).parents[3]
RUN = "2026-12-01T10-00-00Z-watch-foodconnect-backend"
ALL = {"incidents", "timeline", "topic", "on-call", "status"}


@dataclass(frozen=True)
class Stage:
    """A lab, its stand-ins, and the channels as the suite names them."""

    twin: Twin
    people: People
    channels: Channels

    def notifier(self, **more: Any) -> Notifier:
        """Return the voice of one run, a drill unless said otherwise."""
        return Notifier(self.channels, RUN, "gameday halt", **{"drill": True, "within_s": 60.0, **more})


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """The lab, with the variables that `gameday lab env` would set; nobody responds by himself."""
    with twin(tasks=1) as lab, pytest.MonkeyPatch.context() as patch:
        for name in [one for one in os.environ if one.lower().endswith("_proxy")]:
            patch.delenv(name)
        for name, value in lab_variables(lab.state, ROOT).items():
            patch.setenv(name, value)
        people = People(lab.settings)
        people.script(responds=False, bridges=False)
        environment = load_settings(ROOT).environment("lab")
        here = replace(environment, endpoint=lab.state.endpoint, url=lab.state.url)
        yield Stage(lab, people, channels_of(here, ROOT))


def test_a_message_arrives_everywhere(stage: Stage) -> None:
    """Slack's webhook and bot, PagerDuty as a change that pages nobody, SNS; the status page only when it is meant."""
    began = time.time()
    found = stage.notifier().tell("drill", "A bad image is deployed", ["1 of 3 tasks runs it."])
    assert {one.channel: one.ok for one in found} == dict.fromkeys(ALL - {"status"}, True), found
    posted = {one["channel"]: one["text"] for one in stage.people.journal("slack.message", since=began)}
    assert set(posted) == {"incidents", "game-day"}
    for text in posted.values():
        assert text.startswith("[GAME DAY] A bad image is deployed\n1 of 3 tasks runs it.")
        assert f"Run: {RUN}\nOwner: whoever runs the lab\nTo abort: gameday halt" in text
    (change,) = stage.people.journal("pagerduty.change", since=began)
    assert change["summary"] == "[GAME DAY] A bad image is deployed"
    (published,) = stage.twin.truth("sns.published", since=began, subject="[GAME DAY] A bad image is deployed")
    assert published["message"] == {one.channel: one.ref for one in found}["topic"]
    assert not stage.people.journal("pagerduty.triggered", "statuspage.incident", since=began)


def test_a_run_is_one_thread_and_one_incident_on_the_page(stage: Stage) -> None:
    """Later messages reply and update, also those of a process that was given the refs; at the end all is well."""
    began, first = time.time(), stage.notifier()
    said = first.message("drill", "Users see errors", ["3 of 10 requests fail."], {"error ratio": "0.31"})
    first.send(replace(said, page_status="investigating", severity="error"))
    resumed = stage.notifier(refs=dict(first.refs))
    found = resumed.send(replace(said, title="Users are well", page_status="resolved"))
    assert len(found) == len(ALL) and all(one.ok for one in found), found
    timeline = [one for one in stage.people.journal("slack.message", since=began) if one["channel"] == "game-day"]
    assert [one["thread_ts"] for one in timeline] == [None, timeline[0]["ts"]]
    pages = stage.people.journal("statuspage.incident", since=began)
    assert [(one["status"], one["id"]) for one in pages] == [(said_, first.refs["status"]) for said_ in
                                                             ("investigating", "resolved")]  # fmt: skip
    component = [one["status"] for one in stage.people.journal("statuspage.component", since=began)]
    assert component == ["partial_outage", "operational"]
    incident = stage.people.page("GET", f"/incidents/{first.refs['status']}").json
    assert [one["deliver_notifications"] for one in incident["incident_updates"]] == [False, False]
    assert incident["name"] == "[GAME DAY] Users see errors"


def test_somebody_is_paged_only_when_message_and_channel_ask(stage: Stage) -> None:
    """Triggered once under the run's key, acknowledged, resolved; without `incidents` a change event says why not."""
    began, voice = time.time(), stage.notifier()
    page = voice.message("drill", "Please acknowledge", ["This is a test of paging."], {"n": "1"})
    steps = [voice.send(replace(page, incident=step)) for step in ("trigger", "acknowledge", "resolve")]
    assert all(one.ok for step in steps for one in step), steps
    kinds = ("pagerduty.triggered", "pagerduty.acknowledged", "pagerduty.resolved")
    wait_until(lambda: len(stage.people.journal(*kinds, since=began)) == 3, 30, "the incident's life")
    seen = stage.people.journal(*kinds, since=began)
    assert [one["what"] for one in seen] == list(kinds) and len({one["incident"] for one in seen}) == 1
    (incident,) = stage.people.rest("GET", f"/incidents?incident_key={RUN}").json["incidents"]
    assert incident["title"] == "[GAME DAY] Please acknowledge"
    (alert,) = stage.people.rest("GET", f"/incidents/{incident['id']}/alerts").json["alerts"]
    details = alert["body"]["details"]
    assert (details["Run"], details["n"], details["Details"]) == (RUN, "1", "This is a test of paging.")

    began = time.time()
    quiet: Mapping[str, Channel] = {"a": replace(stage.channels.named["on-call"], incidents=False)}
    voice = Notifier(replace(stage.channels, named=quiet), RUN, "x")
    (one,) = voice.send(replace(page, incident="trigger"))
    assert one.ok and "incidents = true" in one.detail
    assert stage.people.journal("pagerduty.change", since=began)
    assert not stage.people.journal("pagerduty.triggered", since=began)


def test_nothing_reaches_a_page_that_nobody_said_is_meant(stage: Stage) -> None:
    """Neither sandbox nor public: no request at all. A resolved message without an incident is no success either."""
    began = time.time()
    status = replace(stage.channels.named["status"], sandbox=False)
    for channel, word in ((status, "sandbox = true"), (stage.channels.named["status"], "no incident")):
        voice = Notifier(replace(stage.channels, named={"status": channel}), RUN, "x")
        (found,) = voice.send(replace(voice.message("drill", "x", []), page_status="resolved"))
        assert not found.ok and word in found.detail
    assert not [one for one in stage.people.journal("http", since=began) if one["who"] == "statuspage"]


def test_users_read_no_names_of_runs(stage: Stage) -> None:
    """On a public page stand headline and lines; subscribers are told of the real thing, never of practice."""
    public = replace(stage.channels.named["status"], sandbox=False, public=True)
    for drill in (False, True):
        voice = Notifier(replace(stage.channels, named={"status": public}), RUN, "x", drill=drill)
        said = voice.message("rolled back", "We took back a release", ["Errors are gone."], {"digest": "sha256:0a"})
        (found,) = voice.send(replace(said, page_status="monitoring"))
        (update,) = stage.people.page("GET", f"/incidents/{found.ref}").json["incident_updates"]
        assert update["body"].splitlines()[1:] == ["Errors are gone."]
        assert update["deliver_notifications"] is (not drill)
        voice.send(replace(said, page_status="resolved"))


def test_too_many_requests_lose_nothing(stage: Stage) -> None:
    """Each stand-in refuses its next call with 429; every message arrives all the same, once."""
    began = time.time()
    stage.people.script(refuse={"slack": 2, "pagerduty": 1, "statuspage": 1})
    voice = stage.notifier()
    found = voice.send(replace(voice.message("drill", "Later", ["x"]), page_status="investigating"))
    assert len(found) == len(ALL) and all(one.ok for one in found), found
    statuses = [
        one["status"] for one in stage.people.journal("http", since=began) if one["who"] in ("slack", "pagerduty")
    ]
    assert statuses.count(429) == 3
    assert len(stage.people.journal("slack.message", since=began)) == 2
    voice.send(replace(voice.message("drill", "Over", []), page_status="resolved"))


def test_the_check_tells_nobody_anything(stage: Stage) -> None:
    """It reads tokens, page and topic; a wrong token and a wrong component are found. No key is in what it says."""
    began = time.time()
    found = {one.channel: one for one in check(stage.channels, within_s=60)}
    assert {name: one.ok for name, one in found.items()} == dict.fromkeys(ALL, True), found
    assert "gameday in FoodConnect" in found["timeline"].detail and "Backend API" in found["status"].detail
    wrong = {
        "bot": replace(stage.channels.named["timeline"], token="env:STATUSPAGE_API_KEY"),
        "part": replace(stage.channels.named["status"], component="none"),
        "key": replace(stage.channels.named["on-call"], routing_key="env:SLACK_BOT_TOKEN"),
        "topic": replace(stage.channels.named["topic"], topic="arn:aws:sns:eu-west-1:123456789012:none"),
    }
    refused = {one.channel: one for one in check(replace(stage.channels, named=wrong), within_s=60)}
    words = {"bot": "invalid_auth", "part": "404", "key": "32 characters", "topic": "NotFound"}
    assert {name: (one.ok, words[name] in one.detail) for name, one in refused.items()} == dict.fromkeys(
        wrong, (False, True)
    ), refused
    assert EVENTS_KEY not in str([*found.values(), *refused.values()])
    assert not stage.people.journal("slack.message", "pagerduty.change", "statuspage.incident", since=began)
    assert not stage.twin.truth("sns.published", since=began, topic=stage.channels.named["topic"].topic)
