"""PagerDuty's records: incidents with their alerts, notes and log entries, in the shapes of its REST API."""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lab.people.addresses import POLICY_ID, POLICY_NAME, SERVICE_ID, SERVICE_NAME, USERS
from lab.people.journal import stamp
from lab.people.web import Json

TRIGGERED, ACKNOWLEDGED, RESOLVED = "triggered", "acknowledged", "resolved"
_LETTERS = string.ascii_uppercase + string.digits


def new_id(prefix: str = "Q") -> str:
    """Return a new identifier such as Q1K2M4ABCD1234."""
    return prefix + "".join(secrets.choice(_LETTERS) for _ in range(13))


@dataclass(slots=True)
class Incident:
    """One incident; instants are epoch seconds."""

    number: int
    title: str
    key: str
    url: str  # of the stand-in
    urgency: str = "high"
    status: str = TRIGGERED
    id: str = field(default_factory=new_id)
    created_at: float = field(default_factory=time.time)
    changed_at: float = 0.0
    changed_by: Json = field(default_factory=dict)
    acknowledged_by: list[tuple[float, Json]] = field(default_factory=list)
    assigned: list[str] = field(default_factory=list)  # ids of users
    alerts: list[Json] = field(default_factory=list)
    notes: list[Json] = field(default_factory=list)
    log: list[Json] = field(default_factory=list)

    @property
    def open(self) -> bool:
        """Is it not yet resolved?"""
        return self.status != RESOLVED

    def reference(self) -> Json:
        """Return the reference to it."""
        return reference("incident", self.id, f"[#{self.number}] {self.title}", self.url)

    def as_json(self) -> Json:
        """Return the incident."""
        assigned = [] if self.status == RESOLVED else self.assigned
        return {
            **self.reference(),
            "type": "incident",
            "incident_number": self.number,
            "title": self.title,
            "description": self.title,
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.changed_at or self.created_at),
            "status": self.status,
            "incident_key": self.key,
            "service": service_reference(self.url),
            "assignments": [{"at": stamp(self.created_at), "assignee": user_reference(u, self.url)} for u in assigned],
            "assigned_via": "escalation_policy",
            "last_status_change_at": stamp(self.changed_at or self.created_at),
            "last_status_change_by": self.changed_by,
            "resolved_at": stamp(self.changed_at) if self.status == RESOLVED else None,
            "acknowledgements": [
                {"at": stamp(at), "acknowledger": who}
                for at, who in (self.acknowledged_by if self.status == ACKNOWLEDGED else ())
            ],
            "first_trigger_log_entry": reference(
                "trigger_log_entry", self.log[0]["id"], self.log[0]["summary"], self.url
            )
            if self.log
            else None,
            "escalation_policy": policy_reference(self.url),
            "alert_counts": _counted(self.alerts),
            "is_mergeable": True,
            "urgency": self.urgency,
            "priority": None,
            "teams": [],
            "pending_actions": [],
            "incidents_responders": [],
        }


def _counted(alerts: list[Json]) -> Json:
    done = sum(alert["status"] == RESOLVED for alert in alerts)
    return {"all": len(alerts), "triggered": len(alerts) - done, "resolved": done}


def reference(kind: str, id_: str, summary: str, url: str) -> Json:
    """Return a reference to anything of PagerDuty's."""
    place = {"policy": "policies", "entry": "entries"}
    plural = next((kind.removesuffix(end) + many for end, many in place.items() if kind.endswith(end)), f"{kind}s")
    path = "log_entries" if plural.endswith("log_entries") else plural
    shown = f"{url}/{path}/{id_}"
    return {"id": id_, "type": f"{kind}_reference", "summary": summary, "self": shown, "html_url": shown}


def service_reference(url: str) -> Json:
    """Return the reference to the one service."""
    return reference("service", SERVICE_ID, SERVICE_NAME, url)


def policy_reference(url: str) -> Json:
    """Return the reference to the one escalation policy."""
    return reference("escalation_policy", POLICY_ID, POLICY_NAME, url)


def user_reference(user_id: str, url: str) -> Json:
    """Return the reference to a user."""
    names = {id_: name for id_, name, _ in USERS}
    return reference("user", user_id, names[user_id], url)


@dataclass(slots=True)
class Desk:
    """All incidents; `tell` is called with ("incident.triggered", incident, agent) and the like."""

    url: str
    tell: Callable[[str, Incident, Json], None]
    incidents: list[Incident] = field(default_factory=list)

    def by_id(self, id_: str) -> Incident | None:
        """Return an incident by id or number."""
        return next((one for one in self.incidents if id_ in (one.id, str(one.number))), None)

    def open_by_key(self, key: str) -> Incident | None:
        """Return the open incident of a dedup key."""
        return next((one for one in self.incidents if one.open and one.key == key), None)

    def trigger(self, title: str, key: str, agent: Json, channel: Json, body: Json, urgency: str = "high") -> Incident:
        """Open an incident, assign it to whoever is on call and page them; or add to the open one of that key."""
        known = self.open_by_key(key)
        incident = known or Incident(len(self.incidents) + 1, title, key, self.url, urgency)
        if known is None:
            self.incidents.append(incident)
            incident.changed_by = agent
            self._alert(incident, body)
            self.enter(incident, "trigger", f"Triggered {channel['summary']}", agent, channel)
            on_call = USERS[0][0]
            incident.assigned = [on_call]
            self.enter(incident, "assign", f"Assigned to {USERS[0][1]}", service_reference(self.url), {"type": "auto"})
            self.tell("incident.triggered", incident, agent)
            self.notify(incident, on_call)
        return incident

    def _alert(self, incident: Incident, body: Json) -> None:
        made = reference("alert", new_id(), incident.title, self.url)
        incident.alerts.append(
            {
                **made,
                "type": "alert",
                "status": TRIGGERED,
                "alert_key": incident.key,
                "severity": body.get("severity", "critical"),
                "created_at": stamp(incident.created_at),
                "service": service_reference(self.url),
                "incident": incident.reference(),
                "suppressed": False,
                "body": {"type": "alert_body", "details": body.get("details", {})},
            }
        )

    def notify(self, incident: Incident, user_id: str) -> None:
        """Page a user."""
        user = user_reference(user_id, self.url)
        channel = {"type": "auto", "notification": {"type": "push_notification", "status": "success"}}
        entry = self.enter(
            incident, "notify", f"Notified {user['summary']} via push", service_reference(self.url), channel
        )
        entry["user"] = user
        self.tell("notified", incident, user)

    def move(self, incident: Incident, status: str, agent: Json, channel: Json) -> None:
        """Acknowledge or resolve; nothing happens to what is there already, or is resolved."""
        if status == incident.status or not incident.open or status not in (ACKNOWLEDGED, RESOLVED):
            return
        incident.status, incident.changed_at, incident.changed_by = status, time.time(), agent
        if status == ACKNOWLEDGED:
            incident.acknowledged_by.append((incident.changed_at, agent))
        for alert in incident.alerts if status == RESOLVED else ():
            alert["status"] = RESOLVED
        verb = "acknowledge" if status == ACKNOWLEDGED else "resolve"
        self.enter(incident, verb, f"{status.capitalize()} by {agent['summary']}", agent, channel)
        self.tell(f"incident.{status}", incident, agent)

    def annotate(self, incident: Incident, content: str, user: Json) -> Json:
        """Add a note."""
        note: Json = {"id": new_id("P"), "user": user, "content": content, "created_at": stamp(time.time())}
        incident.notes.append(note)
        self.enter(incident, "annotate", f"Note added by {user['summary']}", user, {"type": "note", "summary": content})
        self.tell("incident.annotated", incident, user)
        return note

    def enter(self, incident: Incident, kind: str, summary: str, agent: Json, channel: Json) -> Json:
        """Add a log entry; return it."""
        entry: Json = {
            **reference(f"{kind}_log_entry", new_id("R"), summary, self.url),
            "type": f"{kind}_log_entry",
            "created_at": stamp(time.time()),
            "agent": agent,
            "channel": channel,
            "service": service_reference(self.url),
            "incident": incident.reference(),
            "teams": [],
            "contexts": [],
        }
        incident.log.append(entry)
        return entry
