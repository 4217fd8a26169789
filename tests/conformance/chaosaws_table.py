"""What every exported function of Chaos Toolkit's AWS extension does against the lab: works, is refused, or is broken.

A function that is missing here, or behaves otherwise, fails the tests. `WORKS` returns what fits `holds`; `REFUSED`
ends as it would in an AWS account without such a thing; `LAB` is refused because the lab has no such part; `DEFECT`
fails, or says something wrong, also on AWS: the reason is the extension's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lab.settings import ACCOUNT, CLUSTER, DATABASE, LOAD_BALANCER, REGION, SERVICE, TARGET_GROUP

Kind = Literal["works", "refused as AWS", "the lab has none", "defect of chaosaws"]
WORKS: Kind = "works"
REFUSED: Kind = "refused as AWS"
LAB: Kind = "the lab has none"
DEFECT: Kind = "defect of chaosaws"
Arguments = Mapping[str, object]


@dataclass(frozen=True)
class Row:
    """One function: how it is called, and what comes of it."""

    name: str  # "ecs.actions.stop_task"
    arguments: Arguments | Callable[[Found], Arguments] = field(default_factory=dict)
    kind: Kind = WORKS
    holds: Callable[[Any], bool] = lambda answer: True
    says: str = ""  # what the error must say
    why: str = ""  # the defect, or what the lab does not have


@dataclass
class Found:
    """What the calls need of the lab they run on."""

    task: str
    service_arn: str
    balancer: str
    template: str
    experiment: str = ""


SCRATCH = "scratch"
IN = {"cluster": CLUSTER}
OF = {**IN, "service": SERVICE}
ROLE = f"arn:aws:iam::{ACCOUNT}:role/x"
LOGS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:x:*"
BALANCERS = {"load_balancer_names": [LOAD_BALANCER]}
TAGS = {"Name": "chaosaws"}
RATE = {"namespace": "FoodConnect", "metric_name": "ErrorRate"}
NO_CLUSTER = "DBCluster"
AURORA = "an account without Aurora has no DB cluster"

ECS = (
    Row("ecs.probes.describe_cluster", IN, holds=lambda a: a["clusters"][0]["status"] == "ACTIVE"),
    Row("ecs.probes.describe_service", OF, holds=lambda a: a["services"][0]["runningCount"] == 3),
    Row("ecs.probes.describe_tasks", IN, holds=lambda a: len(a["tasks"]) >= 3),
    Row("ecs.probes.are_all_desired_tasks_running", OF, holds=lambda a: a is True),
    Row("ecs.probes.service_is_deploying", OF, holds=lambda a: a is False),
    Row("ecs.actions.tag_resource", lambda f: {"tags": [{"key": "k", "value": "v"}], "resource_arn": f.service_arn}),
    Row("ecs.actions.untag_resource", lambda f: {"tag_keys": ["k"], "resource_arn": f.service_arn}),
    Row("ecs.actions.set_service_deployment_configuration", {**OF, "maximum_percent": 200}),
    Row(
        "ecs.actions.set_service_placement_strategy",
        {**OF, "placement_type": "spread", "placement_field": "attribute:ecs.availability-zone"},
        REFUSED,
        says="placement",
        why="placement strategies are not for Fargate",
    ),
    Row("ecs.actions.update_desired_count", {**IN, "service": SCRATCH, "desired_count": 0}),
    Row("ecs.actions.delete_service", {**IN, "service": SCRATCH}),
    Row("ecs.actions.stop_task", lambda f: {**IN, "task_id": f.task}),
    Row("ecs.actions.stop_random_tasks", {**OF, "task_count": 1}, holds=lambda a: len(a) == 1),
    Row(
        "ecs.actions.deregister_container_instance",
        {**IN, "instance_id": "0" * 32},
        REFUSED,
        says="instance",
        why="Fargate has no container instances",
    ),
    Row("ecs.actions.delete_cluster", IN, REFUSED, says="Services are active", why="the cluster has active services"),
    Row(
        "ecs.actions.update_container_instances_state",
        {**IN, "container_instances": ["x"], "status": "DRAINING"},
        DEFECT,
        says="update_container_instance",
        why="calls a method that boto3 has not",
    ),
)

RDS = (
    Row("rds.probes.instance_status", {"instance_id": DATABASE}, holds=lambda a: a == "available"),
    Row("rds.probes.cluster_status", {"cluster_id": "x"}, REFUSED, says=NO_CLUSTER, why=AURORA),
    Row("rds.probes.cluster_membership_count", {"cluster_id": "x"}, REFUSED, says=NO_CLUSTER, why=AURORA),
    Row(
        "rds.actions.failover_db_cluster",
        {"db_cluster_identifier": "x"},
        DEFECT,
        says="Parameter validation failed",
        why="passes None for the target when none is given",
    ),
    Row("rds.actions.stop_db_cluster", {"db_cluster_identifier": "x"}, REFUSED, says=NO_CLUSTER, why=AURORA),
    Row("rds.actions.delete_db_cluster", {"db_cluster_identifier": "x"}, REFUSED, says=NO_CLUSTER, why=AURORA),
    Row("rds.actions.delete_db_cluster_endpoint", {"db_cluster_identifier": "x"}, REFUSED, says=NO_CLUSTER, why=AURORA),
    Row("rds.actions.reboot_db_instance", {"db_instance_identifier": DATABASE}),
    Row("rds.actions.stop_db_instance", {"db_instance_identifier": SCRATCH}),
    Row("rds.actions.delete_db_instance", {"db_instance_identifier": SCRATCH}),
)

ELBV2 = (
    Row(
        "elbv2.probes.targets_health_count",
        {"tg_names": [TARGET_GROUP]},
        holds=lambda a: a[TARGET_GROUP]["healthy"] >= 1,
    ),
    Row("elbv2.probes.all_targets_healthy", {"tg_names": [TARGET_GROUP]}),
    Row(
        "elbv2.probes.is_access_log_enabled",
        lambda f: {"load_balancer_arn": f.balancer},
        holds=lambda a: a is False,
    ),
    Row("elbv2.actions.deregister_target", {"tg_name": TARGET_GROUP}),
    Row(
        "elbv2.actions.set_security_groups",
        {**BALANCERS, "security_group_ids": ["sg-none"]},
        REFUSED,
        says="sg-none",
        why="there is no such security group",
    ),
    Row(
        "elbv2.actions.set_subnets",
        {**BALANCERS, "subnet_ids": ["subnet-none"]},
        REFUSED,
        says="subnet-none",
        why="there is no such subnet",
    ),
    Row(
        "elbv2.actions.delete_load_balancer",
        BALANCERS,
        REFUSED,
        says="OperationNotPermitted",
        why="the load balancer is protected from deletion, as FoodConnect's is",
    ),
    Row(
        "elbv2.actions.enable_access_log",
        lambda f: {"load_balancer_arn": f.balancer, "enable": False},
        holds=lambda a: a is False,
    ),
)

CLOUDWATCH = (
    Row("cloudwatch.probes.get_alarm_state_value", {"alarm_name": "foodconnect-error-rate"}, holds=lambda a: a == "OK"),
    Row("cloudwatch.actions.put_metric_data", {**{"namespace": "X"}, "metric_data": [{"MetricName": "M", "Value": 7}]}),
    Row(
        "cloudwatch.probes.get_metric_statistics",
        {**RATE, "dimension_name": "Service", "dimension_value": "nobody", "statistic": "Average"},
        DEFECT,
        holds=lambda a: a == 0,
        why="no data is told as 0",
    ),
    Row(
        "cloudwatch.probes.get_metric_data",
        {**RATE, "dimension_name": "Service", "dimension_value": "nobody", "statistic": "Average"},
        DEFECT,
        holds=lambda a: a == 0,
        why="no data is told as 0; means of means are rounded to two decimals",
    ),
    Row("cloudwatch.actions.put_rule", {"rule_name": SCRATCH, "event_pattern": '{"source": ["aws.ecs"]}'}),
    Row(
        "cloudwatch.actions.put_rule_targets",
        {
            "rule_name": SCRATCH,
            "targets": [{"Id": "1", "Arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:foodconnect-alerts"}],
        },
    ),
    Row("cloudwatch.actions.disable_rule", {"rule_name": SCRATCH}),
    Row("cloudwatch.actions.enable_rule", {"rule_name": SCRATCH}),
    Row("cloudwatch.actions.remove_rule_targets", {"rule_name": SCRATCH, "target_ids": ["1"]}),
    Row("cloudwatch.actions.delete_rule", {"rule_name": SCRATCH}),
)

FIS = (
    Row(
        "fis.actions.start_experiment",
        lambda f: {"experiment_template_id": f.template, "tags": TAGS},
        holds=lambda a: a["experiment"]["id"].startswith("EXP"),
    ),
    Row(
        "fis.probes.get_experiment",
        lambda f: {"experiment_id": f.experiment},
        holds=lambda a: a["experiment"]["tags"] == TAGS,
    ),
    Row("fis.actions.stop_experiment", lambda f: {"experiment_id": f.experiment}),
    Row("fis.actions.stop_experiments_by_tags", {"tags": {"Name": "nothing has it"}}, holds=lambda a: a == []),
    Row(
        "fis.actions.start_stress_pod_delete_scenario",
        {
            "label_selector": "a=b",
            "tags": TAGS,
            "role_arn": ROLE,
            "log_group_arn": LOGS,
            "cluster_identifier": "x",
        },
        LAB,
        says="aws:eks:pod",
        why="no Kubernetes",
    ),
    Row(
        "fis.actions.start_availability_zone_power_interruption_scenario",
        {"az": f"{REGION}a", "tags": TAGS, "role_arn": ROLE},
        LAB,
        says="resource type",
        why="no EC2, EBS, Auto Scaling groups or ElastiCache; the scenario touches no Fargate task and no DB instance",
    ),
    Row("fis.actions.restore_availability_zone_power_after_interruption", {"tags": {"Name": "nothing has it"}}),
)

ROWS = (*ECS, *RDS, *ELBV2, *CLOUDWATCH, *FIS)
