"""Application Auto Scaling: the desired count of a service follows a metric, between two bounds.

A target tracking policy owns two CloudWatch alarms, as on AWS: high rings while the metric is above its target, low
while it is below 90 % of it for five times as long. What they ring for is done here, once a second, under the lock.
"""

from __future__ import annotations

import math
import time
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.aws.alarm_model import Alarm
from lab.aws.alarm_rule import Rule
from lab.aws.cloudwatch import CloudWatch
from lab.aws.ecs_cluster import Ecs
from lab.aws.ecs_service import IN_PROGRESS, Service
from lab.aws.ecs_tasks import running
from lab.aws.events import Events
from lab.aws.metric_data import Query, Span, compute
from lab.aws.names import arn, instant, last_part
from lab.settings import ACCOUNT, REGION, Simulated
from lab.truth import Truth

ACTIVITIES_KEPT = 500
SHRINK_BELOW = 0.9  # of the target value
HIGH_PERIODS, LOW_PERIODS = 3, 15  # of the two alarms, as AWS creates them
COOLDOWN_S = 300  # by default, for services of ECS


@dataclass(slots=True)
class Target:
    """A scalable target: a service and its bounds; times are epoch seconds."""

    resource: str  # "service/CLUSTER/NAME"
    least: int
    most: int
    role: str
    created_at: float
    suspended: dict[str, bool] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    grown_at: float = -math.inf
    grown_from: int = 0  # the capacity before the growth whose cooldown may last
    shrunk_at: float = -math.inf

    @property
    def arn(self) -> str:
        """Its ARN."""
        return arn("application-autoscaling", f"scalable-target/{self.id}")

    @property
    def service(self) -> str:
        """The name of the service."""
        return last_part(self.resource)


@dataclass(slots=True)
class Policy:
    """A target tracking policy and its two alarms."""

    name: str
    resource: str
    configuration: Mapping[str, Any]  # TargetTrackingScalingPolicyConfiguration
    high: Alarm
    low: Alarm | None  # None with DisableScaleIn
    arn: str
    created_at: float

    @property
    def alarms(self) -> list[Alarm]:
        """Those that there are."""
        return [self.high] if self.low is None else [self.high, self.low]

    def cooldown_s(self, way: str) -> float:
        """Return the pause after growing ("Out") or shrinking ("In")."""
        return float(self.configuration.get(f"Scale{way}Cooldown", COOLDOWN_S))


@dataclass(slots=True)
class Activity:
    """One scaling activity, or the reason why there was none."""

    resource: str
    description: str
    cause: str
    started_at: float
    desired: int
    status: str = "InProgress"
    message: str = ""
    ended_at: float | None = None
    not_scaled: dict[str, object] | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(slots=True)
class Wish:
    """What a policy asks for: a desired count, and the alarm that rings for it."""

    policy: Policy
    alarm: Alarm
    desired: int


@dataclass(slots=True)
class Scaling:
    """Every scalable target, its policies and what they did. Call it under the world's lock."""

    truth: Truth
    ecs: Ecs
    cloudwatch: CloudWatch
    events: Events
    simulated: Simulated
    targets: dict[str, Target] = field(default_factory=dict)  # by resource
    policies: dict[tuple[str, str], Policy] = field(default_factory=dict)  # by resource and name
    activities: deque[Activity] = field(default_factory=lambda: deque(maxlen=ACTIVITIES_KEPT))  # newest first

    def put_policy(self, resource: str, name: str, configuration: Mapping[str, Any], query: Query) -> Policy:
        """Create or replace a policy and its alarms."""
        known = self.policies.get((resource, name))
        number = known.arn.split(":scalingPolicy:")[1].partition(":")[0] if known else str(uuid.uuid4())
        if known is not None:
            self.delete_policy(known)
        where = f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:scalingPolicy:{number}:resource/ecs/{resource}"
        policy_arn, value = f"{where}:policyName/{name}", float(configuration["TargetValue"])

        def alarm(kind: str, comparison: str, bound: float, seconds: float, periods: int) -> Alarm:
            period, count = alarm_periods(seconds, periods)
            return Alarm(
                name=f"TargetTracking-{resource}-Alarm{kind}-{uuid.uuid4()}",
                queries=(Query(query.id, query.metric, query.stat, period, query.unit),),
                rule=Rule(comparison, bound, count, count, "missing"),
                description=f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy_arn}.",
                alarm_actions=(policy_arn,),
            )

        high = alarm("High", "GreaterThanThreshold", value, self.simulated.scaling_out_s, HIGH_PERIODS)
        low = None
        if not configuration.get("DisableScaleIn"):
            below = value * SHRINK_BELOW
            low = alarm("Low", "LessThanThreshold", below, self.simulated.scaling_in_s, LOW_PERIODS)
        policy = Policy(name, resource, configuration, high, low, policy_arn, time.time())
        for each in policy.alarms:
            self.cloudwatch.alarms.put(each)
        self.policies[resource, name] = policy
        return policy

    def delete_policy(self, policy: Policy) -> None:
        """Delete a policy with its alarms."""
        del self.policies[policy.resource, policy.name]
        self.cloudwatch.alarms.delete([a.name for a in policy.alarms if self.cloudwatch.alarms.get(a.name)])

    def delete_target(self, target: Target) -> None:
        """Delete a target with its policies."""
        for policy in [each for each in self.policies.values() if each.resource == target.resource]:
            self.delete_policy(policy)
        del self.targets[target.resource]

    def step(self, now: float) -> None:
        """Let every service follow its metric by one step."""
        for target in self.targets.values():
            service = self.ecs.services.get(target.service)
            if service is not None and service.status == "ACTIVE":
                self._follow(target, service, now)
        for activity in self.activities:
            if activity.status == "InProgress":
                self._close(activity, now)

    def _follow(self, target: Target, service: Service, now: float) -> None:
        mine = [policy for policy in self.policies.values() if policy.resource == target.resource]
        grow = [wish for policy in mine if (wish := self._wish(policy, policy.high, target, service, now))]
        if grow:
            if not target.suspended.get("DynamicScalingOutSuspended"):
                self._grow(target, service, max(grow, key=lambda wish: wish.desired), now)
            return
        shrinking = [policy for policy in mine if policy.low is not None]
        shrink = [wish for policy in shrinking if (wish := self._wish(policy, policy.low, target, service, now))]
        suspended = target.suspended.get("DynamicScalingInSuspended")
        rolling = service.primary.rollout == IN_PROGRESS  # no service shrinks while it is deployed
        if shrink and len(shrink) == len(shrinking) and not suspended and not rolling:
            self._shrink(target, service, max(shrink, key=lambda wish: wish.desired), now)

    def _wish(self, policy: Policy, alarm: Alarm | None, target: Target, service: Service, now: float) -> Wish | None:
        """Return what a ringing alarm asks for; capacity in proportion to the metric, as target tracking has it."""
        record = self.cloudwatch.alarms.get(alarm.name) if alarm else None
        if alarm is None or record is None or record.state.value != "ALARM":
            return None
        value = self._newest(alarm, now)
        if value is None:
            return None
        cooling = now - target.grown_at < policy.cooldown_s("Out")
        base = target.grown_from if cooling and alarm is policy.high else service.desired
        return Wish(policy, alarm, math.ceil(base * value / float(policy.configuration["TargetValue"])))

    def _newest(self, alarm: Alarm, now: float) -> float | None:
        """Return the newest point of an alarm's metric."""
        begin = now - alarm.period * alarm.rule.evaluation_periods - 60
        found = compute(self.cloudwatch.metrics, alarm.queries, Span(math.floor(begin), math.floor(now), now))
        points = found[0].points if found else {}
        return points[max(points)] if points else None

    def _grow(self, target: Target, service: Service, wish: Wish, now: float) -> None:
        desired = min(wish.desired, target.most)
        if service.desired >= target.most:
            self._not_scaled(target, service, wish, "AlreadyAtMaxCapacity", now)
        elif desired > service.desired:
            if now - target.grown_at >= wish.policy.cooldown_s("Out"):
                target.grown_from = service.desired
            target.grown_at, target.shrunk_at = now, -math.inf  # growing ends the pause after shrinking
            self._set(target, service, wish, desired, now)

    def _shrink(self, target: Target, service: Service, wish: Wish, now: float) -> None:
        desired = max(wish.desired, target.least)
        if service.desired <= target.least:
            self._not_scaled(target, service, wish, "AlreadyAtMinCapacity", now)
        elif desired < service.desired and now - target.shrunk_at >= wish.policy.cooldown_s("In"):
            target.shrunk_at = now
            self._set(target, service, wish, desired, now)

    def _set(self, target: Target, service: Service, wish: Wish, desired: int, now: float) -> None:
        before = service.desired
        for activity in self.activities:
            if activity.resource == target.resource and activity.status == "InProgress":
                activity.status, activity.ended_at = "Overridden", now
        message = f"Successfully set desired count to {desired}. Waiting for change to be fulfilled by ecs."
        fresh = Activity(target.resource, f"Setting desired count to {desired}.", _cause(wish), now, desired)
        fresh.message = message
        self.activities.appendleft(fresh)
        self.ecs.scale(service, desired)
        self.truth.note("scaling.activity", at=now, service=service.name, before=before, desired=desired)
        service.tell(f"{message} Cause: {fresh.cause}", now)

    def _not_scaled(self, target: Target, service: Service, wish: Wish, code: str, now: float) -> None:
        """Note why nothing was done, once in a row."""
        newest = next((each for each in self.activities if each.resource == target.resource), None)
        if newest is not None and (newest.not_scaled or {}).get("Code") == code:
            return
        bound = "MaxCapacity" if code == "AlreadyAtMaxCapacity" else "MinCapacity"
        limit = target.most if bound == "MaxCapacity" else target.least
        self.activities.appendleft(
            Activity(
                target.resource,
                "Attempting to scale due to alarm triggered",
                _cause(wish),
                now,
                service.desired,
                status="Unfulfilled",
                ended_at=now,
                not_scaled={"Code": code, bound: limit, "CurrentCapacity": service.desired},
            )
        )

    def _close(self, activity: Activity, now: float) -> None:
        """End an activity when its service has as many running tasks as it asked for."""
        service = self.ecs.services.get(last_part(activity.resource))
        tasks = [task for task in self.ecs.tasks.of(service.group) if task.wanted] if service else []
        if service is not None and service.desired == activity.desired == len(tasks) == len(running(tasks)):
            activity.status, activity.ended_at = "Successful", now
            count = activity.desired
            activity.message = f"Successfully set desired count to {count}. Change successfully fulfilled by ecs."
            self._announce(activity)

    def _announce(self, activity: Activity) -> None:
        """Tell EventBridge that a service has reached its largest capacity, the one activity that AWS tells of."""
        target = self.targets.get(activity.resource)
        if target is None or activity.desired != target.most or activity.ended_at is None:
            return
        detail = {
            "startTime": f"{instant(activity.started_at):%Y-%m-%dT%H:%M:%SZ}",
            "endTime": f"{instant(activity.ended_at):%Y-%m-%dT%H:%M:%SZ}",
            "newDesiredCapacity": activity.desired,
            "oldDesiredCapacity": target.grown_from,
            "minCapacity": target.least,
            "maxCapacity": target.most,
            "resourceId": target.resource,
            "scalableDimension": "ecs:service:DesiredCount",
            "serviceNamespace": "ecs",
            "statusCode": "Successful",
            "scaledToMax": True,
            "direction": "scale-out",
        }
        kind = "Application Auto Scaling Scaling Activity State Change"
        self.events.put("aws.application-autoscaling", kind, detail)


def _cause(wish: Wish) -> str:
    return f"monitor alarm {wish.alarm.name} in state ALARM triggered policy {wish.policy.name}"


def alarm_periods(seconds: float, periods: int) -> tuple[int, int]:
    """Return (period in seconds, number of periods) that span a time; a short one is divided into whole seconds."""
    period = max(1, round(seconds / periods))
    return period, max(1, round(seconds / period))
