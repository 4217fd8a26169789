"""What a fault would hit, as AWS sees it now: a service with its tasks, a database, an alarm; and why not.

Each is read with few calls, and anew when the fault really runs. Every reason is a sentence with the figure and the
limit. What is not allowed by the environment's rules, lacks their tag or is moving already is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from gameday.config import Environment
from gameday.errors import Refusal
from gameday.safety import blast
from gameday.safety.armed import Run
from gameday.safety.intent import Target

MOST = 100  # DescribeTasks takes no more at once
TELLING = (["sns"], ["ssm-incidents"])  # services whose actions tell people, and change nothing


@dataclass(frozen=True, slots=True)
class Task:
    """One running task; `trouble` says why it does not count as healthy, empty when it does."""

    arn: str
    zone: str
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """An ECS service: its running tasks, and what is moving in it."""

    cluster: str
    name: str
    arn: str
    cluster_arn: str
    tags: Mapping[str, str]
    tasks: tuple[Task, ...]
    unrest: tuple[str, ...]

    @property
    def title(self) -> str:
        """CLUSTER/SERVICE, as in the rules."""
        return f"{self.cluster}/{self.name}"

    @property
    def target(self) -> Target:
        """It as a target."""
        return Target("ecs.service", self.title, self.arn)

    @property
    def running(self) -> list[str]:
        """The ARNs of the running tasks, sorted, so that a seed always means the same choice."""
        return [task.arn for task in self.tasks]

    def forbidden(self, environment: Environment) -> list[str]:
        """Return why this service must be left alone altogether."""
        return [*_outside(self.target, environment, environment.rules.services, "services"),
                *_untagged(self.target, self.tags, environment)]  # fmt: skip

    def objections(self, run: Run, hit: int, *, goes: bool) -> tuple[str, ...]:
        """Return why *hit* of its tasks must not be hit now; *goes*: a task that is hit is gone."""
        limits = blast.smaller(run.blast, run.environment.rules.blast)
        found = [*self.forbidden(run.environment), *self.unrest, *blast.over(limits, hit, len(self.tasks))]
        if goes:
            healthy = [task.zone for task in self.tasks if not task.trouble]
            found += blast.last_healthy(healthy, hit, self.title)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Database:
    """An RDS instance, or a cluster of them."""

    kind: str  # rds.instance | rds.cluster
    name: str
    arn: str
    tags: Mapping[str, str]
    status: str
    multi_az: bool
    zone: str
    secondary: str
    address: str

    @property
    def target(self) -> Target:
        """It as a target."""
        return Target(self.kind, self.name, self.arn)

    def forbidden(self, environment: Environment) -> list[str]:
        """Return why this database must be left alone altogether."""
        return [*_outside(self.target, environment, environment.rules.databases, "databases"),
                *_untagged(self.target, self.tags, environment)]  # fmt: skip

    def unrest(self) -> list[str]:
        """Return why it must not be hit now: it has no standby, or is moving already."""
        found = []
        if not self.multi_az:
            found.append(f"{self.name} is Single-AZ: 0 standbys, at least 1 is needed, or it would just be down")
        if self.status != "available":
            found.append(f"{self.name} is {self.status}; only an available database may be hit")
        return found


@dataclass(frozen=True, slots=True)
class Balancing:
    """A load balancer or a target group."""

    kind: str  # load_balancer | target_group, as in the environment's names
    name: str
    arn: str
    tags: Mapping[str, str]
    healthy: tuple[str, ...] = ()  # of a target group: the zones of its healthy targets, one each

    @property
    def target(self) -> Target:
        """It as a target."""
        return Target(f"elbv2.{self.kind}", self.name, self.arn)

    def forbidden(self, environment: Environment) -> list[str]:
        """Return why it must be left alone: only the environment's own may be hit."""
        own = environment.names.get(self.kind, "")
        found = elsewhere(self.arn, environment)
        if self.name != own:
            found.append(f"{self.name} is not the {self.kind} of {environment.name} ({own or 'none is named'})")
        return [*found, *_untagged(self.target, self.tags, environment)]


@dataclass(frozen=True, slots=True)
class Alarm:
    """A CloudWatch alarm, metric or composite. `actions` are the ARNs of what it does when it goes into ALARM."""

    name: str
    arn: str
    tags: Mapping[str, str]
    state: str
    reason: str
    actions: tuple[str, ...]
    enabled: bool  # its actions are performed
    parents: Mapping[str, tuple[str, ...]]  # composite alarms that may follow it, and their actions

    @property
    def target(self) -> Target:
        """It as a target."""
        return Target("cloudwatch.alarm", self.name, self.arn)

    def objections(self, environment: Environment) -> tuple[str, ...]:
        """Return why it must not be put into ALARM by hand: it would end a run, or do more than tell somebody."""
        found = [*elsewhere(self.arn, environment), *_untagged(self.target, self.tags, environment)]
        for name in {self.name, *self.parents} & {*environment.rules.alarms, environment.names.get("stop_alarm")}:
            found.append(f"{name} guards the runs on {environment.name}: it would end them")
        if self.state == "ALARM":
            found.append(f"{self.name} is in ALARM already, so nobody would hear anything new ({self.reason})")
        for name, actions in {self.name: self.actions if self.enabled else (), **self.parents}.items():
            if acting := [arn for arn in actions if arn.split(":")[2:3] not in TELLING]:
                found.append(f"{name} does more than tell somebody: {', '.join(acting)}; the limit is 0 such actions")
        return tuple(found)


def read_alarm(run: Run, name: str) -> Alarm:
    """Look at an alarm. Raises Refusal when there is none."""
    if not (alarms := _alarms(run, [name])):
        raise Refusal(f"there is no alarm {name}")
    found = alarms[0]
    told = run.aws.cloudwatch.list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"]
    parents = _alarms(run, _parents(run, name))
    return Alarm(
        found["AlarmName"], found["AlarmArn"], {tag["Key"]: tag.get("Value", "") for tag in told}, found["StateValue"],
        found.get("StateReason", ""), tuple(found.get("AlarmActions", [])), bool(found.get("ActionsEnabled")),
        {each["AlarmName"]: tuple(each["AlarmActions"] if each["ActionsEnabled"] else ()) for each in parents},
    )  # fmt: skip


def _alarms(run: Run, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return alarms of these names, metric and composite ones."""
    if not names:
        return []
    kinds: Any = ["MetricAlarm", "CompositeAlarm"]
    answer: Any = run.aws.cloudwatch.describe_alarms(AlarmNames=list(names)[:MOST], AlarmTypes=kinds, MaxRecords=MOST)
    return [*answer.get("MetricAlarms", []), *answer.get("CompositeAlarms", [])]


def _parents(run: Run, name: str) -> list[str]:
    """Return the composite alarms that ask this one, and those that ask them; CloudWatch tells of one step each."""
    found: list[str] = []
    waiting = [name]
    while waiting:
        above = run.aws.cloudwatch.describe_alarms(ParentsOfAlarmName=waiting.pop(), MaxRecords=MOST)["CompositeAlarms"]
        new = [each["AlarmName"] for each in above if each["AlarmName"] not in found]
        found += new
        waiting += new
    return found


def read_service(run: Run, cluster: str, service: str) -> Service:
    """Look at a service, its tasks and their health. Raises Refusal when there is no such service."""
    answer = run.aws.ecs.describe_services(cluster=cluster, services=[service], include=["TAGS"])
    if not answer["services"]:
        raise Refusal(f"there is no service {_short(service)} in cluster {_short(cluster)}")
    found = cast("dict[str, Any]", answer["services"][0])
    arns = run.aws.running_tasks(cluster, service)
    tasks: list[Any] = []
    for first in range(0, len(arns), MOST):
        tasks += run.aws.ecs.describe_tasks(cluster=cluster, tasks=arns[first : first + MOST])["tasks"]
    title = f"{_short(cluster)}/{found['serviceName']}"
    states = _target_states(run, found) if found.get("loadBalancers") else None
    running = [
        Task(task["taskArn"], task.get("availabilityZone", "?"), _trouble(task, states))
        for task in sorted(tasks, key=lambda task: str(task["taskArn"]))
        if task["lastStatus"] == "RUNNING"
    ]
    tags = {tag["key"]: tag.get("value", "") for tag in found.get("tags", [])}
    return Service(
        _short(cluster), found["serviceName"], found["serviceArn"], found["clusterArn"], tags, tuple(running),
        tuple(_unrest(title, found)),
    )  # fmt: skip


def read_database(run: Run, name: str) -> Database:
    """Look at an RDS instance by its name or ARN. Raises Refusal when there is none."""
    rds = run.aws.rds
    try:
        found = cast("dict[str, Any]", rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0])
    except rds.exceptions.DBInstanceNotFoundFault:
        raise Refusal(f"there is no database {name}") from None
    return Database(
        "rds.instance", found["DBInstanceIdentifier"], found["DBInstanceArn"], _rds_tags(found),
        found["DBInstanceStatus"], bool(found["MultiAZ"]), found.get("AvailabilityZone", "?"),
        found.get("SecondaryAvailabilityZone", "unknown"), found.get("Endpoint", {}).get("Address", ""),
    )  # fmt: skip


def read_cluster(run: Run, name: str) -> Database:
    """Look at a cluster of RDS instances. Raises Refusal when there is none."""
    rds = run.aws.rds
    try:
        found = cast("dict[str, Any]", rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0])
    except rds.exceptions.DBClusterNotFoundFault:
        raise Refusal(f"there is no database cluster {name}") from None
    return Database(
        "rds.cluster", found["DBClusterIdentifier"], found["DBClusterArn"], _rds_tags(found), found["Status"],
        bool(found.get("MultiAZ")) or len(found.get("DBClusterMembers", [])) > 1, "?", "unknown",
        found.get("Endpoint", ""),
    )  # fmt: skip


def read_balancing(run: Run, kind: str, name_or_arn: str) -> Balancing:
    """Look at a `load_balancer` or a `target_group`. Raises Refusal when there is none."""
    given: Any = {"Names": [name_or_arn]}
    of_groups = kind == "target_group"
    if name_or_arn.startswith("arn:"):
        given = {"TargetGroupArns" if of_groups else "LoadBalancerArns": [name_or_arn]}
    elbv2: Any = run.aws.elbv2
    ask, member, key = (
        (elbv2.describe_target_groups, "TargetGroups", "TargetGroup")
        if of_groups
        else (elbv2.describe_load_balancers, "LoadBalancers", "LoadBalancer")
    )
    try:
        found = ask(**given)[member][0]
    except (elbv2.exceptions.TargetGroupNotFoundException, elbv2.exceptions.LoadBalancerNotFoundException):
        raise Refusal(f"there is no {kind} {name_or_arn}") from None
    arn = found[f"{key}Arn"]
    told = elbv2.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]
    tags = {tag["Key"]: tag.get("Value", "") for tag in told}
    states = elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"] if of_groups else []
    healthy = [one["Target"] for one in states if one["TargetHealth"].get("State") == "healthy"]
    zones = tuple(str(target.get("AvailabilityZone", "?")) for target in healthy)
    return Balancing(kind, found[f"{key}Name"], arn, tags, zones)


def elsewhere(arn: str, environment: Environment) -> list[str]:
    """Return why an ARN is of another region or account than the environment's."""
    parts = arn.split(":")
    if len(parts) < 6 or parts[0] != "arn":
        return []
    found = []
    if parts[3] and parts[3] != environment.region:
        found.append(f"{arn} is in {parts[3]}, the region of {environment.name} is {environment.region}")
    if parts[4] and environment.account and parts[4] != environment.account:
        found.append(f"{arn} is of account {parts[4]}, {environment.name} is {environment.account}")
    return found


def _outside(target: Target, environment: Environment, allowed: Sequence[str], which: str) -> list[str]:
    found = elsewhere(target.arn, environment)
    if target.name not in allowed:
        where = f"[environments.{environment.name}.rules]"
        found.append(
            f"{target.name} is not among the {len(allowed)} {which} of {where}; list it there when it may be hit"
        )
    return found


def _untagged(target: Target, tags: Mapping[str, str], environment: Environment) -> list[str]:
    wanted = environment.rules.tag
    if not wanted:
        return []
    key, _, value = wanted.partition("=")
    if tags.get(key) == value:
        return []
    has = f"{key}={tags[key]}" if key in tags else f"none of its {len(tags)} tags is {key}"
    return [f"{target.name} lacks the tag {wanted} that every target must carry ({has})"]


def _unrest(title: str, service: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is moving in a service: only a service at rest tells what a fault did to it."""
    if service.get("status", "ACTIVE") != "ACTIVE":
        yield f"{title} is {service['status']}, not ACTIVE"
    deployments = service.get("deployments", [])
    rolling = [one for one in deployments if one.get("rolloutState") == "IN_PROGRESS"]
    if len(deployments) > 1 or rolling:
        yield f"a deployment of {title} is under way: {len(deployments)} deployments, the limit is 1 that is completed"
    desired, running, pending = (service[name] for name in ("desiredCount", "runningCount", "pendingCount"))
    if running != desired or pending:
        yield f"{title} is not at rest: {running} of {desired} tasks run and {pending} are pending, the limit is 0"


def _target_states(run: Run, service: Mapping[str, Any]) -> dict[str, str]:
    """Return the health of every target of the service's groups, {target id: state}; the worst of several counts."""
    states: dict[str, str] = {}
    groups = [one["targetGroupArn"] for one in service["loadBalancers"] if one.get("targetGroupArn")]
    for group in groups:
        for one in run.aws.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]:
            target, state = str(one["Target"]["Id"]), str(one["TargetHealth"].get("State", "unknown"))
            if states.get(target, "healthy") == "healthy":
                states[target] = state
    return states


def _trouble(task: Mapping[str, Any], states: Mapping[str, str] | None) -> str:
    if task.get("healthStatus") == "UNHEALTHY":
        return "its health check fails"
    details = [one for face in task.get("attachments", []) for one in face.get("details", [])]
    addresses = [one["value"] for one in details if one["name"] == "privateIPv4Address"]
    if states is None or not addresses:  # no load balancer, or tasks that are reached by their host's address
        return ""
    state = states.get(addresses[0], "not registered")
    return "" if state == "healthy" else f"its target is {state}"


def _rds_tags(found: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in found.get("TagList", [])}


def _short(arn: str) -> str:
    return arn.rpartition("/")[2]
