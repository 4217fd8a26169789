"""What a link does to the connections it carries. The default is a plain wire.

Lost packets: TCP sends them again, so whoever reads from a socket sees a loss as a delay and never as a hole. Each
chunk is lost with `loss_percent`, and so is each repetition of it: it comes 200 ms later for the first loss, 400 for
the second, doubling to two minutes, as Linux's retransmission timer does. What came behind it waits for it. Not
modelled: the quick repetition that later packets of the same burst would bring, and the smaller window after a loss.
"""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass
from typing import Literal

Distribution = Literal["uniform", "normal"]
Direction = Literal["up", "down", "both"]
Way = Literal["up", "down"]
RTO_S, LONGEST_RTO_S = 0.2, 120.0  # Linux's TCP_RTO_MIN and TCP_RTO_MAX


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; times in milliseconds, rate in kilobit per second.

    "down" acts on what comes back from the target, "up" on what goes to it. `jitter_ms` is half the width of the
    uniform distribution or the sigma of the normal one. `percent` is the share of *connections* that is hit,
    `loss_percent` the share of what they carry that is lost and sent again.
    """

    latency_ms: float = 0
    jitter_ms: float = 0
    dist: Distribution = "uniform"
    loss_percent: float = 0
    rate_kbps: float = 0
    blackhole: bool = False
    refuse: bool = False
    percent: float = 100
    direction: Direction = "down"

    def acts_on(self, way: Way) -> bool:
        """Does the fault act on data that travels this way?"""
        return self.direction in (way, "both")

    def delay_s(self, way: Way) -> float:
        """Return one draw of the delay, in seconds, for what travels this way."""
        if not (self.latency_ms or self.jitter_ms) or not self.acts_on(way):
            return 0.0
        if self.dist == "normal":
            drawn_ms = random.gauss(self.latency_ms, self.jitter_ms)
        else:
            drawn_ms = self.latency_ms + random.uniform(-self.jitter_ms, self.jitter_ms)
        return max(0.0, drawn_ms) / 1e3

    @property
    def is_silent(self) -> bool:
        """Does nothing pass at all?"""
        return self.blackhole or self.loss_percent >= 100

    def losses(self, way: Way) -> int:
        """Return how often one chunk is lost before it arrives, by one draw after the other."""
        if not self.acts_on(way) or self.is_silent:
            return 0
        count = 0
        while random.random() * 100 < self.loss_percent:
            count += 1
        return count

    def as_dict(self) -> dict[str, object]:
        """Return the fault as JSON takes it."""
        return asdict(self)


def resent_after_s(losses: int) -> float:
    """Return how much later a chunk comes that was lost so often: 0.2, 0.6, 1.4 s ..."""
    return sum(min(RTO_S * float(2**nth), LONGEST_RTO_S) for nth in range(losses))
