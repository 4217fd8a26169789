"""What a release touched: the parts of the system as AWS describes them now, beside those of the last good gate.

A fingerprint is {area: {path: value}}, or None for an area that could not be read. What moves by itself (states, times,
zones after a failover) is left out by name, so that anything unknown counts as a change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from gameday.aws import Aws
from gameday.gate.image import running
from gameday.gate.suite import AREAS
from gameday.model import Json

Area = dict[str, Json]
Fingerprint = dict[str, Area | None]
WORDS = {
    "task-definition": "task definition", "database": "database",
    "alarms": "alarms", "load-balancer": "load balancer",
}  # fmt: skip
MOST_SHOWN = 3  # changes of one area that are named
MOVING = frozenset({
    # a task definition and a service
    "taskDefinitionArn", "revision", "status", "registeredAt", "registeredBy", "deregisteredAt", "requiresAttributes",
    "compatibilities",
    # a database
    "DBInstanceStatus", "AvailabilityZone", "SecondaryAvailabilityZone", "LatestRestorableTime", "StatusInfos",
    "InstanceCreateTime", "PercentProgress", "ParameterApplyStatus", "StorageVolumeStatus",
    # an alarm
    "StateValue", "StateReason", "StateReasonData", "StateUpdatedTimestamp", "StateTransitionedTimestamp",
    "AlarmConfigurationUpdatedTimestamp", "EvaluationState", "ActionsSuppressedBy", "ActionsSuppressedReason",
    # a load balancer
    "State", "CreatedTime", "RuleArn",
})  # fmt: skip
OF_EACH_LAB = frozenset({"DbiResourceId", "Endpoint", "Port"})  # two labs of one release differ in these
SERVICE = ("deploymentConfiguration", "networkConfiguration", "healthCheckGracePeriodSeconds", "loadBalancers",
           "launchType", "capacityProviderStrategy", "platformVersion", "serviceConnectConfiguration")  # fmt: skip


def fingerprint(aws: Aws) -> tuple[Fingerprint, list[str]]:
    """Return what the environment is made of now, and a sentence for each area that could not be read."""
    readers: Mapping[str, Callable[[Aws], Json]] = {
        "task-definition": _service, "database": _database, "alarms": _alarms, "load-balancer": _balancer,
    }  # fmt: skip
    moving = MOVING | (OF_EACH_LAB if aws.environment.kind == "lab" else frozenset())
    found: Fingerprint = {}
    unread = []
    for area in AREAS:
        try:
            found[area] = _flat(readers[area](aws), moving)
        except Exception as error:  # noqa: BLE001  whatever it is: this area is unknown, and unknown is touched
            found[area] = None
            unread.append(f"the {WORDS[area]} could not be read ({type(error).__name__}: {error})")
    return found, unread


def changed(now: Mapping[str, Area | None], was: Mapping[str, Area | None] | None) -> dict[str, str]:
    """Return {area: why it counts as touched}; areas that are the same are left out."""
    said: dict[str, str] = {}
    for area in AREAS:
        before, after = (was or {}).get(area), now.get(area)
        if was is None:
            said[area] = f"no good gate has recorded the {WORDS[area]}"
        elif before is None or after is None:
            said[area] = f"the {WORDS[area]} could not be read {'then' if before is None else 'now'}"
        elif names := _differences(before, after):
            more = f", and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
            said[area] = f"{WORDS[area]}: {', '.join(names[:MOST_SHOWN])}{more}"
    return said


def _differences(before: Area, after: Area) -> list[str]:
    """Return what changed, with its values where they are short."""
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return [f"{name} ({_short(before.get(name))} to {_short(after.get(name))})" for name in names]


def _short(value: Json) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 24 else text[:21] + "..."


def _service(aws: Aws) -> Json:
    """The service, its task definition, the images that its tasks run by digest, and the lab's build."""
    cluster, name = aws.environment.names["cluster"], aws.environment.names["service"]
    service: Any = aws.ecs.describe_services(cluster=cluster, services=[name])["services"][0]
    described = aws.ecs.describe_task_definition(taskDefinition=service["taskDefinition"])
    definition: Any = described["taskDefinition"]
    digests: set[str] = set().union(*running(aws))
    return {
        **_keyed(definition, _secretless(definition.get("containerDefinitions", [])), "containerDefinitions"),
        "service": {key: service[key] for key in SERVICE if key in service},
        "imageDigest": " ".join(sorted(digests)),
        "build": aws.environment.build,
    }


def _keyed(data: Mapping[str, Any], value: Json, key: str) -> dict[str, Any]:
    return {**data, key: value}


def _secretless(containers: Iterable[Mapping[str, Any]]) -> Json:
    """Return container definitions by name, with the hash of each variable instead of its value."""
    return {
        box["name"]: {
            **{key: value for key, value in box.items() if key not in ("environment", "name")},
            "environment": {pair["name"]: _digest(pair.get("value", "")) for pair in box.get("environment", [])},
        }
        for box in containers
    }


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()[:16]


def _database(aws: Aws) -> Json:
    """The instance, and the parameters that somebody set in its groups."""
    name = aws.environment.names["database"]
    found: Any = aws.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
    groups = [group["DBParameterGroupName"] for group in found.get("DBParameterGroups", [])]
    pages = aws.rds.get_paginator("describe_db_parameters")
    set_by_hand = {
        group: {
            one["ParameterName"]: one.get("ParameterValue")
            for page in pages.paginate(DBParameterGroupName=group, Source="user")
            for one in page["Parameters"]
        }
        for group in groups
    }
    return {**found, "parameters": set_by_hand}


def _alarms(aws: Aws) -> Json:
    kinds: Any = ["MetricAlarm", "CompositeAlarm"]
    found: dict[str, Any] = {}
    for page in aws.cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=kinds):
        found |= {alarm["AlarmName"]: alarm for alarm in (*page["MetricAlarms"], *page["CompositeAlarms"])}
    return found


def _balancer(aws: Aws) -> Json:
    """The listeners with their rules, and the target group with its attributes."""
    names = aws.environment.names
    balancer = aws.elbv2.describe_load_balancers(Names=[names["load_balancer"]])["LoadBalancers"][0]
    arn = balancer["LoadBalancerArn"]
    listeners: Any = aws.elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"]
    rules: Any = {one["ListenerArn"]: aws.elbv2.describe_rules(ListenerArn=one["ListenerArn"])["Rules"]
                  for one in listeners}  # fmt: skip
    group: Any = aws.elbv2.describe_target_groups(Names=[names["target_group"]])["TargetGroups"][0]
    attributes = aws.elbv2.describe_target_group_attributes(TargetGroupArn=group["TargetGroupArn"])["Attributes"]
    return {
        "listeners": listeners,
        "rules": rules,
        "target_group": group,
        "attributes": {one["Key"]: one["Value"] for one in attributes},
    }


def _flat(data: Any, moving: Collection[str], path: str = "") -> Area:
    """Return {dotted path: plain value}, without what moves by itself."""
    if isinstance(data, Mapping):
        below = [(f"{path}.{key}" if path else str(key), value) for key, value in data.items() if key not in moving]
    elif isinstance(data, list):
        below = [(f"{path}.{number}", value) for number, value in enumerate(data)]
    else:
        return {path: data if isinstance(data, str | int | float | bool | None) else str(data)}
    found: Area = {}
    for name, value in below:
        found |= _flat(value, moving, name)
    return found
