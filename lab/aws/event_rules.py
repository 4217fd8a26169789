"""EventBridge's rules: they hear every event of their bus, and pass on those that fit to their targets.

`deliverers` says who can take an event, by the service in a target's ARN; a target of any other service is kept,
told back, and noted in the truth as not delivered. A rule with a schedule is a record: nothing in a lab fires by time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from lab.aws.event_input import input_of
from lab.aws.events import Event
from lab.aws.metrics import MetricStore
from lab.aws.names import arn
from lab.aws.patterns import Pattern, matches
from lab.aws.registry import AwsError
from lab.truth import Truth

DEFAULT = "default"
Deliverer: TypeAlias = Callable[[Mapping[str, Any], str], None]  # (target, text); raises where it cannot


@dataclass(slots=True)
class Bus:
    """An event bus."""

    name: str
    description: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    created_at: float = field(default_factory=time.time)

    @property
    def arn(self) -> str:
        """Its Amazon resource name."""
        return arn("events", f"event-bus/{self.name}")


@dataclass(slots=True)
class Rule:
    """A rule, with its targets by id as AWS's members."""

    name: str
    bus: str
    pattern: Pattern | None = None
    pattern_text: str | None = None
    schedule: str | None = None
    enabled: bool = True
    description: str | None = None
    role: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    targets: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """Its Amazon resource name."""
        return arn("events", f"rule/{self.name}" if self.bus == DEFAULT else f"rule/{self.bus}/{self.name}")


@dataclass(slots=True)
class Rules:
    """All buses and rules of a lab. Safe to call from any thread."""

    truth: Truth
    metrics: MetricStore
    deliverers: dict[str, Deliverer] = field(default_factory=dict)
    buses: dict[str, Bus] = field(default_factory=lambda: {DEFAULT: Bus(DEFAULT)})
    rules: dict[tuple[str, str], Rule] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def bus(self, name_or_arn: str | None) -> Bus:
        """Return a bus, the default one if none is named; ResourceNotFoundException when there is none."""
        name = (name_or_arn or DEFAULT).rpartition("/")[2]
        if name not in self.buses:
            raise AwsError("ResourceNotFoundException", f"Event bus {name} does not exist.")
        return self.buses[name]

    def rule(self, name: str, bus: str | None) -> Rule:
        """Return a rule; ResourceNotFoundException when there is none."""
        where = self.bus(bus).name
        found = self.rules.get((where, name))
        if found is None:
            raise AwsError("ResourceNotFoundException", f"Rule {name} does not exist on EventBus {where}.")
        return found

    def of(self, bus: str | None, prefix: str = "") -> list[Rule]:
        """Return a bus's rules in order of name."""
        where = self.bus(bus).name
        return [rule for (on, name), rule in sorted(self.rules.items()) if on == where and name.startswith(prefix)]

    def hear(self, event: Event, bus: str = DEFAULT) -> None:
        """Pass an event on to the targets of every rule that it fits. Does not block."""
        told = event.as_dict()
        with self.lock:
            fitting = [
                (rule, tuple(rule.targets.values()))
                for rule in self.rules.values()
                if rule.bus == bus and rule.enabled and rule.pattern is not None and matches(rule.pattern, told)
            ]
        for rule, targets in fitting:
            self._count(rule, "TriggeredRules")
            for target in targets:
                self._deliver(rule, target, told)

    def _deliver(self, rule: Rule, target: Mapping[str, Any], told: Mapping[str, Any]) -> None:
        about = {"rule": rule.name, "event": told["id"], "detail_type": told["detail-type"], "target": target["Arn"]}
        deliverer = self.deliverers.get(target["Arn"].split(":")[2])
        if deliverer is None:
            self.truth.note("rule.not_delivered", why="the lab delivers to no such target", **about)
            return
        try:
            deliverer(target, input_of(target, told, rule.name, rule.arn))
        except Exception as error:  # noqa: BLE001 - whoever told the event, as a failover, goes on
            self.truth.note("rule.failed", why=str(error) or type(error).__name__, **about)
            self._count(rule, "FailedInvocations")
            return
        self.truth.note("rule.delivered", **about)
        self._count(rule, "Invocations")

    def _count(self, rule: Rule, metric: str) -> None:
        self.metrics.put("AWS/Events", metric, {"RuleName": rule.name}, 1.0, unit="Count")
