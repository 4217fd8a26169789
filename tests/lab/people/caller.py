"""Calls the stand-ins as their clients would, and reads what they wrote down."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.people.addresses import EVENTS_KEY, USERS
from lab.settings import Settings
from tests.lab.bench import Answer, call, wait_until

TOKEN = {"Authorization": "Token token=any", "From": USERS[0][2]}
BOT = {"Authorization": "Bearer xoxb-any"}
OAUTH = {"Authorization": "OAuth any"}


@dataclass(frozen=True)
class People:
    """The stand-ins of one lab."""

    settings: Settings

    def call(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Make one request."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        return call(("127.0.0.1", self.settings.people_port), method, path, body, sent)

    def script(self, **change: object) -> Answer:
        """Change how the people behave."""
        return self.call("POST", "/people/script", change)

    def rest(self, method: str, path: str, body: object = None) -> Answer:
        """Call PagerDuty's REST API."""
        return self.call(method, f"/pagerduty{path}", body, TOKEN)

    def slack(self, method: str, **arguments: object) -> dict[str, Any]:
        """Call a method of Slack's Web API; return its answer."""
        answer: dict[str, Any] = self.call("POST", f"/slack/api/{method}", arguments, BOT).json
        return answer

    def page(self, method: str, path: str, body: object = None) -> Answer:
        """Call Statuspage's API."""
        return self.call(method, f"/statuspage/v1/pages/foodconnect{path}", body, OAUTH)

    def event(self, action: str, key: str | None = None, **change: object) -> Answer:
        """Send an event to PagerDuty; a key of `change` that is None is left out."""
        payload = {"summary": "errors", "source": "test", "severity": "critical"}
        event: dict[str, object] = {"routing_key": EVENTS_KEY, "event_action": action, "payload": payload}
        event |= {"dedup_key": key, **change}
        sent = {name: value for name, value in event.items() if value is not None}
        return self.call("POST", "/pagerduty/v2/enqueue", sent)

    def trigger(self) -> tuple[str, dict[str, Any]]:
        """Open an incident; return its key and the incident."""
        key = uuid.uuid4().hex
        assert self.event("trigger", key).status == 202
        (incident,) = self.rest("GET", f"/incidents?incident_key={key}").json["incidents"]
        return key, incident

    def journal(self, *what: str, since: float = 0.0) -> list[dict[str, Any]]:
        """Return the lines of these kinds, all if none is named."""
        lines = (self.settings.home / "people.jsonl").read_text().splitlines()
        events = [json.loads(line) for line in lines]
        return [event for event in events if event["t"] >= since and (not what or event["what"] in what)]

    def wait_journal(self, what: str, *, since: float, within_s: float = 5.0) -> dict[str, Any]:
        """Wait until something is written down; return it."""
        wait_until(lambda: self.journal(what, since=since), within_s, what)
        return self.journal(what, since=since)[0]
