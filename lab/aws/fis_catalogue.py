"""FIS's actions and resource types as the lab plays them, with their parameters, and AWS's actions that it does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.aws.fis_parameters import (
    ALARM_STATES,
    DURATION,
    ENDPOINTS,
    FLOWS,
    INSTALL,
    MOST_ALARMS,
    SOURCES,
    Parameter,
    all_of,
    is_alarm_arn,
    is_flag,
    is_number,
    is_one_of,
)

TASK, CLUSTER, INSTANCE, DB_CLUSTER = "aws:ecs:task", "aws:ecs:cluster", "aws:rds:db", "aws:rds:cluster"
WORKERS_MOST = 64


@dataclass(frozen=True, slots=True)
class ActionType:
    """What one FIS action accepts; without a target key it takes no target."""

    about: str
    target_key: str | None = None
    resource_type: str | None = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    def read(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the parameters with FIS's defaults for what is not given."""
        defaults = {name: kind.default for name, kind in self.parameters.items() if kind.default is not None}
        return {**defaults, **given}


@dataclass(frozen=True, slots=True)
class ResourceType:
    """What one kind of target is found by; `model` is the botocore service and shape that filters' paths follow."""

    about: str
    model: tuple[str, str]
    parameters: Mapping[str, str] = field(default_factory=dict)


def _on_tasks(about: str, parameters: Mapping[str, Parameter]) -> ActionType:
    return ActionType(about, "Tasks", TASK, parameters)


_NETWORK = {"installDependencies": INSTALL, "useEcsFaultInjectionEndpoints": ENDPOINTS}
_ON_EGRESS = {"duration": DURATION, "flowsPercent": FLOWS, "sources": SOURCES, **_NETWORK}
ACTIONS: Mapping[str, ActionType] = {
    "aws:cloudwatch:assert-alarm-state": ActionType(
        "Verify that the alarms are in one of the states.",
        parameters={
            "alarmArns": Parameter(
                "The ARNs of the alarms, separated by commas; at most 5.", all_of(is_alarm_arn, MOST_ALARMS), True
            ),
            "alarmStates": Parameter(
                "OK, ALARM or INSUFFICIENT_DATA, separated by commas.", all_of(is_one_of(*ALARM_STATES), 3), True
            ),
        },
    ),
    "aws:ecs:drain-container-instances": ActionType(
        "Drain a percentage of the container instances of the target clusters.",
        "Clusters",
        CLUSTER,
        {
            "drainagePercentage": Parameter("The percentage of instances to drain.", is_number(1, 100), True),
            "duration": DURATION,
        },
    ),
    "aws:ecs:stop-task": _on_tasks("Stop the target tasks.", {}),
    "aws:ecs:task-cpu-stress": _on_tasks(
        "Run CPU stress in the target tasks.",
        {
            "duration": DURATION,
            "percent": Parameter("The load, from 0 to 100 percent.", is_number(0, 100), default="100"),
            "workers": Parameter(
                "The number of stressors; 0 means one a CPU.", is_number(0, WORKERS_MOST), default="0"
            ),
            "installDependencies": INSTALL,
        },
    ),
    "aws:ecs:task-io-stress": _on_tasks(
        "Run I/O stress in the target tasks.",
        {
            "duration": DURATION,
            "percent": Parameter("The percentage of free space that is used.", is_number(1, 100), default="80"),
            "workers": Parameter("The number of stressors.", is_number(1, WORKERS_MOST), default="1"),
            "installDependencies": INSTALL,
        },
    ),
    "aws:ecs:task-kill-process": _on_tasks(
        "Kill a process of the target tasks.",
        {
            "processName": Parameter("The name of the process.", required=True),
            "signal": Parameter("SIGTERM or SIGKILL.", is_one_of("SIGTERM", "SIGKILL"), default="SIGTERM"),
            "installDependencies": INSTALL,
        },
    ),
    "aws:ecs:task-network-blackhole-port": _on_tasks(
        "Drop the target tasks' traffic of a protocol and port.",
        {
            "duration": DURATION,
            "port": Parameter("The port, from 1 to 65535.", is_number(1, 65535), True),
            "trafficType": Parameter("ingress or egress.", is_one_of("ingress", "egress"), True),
            "protocol": Parameter("tcp or udp.", is_one_of("tcp", "udp"), default="tcp"),
            **_NETWORK,
        },
    ),
    "aws:ecs:task-network-latency": _on_tasks(
        "Add latency and jitter to the egress traffic of the target tasks.",
        {
            "delayMilliseconds": Parameter("The delay, in milliseconds.", is_number(0, 10**6), default="200"),
            "jitterMilliseconds": Parameter("The jitter, in milliseconds.", is_number(0, 10**6), default="10"),
            **_ON_EGRESS,
        },
    ),
    "aws:ecs:task-network-packet-loss": _on_tasks(
        "Lose packets of the egress traffic of the target tasks.",
        {"lossPercent": Parameter("The percentage of lost packets.", is_number(1, 100), default="7"), **_ON_EGRESS},
    ),
    "aws:fis:wait": ActionType("Wait for the duration.", parameters={"duration": DURATION}),
    "aws:rds:failover-db-cluster": ActionType("Fail over the target Aurora DB clusters.", "Clusters", DB_CLUSTER),
    "aws:rds:reboot-db-instances": ActionType(
        "Reboot the target DB instances.",
        "DBInstances",
        INSTANCE,
        {"forceFailover": Parameter("If true, and if instances are Multi-AZ, forces failover.", is_flag)},
    ),
}
NETWORK_ACTIONS = frozenset(name for name in ACTIONS if name.startswith("aws:ecs:task-network-"))
NOT_PLAYED = (  # AWS has them: a template that names one is refused with other words than an invented one
    "aws:arc:start-zonal-autoshift",
    "aws:fis:inject-api-internal-error",
    "aws:fis:inject-api-throttle-error",
    "aws:fis:inject-api-unavailable-error",
    "aws:network:disrupt-connectivity",
    "aws:network:disrupt-vpc-endpoint",
    "aws:ssm:send-command",
    "aws:ssm:start-automation-execution",
)
RESOURCE_TYPES: Mapping[str, ResourceType] = {
    CLUSTER: ResourceType("An Amazon ECS cluster", ("ecs", "Cluster")),
    TASK: ResourceType(
        "An Amazon ECS task",
        ("ecs", "Task"),
        {
            "cluster": "The cluster that contains the target tasks.",
            "service": "The service that contains the target tasks.",
        },
    ),
    DB_CLUSTER: ResourceType(
        "An Amazon Aurora DB cluster",
        ("rds", "DBCluster"),
        {"writerAvailabilityZoneIdentifiers": "The Availability Zones of the DB cluster's writer."},
    ),
    INSTANCE: ResourceType(
        "An Amazon RDS DB instance",
        ("rds", "DBInstance"),
        {"availabilityZoneIdentifiers": "The Availability Zones of the DB instance."},
    ),
}
