"""One target group: who is registered, who is healthy by the balancer's own checks and why not, who still drains.

Targets are keyed by (id, port). Health comes as the checks that the balancer has made, so a reader never waits for it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from lab.aws.names import arn
from lab.cluster import Group, HealthCheck
from lab.health_log import TIMED_OUT, WRONG_CODE, Check
from lab.links import Address

NOWHERE = "all"  # the zone of a target that lies in none
STALE_S = 0.002  # the balancer writes milliseconds: a check this much before a registration may be of it

DELAY = "deregistration_delay.timeout_seconds"
SLOW_START = "slow_start.duration_seconds"
ALGORITHM = "load_balancing.algorithm.type"
FAIL_OPEN_COUNT = "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count"
FAIL_OPEN_PERCENT = "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage"


@dataclass(frozen=True, slots=True)
class TargetState:
    """A target's health as AWS words it: initial, healthy, unhealthy, draining, unused."""

    state: str
    reason: str | None = None
    description: str | None = None


HEALTHY = TargetState("healthy")
REGISTERING = TargetState("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
INITIAL = TargetState("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
FAILED = TargetState("unhealthy", "Target.FailedHealthChecks", "Health checks failed")
TIMEOUT = TargetState("unhealthy", "Target.Timeout", "Request timed out")
DRAINING = TargetState("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
NOT_REGISTERED = TargetState("unused", "Target.NotRegistered", "Target is not registered to the target group")
NOT_IN_USE = TargetState(
    "unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer"
)


def wrong_code(code: int) -> TargetState:
    """Return the state of a target that answers its checks with a code that the Matcher does not have."""
    return TargetState("unhealthy", "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{code}]")


@dataclass(slots=True)
class Registration:
    """One registered target; times are epoch seconds."""

    since: float
    owner: str | None  # the task behind it, None when somebody registered an address by hand
    zone: str
    healthy: bool = False
    judged: bool = False  # was it healthy or unhealthy before? until then it is "initial"
    taken_in: bool = False  # does the balancer know it?
    failures: int = 0  # in a row
    last: Check | None = None  # the check that failed last
    drained_at: float | None = None

    @property
    def active(self) -> bool:
        """Is it registered, and not on its way out?"""
        return self.drained_at is None

    def again(self, now: float) -> None:
        """Begin anew, as at its registration."""
        self.since, self.healthy, self.judged, self.taken_in, self.failures = now, False, False, False, 0


@dataclass(frozen=True, slots=True)
class Census:
    """A group's targets at one instant: the zone of every one, and how many are healthy and unhealthy by zone."""

    name: str
    path: str
    zones: dict[Address, str]
    healthy: Counter[str]
    unhealthy: Counter[str]


@dataclass(slots=True)
class TargetGroup:
    """A target group. `told` is called when a target turns healthy or unhealthy, with the instant of that check."""

    name: str
    path: str  # "targetgroup/NAME/ID", also the metric dimension
    port: int
    check: HealthCheck
    vpc: str
    default_delay_s: float
    told: Callable[[TargetGroup, Address, Registration, float], None]
    in_use: bool = False  # does the listener have a rule that leads here?
    attributes: dict[str, str] = field(default_factory=dict)
    targets: dict[Address, Registration] = field(default_factory=dict)
    version: str = ""  # of the targets, as the balancer was told last

    @property
    def arn(self) -> str:
        """The target group's ARN."""
        return arn("elasticloadbalancing", self.path)

    @property
    def deregistration_delay_s(self) -> float:
        """How long a target stays `draining`."""
        given = self.attributes.get(DELAY)
        return float(given) if given is not None else self.default_delay_s

    def active(self) -> list[Address]:
        """Return the targets that are registered and not draining."""
        return [address for address, target in self.targets.items() if target.active]

    def as_cluster(self) -> Group:
        """Return the group as the balancer takes it."""
        return Group(
            self.name,
            self.check,
            least_outstanding=self.attributes.get(ALGORITHM) == "least_outstanding_requests",
            slow_start_s=float(self.attributes.get(SLOW_START, "0")),
            least_healthy_percent=self._least_healthy_percent(),
        )

    def _least_healthy_percent(self) -> int:
        """Return the share of healthy targets below which requests go to all: whole percents, as the balancer has it.

        A count is turned into the share that lies between it and one less, for as many targets as there are now.
        """
        count = int(self.attributes.get(FAIL_OPEN_COUNT, "1"))
        percent = self.attributes.get(FAIL_OPEN_PERCENT, "off")
        among = max(1, len(self.active()))
        by_count = 1 if count <= 1 else min(100, round(100 * (count - 0.5) / among))
        return max(by_count, 0 if percent == "off" else int(percent))

    def take_in(self, check: Check) -> None:
        """Count one check of the balancer's."""
        target = self.targets.get(check.address)
        if target is None or not target.active or check.at < target.since - STALE_S:
            return
        target.taken_in = True
        if check.healthy:
            target.failures, target.last = 0, None
            self._turn(check.address, target, True, check.at)
            return
        target.failures += 1
        target.last = check
        out = check.out if target.judged else target.failures >= self.check.unhealthy
        if out and (target.healthy or not target.judged):
            self._turn(check.address, target, False, check.at)

    def _turn(self, address: Address, target: Registration, healthy: bool, at: float) -> None:
        changed = target.healthy != healthy or not target.judged
        target.healthy, target.judged = healthy, True
        if changed:
            self.told(self, address, target, at)

    def silent(self, now: float) -> list[Address]:
        """Return the targets whose first check should have been told by now: the balancer knew them from before."""
        patience_s = self.check.interval_s + self.check.timeout_s
        return [
            address
            for address, target in self.targets.items()
            if self.in_use and target.active and not target.judged and not target.failures
            if now - target.since > patience_s
        ]

    def drop_drained(self, now: float) -> list[tuple[Address, Registration]]:
        """Forget who has drained; return them."""
        over = [(a, t) for a, t in self.targets.items() if t.drained_at is not None and now >= t.drained_at]
        for address, _ in over:
            del self.targets[address]
        return over

    def state_of(self, address: Address) -> TargetState:
        """Return a target's health, `unused` if it is not registered or nothing leads here."""
        target = self.targets.get(address)
        if target is None:
            return NOT_REGISTERED
        if not target.active:
            return DRAINING
        if not self.in_use:
            return NOT_IN_USE
        if target.healthy:
            return HEALTHY
        if not target.judged:
            return INITIAL if target.taken_in else REGISTERING
        return _why(target.last)

    def counts(self) -> tuple[int, int]:
        """Return (healthy, unhealthy); initial, draining and unused targets are neither."""
        census = self.census()
        return census.healthy.total(), census.unhealthy.total()

    def census(self) -> Census:
        """Return who is where, and how well."""
        judged = [t for t in self.targets.values() if self.in_use and t.active and t.judged]
        return Census(
            self.name,
            self.path,
            {address: target.zone for address, target in self.targets.items()},
            Counter(target.zone for target in judged if target.healthy),
            Counter(target.zone for target in judged if not target.healthy),
        )

    def put(self, address: Address, owner: str | None, zone: str) -> bool:
        """Register a target; False if it was in already."""
        known = self.targets.get(address)
        if known is not None and known.active:
            return False
        self.targets[address] = Registration(time.time(), owner, zone)
        return True


def _why(last: Check | None) -> TargetState:
    if last is not None and last.failure == WRONG_CODE:
        return wrong_code(last.code)
    return TIMEOUT if last is not None and last.failure == TIMED_OUT else FAILED
