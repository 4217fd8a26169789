"""PagerDuty's REST API v2, as far as the life of an incident needs it, and who is on call."""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lab.people.addresses import EVENTS_KEY, POLICY_ID, SCHEDULE_ID, SERVICE_ID, SERVICE_NAME, SNS_KEY, USERS
from lab.people.pagerduty_model import (
    ACKNOWLEDGED,
    RESOLVED,
    TRIGGERED,
    Desk,
    Incident,
    policy_reference,
    reference,
    service_reference,
    user_reference,
)
from lab.people.web import Json, Refused, answer, json_of, number_of

PAGE, LARGEST_PAGE = 25, 100
Endpoint: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]
_WEBSITE: Json = {"type": "website", "summary": "through the website"}


class Rest:
    """The endpoints, over one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        one = "/pagerduty/incidents/{id}"
        return [
            Route("/pagerduty/incidents", self.incidents, methods=["GET"]),
            Route("/pagerduty/incidents", self.create, methods=["POST"]),
            Route("/pagerduty/incidents", self.manage, methods=["PUT"]),
            Route(one, self.incident, methods=["GET"]),
            Route(one, self.update, methods=["PUT"]),
            Route(f"{one}/log_entries", self.of_incident("log_entries", lambda incident: incident.log[::-1])),
            Route(f"{one}/alerts", self.of_incident("alerts", lambda incident: incident.alerts)),
            Route(f"{one}/notes", self.of_incident("notes", lambda incident: incident.notes), methods=["GET"]),
            Route(f"{one}/notes", self.note, methods=["POST"]),
            Route("/pagerduty/log_entries", self.log_entries),
            Route("/pagerduty/services", self.services),
            Route("/pagerduty/services/{id}", self.service),
            Route("/pagerduty/users", self.users),
            Route("/pagerduty/users/{id}", self.user),
            Route("/pagerduty/oncalls", self.oncalls),
        ]

    async def incidents(self, request: Request) -> Response:
        """List incidents, oldest first, by statuses[], service_ids[], urgencies[], incident_key, since and until."""
        known(request)
        found = [one for one in self._desk.incidents if _chosen(one, request)]
        if request.query_params.get("sort_by", "").endswith(":desc"):
            found.reverse()
        return paged(request, "incidents", [one.as_json() for one in found])

    async def create(self, request: Request) -> Response:
        """Open an incident: 201; 400 when one of the same key is open."""
        user, body = author(request, self._desk.url), await self._body(request, "incident")
        if not body.get("title") or body.get("service", {}).get("id") != SERVICE_ID:
            raise wrong("Title is required, and a service that exists.")
        key = str(body.get("incident_key") or uuid4().hex)
        if self._desk.open_by_key(key):
            raise wrong("Open incident with matching dedup key already exists on this service")
        details = {"details": body.get("body", {}).get("details", "")}
        urgency = str(body.get("urgency", "high"))
        made = self._desk.trigger(str(body["title"]), key, user, _WEBSITE, details, urgency)
        return answer({"incident": made.as_json()}, 201)

    async def manage(self, request: Request) -> Response:
        """Change several incidents at once."""
        user, body = author(request, self._desk.url), await json_of(request)
        given = (body or {}).get("incidents")
        if not isinstance(given, list):
            raise wrong("Incidents must be a list.")
        changed = [(self._found(str(one.get("id"))), one) for one in given]
        return answer({"incidents": [self._change(incident, one, user).as_json() for incident, one in changed]})

    async def incident(self, request: Request) -> Response:
        """Return one incident."""
        known(request)
        return answer({"incident": self._asked(request).as_json()})

    async def update(self, request: Request) -> Response:
        """Acknowledge or resolve an incident, or change its title or urgency."""
        user, body = author(request, self._desk.url), await self._body(request, "incident")
        return answer({"incident": self._change(self._asked(request), body, user).as_json()})

    def _change(self, incident: Incident, body: Json, user: Json) -> Incident:
        status = body.get("status", incident.status)
        if status not in (TRIGGERED, ACKNOWLEDGED, RESOLVED):
            raise wrong("Status must be one of triggered, acknowledged, resolved.")
        if not incident.open and status != RESOLVED:
            raise wrong("Incident Already Resolved")
        incident.title = str(body.get("title", incident.title))
        incident.urgency = str(body.get("urgency", incident.urgency))
        self._desk.move(incident, status, user, _WEBSITE)
        return incident

    def of_incident(self, name: str, part: Callable[[Incident], Sequence[Json]]) -> Endpoint:
        """Return an endpoint that lists a part of an incident."""

        async def listed(request: Request) -> Response:
            known(request)
            return paged(request, name, part(self._asked(request)))

        return listed

    async def note(self, request: Request) -> Response:
        """Add a note: 201."""
        user, body = author(request, self._desk.url), await self._body(request, "note")
        if not body.get("content"):
            raise wrong("Content cannot be empty.")
        return answer({"note": self._desk.annotate(self._asked(request), str(body["content"]), user)}, 201)

    async def log_entries(self, request: Request) -> Response:
        """List all log entries, newest first."""
        known(request)
        every = [entry for incident in self._desk.incidents for entry in incident.log]
        return paged(request, "log_entries", sorted(every, key=lambda entry: str(entry["created_at"]))[::-1])

    async def services(self, request: Request) -> Response:
        """List the one service."""
        known(request)
        return paged(request, "services", [self._service()])

    async def service(self, request: Request) -> Response:
        """Return the one service."""
        known(request)
        if request.path_params["id"] != SERVICE_ID:
            raise not_found()
        return answer({"service": self._service()})

    def _service(self) -> Json:
        statuses = [incident.status for incident in self._desk.incidents]
        status = "critical" if TRIGGERED in statuses else "warning" if ACKNOWLEDGED in statuses else "active"
        url = self._desk.url
        keys = (("events_api_v2_inbound_integration", EVENTS_KEY), ("aws_cloudwatch_inbound_integration", SNS_KEY))
        integrations = [{**reference(kind, key[:7], kind, url), "integration_key": key} for kind, key in keys]
        more = {"name": SERVICE_NAME, "status": status, "escalation_policy": policy_reference(url)}
        return {**service_reference(url), "type": "service", **more, "integrations": integrations}

    async def users(self, request: Request) -> Response:
        """List the users; `query` is a part of a name or of an address."""
        known(request)
        query = request.query_params.get("query", "").lower()
        found = [user for user in self._users() if query in f"{user['name']} {user['email']}".lower()]
        return paged(request, "users", found)

    async def user(self, request: Request) -> Response:
        """Return one user."""
        known(request)
        for user in self._users():
            if user["id"] == request.path_params["id"]:
                return answer({"user": user})
        raise not_found()

    def _users(self) -> list[Json]:
        plain: Json = {"type": "user", "role": "user", "time_zone": "Etc/UTC"}
        shown = [(user_reference(id_, self._desk.url), name, email) for id_, name, email in USERS]
        return [{**ref, **plain, "name": name, "email": email} for ref, name, email in shown]

    async def oncalls(self, request: Request) -> Response:
        """Say who is on call: the first user, always."""
        known(request)
        url = self._desk.url
        on_call = {
            "user": user_reference(USERS[0][0], url),
            "schedule": reference("schedule", SCHEDULE_ID, "FoodConnect, around the clock", url),
            "escalation_policy": policy_reference(url),
            "escalation_level": 1,
            "start": None,
            "end": None,
        }
        wanted = request.query_params.getlist("escalation_policy_ids[]")
        return paged(request, "oncalls", [on_call] if not wanted or POLICY_ID in wanted else [])

    def _asked(self, request: Request) -> Incident:
        return self._found(request.path_params["id"])

    def _found(self, id_: str) -> Incident:
        incident = self._desk.by_id(id_)
        if incident is None:
            raise not_found()
        return incident

    async def _body(self, request: Request, name: str) -> Json:
        found = (await json_of(request) or {}).get(name)
        if not isinstance(found, dict):
            raise wrong(f"Wrapper object '{name}' is missing.")
        return found


def _chosen(incident: Incident, request: Request) -> bool:
    asked = request.query_params
    values = {"statuses[]": incident.status, "service_ids[]": SERVICE_ID, "urgencies[]": incident.urgency}
    return (
        all(not asked.getlist(name) or value in asked.getlist(name) for name, value in values.items())
        and asked.get("incident_key") in (None, incident.key)
        and _instant(asked.get("since"), 0.0) <= int(incident.created_at) <= _instant(asked.get("until"), math.inf)
    )


def _instant(text: str | None, default: float) -> float:
    if not text:
        return default
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise wrong("Since and until must be dates of ISO 8601.") from None
    return (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()


def known(request: Request) -> None:
    """Refuse a call without a token; any token is taken."""
    given = request.headers.get("authorization", "")
    if not given.startswith(("Token token=", "Bearer ")) or not given.partition("=" if "=" in given else " ")[2]:
        raise Refused(401, {"error": {"message": "Unauthorized", "code": 2006}})


def author(request: Request, url: str) -> Json:
    """Return the user whom the From header names by an e-mail address."""
    known(request)
    email = request.headers.get("from", "")
    for id_, _, address in USERS:
        if address == email:
            return user_reference(id_, url)
    raise wrong("The From header must be the e-mail address of a user.", "Requester User Not Found", 1008)


def paged(request: Request, name: str, items: Sequence[Json]) -> Response:
    """Return one page, by limit and offset."""
    limit, offset = number_of(request, "limit", PAGE, LARGEST_PAGE), number_of(request, "offset", 0, 10_000)
    total = len(items) if request.query_params.get("total") == "true" else None
    more = offset + limit < len(items)
    shown = {name: list(items[offset : offset + limit]), "limit": limit, "offset": offset, "total": total, "more": more}
    return answer(shown)


def wrong(detail: str, message: str = "Invalid Input Provided", code: int = 2001) -> Refused:
    """Return PagerDuty's answer to a request that it cannot take."""
    return Refused(400, {"error": {"message": message, "code": code, "errors": [detail]}})


def not_found() -> Refused:
    """Return PagerDuty's answer where there is nothing."""
    return Refused(404, {"error": {"message": "Not Found", "code": 2100}})
