"""A proxy in front of the lab's AWS API that counts the calls, names them, and makes chosen ones fail.

    with ApiProxy(state.endpoint) as proxy:
        proxy.fault("throttle", name="ecs:StopTask", times=3)   # all of one call's attempts
        ...                                                     # clients use proxy.url
        assert proxy.calls == ["sts:GetCallerIdentity", "ecs:StopTask", "ecs:StopTask", "ecs:StopTask"]

Each attempt that a client makes counts as a call. Faults are decided on when a call has come in whole, in its turn.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import botocore.session

Kind = Literal["throttle", "http500", "timeout", "expired", "drop", "reset"]
SILENT_S = 12.0  # how long a call is left without an answer by "timeout"

_SERVICES = {"monitoring": "cloudwatch", "elasticloadbalancing": "elbv2"}  # where the signing name is not botocore's
_HOP = ("connection", "transfer-encoding", "content-length", "keep-alive")
_DETAILS = {  # kind: (status of json and rest, code there, status of query, code there, message)
    "throttle": (400, "ThrottlingException", 400, "Throttling", "Rate exceeded"),
    "http500": (500, "InternalFailure", 500, "InternalFailure", "The request processing has failed."),
    "expired": (400, "ExpiredTokenException", 403, "ExpiredToken", "The security token included has expired"),
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its number from 1, and its name, `service:Operation` in botocore's names."""

    n: int
    name: str


@dataclass(slots=True)
class Fault:
    """The `nth` to the `nth + times - 1`th call of a name (None: of all) fail, counted from when it was set."""

    kind: Kind
    name: str | None
    nth: int
    times: int | None
    seen: int = 0

    def hits(self, name: str) -> bool:
        """Count one call; does it fail?"""
        if self.name not in (None, name):
            return False
        self.seen += 1
        return self.seen >= self.nth and (self.times is None or self.seen < self.nth + self.times)


@dataclass(slots=True)
class _Log:
    """What all connections share."""

    calls: list[Call] = field(default_factory=list)
    failed: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, name: str) -> Kind | None:
        """Write a call down; return how it has to fail, if it has to."""
        with self.lock:
            call = Call(len(self.calls) + 1, name)
            self.calls.append(call)
            kinds = [fault.kind for fault in self.faults if fault.hits(name)]  # every fault counts every call
            if kinds:
                self.failed.append(call)
            return kinds[0] if kinds else None


class ApiProxy:
    """A proxy on a free port of loopback; a context manager. `url` is where clients have to go."""

    def __init__(self, target_url: str) -> None:
        self._log = _Log()
        self._closing = threading.Event()
        target = urlsplit(target_url)
        self._server = _Server(
            ("127.0.0.1", 0), (str(target.hostname), int(target.port or 80)), self._log, self._closing
        )
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True, name="api-proxy")

    def __enter__(self) -> ApiProxy:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.cut()
        self._server.server_close()

    def fault(self, kind: Kind, name: str | None = None, nth: int = 1, times: int | None = 1) -> Fault:
        """Make calls fail from the `nth` of this name on (None: any name), `times` of them (None: all); from now on.

        `throttle`, `http500` and `expired` answer an error in the call's protocol and do not forward the call; `reset`
        and `timeout` (nothing for 12 s, then the end) neither; `drop` forwards it, and its answer is lost.
        """
        made = Fault(kind, name, nth, times)
        with self._log.lock:
            self._log.faults.append(made)
        return made

    def heal(self) -> None:
        """Forget all faults; the calls stay."""
        with self._log.lock:
            self._log.faults.clear()

    def forget(self) -> None:
        """Forget the calls; the next one is number 1. Faults count on."""
        with self._log.lock:
            self._log.calls.clear()
            self._log.failed.clear()

    @property
    def calls(self) -> list[str]:
        """The names of all calls so far, in the order they came in."""
        return [call.name for call in self.log]

    @property
    def log(self) -> list[Call]:
        """All calls so far, with their numbers."""
        with self._log.lock:
            return list(self._log.calls)

    @property
    def failed(self) -> list[Call]:
        """The calls that a fault has hit."""
        with self._log.lock:
            return list(self._log.failed)


class _Server(ThreadingHTTPServer):
    """A thread a connection, to the client and onwards."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], target: tuple[str, int], log: _Log, closing: threading.Event) -> None:
        super().__init__(address, _Handler)
        self.target, self.log, self.closing = target, log, closing
        self.open: set[socket.socket] = set()

    def cut(self) -> None:
        """End every open connection, so that its thread ends."""
        for connection in tuple(self.open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients may leave when they want."""


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client, and one to the API for as long as it lasts."""

    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)
        self.onward = http.client.HTTPConnection(*self.server.target, timeout=60)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        self.onward.close()
        with suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the log has every call."""

    def handle_expect_100(self) -> bool:
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.wfile.flush()
        return True

    def __getattr__(self, name: str) -> object:
        if name.startswith("do_"):  # every method is forwarded
            return self.forward
        raise AttributeError(name)

    def forward(self) -> None:
        """Read the call whole, name it, and let it pass or fail."""
        body = self._body()
        kind = self.server.log.take(name_of(self.command, self.path, self.headers, body))
        match kind:
            case None:
                self._answer(*self._ask(body))
            case "reset":
                self._reset()
            case "timeout":
                self.server.closing.wait(SILENT_S)
                self._end()
            case "drop":
                self._ask(body)
                self._end()
            case _:
                self._answer(*_failure(kind, is_query(self.headers)))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers
            pass
        return b"".join(chunks)

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """Forward the call, once; where the API does not answer, the client's connection ends as well."""
        headers = {name: value for name, value in self.headers.items() if name.lower() not in (*_HOP, "expect")}
        self.onward.request(self.command, self.path, body, headers)
        answer = self.onward.getresponse()
        return answer.status, [item for item in answer.getheaders() if item[0].lower() not in _HOP], answer.read()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def _end(self) -> None:
        """End the connection without an answer."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _reset(self) -> None:
        """End the connection with a RST, which a lingering time of zero makes of its end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()  # it ends with its last reader and writer, in `finish`


def is_query(headers: Message[str, str]) -> bool:
    """Is this a call of the query protocol, which is answered in XML?"""
    return str(headers.get("Content-Type", "")).startswith("application/x-www-form-urlencoded")


def name_of(method: str, path: str, headers: Message[str, str], body: bytes) -> str:
    """Return `service:Operation` of a signed call, `service:METHOD /path` where the path means nothing to botocore."""
    scope = str(headers.get("Authorization", "")).partition("Credential=")[2].split("/")
    signed = scope[3] if len(scope) > 3 else "unsigned"
    service = _SERVICES.get(signed, signed)
    target = str(headers.get("X-Amz-Target", ""))
    if target:
        return f"{service}:{target.rpartition('.')[2]}"
    if is_query(headers):
        return f"{service}:{parse_qs(body.decode()).get('Action', ['?'])[0]}"
    bare = urlsplit(path).path
    for name, verb, pattern in _paths(service):
        if verb == method and pattern.fullmatch(bare):
            return f"{service}:{name}"
    return f"{service}:{method} {bare}"


_PATHS: dict[str, list[tuple[str, str, re.Pattern[str]]]] = {}


def _paths(service: str) -> list[tuple[str, str, re.Pattern[str]]]:
    """Return (operation, method, pattern of the path) of a service's REST operations; fixed paths come first."""
    if service not in _PATHS:
        session = botocore.session.get_session()
        found = []
        if service in session.get_available_services():
            model = session.get_service_model(service)
            for name in model.operation_names:
                rest = model.operation_model(name).http
                parts = re.split(r"\{[^}]*\}", rest["requestUri"].partition("?")[0])
                found.append((len(parts), name, rest["method"], re.compile("[^/]+".join(map(re.escape, parts)))))
        _PATHS[service] = [(name, verb, pattern) for _, name, verb, pattern in sorted(found, key=lambda one: one[0])]
    return _PATHS[service]


def _failure(kind: Kind, query: bool) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return the answer of a call that fails with an error, in its protocol."""
    status, code, query_status, query_code, message = _DETAILS[kind]
    if query:
        error = f"<Error><Type>Sender</Type><Code>{query_code}</Code><Message>{message}</Message></Error>"
        text = f"<ErrorResponse>{error}<RequestId>proxy</RequestId></ErrorResponse>"
        return query_status, [("Content-Type", "text/xml")], text.encode()
    body = json.dumps({"__type": code, "message": message}).encode()
    return status, [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-ErrorType", code)], body
