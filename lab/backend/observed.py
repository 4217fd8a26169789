"""The middleware that sees every request: it times it, counts it, logs one line, and names the task that answered."""

from __future__ import annotations

import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab.backend.telemetry import Telemetry, log

MEASURED = {("POST", "/login"): "login", ("GET", "/posts"): "feed", ("POST", "/posts"): "create_post"}
HEALTH = "/health"
PLAIN_ID = re.compile(r"[\w.:=;-]{1,128}", re.ASCII)  # what may be copied from a header into the log


class Observed:
    """Health checks are neither counted nor logged."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry, task: str) -> None:
        self._app = app
        self._telemetry = telemetry
        self._task = task

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and see its answer's status."""
        if scope["type"] != "http" or scope["path"] == HEALTH:
            await self._app(scope, receive, send)
            return
        began, status, request_id = time.perf_counter(), 500, request_id_of(scope)

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).update({"x-task": self._task, "x-request-id": request_id})
            await send(message)

        try:
            await self._app(scope, receive, seen)
        finally:
            self._tell(scope, status, (time.perf_counter() - began) * 1e3, request_id)

    def _tell(self, scope: Scope, status: int, ms: float, request_id: str) -> None:
        method, path = scope["method"], scope["path"]
        self._telemetry.record(MEASURED.get((method, path)), status, ms)
        fields = {"method": method, "path": path, "status": status, "ms": round(ms, 3), "request_id": request_id}
        log.log(40 if status >= 500 else 20, "request", extra={"fields": fields})


def request_id_of(scope: Scope) -> str:
    """Return the client's or the load balancer's id for the request, else a new one."""
    headers = Headers(scope=scope)
    for name in ("x-request-id", "x-amzn-trace-id"):
        if PLAIN_ID.fullmatch(headers.get(name, "")):
            return headers[name]
    return uuid.uuid4().hex
