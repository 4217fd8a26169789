"""What clients that nobody here wrote are asked to do: the AWS CLI's commands, boto3's waiters and paginators."""

from __future__ import annotations

from importlib import import_module

import boto3

from lab import boot
from lab.aws.registry import handler_of
from lab.settings import CLUSTER, DATABASE, ERROR_ALARM, REGION, SERVICE

for _module in boot.HANDLERS:  # so that the list of operations is whole
    import_module(f"lab.aws.{_module}")

SERVICES = (
    "application-autoscaling",
    "cloudwatch",
    "ecr",
    "ecs",
    "elbv2",
    "events",
    "fis",
    "logs",
    "rds",
    "scheduler",
    "sns",
    "xray",
)
NOT_PLAYED = {  # waiters of things that the lab has not, though it has their operation
    ("cloudwatch", "log_alarm_exists"),
    ("rds", "db_cluster_available"),
}
COMMANDS = (
    "sts get-caller-identity --query Account",
    f"ecs describe-services --cluster {CLUSTER} --services {SERVICE} --query services[0].status",
    f"ecs list-tasks --cluster {CLUSTER} --service-name {SERVICE} --query taskArns",
    f"ecs update-service --cluster {CLUSTER} --service {SERVICE} --desired-count 3 --query service.desiredCount",
    f"ecs wait services-stable --cluster {CLUSTER} --services {SERVICE}",
    f"rds describe-db-instances --db-instance-identifier {DATABASE} --query DBInstances[0].MultiAZ",
    f"rds wait db-instance-available --db-instance-identifier {DATABASE}",
    "rds describe-events --duration 60 --query Events[0].Message",
    "elbv2 describe-target-groups --query TargetGroups[0].TargetGroupArn",
    "elbv2 wait target-in-service --target-group-arn {group} --targets Id={id},Port={port}",
    f"cloudwatch describe-alarms --alarm-names {ERROR_ALARM} --query MetricAlarms[0].StateValue",
    f"cloudwatch wait alarm-exists --alarm-names {ERROR_ALARM}",
    "cloudwatch list-metrics --namespace AWS/RDS --query Metrics[0].Namespace",
    "fis list-actions --query actions[0].id",
    "fis get-safety-lever --id default --query safetyLever.state.status",
)


def _known() -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Return boto3's waiters and paginators whose operation the lab answers itself, by service."""
    waiters, paginators = set(), set()
    for service in SERVICES:
        client = boto3.client(service, region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")  # type: ignore[call-overload]
        for name in client.waiter_names:
            if handler_of(service, client.get_waiter(name).config.operation):
                waiters.add((service, name))
        for method, operation in client.meta.method_to_api_mapping.items():
            if client.can_paginate(method) and handler_of(service, operation):
                paginators.add((service, method))
        client.close()
    return waiters, paginators


WAITERS, PAGINATORS = _known()
