"""The default EventBridge bus: what the services tell about themselves, kept and passed on.

A service calls `put` at the step itself; who listens (rules, tests) is called in the order of the events.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from lab.aws.names import instant
from lab.settings import ACCOUNT, REGION

KEPT = 5_000


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `at` is in epoch seconds."""

    source: str  # "aws.ecs"
    detail_type: str  # "ECS Task State Change"
    detail: Mapping[str, Any]
    resources: tuple[str, ...] = ()
    at: float = field(default_factory=time.time)
    id: str = field(default_factory=lambda: str(uuid4()))

    def as_dict(self) -> dict[str, Any]:
        """Return the event as EventBridge delivers it: version, id, detail-type, source, account, time, region ..."""
        return {
            "version": "0",
            "id": self.id,
            "detail-type": self.detail_type,
            "source": self.source,
            "account": ACCOUNT,
            "time": f"{instant(self.at):%Y-%m-%dT%H:%M:%SZ}",
            "region": REGION,
            "resources": list(self.resources),
            "detail": dict(self.detail),
        }


@dataclass(slots=True)
class Events:
    """The bus. Safe to call from any thread; a listener must not block."""

    listeners: list[Callable[[Event], None]] = field(default_factory=list)
    kept: deque[Event] = field(default_factory=lambda: deque(maxlen=KEPT))
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def put(
        self,
        source: str,
        detail_type: str,
        detail: Mapping[str, Any],
        *,
        resources: Sequence[str] = (),
        at: float | None = None,
    ) -> Event:
        """Put an event on the bus and tell the listeners."""
        event = Event(source, detail_type, detail, tuple(resources), time.time() if at is None else at)
        with self._lock:
            self.kept.append(event)
            for listener in tuple(self.listeners):
                listener(event)
        return event
