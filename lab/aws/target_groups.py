"""All target groups and the one listener in front of them; every change is written to the balancer at once.

Health is observed by a loop (`observe`), which also ends the connections of targets that have drained.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lab.aws.alb_group import NOT_REGISTERED, Census, Registration, TargetGroup, TargetState
from lab.aws.alb_rules import Listener
from lab.aws.names import TARGET_GROUP_ARN, TARGET_GROUP_PATH, VPC, new_hex
from lab.aws.registry import AwsError
from lab.balancer import Balancer, Check
from lab.cluster import HealthCheck
from lab.links import Address
from lab.settings import TARGET_GROUP, Settings
from lab.truth import Truth

__all__ = ["TargetGroup", "TargetGroups", "TargetState"]
PORT = 8080


@dataclass(slots=True)
class TargetGroups:
    """The target groups by ARN. Not thread-safe: call it under the world's lock."""

    settings: Settings
    truth: Truth
    balancer: Balancer
    check: HealthCheck
    groups: dict[str, TargetGroup] = field(default_factory=dict)
    listener: Listener = field(default_factory=lambda: Listener(TARGET_GROUP_ARN))
    tags: dict[str, dict[str, str]] = field(default_factory=dict)  # of what was created, by ARN

    def __post_init__(self) -> None:
        self.add(TARGET_GROUP, PORT, self.check, path=TARGET_GROUP_PATH)

    def add(self, name: str, port: int, check: HealthCheck, *, path: str = "", vpc: str = VPC) -> TargetGroup:
        """Create a target group; nothing leads to it yet."""
        path = path or f"targetgroup/{name}/{new_hex(16)}"
        delay_s = self.settings.simulated.deregistration_s
        group = TargetGroup(name, path, port, check, vpc, delay_s, self._note)
        self.groups[group.arn] = group
        self.apply()
        return group

    def remove(self, arn: str) -> None:
        """Delete a target group to which nothing leads."""
        self.groups.pop(arn, None)
        self.tags.pop(arn, None)
        self.apply()

    def find(self, group: str) -> TargetGroup:
        """Return the group of an ARN; TargetGroupNotFound for any other."""
        found = self.groups.get(group)
        if found is None:
            raise AwsError("TargetGroupNotFound", f"Target groups '{group}' not found")
        return found

    def named(self, name: str) -> TargetGroup | None:
        """Return a group by its name, None if there is none."""
        return next((group for group in self.groups.values() if group.name == name), None)

    def register(self, group: str, address: Address, *, owner: str | None = None, zone: str = "all") -> None:
        """Put a target into rotation; it is `initial` until the balancer's first check. A deleted group takes none."""
        found = self.groups.get(group)
        if found is not None and found.put(address, owner, zone):
            self._targets_changed(found)

    def deregister(self, group: str, address: Address) -> bool:
        """Take a target out of rotation; False if it was not in. Requests under way may end within the delay."""
        found = self.groups.get(group)
        known = found.targets.get(address) if found is not None else None
        if found is None or known is None or not known.active:
            return False
        known.drained_at = time.time() + found.deregistration_delay_s
        known.healthy = False
        self._targets_changed(found)
        return True

    def state_of(self, group: str, address: Address) -> TargetState:
        """Return a target's health; `unused` if it is not registered, or in no group any more."""
        found = self.groups.get(group)
        return found.state_of(address) if found is not None else NOT_REGISTERED

    def worst_of(self, groups: Iterable[str], address: Address) -> str:
        """Return an address's state over all its groups: unhealthy if it is so in one, healthy if in all."""
        states = {self.state_of(group, address).state for group in groups}
        if "unhealthy" in states or states <= {"healthy"}:
            return "unhealthy" if "unhealthy" in states else "healthy"
        return min(states - {"healthy"})

    def delay_of(self, groups: Iterable[str]) -> float:
        """Return the longest deregistration delay of these groups in seconds, 0 for none."""
        found = [self.groups[arn].deregistration_delay_s for arn in groups if arn in self.groups]
        return max(found, default=0.0)

    def counts(self, group: str = TARGET_GROUP_ARN) -> tuple[int, int]:
        """Return (healthy, unhealthy) of a group; initial, draining and unused targets are neither."""
        return self.find(group).counts()

    def census(self) -> list[Census]:
        """Return every group that gets requests."""
        return [group.census() for group in self.groups.values() if group.in_use]

    @property
    def waiting(self) -> bool:
        """Is there a target of which the balancer has not said yet that it knows it?"""
        groups = (group for group in self.groups.values() if group.in_use)
        return any(not t.taken_in for group in groups for t in group.targets.values() if t.active)

    def silent(self, now: float) -> dict[str, list[Address]]:
        """Return {name: targets} of which no first check was told in time, to be asked for."""
        found = {group.name: group.silent(now) for group in self.groups.values()}
        return {name: addresses for name, addresses in found.items() if addresses}

    def observe(self, checks: Iterable[Check], versions: Mapping[str, str], now: float) -> list[str]:
        """Take in what the balancer has found and which targets it knows; forget who has drained.

        Return the tasks whose connections must end now, because they have drained everywhere.
        """
        by_name = {group.name: group for group in self.groups.values()}
        for check in checks:
            if check.group in by_name:
                by_name[check.group].take_in(check)
        for name, version in versions.items():
            if name in by_name and int(version or 0) >= int(by_name[name].version or 0):
                for target in by_name[name].targets.values():
                    target.taken_in = True
        over = [gone for group in by_name.values() for gone in group.drop_drained(now)]
        return [target.owner for address, target in over if target.owner and not self._is_anywhere(address)]

    def apply(self) -> None:
        """Tell the balancer everything: groups, who is in rotation, and the rules."""
        used = self.listener.groups()
        for group in self.groups.values():
            began = group.arn in used and not group.in_use
            group.in_use = group.arn in used
            if began:
                for target in group.targets.values():
                    target.again(time.time())
        self.balancer.set_groups([group.as_cluster() for group in self.groups.values()])
        for group in self.groups.values():
            self._write_targets(group)
        self.balancer.set_routes(self.listener.routes({arn: group.name for arn, group in self.groups.items()}))

    write = apply  # when the balancer was started anew

    def _targets_changed(self, group: TargetGroup) -> None:
        if group.as_cluster() != self.balancer.group(group.name):  # what fails open depends on the number of targets
            self.balancer.set_groups([each.as_cluster() for each in self.groups.values()])
        self._write_targets(group)

    def _write_targets(self, group: TargetGroup) -> None:
        group.version = self.balancer.set_targets(group.name, group.active() if group.in_use else [])

    def _is_anywhere(self, address: Address) -> bool:
        return any(address in group.targets for group in self.groups.values())

    def _note(self, group: TargetGroup, address: Address, target: Registration, at: float) -> None:
        kind = "task" if target.owner else "target"
        word = "healthy" if target.healthy else "unhealthy"
        why = "" if target.healthy else group.state_of(address).description
        where = f"{address[0]}:{address[1]}"
        self.truth.note(f"{kind}.{word}", at=at, task=target.owner, address=where, group=group.name, why=why or None)
