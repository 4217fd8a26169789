"""PagerDuty's way in: the Events API v2, change events, and the integration that CloudWatch's topic subscribes."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lab.people.addresses import EVENTS_KEY, SNS_KEY
from lab.people.journal import Journal
from lab.people.pagerduty_model import ACKNOWLEDGED, RESOLVED, Desk, service_reference
from lab.people.web import Json, Refused, answer, call, json_of

KEYS = (EVENTS_KEY, SNS_KEY)
ACTIONS = ("trigger", "acknowledge", "resolve")
SEVERITIES = ("critical", "error", "warning", "info")
LONGEST_SUMMARY, LONGEST_KEY = 1024, 255
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost)(:\d+)?/")


class Events:
    """The endpoints, over one desk."""

    def __init__(self, desk: Desk, journal: Journal) -> None:
        self._desk, self._journal = desk, journal
        self.changes: list[Json] = []

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [
            Route("/pagerduty/v2/enqueue", self.enqueue, methods=["POST"]),
            Route("/pagerduty/v2/change/enqueue", self.change, methods=["POST"]),
            Route("/pagerduty/integration/{key}/enqueue", self.integration, methods=["POST"]),
        ]

    async def enqueue(self, request: Request) -> Response:
        """Take an event: 202 with its dedup key, 400 with what is wrong."""
        event = await json_of(request)
        errors = ["Event is not a JSON object"] if event is None else [*_wrong_key(event), *_wrong_event(event)]
        if event is None or errors:
            raise invalid(errors)
        key = event.get("dedup_key") or uuid4().hex
        agent = service_reference(self._desk.url)
        channel = {"type": "api", "summary": "through the API", **_kept(event)}
        if event["event_action"] == "trigger":
            payload = event["payload"]
            body = {"severity": payload["severity"], "details": payload.get("custom_details", {})}
            self._desk.trigger(payload["summary"], key, agent, channel, body)
        elif (incident := self._desk.open_by_key(key)) is not None:
            status = ACKNOWLEDGED if event["event_action"] == "acknowledge" else RESOLVED
            self._desk.move(incident, status, agent, channel)
        return answer({"status": "success", "message": "Event processed", "dedup_key": key}, 202)

    async def change(self, request: Request) -> Response:
        """Take a change event: it pages nobody."""
        event = await json_of(request)
        errors = ["Event is not a JSON object"] if event is None else _wrong_key(event)
        if event is not None and not _text(event.get("payload"), "summary"):
            errors.append("'payload.summary' is missing or blank")
        if event is None or errors:
            raise invalid(errors)
        self.changes.append(event)
        self._journal.note("pagerduty.change", summary=event["payload"]["summary"])
        return answer({"status": "success", "message": "Change event processed"}, 202)

    async def integration(self, request: Request) -> Response:
        """Take what SNS posts: confirm a subscription, open or resolve the incident of an alarm."""
        if request.path_params["key"] not in KEYS:
            raise invalid(["Invalid routing key"], 404)
        document = await json_of(request)
        if document is None or "Type" not in document:
            raise invalid(["The body is not a message of SNS"])
        if document["Type"] == "SubscriptionConfirmation":
            return await self._confirm(document)
        if document["Type"] == "Notification":
            self._alarm(document)
        return answer({"status": "success", "message": "Event processed"}, 202)

    async def _confirm(self, document: Json) -> Response:
        url = str(document.get("SubscribeURL", ""))
        if not _LOOPBACK.match(url):
            raise invalid(["SubscribeURL is not on this machine"])
        status, _ = await call("GET", url)
        self._journal.note("pagerduty.subscribed", topic=document.get("TopicArn"), status=status)
        if status != 200:
            raise Refused(503, {"status": "error", "message": f"SubscribeURL answered {status}"})
        return answer({"status": "success", "message": "Subscription confirmed"}, 202)

    def _alarm(self, document: Json) -> None:
        alarm = _alarm_of(document)
        about = {"message": document.get("MessageId"), "topic": document.get("TopicArn")}
        if alarm is None:
            self._journal.note("pagerduty.ignored", why="no message of a CloudWatch alarm", **about)
            return
        name, state = str(alarm["AlarmName"]), str(alarm["NewStateValue"])
        self._journal.note("pagerduty.received", alarm=name, state=state, **about)
        agent, key = service_reference(self._desk.url), str(alarm.get("AlarmArn") or name)
        channel = {"type": "cloudwatch", "summary": "by CloudWatch", "details": alarm}
        if state == "ALARM":
            title = str(document.get("Subject") or f'ALARM: "{name}"')
            self._desk.trigger(title, key, agent, channel, {"severity": "critical", "details": alarm})
        elif state == "OK" and (incident := self._desk.open_by_key(key)) is not None:
            self._desk.move(incident, RESOLVED, agent, channel)


def _alarm_of(document: Json) -> Json | None:
    try:
        alarm = json.loads(document.get("Message", ""))
    except ValueError:
        return None
    return alarm if isinstance(alarm, dict) and {"AlarmName", "NewStateValue"} <= set(alarm) else None


def _wrong_key(event: Json) -> list[str]:
    key = event.get("routing_key")
    if not isinstance(key, str) or not key:
        return ["'routing_key' is missing or blank"]
    if len(key) != 32:
        return ["Length of 'routing_key' is incorrect (should be 32 characters)"]
    return [] if key in KEYS else ["Invalid routing key"]


def _wrong_event(event: Json) -> list[str]:
    action, key = event.get("event_action"), event.get("dedup_key")
    errors = [] if action in ACTIONS else ["'event_action' must be one of 'trigger', 'acknowledge' or 'resolve'"]
    if key is not None and (not isinstance(key, str) or len(key) > LONGEST_KEY):
        errors.append(f"'dedup_key' is invalid (must be a string of at most {LONGEST_KEY} characters)")
    if action in ("acknowledge", "resolve") and not key:
        errors.append("'dedup_key' is missing or blank")
    return errors + (_wrong_payload(event.get("payload")) if action == "trigger" else [])


def _wrong_payload(payload: Any) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing or blank"]
    errors = [f"'payload.{name}' is missing or blank" for name in ("summary", "source") if not _text(payload, name)]
    if len(str(payload.get("summary", ""))) > LONGEST_SUMMARY:
        errors.append(f"'payload.summary' is too long (at most {LONGEST_SUMMARY} characters)")
    if payload.get("severity") not in SEVERITIES:
        errors.append("'payload.severity' is invalid (must be one of 'critical', 'warning', 'error' or 'info')")
    return errors


def _text(fields: Any, name: str) -> bool:
    return isinstance(fields, dict) and isinstance(fields.get(name), str) and bool(fields[name].strip())


def _kept(event: Json) -> Json:
    return {name: event[name] for name in ("client", "client_url", "links", "images") if name in event}


def invalid(errors: list[str], status: int = 400) -> Refused:
    """Return PagerDuty's answer to an event that it cannot take."""
    return Refused(status, {"status": "invalid event", "message": "Event object is invalid", "errors": errors})
