"""X-Ray segments of the backend: one a sampled request, with a subsegment for every statement sent to the database.

The trace's id comes with the request (X-Amzn-Trace-Id, from the load balancer) or is made here, and is in the log
whether the request is sampled or not. Segments wait in a bounded buffer until the telemetry's thread sends them, so a
request pays for some dictionaries and nothing else; what finds the buffer full is lost, and counted.
"""

from __future__ import annotations

import random
import re
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from lab.backend.config import Config

HEADER = "x-amzn-trace-id"
DATABASE = "foodconnect-db"  # the name of the database in traces
ORIGIN = "AWS::ECS::Fargate"
MOST_CALLS = 50  # of one request that are told one by one
LONGEST_TEXT = 500
BUFFER = 2_000  # segments
_TRACE_ID = re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}")
_SEGMENT_ID = re.compile(r"[0-9a-f]{16}")
_SAMPLING = re.compile(r"(?P<reservoir>\d+)/s(?:\+(?P<percent>\d+(?:\.\d+)?)%)?")


class Sampler:
    """Decides which requests are traced: so many a second, and a share of the others; written "1/s+5%"."""

    def __init__(self, written: str) -> None:
        found = _SAMPLING.fullmatch(written)
        if found is None or float(found["percent"] or 0) > 100:
            raise ValueError(f"XRAY_SAMPLING must be written as 1/s+5%, not {written!r}")
        self._reservoir = int(found["reservoir"])
        self._share = float(found["percent"] or 0) / 100
        self._second, self._taken = 0, 0

    def takes(self, now: float) -> bool:
        """Decide about one more request."""
        if int(now) != self._second:
            self._second, self._taken = int(now), 0
        if self._taken < self._reservoir:
            self._taken += 1
            return True
        return random.random() < self._share


@dataclass(slots=True)
class Request:
    """One request on its way; `calls` are its subsegments as X-Ray takes them."""

    trace_id: str
    parent: str | None
    sampled: bool
    id: str
    start: float
    calls: list[dict[str, Any]] = field(default_factory=list)


CURRENT: ContextVar[Request | None] = ContextVar("request", default=None)


def begin(header: str, sampler: Sampler | None) -> Request:
    """Begin a request that came with this X-Amzn-Trace-Id, "" for none; `Sampled=` in it is obeyed."""
    parts = dict(part.strip().partition("=")[::2] for part in header.split(";"))
    root, parent = parts.get("Root", ""), parts.get("Parent", "")
    now = time.time()
    trace_id = root if _TRACE_ID.fullmatch(root) else f"1-{int(now):08x}-{secrets.token_hex(12)}"
    sampled = sampler is not None and (
        parts["Sampled"] == "1" if parts.get("Sampled") in ("0", "1") else sampler.takes(now)
    )
    return Request(trace_id, parent if _SEGMENT_ID.fullmatch(parent) else None, sampled, secrets.token_hex(8), now)


@contextmanager
def database_call(sql: str) -> Iterator[None]:
    """Record a statement of the current request, and its failure; outside of sampled requests do nothing."""
    request = CURRENT.get()
    if request is None or len(request.calls) >= MOST_CALLS:
        yield
        return
    call: dict[str, Any] = {"id": secrets.token_hex(8), "name": DATABASE, "namespace": "remote"}
    call |= {
        "start_time": time.time(),
        "sql": {"database_type": "PostgreSQL", "sanitized_query": " ".join(sql.split())},
    }
    try:
        yield
    except BaseException as error:
        call |= {"fault": True, "cause": cause_of(error, remote=True)}
        raise
    finally:
        call["end_time"] = time.time()
        request.calls.append(call)


def cause_of(error: BaseException, *, remote: bool = False) -> dict[str, object]:
    """Return an exception as X-Ray takes it."""
    told = {"id": secrets.token_hex(8), "type": type(error).__name__, "message": str(error).strip()[:LONGEST_TEXT]}
    return {"exceptions": [{**told, "remote": remote}]}


def segment(
    request: Request, config: Config, http: Mapping[str, object], status: int, error: BaseException | None
) -> dict[str, Any]:
    """Return a finished request as a segment; `http` is the member http.request."""
    body: dict[str, Any] = {"id": request.id, "trace_id": request.trace_id, "name": config.service_name}
    body |= {"start_time": request.start, "end_time": time.time(), "origin": ORIGIN}
    body |= {"http": {"request": http, "response": {"status": status}}, "service": {"version": config.release}}
    body |= {"annotations": {"task": config.task_id, "release": config.release}}
    if request.parent:
        body["parent_id"] = request.parent
    if status >= 500:
        body["fault"] = True
    elif status >= 400:
        body |= {"error": True, **({"throttle": True} if status == 429 else {})}
    if error is not None:
        body["cause"] = cause_of(error)
    if request.calls:
        body["subsegments"] = request.calls
    return body


class Segments:
    """Finished segments until somebody sends them."""

    def __init__(self, most: int = BUFFER) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._waiting: list[dict[str, Any]] = []
        self._lost = 0

    def add(self, body: dict[str, Any]) -> None:
        """Keep a segment, or count it as lost."""
        with self._lock:
            if len(self._waiting) < self._most:
                self._waiting.append(body)
            else:
                self._lost += 1

    def take(self) -> tuple[list[dict[str, Any]], int]:
        """Return what has been waiting, and how many were lost since the last call."""
        with self._lock:
            taken, lost = self._waiting, self._lost
            self._waiting, self._lost = [], 0
        return taken, lost
