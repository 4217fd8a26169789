"""A stand-in of Statuspage: components and incidents over API v1, and the page that users see."""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from lab.people.addresses import COMPONENTS, PAGE_ID, PAGE_NAME
from lab.people.journal import Journal, fine_stamp
from lab.people.statuspage_html import page_of
from lab.people.web import Json, Refused, answer, json_of, number_of

IMPACTS = {  # of the worst component
    "operational": "none",
    "under_maintenance": "maintenance",
    "degraded_performance": "minor",
    "partial_outage": "major",
    "major_outage": "critical",
}
_RANK = tuple(IMPACTS)
STATUSES = ("investigating", "identified", "monitoring", "resolved")
SCHEDULED = ("scheduled", "in_progress", "verifying", "completed")
CLOSED = ("resolved", "completed", "postmortem")


@dataclass(slots=True)
class Component:
    """One component of the page."""

    id: str
    name: str
    position: int
    status: str = "operational"
    description: str = ""
    created_at: float = field(default_factory=time.time)
    updated_at: float = field(default_factory=time.time)

    def as_json(self) -> Json:
        """Return the component."""
        return {
            "id": self.id,
            "page_id": PAGE_ID,
            "name": self.name,
            "description": self.description,
            "status": self.status,
            "position": self.position,
            "group": False,
            "group_id": None,
            "showcase": True,
            "only_show_if_degraded": False,
            "created_at": fine_stamp(self.created_at),
            "updated_at": fine_stamp(self.updated_at),
        }


class Statuspage:
    """The endpoints, over one page; `url` is where they answer."""

    def __init__(self, url: str, journal: Journal) -> None:
        self._url, self._journal = url, journal
        self.components = {id_: Component(id_, name, place) for place, (id_, name) in enumerate(COMPONENTS, 1)}
        self.incidents: list[Json] = []

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        page = "/statuspage/v1/pages/{page}"
        one, component = f"{page}/incidents/{{id}}", f"{page}/components/{{id}}"
        return [
            Route("/statuspage/", self.human, methods=["GET"]),
            Route("/statuspage/v1/pages", self.pages, methods=["GET"]),
            Route(page, self.page, methods=["GET"]),
            Route(f"{page}/components", self.list_components, methods=["GET"]),
            Route(component, self.component, methods=["GET"]),
            Route(component, self.change_component, methods=["PATCH", "PUT"]),
            Route(f"{page}/incidents", self.list_incidents, methods=["GET"]),
            Route(f"{page}/incidents", self.create_incident, methods=["POST"]),
            Route(f"{page}/incidents/unresolved", self.unresolved, methods=["GET"]),
            Route(one, self.incident, methods=["GET"]),
            Route(one, self.change_incident, methods=["PATCH", "PUT"]),
        ]

    async def human(self, request: Request) -> Response:
        """Show the page that users see."""
        components = [(one.name, one.status) for one in self.components.values()]
        return HTMLResponse(page_of(PAGE_NAME, components, self.incidents[::-1]))

    async def pages(self, request: Request) -> Response:
        """List the one page."""
        known(request, None)
        return answer([self._page()])

    async def page(self, request: Request) -> Response:
        """Return the one page."""
        known(request)
        return answer(self._page())

    def _page(self) -> Json:
        return {"id": PAGE_ID, "name": PAGE_NAME, "url": f"{self._url}/", "time_zone": "UTC", "subdomain": PAGE_ID}

    async def list_components(self, request: Request) -> Response:
        """List the components."""
        known(request)
        return answer([one.as_json() for one in self.components.values()])

    async def component(self, request: Request) -> Response:
        """Return one component."""
        known(request)
        return answer(self._component(request).as_json())

    async def change_component(self, request: Request) -> Response:
        """Change a component's status, name or description."""
        known(request)
        component, given = self._component(request), await _inner(request, "component")
        self._set({component.id: given.get("status", component.status)})
        component.name = str(given.get("name", component.name))
        component.description = str(given.get("description", component.description))
        return answer(component.as_json())

    def _component(self, request: Request) -> Component:
        found = self.components.get(request.path_params["id"])
        if found is None:
            raise not_found()
        return found

    def _set(self, statuses: Mapping[str, str]) -> None:
        """Set the status of components, all or none."""
        for id_, status in statuses.items():
            if id_ not in self.components or status not in IMPACTS:
                raise unprocessable(f"Component {id_} cannot be {status}")
        for id_, status in statuses.items():
            component = self.components[id_]
            if component.status != status:
                component.status, component.updated_at = status, time.time()
                self._journal.note("statuspage.component", component=component.name, status=status)

    async def list_incidents(self, request: Request) -> Response:
        """List incidents, newest first; `q` is a part of a name or of an update."""
        known(request)
        query = request.query_params.get("q", "").lower()
        found = [
            one for one in reversed(self.incidents) if query in str([one["name"], one["incident_updates"]]).lower()
        ]
        size, page = number_of(request, "limit", 100, 100), max(number_of(request, "page", 1, 10_000), 1)
        return answer(found[size * (page - 1) : size * page])

    async def unresolved(self, request: Request) -> Response:
        """List incidents that go on, newest first."""
        known(request)
        return answer([one for one in reversed(self.incidents) if one["status"] not in CLOSED])

    async def incident(self, request: Request) -> Response:
        """Return one incident."""
        known(request)
        return answer(self._incident(request))

    def _incident(self, request: Request) -> Json:
        for one in self.incidents:
            if one["id"] == request.path_params["id"]:
                return one
        raise not_found()

    async def create_incident(self, request: Request) -> Response:
        """Open an incident: 201; `components` is {id: status} to set with it."""
        known(request)
        given = await _inner(request, "incident")
        if not given.get("name"):
            raise unprocessable("Name can't be blank")
        now = time.time()
        made: Json = {
            "id": new_id(),
            "page_id": PAGE_ID,
            "name": given["name"],
            "status": "scheduled" if given.get("scheduled_for") else "investigating",
            "impact": "none",
            "impact_override": given.get("impact_override"),
            "created_at": fine_stamp(now),
            "resolved_at": None,
            "monitoring_at": None,
            "scheduled_for": given.get("scheduled_for"),
            "scheduled_until": given.get("scheduled_until"),
            "metadata": given.get("metadata") or {},
            "incident_updates": [],
            "components": [],
        }
        made["shortlink"] = f"{self._url}/#{made['id']}"
        self._update(made, given, now)
        self.incidents.append(made)
        return answer(made, 201)

    async def change_incident(self, request: Request) -> Response:
        """Post an update: a status, a text, the status of components."""
        known(request)
        incident, given = self._incident(request), await _inner(request, "incident")
        incident["name"] = given.get("name", incident["name"])
        self._update(incident, given, time.time())
        return answer(incident)

    def _update(self, incident: Json, given: Json, now: float) -> None:
        status = given.get("status", incident["status"])
        if status not in (*STATUSES, *SCHEDULED):
            raise unprocessable(f"Status {status} is not one of {', '.join((*STATUSES, *SCHEDULED))}")
        statuses = given.get("components") or {}
        self._set(statuses)
        touched = {*(given.get("component_ids") or ()), *statuses, *(one["id"] for one in incident["components"])}
        incident["components"] = [one.as_json() for id_, one in self.components.items() if id_ in touched]
        worst = max((_RANK.index(one["status"]) for one in incident["components"]), default=0)
        if status not in CLOSED:
            incident["impact"] = incident["impact_override"] or IMPACTS[_RANK[worst]]
        incident |= {"status": status, "updated_at": fine_stamp(now)}
        if status in CLOSED:
            incident["resolved_at"] = fine_stamp(now)
        if status == "monitoring":
            incident["monitoring_at"] = fine_stamp(now)
        incident["incident_updates"].insert(0, self._told(incident, given, now))
        self._journal.note("statuspage.incident", id=incident["id"], name=incident["name"], status=status)

    def _told(self, incident: Json, given: Json, now: float) -> Json:
        return {
            "id": new_id(),
            "incident_id": incident["id"],
            "status": incident["status"],
            "body": given.get("body") or "",
            "created_at": fine_stamp(now),
            "display_at": fine_stamp(now),
            "deliver_notifications": given.get("deliver_notifications", True),
            "affected_components": [
                {"code": one["id"], "name": one["name"], "new_status": one["status"]} for one in incident["components"]
            ],
        }


def new_id() -> str:
    """Return a new identifier of twelve letters and digits."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(12))


def known(request: Request, page: str | None = PAGE_ID) -> None:
    """Refuse a call without a key, and one for another page; any key is taken."""
    given = request.headers.get("authorization", "")
    if not given.startswith("OAuth ") and not request.query_params.get("api_key"):
        raise Refused(401, {"error": "Could not authenticate"})
    if page is not None and request.path_params["page"] != page:
        raise not_found()


async def _inner(request: Request, name: str) -> Json:
    found = (await json_of(request) or {}).get(name)
    if not isinstance(found, dict):
        raise Refused(400, {"error": f"{name} is missing"})
    return found


def unprocessable(why: str) -> Refused:
    """Return Statuspage's answer to values that it cannot take."""
    return Refused(422, {"error": [why]})


def not_found() -> Refused:
    """Return Statuspage's answer where there is nothing."""
    return Refused(404, {"error": "Not found"})
