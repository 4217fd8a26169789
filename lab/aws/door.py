"""The AWS API of a lab: one door, through which every call is named, audited, allowed or denied, and answered.

Services that must behave (`OWN`) are answered by this package's handlers and by nothing else; what they lack
is a 501, which SDKs do not repeat. All other services are moto's records.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

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
from lab.aws.registry import AwsError, handler_of
from lab.aws.server import Server
from lab.settings import ACCOUNT

if TYPE_CHECKING:
    from lab.aws.world import World

OWN = frozenset({"cloudwatch", "ecs", "elbv2", "fis", "rds"})
READS = ("BatchGet", "Describe", "Filter", "Get", "HEAD ", "GET ", "Head", "List", "Lookup")
_IAM_PREFIXES = {"elbv2": "elasticloadbalancing"}  # where it is not botocore's name
_TEXT = (("Content-Type", "text/plain; charset=utf-8"),)


class App:
    """The WSGI application in front of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._audit = Audit(world.settings.home / "audit.jsonl")
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._moto_lock = threading.Lock()  # its backends have none

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
        call = call_of(environ)
        if call is None:
            if path == "/health" and environ["REQUEST_METHOD"] == "GET":
                return Reply(200, (("Content-Type", "application/json"),), b'{"status":"up"}')
            return self._unsigned(environ)
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
            action = f"{_IAM_PREFIXES.get(asked.call.service, asked.call.service)}:{asked.operation}"
            if self._denied(asked, action):
                who = f"arn:aws:iam::{ACCOUNT}:user/lab"
                return denial(asked, f"User: {who} is not authorized to perform: {action}")
            return self._own(asked) if asked.call.service in OWN else self._fallback(asked)
        except Exception as error:  # noqa: BLE001  a bug of ours: a 500 would be repeated by the SDK, a 501 is not
            traceback.print_exc()
            return _not_played(asked, f"it failed with {type(error).__name__}: {error}; the daemon's log has the rest")

    def _denied(self, asked: Asked, action: str) -> bool:
        names = (action, f"{asked.call.service}:{asked.operation}")
        return any(fnmatchcase(name, pattern) for pattern in self._world.settings.deny for name in names)

    def _own(self, asked: Asked) -> Reply:
        handler = handler_of(asked.call.service, asked.operation)
        if handler is None or asked.model is None:
            return _not_played(asked, "it has no handler")
        try:
            params = parameters(asked)
            with self._world.lock:
                return answer(asked, handler(self._world, params, asked.call))
        except BadRequestError as error:
            return bad_request(asked, error)
        except AwsError as error:
            return error_answer(asked, error)

    def _fallback(self, asked: Asked) -> Reply:
        try:
            reply = self._ask_moto(asked.environ)
        except NotImplementedError as error:
            return _not_played(asked, f"moto has no such operation ({error})")
        except ModuleNotFoundError as error:
            return _not_played(asked, f"moto needs the package {error.name} for this service")
        if reply.status >= 500 or (reply.status == 404 and _is_html(reply)):
            return _not_played(asked, f"moto answered {reply.status}")
        return reply

    def _unsigned(self, environ: Environ) -> Reply:
        try:
            return self._ask_moto(environ)
        except Exception as error:  # noqa: BLE001  whatever moto cannot do with an anonymous request is not played
            return Reply(501, _TEXT, f"The lab cannot answer this unsigned request: {error}".encode())

    def _ask_moto(self, environ: Environ) -> Reply:
        seen: list[tuple[str, list[tuple[str, str]]]] = []

        def capture(status: str, headers: list[tuple[str, str]], _: object = None) -> Callable[[bytes], None]:
            seen.append((status, headers))
            return lambda data: None

        with self._moto_lock:
            chunks: Iterable[bytes] = self._moto(environ, capture)
            try:
                body = b"".join(chunks)
            finally:
                if hasattr(chunks, "close"):
                    chunks.close()
        status, headers = seen[-1]
        return Reply(int(status[:3]), tuple(headers), body)


def serve(world: World, port: int = 0) -> Server:
    """Serve the API of a world on loopback; port 0 takes a free one. Raise LabError if the port is in use."""
    app = App(world)
    try:
        return Server(app, port)
    except BaseException:
        app.close()
        raise


class Audit:
    """One JSON line a call: {t, service, operation, status, ms, mutating}."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._file = path.open("ab", buffering=0)

    def write(self, asked: Asked, status: int, ms: float) -> None:
        """Append a line; one write, so that lines of many threads never mix."""
        line = {
            "t": round(time.time(), 6),
            "service": asked.call.service,
            "operation": asked.operation,
            "status": status,
            "ms": round(ms, 3),
            "mutating": not asked.operation.startswith(READS),
        }
        if not self._file.closed:  # a call may outlive the server by a moment
            self._file.write(json.dumps(line).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _not_played(asked: Asked, why: str) -> Reply:
    message = f"The lab does not play {asked.call.service}:{asked.operation}: {why}."
    print(message, file=sys.stderr, flush=True)
    return refusal(asked, "NotImplemented", 501, message)


def _is_html(reply: Reply) -> bool:
    return any(name.lower() == "content-type" and value.startswith("text/html") for name, value in reply.headers)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "-"
