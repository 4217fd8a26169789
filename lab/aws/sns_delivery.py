"""SNS's deliveries over HTTP: in order for each subscription, tried again as its delivery policy says.

A subscription has a thread of its own while something waits for it, so that one dead endpoint holds up nobody else. As
on AWS, 2xx is success, other 4xx than 429 is final, and everything else is tried again; the delays are scaled down
(`Simulated.sns_retry_s`). What happens is noted in the truth.
"""

from __future__ import annotations

import heapq
import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from lab.truth import Truth

TIMEOUT_S = 15.0  # as long as AWS waits for an endpoint
MOST_WAITING = 1_000  # for one subscription; what comes on top is dropped, and noted
RETRY_POLICY: Mapping[str, Any] = {
    "minDelayTarget": 20,
    "maxDelayTarget": 20,
    "numRetries": 3,
    "numNoDelayRetries": 0,
    "numMinDelayRetries": 0,
    "numMaxDelayRetries": 0,
    "backoffFunction": "linear",
}
AWS_DELAY_S = 20.0  # what `sns_retry_s` stands for
CONTENT_TYPE = "text/plain; charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message for one endpoint. `delays_s` are the pauses before each further attempt, as AWS would make them."""

    subscription: str
    url: str
    headers: Mapping[str, str]
    write: Callable[[], bytes]  # asked on the delivering thread, because signing takes a moment
    message_id: str
    kind: str
    delays_s: tuple[float, ...]
    told: Callable[[bool], None] = lambda delivered: None


@dataclass(slots=True)
class Delivery:
    """All lanes. Safe to call from any thread; `scale` makes AWS's seconds the lab's."""

    truth: Truth
    scale: float
    closing: threading.Event = field(default_factory=threading.Event)
    _lanes: dict[str, _Lane] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, parcel: Parcel) -> None:
        """Have a parcel delivered; return at once."""
        with self.lock:
            lane = self._lanes.setdefault(parcel.subscription, _Lane(self))
            if len(lane.waiting) >= MOST_WAITING:
                self.truth.note("sns.dropped", subscription=parcel.subscription, message=parcel.message_id)
                parcel.told(False)
                return
            lane.push(parcel, 0, time.monotonic())

    def attempt(self, parcel: Parcel, tried: int) -> float | None:
        """Try once; return after how many seconds to try again, or None when it is over."""
        began = time.monotonic()
        status, why = post(parcel)
        ms = round((time.monotonic() - began) * 1e3, 1)
        about: dict[str, Any] = {
            "subscription": parcel.subscription,
            "message": parcel.message_id,
            "kind": parcel.kind,
            "attempt": tried + 1,
            "ms": ms,
        }
        if 200 <= status < 300:
            self.truth.note("sns.delivered", status=status, **about)
            parcel.told(True)
            return None
        final = 400 <= status < 500 and status != 429
        if final or tried >= len(parcel.delays_s):
            self.truth.note("sns.given_up", status=status, why=why, **about)
            parcel.told(False)
            return None
        again_s = parcel.delays_s[tried] * self.scale
        self.truth.note("sns.failed", status=status, why=why, again_s=round(again_s, 3), **about)
        return again_s

    def next_of(self, lane: _Lane) -> tuple[Parcel | None, int, float]:
        """Take what is due: (parcel, attempts so far, 0), or (None, 0, seconds to wait); -1 where nothing waits."""
        with self.lock:
            if not lane.waiting:
                lane.at_work = False
                return None, 0, -1
            wait_s = lane.waiting[0][0] - time.monotonic()
            if wait_s > 0:
                return None, 0, wait_s
            _, _, tried, parcel = heapq.heappop(lane.waiting)
            return parcel, tried, 0

    def again(self, lane: _Lane, parcel: Parcel, tried: int, after_s: float) -> None:
        """Put a parcel back that was not taken."""
        with self.lock:
            lane.push(parcel, tried, time.monotonic() + after_s)


@dataclass(slots=True)
class _Lane:
    """What waits for one subscription, the earliest due first; messages of one instant in the order they came."""

    delivery: Delivery
    waiting: list[tuple[float, int, int, Parcel]] = field(default_factory=list)
    at_work: bool = False
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _news: threading.Event = field(default_factory=threading.Event)

    def push(self, parcel: Parcel, tried: int, due: float) -> None:
        """Add a parcel, under the delivery's lock."""
        heapq.heappush(self.waiting, (due, next(self._numbers), tried, parcel))
        self._news.set()
        if not self.at_work:
            self.at_work = True
            threading.Thread(target=self._work, daemon=True, name="sns").start()

    def _work(self) -> None:
        while not self.delivery.closing.is_set():
            self._news.clear()
            parcel, tried, wait_s = self.delivery.next_of(self)
            if parcel is not None:
                again_s = self.delivery.attempt(parcel, tried)
                if again_s is not None:
                    self.delivery.again(self, parcel, tried + 1, again_s)
            elif wait_s < 0:
                return
            else:
                self._news.wait(min(wait_s, 0.5))


def post(parcel: Parcel) -> tuple[int, str]:
    """Make one request on a connection of its own; return its status and phrase, or 0 and the error."""
    parts = urlsplit(parcel.url)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=TIMEOUT_S)
    try:
        connection.request("POST", path, parcel.write(), dict(parcel.headers))
        answer = connection.getresponse()
        answer.read()
    except (OSError, ValueError, http.client.HTTPException) as error:  # ValueError: a header that is none
        return 0, f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    return answer.status, answer.reason


def effective_policy(topic: str | None, subscription: str | None) -> dict[str, Any]:
    """Return the policy that counts, of a topic's and a subscription's DeliveryPolicy, in a subscription's shape."""
    own = json.loads(subscription) if subscription else {}
    general = json.loads(topic)["http"] if topic else {}
    if general.get("disableSubscriptionOverrides"):
        own = {}
    retry = own.get("healthyRetryPolicy") or general.get("defaultHealthyRetryPolicy") or {}
    request = own.get("requestPolicy") or general.get("defaultRequestPolicy") or {}
    policy: dict[str, Any] = {"healthyRetryPolicy": {**RETRY_POLICY, **retry}}
    policy["requestPolicy"] = {"headerContentType": request.get("headerContentType", CONTENT_TYPE)}
    return policy


def delays_of(retry: Mapping[str, Any]) -> tuple[float, ...]:
    """Return the seconds before each retry: at once, then at the least delay, growing, and at the longest."""
    at_once, least, longest = (int(retry[f"num{name}Retries"]) for name in ("NoDelay", "MinDelay", "MaxDelay"))
    low, high, total = float(retry["minDelayTarget"]), float(retry["maxDelayTarget"]), int(retry["numRetries"])
    growing = max(total - at_once - least - longest, 0)
    between = [_grown(low, high, number / max(growing - 1, 1), retry["backoffFunction"]) for number in range(growing)]
    return (*([0.0] * at_once), *([low] * least), *between, *([high] * longest))[:total]


def _grown(low: float, high: float, share: float, function: str) -> float:
    """AWS shows the four functions as curves only; these have their shapes."""
    if function in ("geometric", "exponential"):
        return float(low * (high / low) ** share)
    return low + (high - low) * (share**2 if function == "arithmetic" else share)
