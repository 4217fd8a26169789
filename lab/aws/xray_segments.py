"""Segment documents of X-Ray: read, checked, and cut down to what summaries, filters and graphs ask for."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

LARGEST_BYTES = 64_000
OLDEST_S, NEWEST_S = 30 * 86_400, 600
_ID = re.compile(r"[0-9a-fA-F]{16}")
_TRACE_ID = re.compile(r"1-[0-9a-fA-F]{8}-[0-9a-fA-F]{24}")
FLAGS = ("fault", "error", "throttle")


class SegmentError(ValueError):
    """The document is no segment; `id` is the segment's, if it could be read."""

    def __init__(self, message: str, segment: str | None = None) -> None:
        super().__init__(message)
        self.id = segment


@dataclass(slots=True)
class Part:
    """A segment or one of its subsegments; times are epoch seconds, `end` None while it is in progress."""

    id: str
    name: str
    start: float
    end: float | None
    fault: bool = False
    error: bool = False
    throttle: bool = False
    parent: str | None = None
    namespace: str | None = None  # remote or aws: the call of another service
    kind: str = ""  # AWS's type of the service: AWS::ECS::Fargate, Database::SQL, remote ...
    http: Mapping[str, Any] = field(default_factory=dict)  # url, method, user_agent, client_ip, status
    annotations: Mapping[str, str | float | bool] = field(default_factory=dict)
    user: str | None = None
    exceptions: tuple[tuple[str, str], ...] = ()  # (type, message)
    children: list[Part] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """How long it took; 0 while it is in progress."""
        return max(0.0, self.end - self.start) if self.end is not None else 0.0

    @property
    def ok(self) -> bool:
        """Did it succeed?"""
        return not (self.fault or self.error or self.throttle)

    def every(self) -> Iterator[Part]:
        """Yield it and all inside it."""
        yield self
        for child in self.children:
            yield from child.every()

    def calls(self) -> Iterator[Part]:
        """Yield the calls of other services inside it."""
        for child in self.children:
            if child.namespace in ("remote", "aws"):
                yield child
            yield from child.calls()


@dataclass(frozen=True, slots=True)
class Segment:
    """A document with what was read from it; `is_part` for a subsegment that came on its own."""

    trace: str
    document: str
    part: Part
    is_part: bool


def read_segment(document: str, now: float | None = None) -> Segment:
    """Read a document; SegmentError says what it lacks."""
    try:
        body = json.loads(document)
    except (ValueError, RecursionError):
        raise SegmentError("Invalid segment. ErrorCode: ParseError") from None
    if not isinstance(body, dict):
        raise SegmentError("Invalid segment. ErrorCode: ParseError")
    identifier = body.get("id")
    known = identifier if isinstance(identifier, str) else None
    trace, is_part = body.get("trace_id"), body.get("type") == "subsegment"
    if not isinstance(trace, str) or not _TRACE_ID.fullmatch(trace):
        raise SegmentError("Invalid segment. ErrorCode: InvalidTraceId", known)
    if len(document) > LARGEST_BYTES:
        raise SegmentError("Invalid segment. ErrorCode: SegmentTooLarge", known)
    if is_part and not body.get("parent_id"):
        raise SegmentError("Invalid segment. ErrorCode: MissingParentId", known)
    part = _part(body)
    at = time.time() if now is None else now
    if not at - OLDEST_S < part.start < at + NEWEST_S:
        raise SegmentError("Invalid segment. ErrorCode: InvalidTime", known)
    return Segment(trace, document, part, is_part)


def _part(body: Mapping[str, Any]) -> Part:
    identifier, name, start, end = (body.get(key) for key in ("id", "name", "start_time", "end_time"))
    if not isinstance(identifier, str) or not _ID.fullmatch(identifier):
        raise SegmentError("Invalid segment. ErrorCode: InvalidId", str(identifier))
    if not isinstance(name, str) or not 0 < len(name) <= 200:
        raise SegmentError("Invalid segment. ErrorCode: MissingName", identifier)
    if not _is_time(start) or not (_is_time(end) or (end is None and body.get("in_progress"))):
        raise SegmentError("Invalid segment. ErrorCode: InvalidTime", identifier)
    return Part(
        id=identifier,
        name=name,
        start=float(start),  # type: ignore[arg-type]  # a number, as was seen
        end=None if end is None else float(end),
        fault=body.get("fault") is True,
        error=body.get("error") is True,
        throttle=body.get("throttle") is True,
        parent=body.get("parent_id"),
        namespace=body.get("namespace"),
        kind=_kind(body),
        http=_http(body.get("http")),
        annotations=_annotations(body.get("annotations")),
        user=body.get("user"),
        exceptions=_exceptions(body.get("cause")),
        children=[_part(child) for child in body.get("subsegments") or () if isinstance(child, dict)],
    )


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(body: Mapping[str, Any]) -> str:
    if body.get("origin"):
        return str(body["origin"])
    if "sql" in body:
        return "Database::SQL"
    return f"AWS::{body.get('name')}" if body.get("namespace") == "aws" else str(body.get("namespace") or "")


def _http(given: object) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        return {}
    request, response = given.get("request") or {}, given.get("response") or {}
    return {**request, **({"status": response["status"]} if "status" in response else {})}


def _annotations(given: object) -> Mapping[str, str | float | bool]:
    if not isinstance(given, dict):
        return {}
    return {key: value for key, value in given.items() if isinstance(value, str | int | float)}


def _exceptions(cause: object) -> tuple[tuple[str, str], ...]:
    found = cause.get("exceptions") if isinstance(cause, dict) else None
    return tuple(
        (str(each.get("type", "")), str(each.get("message", ""))) for each in found or () if isinstance(each, dict)
    )
