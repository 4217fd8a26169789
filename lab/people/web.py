"""HTTP for the stand-ins: reading what was sent, answering JSON, and calling each other for real."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import Response

Json: TypeAlias = dict[str, Any]
CALL_S = 10.0


class Refused(Exception):
    """An answer other than success: `Refused(404, {"error": ...})`."""

    def __init__(self, status: int, body: Json | str, **headers: str) -> None:
        super().__init__(f"{status}: {body}")
        self.status, self.body, self.headers = status, body, headers


def answer(body: object, status: int = 200, **headers: str) -> Response:
    """Return JSON, or a text as it is."""
    if isinstance(body, str):
        return Response(body, status, headers, "text/plain")
    return Response(json.dumps(body), status, headers, "application/json")


async def refused(request: Request, error: Exception) -> Response:
    """Turn Refused into its answer."""
    assert isinstance(error, Refused), f"{error!r} has a handler of its own"
    return answer(error.body, error.status, **error.headers)


async def json_of(request: Request) -> Json | None:
    """Return the body's JSON object, None when it is none."""
    try:
        found = json.loads(await request.body())
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


async def arguments_of(request: Request) -> Json:
    """Return arguments however they were sent: as JSON, as a form, or in the query."""
    given: Json = dict(request.query_params)
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/json"):
        return {**given, **(await json_of(request) or {})}
    form = parse_qs((await request.body()).decode(errors="replace"), keep_blank_values=True)
    return {**given, **{name: values[0] for name, values in form.items()}}


def number_of(request: Request, name: str, default: int, most: int) -> int:
    """Return a whole number of the query, within bounds."""
    text = request.query_params.get(name, "")
    return min(int(text), most) if text.isdigit() else default


async def call(method: str, url: str, body: object = None, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
    """Make one request on a connection of its own; return the status (0: no answer) and the JSON or text."""
    return await asyncio.to_thread(_call, method, url, body, dict(headers or {}))


def _call(method: str, url: str, body: object, headers: dict[str, str]) -> tuple[int, Any]:
    parts = urlsplit(url)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    data = None if body is None else json.dumps(body).encode()
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=CALL_S)
    try:
        connection.request(method, path, data, {"Content-Type": "application/json", **headers})
        reply = connection.getresponse()
        text = reply.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    try:
        return reply.status, json.loads(text)
    except ValueError:
        return reply.status, text
