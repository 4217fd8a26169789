"""PagerDuty's stand-in answers as its documentation says: events in, incidents with their log out."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from lab.people.addresses import EVENTS_KEY, SERVICE_ID, SNS_KEY, USERS
from tests.lab.people.caller import TOKEN, People


def log_of(people: People, incident: dict[str, Any]) -> list[str]:
    """Return the types of an incident's log entries, oldest first."""
    entries = people.rest("GET", f"/incidents/{incident['id']}/log_entries").json["log_entries"]
    return [entry["type"] for entry in reversed(entries)]


def test_an_event_opens_acknowledges_and_resolves_an_incident(people: People) -> None:
    """The same key means the same incident; each step is in its log with an instant and an agent."""
    key, incident = people.trigger()
    assert (incident["status"], incident["urgency"], incident["incident_key"]) == ("triggered", "high", key)
    assert [one["assignee"]["summary"] for one in incident["assignments"]] == [USERS[0][1]]
    assert people.event("trigger", key).json == {
        "status": "success",
        "message": "Event processed",
        "dedup_key": key,
    }
    assert people.event("acknowledge", key).status == 202
    assert people.event("resolve", key).status == 202
    seen = people.rest("GET", f"/incidents/{incident['id']}").json["incident"]
    assert (seen["status"], seen["assignments"], seen["alert_counts"]["resolved"]) == ("resolved", [], 1)
    kinds = ("trigger", "assign", "notify", "acknowledge", "resolve")
    assert log_of(people, incident) == [f"{kind}_log_entry" for kind in kinds]
    (alert,) = people.rest("GET", f"/incidents/{incident['id']}/alerts").json["alerts"]
    assert (alert["status"], alert["alert_key"], alert["severity"]) == ("resolved", key, "critical")
    assert people.event("acknowledge", key).status == 202, "an event for nothing that is open is taken and ignored"
    _, after = people.trigger()
    assert after["incident_number"] == incident["incident_number"] + 1
    people.event("resolve", after["incident_key"])


def test_an_event_without_a_key_gets_one(people: People) -> None:
    """The answer's key resolves what the event opened."""
    key = people.event("trigger").json["dedup_key"]
    assert people.rest("GET", f"/incidents?incident_key={key}&statuses[]=triggered").json["incidents"]
    people.event("resolve", key)
    assert not people.rest("GET", f"/incidents?incident_key={key}&statuses[]=triggered").json["incidents"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"routing_key": None}, "'routing_key' is missing or blank"),
        ({"routing_key": "short"}, "Length of 'routing_key' is incorrect (should be 32 characters)"),
        ({"routing_key": "x" * 32}, "Invalid routing key"),
        ({"event_action": "shout"}, "'event_action' must be one of"),
        ({"payload": None}, "'payload' is missing or blank"),
        ({"payload": {"source": "s", "severity": "info"}}, "'payload.summary' is missing or blank"),
        ({"payload": {"summary": "s", "severity": "info"}}, "'payload.source' is missing or blank"),
        ({"payload": {"summary": "s", "source": "s", "severity": "bad"}}, "'payload.severity' is invalid"),
        ({"dedup_key": "k" * 256}, "'dedup_key' is invalid"),
    ],
)
def test_a_wrong_event_is_refused(people: People, change: dict[str, Any], error: str) -> None:
    """400, with what is wrong in PagerDuty's words."""
    refused = people.event("trigger", **change)
    assert (refused.status, refused.json["status"]) == (400, "invalid event")
    assert error in refused.json["errors"][0]


def test_the_switch_makes_calls_too_many(people: People) -> None:
    """So many are answered 429, then all is as before."""
    people.script(refuse={"pagerduty": 2})
    assert [people.rest("GET", "/oncalls").status for _ in range(3)] == [429, 429, 200]


def test_a_change_event_pages_nobody(people: People) -> None:
    """It is taken, and opens no incident."""
    before = len(people.journal("pagerduty.triggered"))
    body = {"routing_key": EVENTS_KEY, "payload": {"summary": "game day begins"}}
    answer = people.call("POST", "/pagerduty/v2/change/enqueue", body)
    assert (answer.status, answer.json["message"]) == (202, "Change event processed")
    assert people.journal("pagerduty.change")[-1]["summary"] == "game day begins"
    assert len(people.journal("pagerduty.triggered")) == before
    assert people.call("POST", "/pagerduty/v2/change/enqueue", {"routing_key": EVENTS_KEY}).status == 400


def notification(state: str, arn: str) -> dict[str, str]:
    """Return what SNS posts about an alarm."""
    alarm = {"AlarmName": "errors", "AlarmArn": arn, "NewStateValue": state, "NewStateReason": "r"}
    about = {"Type": "Notification", "MessageId": uuid.uuid4().hex, "TopicArn": "arn:aws:sns:eu-west-1:1:t"}
    return {**about, "Subject": f'{state}: "errors" in EU (Ireland)', "Message": json.dumps(alarm)}


def test_the_sns_integration_follows_an_alarm(people: People) -> None:
    """ALARM opens, INSUFFICIENT_DATA changes nothing, OK resolves; what is no alarm is ignored."""
    path, arn = f"/pagerduty/integration/{SNS_KEY}/enqueue", uuid.uuid4().hex

    def statuses() -> list[str]:
        found = people.rest("GET", f"/incidents?incident_key={arn}").json["incidents"]
        return [one["status"] for one in found]

    for state, expected in (("ALARM", ["triggered"]), ("INSUFFICIENT_DATA", ["triggered"]), ("OK", ["resolved"])):
        assert people.call("POST", path, notification(state, arn)).status == 202
        assert statuses() == expected
    ignored = len(people.journal("pagerduty.ignored"))
    other = {**notification("ALARM", arn), "Message": "a game day begins"}
    assert people.call("POST", path, other).status == 202
    assert len(people.journal("pagerduty.ignored")) == ignored + 1
    assert people.call("POST", f"/pagerduty/integration/{'x' * 32}/enqueue", {"Type": "x"}).status == 404
    far = {"Type": "SubscriptionConfirmation", "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=x"}
    assert people.call("POST", path, far).status == 400


def test_a_person_handles_an_incident_over_rest(people: People) -> None:
    """Opened, acknowledged, noted and resolved with the From header; one of the same key cannot be opened twice."""
    key = uuid.uuid4().hex
    body = {"incident": {"type": "incident", "title": "t", "service": {"id": SERVICE_ID}, "incident_key": key}}
    made = people.rest("POST", "/incidents", body)
    assert made.status == 201
    incident = made.json["incident"]
    assert "matching dedup key" in people.rest("POST", "/incidents", body).json["error"]["errors"][0]
    one = f"/incidents/{incident['id']}"
    acknowledged = people.rest("PUT", one, {"incident": {"type": "incident_reference", "status": "acknowledged"}})
    (by,) = acknowledged.json["incident"]["acknowledgements"]
    assert by["acknowledger"]["summary"] == USERS[0][1]
    note = people.rest("POST", f"{one}/notes", {"note": {"content": "looking"}})
    assert (note.status, note.json["note"]["content"]) == (201, "looking")
    assert len(people.rest("GET", f"{one}/notes").json["notes"]) == 1
    both = {"incidents": [{"id": incident["id"], "type": "incident_reference", "status": "resolved"}]}
    assert people.rest("PUT", "/incidents", both).json["incidents"][0]["status"] == "resolved"
    again = people.rest("PUT", one, {"incident": {"status": "acknowledged"}})
    assert (again.status, again.json["error"]["errors"]) == (400, ["Incident Already Resolved"])


@pytest.mark.parametrize(
    ("path", "name", "count"),
    [
        ("/services", "services", 1),
        ("/oncalls", "oncalls", 1),
        ("/users", "users", len(USERS)),
        (f"/users?query={USERS[1][2]}", "users", 1),
        ("/incidents?statuses[]=acknowledged&urgencies[]=low", "incidents", 0),
        ("/incidents?since=2099-01-01T00:00:00Z", "incidents", 0),
    ],
)
def test_lists(people: People, path: str, name: str, count: int) -> None:
    """Each list comes with its page: limit, offset, more."""
    answer = people.rest("GET", path).json
    assert len(answer[name]) == count
    assert (answer["limit"], answer["offset"], answer["more"]) == (25, 0, False)


def test_lists_come_in_pages(people: People) -> None:
    """limit and offset go through all; `more` says whether to go on."""
    keys = [people.trigger()[0] for _ in range(3)]
    seen: list[str] = []
    more = True
    while more:
        page = people.rest("GET", f"/incidents?limit=2&offset={len(seen)}&total=true&statuses[]=triggered").json
        seen += [one["incident_key"] for one in page["incidents"]]
        more = page["more"]
        assert page["total"] == 3
    assert seen == keys
    for key in keys:
        people.event("resolve", key)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/incidents", {}, 401),
        ("GET", "/incidents/QNONE", TOKEN, 404),
        ("GET", "/users/PNONE", TOKEN, 404),
        ("GET", "/incidents?since=yesterday", TOKEN, 400),
        ("PUT", "/incidents/QNONE", {"Authorization": TOKEN["Authorization"]}, 400),
        ("POST", "/incidents", TOKEN, 400),
    ],
)
def test_a_wrong_call_is_refused(people: People, method: str, path: str, headers: dict[str, str], status: int) -> None:
    """With PagerDuty's error object."""
    refused = people.call(method, f"/pagerduty{path}", {} if method != "GET" else None, headers)
    assert (refused.status, set(refused.json["error"]) >= {"message", "code"}) == (status, True)
