"""What the tests of the data plane share: a folder PostgreSQL can enter, free ports, waiting, HTTP."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from lab.processes import Children

Address = tuple[str, int]
PATIENCE = 6  # a wait ends when it has to be called hopeless, not when it is late


@contextmanager
def open_folder() -> Iterator[Path]:
    """Yield a temporary folder that every user may enter (pytest's own are for one user only)."""
    folder = Path(tempfile.mkdtemp(prefix="lab-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def own_children() -> Iterator[tuple[Path, Children]]:
    """Yield a folder and the processes that live in it; all are ended."""
    with open_folder() as folder:
        children = Children(folder)
        try:
            yield folder, children
        finally:
            children.stop_all()


def wait_until(condition: Callable[[], object], within_s: float, what: str) -> float:
    """Wait until the condition holds; return the seconds it took.

    *within_s* is ample on a machine that does nothing else: beside other work `PATIENCE` times as long is waited.
    Where the time itself is what a test says, it compares the seconds returned.
    """
    began = looked = time.monotonic()
    while not condition():
        now = time.monotonic()
        assert now - began < within_s * PATIENCE, f"not within {within_s} s times {PATIENCE}: {what}"
        time.sleep(pause_s(now - looked))
        looked = time.monotonic()
    return time.monotonic() - began


def pause_s(look_s: float) -> float:
    """Return how long to wait after a look that took so long: the machine has more to do than to look."""
    return min(max(0.01, 3 * look_s), 0.25)


def least(look: Callable[[], float], below: float, tries: int = 5) -> float:
    """Return the least of what some looks give; the first below the limit is the last.

    Other work makes a look late now and then, but never early: what is quick shows in one of a few.
    """
    found = look()
    while found >= below and (tries := tries - 1):
        found = min(found, look())
    return found


def exists(pid: int) -> bool:
    """Is there a process of that pid which has not ended?"""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, its JSON decoded; `ms` is how long it took."""

    status: int
    json: Any
    headers: Mapping[str, str]
    ms: float


def call(
    address: Address, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Make one request on a new connection; a body that is not bytes is sent as JSON."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection(*address, timeout=15)
    try:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection.request(method, path, data, dict(headers or {}))
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    ms = (time.perf_counter() - began) * 1e3
    is_json = answer.headers.get("content-type") == "application/json"
    return Answer(answer.status, json.loads(text) if is_json else text, dict(answer.headers.items()), ms)


def round_trip_ms(address: Address) -> float:
    """Ask a PostgreSQL server, by whatever link, whether it speaks TLS; return how long its answer took."""
    with socket.create_connection(address, timeout=10) as connection:
        began = time.perf_counter()
        connection.sendall(bytes.fromhex("0000000804d2162f"))  # SSLRequest
        assert connection.recv(1) in (b"N", b"S")
        return (time.perf_counter() - began) * 1e3
