"""The keywords of X-Ray's filter expressions: what a trace, or one service or call in it, has under each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.aws.xray_segments import Part
from lab.aws.xray_store import Trace

Value = str | float | bool
DEFAULT_GROUP = "Default"  # holds every trace
FLAGS = ("ok", "fault", "error", "throttle")
HTTP = {
    "http.status": "status",
    "http.url": "url",
    "http.method": "method",
    "http.useragent": "user_agent",
    "http.clientip": "client_ip",
}
SIMPLE = (*FLAGS, *HTTP, "partial", "duration", "responsetime", "user", "name", "group.name", "groupname")


@dataclass(frozen=True, slots=True)
class Subject:
    """What an expression is asked about: a trace by its root, or one service or call in it."""

    trace: Trace
    part: Part | None
    whole: bool = True

    def values(self, keyword: str) -> Sequence[Value]:
        """Return the values of a keyword; several of annotations, users and names."""
        scope = list(self.trace.every()) if self.whole else list(self.part.every()) if self.part else []
        if keyword.startswith("annotation."):
            return [part.annotations[key] for part in scope if (key := keyword[11:]) in part.annotations]
        if keyword == "user":
            return [part.user for part in scope if part.user]
        if keyword == "name":
            return [part.name for part in scope] + [kind for part in scope for kind, _ in part.exceptions]
        if keyword in ("group.name", "groupname"):
            return [DEFAULT_GROUP]
        return self._single(keyword)

    def _single(self, keyword: str) -> Sequence[Value]:
        part = self.part
        if part is None:
            return []
        if keyword == "duration":
            return [self.trace.end - self.trace.start if self.whole else part.seconds]
        if keyword == "partial":
            return [self.trace.partial if self.whole else part.end is None]
        if keyword == "responsetime":
            return [part.seconds]
        if keyword in FLAGS:
            return [bool(getattr(part, keyword))]
        found = part.http.get(HTTP[keyword])
        return [] if found is None else [found]
