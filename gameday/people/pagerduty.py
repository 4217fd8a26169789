"""PagerDuty's REST API: the incidents of one service since the day began, and what their log entries tell.

PagerDuty gives whole seconds: an instant is the earliest it can have been, and up to a second too early. An
acknowledgement counts when a user made it, who is neither the owner of the token nor a robot. The client's own retries
know no end of time, so each answer is judged before the client sees it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import cast
from urllib.parse import quote

from httpx2 import HTTPError, Response
from pagerduty import Error, RestApiV2Client

from gameday.aws import is_loopback
from gameday.config import OnCall
from gameday.model import Json
from gameday.notify.order import Door, Failed
from gameday.notify.pagerduty import ToThisMachine, innermost
from gameday.notify.wire import judge, lost
from gameday.people.asking import Until, alarm_in, inner, instant, objects
from gameday.people.seen import Seen

API = "https://api.pagerduty.com"
PAGE, MOST_PAGES = 100, 5
WHOLE_S = 1.0
CHANGES = {"trigger": "triggered", "notify": "notified", "acknowledge": "acknowledged", "escalate": "escalated",
           "resolve": "resolved"}  # fmt: skip


class PagerDuty:
    """Reads one service of PagerDuty's; *alarms* are those that an incident may be of."""

    name = "PagerDuty"

    def __init__(self, door: Door, settings: OnCall, since: float, alarms: Collection[str]) -> None:
        self._door, self._settings, self._since, self._alarms = door, settings, math.floor(since), alarms
        self._over: dict[str, list[Seen]] = {}  # what incidents tell that are resolved: nothing is added to them
        self._robots: set[str] | None = None

    def read(self, until: Until) -> list[Seen]:
        """Return what the log entries of the day's incidents tell. Raises NotSent."""
        with self._client(until) as client:
            asked: dict[str, Json] = {"service_ids[]": [self._settings.service], "since": _stamp(self._since),
                                      "until": _stamp(time.time() + 60), "sort_by": "created_at:asc"}  # fmt: skip
            incidents = self._all(client, until, "/incidents", "incidents", asked)
            return [seen for one in incidents if self._of_the_day(one) for seen in self._tells(client, until, one)]

    def _of_the_day(self, incident: Mapping[str, Json]) -> bool:
        return (instant(inner(incident, "created_at")) or 0.0) >= self._since

    def _tells(self, client: RestApiV2Client, until: Until, incident: Mapping[str, Json]) -> list[Seen]:
        id_ = inner(incident, "id")
        if known := self._over.get(id_):
            return known
        path = f"/incidents/{quote(id_, safe='')}/log_entries"
        entries = self._all(client, until, path, "log_entries", {"include[]": ["channels"]})
        if self._robots is None and any(inner(one, "type").startswith("ack") for one in entries):
            self._robots = {*self._settings.robots, self._own(client, until)}
        found = list(seen_of(incident, entries, self._alarms, self._robots or set()))
        if inner(incident, "status") == "resolved":
            self._over[id_] = found
        return found

    def _own(self, client: RestApiV2Client, until: Until) -> str:
        """Return the id of the user whose token this is; empty: a token of the account is nobody's."""
        try:
            user = _ask(client, until, "/users/me", {}).get("user")
        except Failed as error:
            if " answers 40" in str(error):
                return ""
            raise
        return inner(user, "id") if isinstance(user, dict) else ""

    def _all(
        self, client: RestApiV2Client, until: Until, path: str, name: str, asked: Mapping[str, Json]
    ) -> list[Mapping[str, Json]]:
        found: list[Mapping[str, Json]] = []
        for _ in range(MOST_PAGES):
            page = _ask(client, until, path, {**asked, "limit": PAGE, "offset": len(found)})
            found += objects(page.get(name))
            if not page.get("more"):
                return found
        raise Failed(f"{self.name} has more {name.replace('_', ' ')} than {PAGE * MOST_PAGES} since the day began")

    def _client(self, until: Until) -> _Client:
        url = self._door.address(self._settings.endpoint, API)
        token = self._door.secret(self._settings.token)
        until.left_s()
        if is_loopback(url):
            return _Client(token, transport=ToThisMachine(url), trust_env=False)
        return _Client(token, base_url=url)


class _Client(RestApiV2Client):
    """The client, without its own retries."""

    max_network_attempts = 0

    def postprocess(self, response: Response, suffix: str | None = None) -> None:
        """Judge each answer before the client would wait and repeat."""
        judge(PagerDuty.name, response.status_code, response.headers.get("Retry-After"), "")


def _ask(client: RestApiV2Client, until: Until, path: str, asked: Mapping[str, Json]) -> Mapping[str, Json]:
    client.timeout = max(1, int(until.left_s()))
    try:
        found = client.request("GET", path, params=dict(asked)).json()
    except ValueError:
        raise Failed(f"{PagerDuty.name} answers what is no JSON") from None
    except (Error, HTTPError) as error:
        raise lost(PagerDuty.name, innermost(error), client.timeout) from None
    return cast("Mapping[str, Json]", found) if isinstance(found, dict) else {}


def seen_of(
    incident: Mapping[str, Json], entries: list[Mapping[str, Json]], alarms: Collection[str], robots: Collection[str]
) -> Iterator[Seen]:
    """Yield what the log *entries* of one *incident* tell, oldest first; `notify` entries need not say whom."""
    title, number = inner(incident, "title"), incident.get("incident_number")
    texts = [title, inner(incident, "incident_key"), *_first_details(entries)]
    about: dict[str, Json] = {
        "incident": inner(incident, "id"), "number": number, "title": title, "alarm": alarm_in(texts, alarms),
        "within_s": WHOLE_S,
    }  # fmt: skip
    oldest_first = entries[::-1]  # of those in one second, too: PagerDuty gives the newest first
    for entry in sorted(oldest_first, key=lambda one: inner(one, "created_at")):
        verb = inner(entry, "type").removesuffix("_log_entry").replace("acknowledgement", "acknowledge")
        at = instant(inner(entry, "created_at"))
        if verb not in CHANGES or at is None:
            continue
        who, by_robot = _who(entry, verb), verb in ("acknowledge", "resolve") and _is_robot(entry, robots)
        kind = "page.automatic" if by_robot and verb == "acknowledge" else f"page.{CHANGES[verb]}"
        text = _sentence(verb, who, f"#{number} {title}", kind == "page.automatic")
        data = {**about, "automatic": True} if by_robot else about
        yield Seen(at, kind, text, who, f"{PagerDuty.name}:{inner(entry, 'id')}", data)


def _first_details(entries: list[Mapping[str, Json]]) -> list[str]:
    """Return what CloudWatch's message said, as the trigger's channel has it."""
    triggers = (one for one in entries if inner(one, "type") == "trigger_log_entry")
    return [inner(one, "channel", "details", "AlarmName") for one in triggers]


def _who(entry: Mapping[str, Json], verb: str) -> str:
    return inner(entry, *(("user", "summary") if verb == "notify" else ("agent", "summary"))) or PagerDuty.name


def _is_robot(entry: Mapping[str, Json], robots: Collection[str]) -> bool:
    return not inner(entry, "agent", "type").startswith("user") or inner(entry, "agent", "id") in robots


def _sentence(verb: str, who: str, incident: str, by_robot: bool) -> str:
    paged = "somebody" if who == PagerDuty.name else who
    said = {"trigger": f"{incident} is triggered", "notify": f"{paged} is notified of {incident}",
            "acknowledge": f"{who} acknowledges {incident}", "escalate": f"{incident} is escalated",
            "resolve": f"{incident} is resolved by {who}"}  # fmt: skip
    return said[verb] + (", which is no person's doing" if by_robot else "")


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
