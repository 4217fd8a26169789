"""Statuspage: the incidents of one page that were opened or updated since the day began, but for the suite's own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from gameday.config import StatusPage
from gameday.model import Json
from gameday.notify.order import Door, Failed
from gameday.notify.statuspage import API
from gameday.notify.wire import request
from gameday.people.asking import Until, inner, instant, objects, ours
from gameday.people.seen import Seen

NEWEST = 20  # incidents; a day has fewer, and Statuspage lists the newest first
LONGEST = 500


class Statuspage:
    """Reads one page."""

    name = "Statuspage"

    def __init__(self, door: Door, settings: StatusPage, since: float) -> None:
        self._door, self._settings, self._since = door, settings, since

    def read(self, until: Until) -> list[Seen]:
        """Return the updates. Raises NotSent."""
        page = self._settings.page
        url = f"{self._door.address(self._settings.endpoint, API)}/pages/{quote(page, safe='')}/incidents"
        headers = {"Authorization": f"OAuth {self._door.secret(self._settings.token)}"}
        _, text = request(self.name, "GET", f"{url}?limit={NEWEST}", None, headers, until.left_s())
        try:
            found = json.loads(text)
        except ValueError:
            raise Failed(f"{self.name} answers what is no JSON") from None
        return list(seen_of(objects(found), page, self._since))


def seen_of(incidents: list[Mapping[str, Json]], page: str, since: float) -> Iterator[Seen]:
    """Yield the updates of *incidents* since the day began."""
    for incident in incidents:
        name = inner(incident, "name")
        if ours(name):
            continue
        for update in objects(incident.get("incident_updates")):
            at = instant(inner(update, "created_at"))
            if at is None or at < since:
                continue
            status, body = inner(update, "status"), inner(update, "body")
            data: dict[str, Json] = {"incident": inner(incident, "id"), "status": status, "page": page}
            text = f"{name}: {status}" + (f": {body}" if body else "")
            yield Seen(at, "status-page.changed", text[:LONGEST], Statuspage.name,
                       f"{Statuspage.name}:{inner(update, 'id')}", data)  # fmt: skip
