"""Statuspage's stand-in: components and incidents over API v1, and the page that users see."""

from __future__ import annotations

from typing import Any

import pytest

from lab.people.addresses import BACKEND_COMPONENT
from tests.lab.people.caller import OAUTH, People


def status_of(people: People) -> str:
    """Return the status of the backend's component."""
    status: str = people.page("GET", f"/components/{BACKEND_COMPONENT}").json["status"]
    return status


def test_an_incident_from_investigating_to_resolved(people: People) -> None:
    """Components change with it, its impact is that of the worst, its updates come newest first."""
    body: dict[str, Any] = {"name": "Errors <b>", "body": "We look.", "components": {BACKEND_COMPONENT: "major_outage"}}
    made = people.page("POST", "/incidents", {"incident": body})
    assert (made.status, made.json["status"], made.json["impact"]) == (201, "investigating", "critical")
    assert status_of(people) == "major_outage"
    one = f"/incidents/{made.json['id']}"
    assert [each["id"] for each in people.page("GET", "/incidents/unresolved").json] == [made.json["id"]]
    html = people.call("GET", "/statuspage/").json.decode()
    assert "Major outage" in html
    assert "Errors &lt;b&gt;" in html
    people.page("PATCH", one, {"incident": {"status": "monitoring", "body": "A fix is out."}})
    done = {"status": "resolved", "body": "Well again.", "components": {BACKEND_COMPONENT: "operational"}}
    resolved = people.page("PATCH", one, {"incident": done}).json
    updates = [each["status"] for each in resolved["incident_updates"]]
    assert updates == ["resolved", "monitoring", "investigating"]
    assert resolved["resolved_at"] >= resolved["monitoring_at"] >= resolved["created_at"]
    assert resolved["impact"] == "critical", "the impact that it had"
    assert status_of(people) == "operational"
    assert people.page("GET", "/incidents/unresolved").json == []
    assert [each["id"] for each in people.page("GET", "/incidents?q=errors%20%3Cb").json] == [made.json["id"]]
    assert people.page("GET", one).json == resolved


def test_a_component_is_changed_by_itself(people: People) -> None:
    """PATCH sets its status; the list has it."""
    changed = people.page("PATCH", "/components/cmpdb", {"component": {"status": "degraded_performance"}})
    assert changed.json["status"] == "degraded_performance"
    statuses = {each["name"]: each["status"] for each in people.page("GET", "/components").json}
    assert statuses["Database"] == "degraded_performance"
    assert "Degraded performance" in people.call("GET", "/statuspage/").json.decode()
    people.page("PATCH", "/components/cmpdb", {"component": {"status": "operational"}})
    assert "All Systems Operational" in people.call("GET", "/statuspage/").json.decode()


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("GET", "/pages", None, {}, 401),
        ("GET", "/pages/other", None, OAUTH, 404),
        ("GET", "/pages/foodconnect/components/none", None, OAUTH, 404),
        ("GET", "/pages/foodconnect/incidents/none", None, OAUTH, 404),
        ("POST", "/pages/foodconnect/incidents", {}, OAUTH, 400),
        ("POST", "/pages/foodconnect/incidents", {"incident": {"status": "resolved"}}, OAUTH, 422),
        ("POST", "/pages/foodconnect/incidents", {"incident": {"name": "x", "status": "bad"}}, OAUTH, 422),
        ("POST", "/pages/foodconnect/incidents", {"incident": {"name": "x", "components": {"no": "x"}}}, OAUTH, 422),
        ("PATCH", "/pages/foodconnect/components/cmpdb", {"component": {"status": "bad"}}, OAUTH, 422),
    ],
)
def test_a_wrong_call_is_refused(
    people: People, method: str, path: str, body: object, headers: dict[str, str], status: int
) -> None:
    """With an error that says why; nothing is changed."""
    before = people.page("GET", "/incidents").json
    refused = people.call(method, f"/statuspage/v1{path}", body, headers)
    assert (refused.status, "error" in refused.json) == (status, True)
    assert people.page("GET", "/incidents").json == before


def test_a_key_in_the_query_and_the_switch(people: People) -> None:
    """api_key will do; too many calls are told."""
    assert people.call("GET", "/statuspage/v1/pages?api_key=x").json[0]["id"] == "foodconnect"
    people.script(refuse={"statuspage": 1})
    assert [people.page("GET", "").status for _ in range(2)] == [429, 200]
