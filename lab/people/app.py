"""The stand-ins as one application: PagerDuty, Slack, Statuspage, whoever is on call, and the script they follow.

State lives in memory; every request and every change is written to the journal.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab.people.journal import Journal
from lab.people.oncall import OnCall
from lab.people.pagerduty_events import Events
from lab.people.pagerduty_model import Desk
from lab.people.pagerduty_rest import Rest
from lab.people.script import Script
from lab.people.slack import Slack
from lab.people.statuspage import Statuspage
from lab.people.web import Json, Refused, answer, json_of, refused
from lab.people.webhook import Webhook


class Recorded:
    """Middleware: refuses what the script says, and writes every request down."""

    def __init__(self, app: ASGIApp, script: Script, journal: Journal) -> None:
        self._app, self._script, self._journal = app, script, journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        service, began, seen = scope["path"].strip("/").partition("/")[0], time.time(), [0]

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen[0] = message["status"]
                ms = round((time.time() - began) * 1e3, 1)
                method, path = scope["method"], scope["path"]
                self._journal.note("http", who=service, method=method, path=path, status=seen[0], ms=ms)
            await send(message)

        app: ASGIApp = _too_many(service) if self._script.refuses(service) else self._app
        await app(scope, receive, watch)


def _too_many(service: str) -> Response:
    """Return what a service answers to too many requests."""
    bodies: dict[str, Json] = {
        "slack": {"ok": False, "error": "ratelimited"},
        "pagerduty": {"error": {"message": "Rate Limit Exceeded", "code": 2020}},
    }
    return answer(bodies.get(service, {"error": "Too many requests"}), 429, **{"Retry-After": "1"})


class Stage:
    """The script over HTTP."""

    def __init__(self, script: Script, journal: Journal) -> None:
        self._script, self._journal = script, journal

    async def read(self, request: Request) -> Response:
        """Return the script."""
        return answer(self._script.as_dict())

    async def change(self, request: Request) -> Response:
        """Change the script; 400 with a sentence for what makes no sense."""
        given = await json_of(request)
        try:
            self._script.change({} if given is None else given)
        except ValueError as error:
            raise Refused(400, {"error": str(error)}) from error
        self._journal.note("people.script", **self._script.as_dict())
        return answer(self._script.as_dict())


def create_app(base: str, script: Script, journal: Journal) -> Starlette:
    """Return the application; `base` is where it answers."""
    webhook = Webhook(f"{base}/people/webhook", journal)
    desk = Desk(f"{base}/pagerduty", webhook.tell)
    oncall, stage = OnCall(base, script, journal), Stage(script, journal)
    parts = (Events(desk, journal), Rest(desk), Slack(f"{base}/slack", journal))
    routes = [route for part in (*parts, Statuspage(f"{base}/statuspage", journal), oncall) for route in part.routes()]

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        sending = asyncio.create_task(webhook.send())
        try:
            yield
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await oncall.stop()

    return Starlette(
        routes=[
            *routes,
            Route("/people/script", stage.read, methods=["GET"]),
            Route("/people/script", stage.change, methods=["POST"]),
        ],
        middleware=[Middleware(Recorded, script=script, journal=journal)],
        exception_handlers={Refused: refused},
        lifespan=lifespan,
    )
