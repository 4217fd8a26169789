"""PagerDuty's webhook (v3): what happens to an incident is posted to one address, in order, by real HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time

from lab.people.addresses import API_TOKEN
from lab.people.journal import Journal, stamp
from lab.people.pagerduty_model import Incident, new_id
from lab.people.web import Json, call


class Webhook:
    """Tells the journal at once and the subscriber as soon as it can."""

    def __init__(self, url: str, journal: Journal) -> None:
        self._url, self._journal = url, journal
        self._waiting: asyncio.Queue[Json] = asyncio.Queue()

    def tell(self, what: str, incident: Incident, agent: Json) -> None:
        """Note an event; those that begin with `incident.` go to the subscriber."""
        about = {"incident": incident.id, "number": incident.number, "title": incident.title}
        at = self._journal.note(f"pagerduty.{what.removeprefix('incident.')}", by=agent["summary"], **about)
        if what.startswith("incident."):
            event: Json = {"id": new_id("0"), "event_type": what, "resource_type": "incident"}
            event |= {"occurred_at": stamp(at), "agent": agent, "client": None, "data": incident.as_json()}
            self._waiting.put_nowait({"event": event})

    async def send(self) -> None:
        """Send for ever; PagerDuty's own ten retries are not played, because the subscriber lives in this process."""
        while True:
            body = await self._waiting.get()
            began = time.monotonic()
            signature = hmac.new(API_TOKEN.encode(), json.dumps(body).encode(), hashlib.sha256).hexdigest()
            status, _ = await call("POST", self._url, body, {"X-PagerDuty-Signature": f"v1={signature}"})
            ms = round((time.monotonic() - began) * 1e3, 1)
            self._journal.note("pagerduty.webhook", event_type=body["event"]["event_type"], status=status, ms=ms)
