"""Whoever is on call, and the bridge from the page to chat and status page; each speaks only HTTP, as its like would.

PagerDuty's webhook tells of an incident. Somebody acknowledges after a while; then #incidents hears of it, and after
that the status page; when the incident is resolved, both are told in the same order. The delays are simulated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lab.people.addresses import (
    API_TOKEN,
    BACKEND_COMPONENT,
    INCIDENTS_CHANNEL,
    PAGE_ID,
    SLACK_TOKEN,
    USERS,
)
from lab.people.journal import Journal
from lab.people.script import Script
from lab.people.web import Json, Refused, answer, call, json_of

TRIES, PAUSE_S = 3, 0.2
BRIDGE = "incident bridge"  # as Slack shows who speaks


@dataclass(slots=True)
class _Case:
    """What the bridge knows of one incident."""

    thread: str = ""  # the message in #incidents
    page: str = ""  # the incident on the status page
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class OnCall:
    """Hears PagerDuty's webhook at `/people/webhook`."""

    def __init__(self, base: str, script: Script, journal: Journal) -> None:
        self._base, self._script, self._journal = base, script, journal
        self._cases: dict[str, _Case] = {}
        self._at_work: set[asyncio.Task[None]] = set()

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [Route("/people/webhook", self.webhook, methods=["POST"])]

    async def webhook(self, request: Request) -> Response:
        """Take an event of PagerDuty's: 202, and act on it by and by."""
        event = (await json_of(request) or {}).get("event")
        if not isinstance(event, dict) or not isinstance(event.get("data"), dict):
            raise Refused(400, {"error": "no event of a webhook"})
        kind, incident = event.get("event_type"), event["data"]
        if kind == "incident.triggered" and self._script.responds:
            self._begin(self._acknowledge(incident))
        if kind == "incident.acknowledged" and self._script.bridges:
            self._begin(self._open(incident))
        if kind == "incident.resolved" and self._script.bridges:
            self._begin(self._close(incident))
        return answer({"status": "accepted"}, 202)

    async def stop(self) -> None:
        """Drop what is still to be done."""
        for task in self._at_work:
            task.cancel()
        await asyncio.gather(*self._at_work, return_exceptions=True)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    def _case(self, incident: Json) -> _Case:
        return self._cases.setdefault(str(incident["id"]), _Case())

    async def _acknowledge(self, incident: Json) -> None:
        await asyncio.sleep(self._script.acknowledge_s)
        headers = {"Authorization": f"Token token={API_TOKEN}", "From": USERS[0][2]}
        url = f"{self._base}/pagerduty/incidents/{incident['id']}"
        _, seen = await call("GET", url, headers=headers)
        if not isinstance(seen, dict) or seen.get("incident", {}).get("status") != "triggered":
            return  # it was over before anybody looked
        body = {"incident": {"type": "incident_reference", "status": "acknowledged"}}
        await self._do("acknowledge", "PUT", url, body, headers)

    async def _open(self, incident: Json) -> None:
        case = self._case(incident)
        async with case.turn:
            await asyncio.sleep(self._script.chat_s)
            who = (incident.get("last_status_change_by") or {}).get("summary", "somebody")
            text = f"Incident #{incident['incident_number']}: {incident['title']}. Acknowledged by {who}."
            case.thread = str((await self._say(text)).get("ts", ""))
            await asyncio.sleep(self._script.status_page_s)
            told = {
                "name": "Errors in the FoodConnect app",
                "status": "investigating",
                "body": "Some requests fail. We are looking into it.",
                "components": {BACKEND_COMPONENT: "degraded_performance"},
            }
            case.page = str((await self._publish("POST", "incidents", told)).get("id", ""))

    async def _close(self, incident: Json) -> None:
        case = self._case(incident)
        async with case.turn:
            if case.thread:
                await asyncio.sleep(self._script.chat_s)
                await self._say(f"Incident #{incident['incident_number']} is resolved.", case.thread)
            if case.page:
                await asyncio.sleep(self._script.status_page_s)
                well = {BACKEND_COMPONENT: "operational"}
                told = {"status": "resolved", "body": "All is well again.", "components": well}
                await self._publish("PATCH", f"incidents/{case.page}", told)

    async def _say(self, text: str, thread: str | None = None) -> Json:
        reply = {"thread_ts": thread} if thread else {}
        body = {"channel": INCIDENTS_CHANNEL, "text": text, "username": BRIDGE, **reply}
        headers = {"Authorization": f"Bearer {SLACK_TOKEN}"}
        return await self._do("chat", "POST", f"{self._base}/slack/api/chat.postMessage", body, headers)

    async def _publish(self, method: str, what: str, incident: Json) -> Json:
        url = f"{self._base}/statuspage/v1/pages/{PAGE_ID}/{what}"
        return await self._do(
            "status page", method, url, {"incident": incident}, {"Authorization": f"OAuth {API_TOKEN}"}
        )

    async def _do(self, step: str, method: str, url: str, body: Json, headers: dict[str, str]) -> Json:
        """Make a call, up to three times where it is refused for now; return its answer, or nothing."""
        status, reply = 0, None
        for attempt in range(TRIES):
            status, reply = await call(method, url, body, headers)
            if 200 <= status < 300 and isinstance(reply, dict):
                return reply
            await asyncio.sleep(PAUSE_S * (attempt + 1))
        self._journal.note("people.gave_up", step=step, status=status, answer=str(reply)[:300])
        return {}
