"""The middleware that sees every request: times it, counts it, logs one line, traces it, and names the task."""

from __future__ import annotations

import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab.backend.telemetry import Telemetry, log
from lab.backend.tracing import CURRENT, LONGEST_TEXT
from lab.backend.tracing import HEADER as TRACE_HEADER

MEASURED = {("POST", "/login"): "login", ("GET", "/posts"): "feed", ("POST", "/posts"): "create_post"}
HEALTH = "/health"
PLAIN_ID = re.compile(r"[\w.:=;-]{1,128}", re.ASCII)  # what may be copied from a header into the log


class Observed:
    """Health checks are neither counted nor logged nor traced."""

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
        traced = self._telemetry.begin(Headers(scope=scope).get(TRACE_HEADER, ""))
        scope["trace_id"] = traced.trace_id
        error: BaseException | None = None

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).update({"x-task": self._task, "x-request-id": request_id})
            await send(message)

        token = CURRENT.set(traced if traced.sampled else None)
        try:
            await self._app(scope, receive, seen)
        except BaseException as raised:
            error = raised
            raise
        finally:
            CURRENT.reset(token)
            self._tell(scope, status, (time.perf_counter() - began) * 1e3, request_id, traced.trace_id)
            if traced.sampled:
                self._telemetry.finished(traced, http_of(scope), status, error)

    def _tell(self, scope: Scope, status: int, ms: float, request_id: str, trace_id: str) -> None:
        method, path = scope["method"], scope["path"]
        self._telemetry.record(MEASURED.get((method, path)), status, ms)
        fields = {"method": method, "path": path, "status": status, "ms": round(ms, 3), "request_id": request_id}
        log.log(40 if status >= 500 else 20, "request", extra={"fields": {**fields, "trace_id": trace_id}})


def http_of(scope: Scope) -> dict[str, object]:
    """Return a request as X-Ray takes it: method, URL without its query, the client behind the load balancer."""
    headers, client = Headers(scope=scope), scope.get("client") or ("-", 0)
    told = {"method": scope["method"], "url": f"http://{headers.get('host', '-')}{scope['path']}"}
    if headers.get("user-agent"):
        told["user_agent"] = headers["user-agent"][:LONGEST_TEXT]
    forwarded = headers.get("x-forwarded-for", "").split(",")[0].strip()
    return {**told, "client_ip": forwarded[:64] or client[0]}


def request_id_of(scope: Scope) -> str:
    """Return the client's or the load balancer's id for the request, else a new one."""
    headers = Headers(scope=scope)
    for name in ("x-request-id", TRACE_HEADER):
        if PLAIN_ID.fullmatch(headers.get(name, "")):
            return headers[name]
    return uuid.uuid4().hex
