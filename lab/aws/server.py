"""The HTTP server of the AWS API: a thread a connection, kept alive between requests, loopback only.

Werkzeug's own handler closes the connection after each answer; this one reads each body to its end and
writes each answer in one packet, so that a connection can go on.
"""

from __future__ import annotations

import errno
import io
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import ThreadedWSGIServer

from lab.settings import LabError

HOST = "127.0.0.1"


class App(Protocol):
    """A WSGI application that can be closed."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""

    def close(self) -> None:
        """Let go of what it holds."""


class _Handler(MotoRequestHandler):  # type: ignore[misc]  # its types are not read
    """One connection. moto's part is to keep the spelling of S3's metadata headers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def handle_expect_100(self) -> bool:
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.wfile.flush()
        return True

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing: the audit log has every call."""

    def run_wsgi(self) -> None:
        environ = self.make_environ()
        if environ.get("wsgi.input_terminated"):  # a chunked body, of unknown length
            body = environ["wsgi.input"].read()
        else:
            body = self.rfile.read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["CONTENT_LENGTH"], environ["wsgi.input"] = str(len(body)), io.BytesIO(body)
        chunks = self.server.app(environ, self._start)
        if self.command != "HEAD":
            for chunk in chunks:
                self.wfile.write(chunk)
        self.wfile.flush()

    def _start(self, status: str, headers: list[tuple[str, str]]) -> None:
        code, _, phrase = status.partition(" ")
        self.send_response(int(code), phrase)
        for name, value in headers:
            if name.lower() not in ("connection", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        self.end_headers()


class _HttpServer(ThreadedWSGIServer):  # type: ignore[misc]  # its types are not read
    """Werkzeug's threaded server, which knows its open connections."""

    def __init__(self, listener: socket.socket, app: App) -> None:
        self.connections: set[socket.socket] = set()
        host, port = listener.getsockname()
        super().__init__(host, port, app, _Handler, fd=listener.fileno())


class Server:
    """An application served on loopback from a thread; a context manager that stops it.

    Port 0 takes a free one. Raise LabError if the port is in use.
    """

    def __init__(self, app: App, port: int = 0) -> None:
        self._app = app
        with _listen(port) as listener:  # the server works on a copy of it
            self._http = _HttpServer(listener, app)
        self.port: int = self._http.port
        self.url = f"http://{HOST}:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True, name="aws-api")
        self._thread.start()

    def stop(self) -> None:
        """Stop answering, end open connections, free the port. A second time it does nothing."""
        if not self._thread.is_alive():
            return
        self._http.shutdown()
        self._thread.join()
        for connection in tuple(self._http.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # its client was faster
                continue
        self._http.server_close()
        self._app.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.stop()


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno != errno.EADDRINUSE:
            raise
        raise LabError(f"Port {port} is in use; stop what listens there, or choose another port_base.") from error
    return listener
