"""The target group's records: who is registered, who is healthy by Envoy's own checks, who still drains.

Targets are keyed by (id, port). A change is written to Envoy at once; health is observed by a loop, so that a
reader never waits for Envoy.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.aws.names import TARGET_GROUP_ARN
from lab.aws.registry import AwsError
from lab.balancer import Balancer, HealthCheck, Target
from lab.links import Address
from lab.settings import Settings
from lab.truth import Truth


@dataclass(frozen=True, slots=True)
class TargetState:
    """A target's health as AWS words it: initial, healthy, unhealthy, draining, unused."""

    state: str
    reason: str | None = None
    description: str | None = None


HEALTHY = TargetState("healthy")
INITIAL = TargetState("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
UNHEALTHY = TargetState("unhealthy", "Target.FailedHealthChecks", "Health checks failed")
DRAINING = TargetState("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
UNUSED = TargetState("unused", "Target.NotRegistered", "Target is not registered to the target group")


@dataclass(slots=True)
class Registration:
    """One registered target; times are epoch seconds."""

    since: float
    owner: str | None  # the task behind it, None when somebody registered an address by hand
    zone: str
    healthy: bool = False
    judged: bool = False  # was it healthy or unhealthy before? until then it is "initial"
    drained_at: float | None = None


@dataclass(slots=True)
class TargetGroups:
    """The lab's one target group. Not thread-safe: call it under the world's lock."""

    settings: Settings
    truth: Truth
    balancer: Balancer
    check: HealthCheck
    targets: dict[Address, Registration] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)

    def find(self, group: str) -> TargetGroups:
        """Return the group of an ARN; TargetGroupNotFound for any other."""
        if group != TARGET_GROUP_ARN:
            raise AwsError("TargetGroupNotFound", f"Target group '{group}' not found")
        return self

    @property
    def deregistration_delay_s(self) -> float:
        """How long a target stays `draining`."""
        given = self.attributes.get("deregistration_delay.timeout_seconds")
        return float(given) if given is not None else self.settings.simulated.deregistration_s

    def register(self, group: str, address: Address, *, owner: str | None = None, zone: str = "all") -> None:
        """Put a target into rotation; it is `initial` until Envoy's first check."""
        known = self.find(group).targets.get(address)
        if known is None or known.drained_at is not None:
            self.targets[address] = Registration(time.time(), owner, zone)
            self.write()

    def deregister(self, group: str, address: Address) -> bool:
        """Take a target out of rotation; False if it was not in."""
        known = self.find(group).targets.get(address)
        if known is None or known.drained_at is not None:
            return False
        known.drained_at = time.time() + self.deregistration_delay_s
        known.healthy = False
        self.write()
        return True

    def observe(self, seen: Mapping[Address, bool], now: float) -> None:
        """Take in what Envoy says, and drop who has drained."""
        for address, target in list(self.targets.items()):
            if target.drained_at is not None:
                if now >= target.drained_at:
                    del self.targets[address]
                continue
            healthy = seen.get(address, False)
            settling = not healthy and not target.judged and now - target.since < self._patience_s
            if not settling and (healthy != target.healthy or not target.judged):
                target.healthy, target.judged = healthy, True
                self._note(address, target, now)

    def state_of(self, address: Address) -> TargetState:
        """Return a target's health, `unused` if it is not registered."""
        target = self.targets.get(address)
        if target is None:
            return UNUSED
        if target.drained_at is not None:
            return DRAINING
        if target.healthy:
            return HEALTHY
        return UNHEALTHY if target.judged else INITIAL

    def counts(self) -> tuple[int, int]:
        """Return (healthy, unhealthy); initial and draining targets are neither."""
        states = [self.state_of(address).state for address in self.targets]
        return states.count("healthy"), states.count("unhealthy")

    @property
    def _patience_s(self) -> float:
        return self.check.interval_s * self.check.unhealthy + self.check.timeout_s

    def _note(self, address: Address, target: Registration, now: float) -> None:
        kind = "task" if target.owner else "target"
        word = "healthy" if target.healthy else "unhealthy"
        self.truth.note(f"{kind}.{word}", at=now, task=target.owner, address=f"{address[0]}:{address[1]}")

    def write(self) -> None:
        """Tell Envoy who is in rotation."""
        active = [(address, target) for address, target in self.targets.items() if target.drained_at is None]
        self.balancer.set_targets([Target(target.owner or address[0], address) for address, target in active])
