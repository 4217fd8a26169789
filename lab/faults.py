"""What a link does to the connections it carries. The default is a plain wire."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass
from typing import Literal

Distribution = Literal["uniform", "normal"]
Direction = Literal["up", "down", "both"]
Way = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; times in milliseconds, rate in kilobit per second.

    "down" acts on what comes back from the target, "up" on what goes to it. `jitter_ms` is half the width of the
    uniform distribution or the sigma of the normal one. `percent` is the share of *connections* that is hit.
    """

    latency_ms: float = 0
    jitter_ms: float = 0
    dist: Distribution = "uniform"
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

    def as_dict(self) -> dict[str, object]:
        """Return the fault as JSON takes it."""
        return asdict(self)
