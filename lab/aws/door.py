"""The AWS API of a lab: one door, through which every call is named, audited, allowed or denied, and answered.

Services that must behave (`OWN`) are answered by this package's handlers and by nothing else; what they lack
is a 501, which SDKs do not repeat. All other services are moto's records, but for operations that have a handler.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import traceback
import zlib
from collections.abc import Callable
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.aws.policy import CALLER_ARN, action_of, denies
from lab.aws.protocol import (
    Asked,
    BadRequestError,
    Environ,
    Reply,
    answer,
    bad_request,
    call_of,
    denial,
    error_answer,
    parameters,
    read_body,
    refusal,
    route,
)
from lab.aws.records import records
from lab.aws.registry import AwsError, handler_of
from lab.aws.server import Server
from lab.aws.shapes import misfits
from lab.aws.sns_door import certificate, linked

if TYPE_CHECKING:
    from lab.aws.world import World

OWN = frozenset(
    {
        "application-autoscaling",
        "cloudwatch",
        "ecr",
        "ecs",
        "elbv2",
        "events",
        "fis",
        "logs",
        "rds",
        "scheduler",
        "sns",
        "xray",
    }
)
READS = (  # how the names of operations begin that change nothing
    *("BatchGet", "Describe", "Filter", "Get", "HEAD ", "GET ", "Head", "List", "Lookup", "Query", "Scan", "Simulate"),
    *("StartQuery", "StopQuery", "TestMetricFilter", "TransactGet"),
)
AUDIT_BYTES = 50_000_000  # a full audit log becomes `audit.jsonl.1`, in the place of the one before
MOST_MISFITS = 5  # that one refusal names
_TEXT = (("Content-Type", "text/plain; charset=utf-8"),)


class App:
    """The WSGI application in front of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._audit = Audit(world.settings.home / "audit.jsonl")
        self._records = records()

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> list[bytes]:
        """Answer one request."""
        reply = self._reply(environ)
        headers = [*reply.headers]
        if all(name.lower() != "content-length" for name, _ in headers):
            headers.append(("Content-Length", str(len(reply.body))))
        start_response(f"{reply.status} {_phrase(reply.status)}", headers)
        return [reply.body]

    def close(self) -> None:
        """Close the audit log."""
        self._audit.close()

    def _reply(self, environ: Environ) -> Reply:
        path = environ.get("PATH_INFO", "")
        if path.startswith("/moto-api"):  # it rewrites everything, without credentials
            return Reply(403, _TEXT, b"The lab keeps /moto-api closed.")
        call = call_of(environ) or linked(environ)
        if call is None:
            if path == "/health" and environ["REQUEST_METHOD"] == "GET":
                return Reply(200, (("Content-Type", "application/json"),), b'{"status":"up"}')
            return certificate(self._world, environ) or self._unsigned(environ)
        started = time.perf_counter()
        try:
            body = read_body(environ)
        except (OSError, EOFError, zlib.error) as error:
            return Reply(400, _TEXT, f"The body is not what its Content-Encoding says: {error}".encode())
        asked = route(call, environ, body)
        reply = self._answer(asked)
        self._audit.write(asked, reply.status, (time.perf_counter() - started) * 1e3)
        return reply

    def _answer(self, asked: Asked) -> Reply:
        try:
            service, operation = asked.call.service, asked.operation
            action = action_of(service, operation)
            if denies(self._world.settings.deny, action):
                return denial(asked, f"User: {CALLER_ARN} is not authorized to perform: {action}")
            own = service in OWN or handler_of(service, operation) is not None
            return self._own(asked) if own else self._fallback(asked)
        except Exception as error:  # noqa: BLE001  a bug of ours: a 500 would be repeated by the SDK, a 501 is not
            traceback.print_exc()
            return _not_played(asked, f"it failed with {type(error).__name__}: {error}; the daemon's log has the rest")

    def _own(self, asked: Asked) -> Reply:
        handler = handler_of(asked.call.service, asked.operation)
        if handler is None or asked.model is None:
            return _not_played(asked, "it has no handler")
        try:
            params = parameters(asked)
            with self._world.lock:
                result = handler(self._world, params, asked.call)
                wrong = list(islice(misfits(asked.model.output_shape, result), MOST_MISFITS))
                return _misfit(asked, wrong) if wrong else answer(asked, result)
        except BadRequestError as error:
            return bad_request(asked, error)
        except AwsError as error:
            return error_answer(asked, error)

    def _fallback(self, asked: Asked) -> Reply:
        try:
            reply = self._records.reply(asked.environ)
        except NotImplementedError as error:
            return _not_played(asked, f"moto has no such operation ({error})")
        except ModuleNotFoundError as error:
            return _not_played(asked, f"moto needs the package {error.name} for this service")
        if reply.status >= 500 or (reply.status == 404 and _is_html(reply)):
            return _not_played(asked, f"moto answered {reply.status}")
        return reply

    def _unsigned(self, environ: Environ) -> Reply:
        try:
            return self._records.reply(environ)
        except Exception as error:  # noqa: BLE001  whatever moto cannot do with an anonymous request is not played
            return Reply(501, _TEXT, f"The lab cannot answer this unsigned request: {error}".encode())


def serve(world: World, port: int = 0) -> Server:
    """Serve the API of a world on loopback; port 0 takes a free one. Raise LabError if the port is in use."""
    app = App(world)
    try:
        return Server(app, port)
    except BaseException:
        app.close()
        raise


class Audit:
    """One JSON line a call: {t, service, operation, status, ms, mutating}. A file of `most` bytes is put aside."""

    def __init__(self, path: Path, most: int = AUDIT_BYTES) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._path, self._most = path, most
        self._lock = threading.Lock()
        self._file = path.open("ab", buffering=0)

    def write(self, asked: Asked, status: int, ms: float) -> None:
        """Append a line."""
        line = {
            "t": round(time.time(), 6),
            "service": asked.call.service,
            "operation": asked.operation,
            "status": status,
            "ms": round(ms, 3),
            "mutating": not asked.operation.startswith(READS),
        }
        with self._lock:
            if self._file.closed:  # a call may outlive the server by a moment
                return
            if self._file.tell() >= self._most:
                self._begin_anew()
            self._file.write(json.dumps(line).encode() + b"\n")

    def _begin_anew(self) -> None:
        self._file.close()
        self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        self._path.touch(mode=0o600)
        self._file = self._path.open("ab", buffering=0)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()


def _not_played(asked: Asked, why: str) -> Reply:
    message = f"The lab does not play {asked.call.service}:{asked.operation}: {why}."
    print(message, file=sys.stderr, flush=True)
    return refusal(asked, "NotImplemented", 501, message)


def _misfit(asked: Asked, wrong: list[str]) -> Reply:
    return _not_played(asked, f"its answer does not fit AWS's model: {'; '.join(wrong)}")


def _is_html(reply: Reply) -> bool:
    return any(name.lower() == "content-type" and value.startswith("text/html") for name, value in reply.headers)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "-"
