"""What FoodConnect's staging consists of, put in place through the lab's own AWS handlers."""

from __future__ import annotations

from lab.aws.ecs_runner import image_of
from lab.aws.ecs_view import NETWORK
from lab.aws.names import TARGET_GROUP_ARN, arn
from lab.aws.registry import Call, Params, handler_of
from lab.aws.world import World
from lab.settings import CLUSTER, ERROR_ALARM, REGION, SERVICE

TAGS = [
    {"key": "Application", "value": "FoodConnect"},
    {"key": "Environment", "value": "staging"},
    {"key": "chaos", "value": "allowed"},
]
ERROR_RATE_PERCENT = 5.0


def seed(world: World) -> None:
    """Register the task definition, create the service, put the alarm."""
    with world.lock:
        world.ecs.tags[:] = [dict(tag) for tag in TAGS]
        world.rds.tags[:] = [dict(tag) for tag in TAGS]
        world.rds.deletion_protection = True
        _call(world, "ecs", "RegisterTaskDefinition", task_definition(world.settings.build))
        _call(world, "ecs", "CreateService", service(world.settings.tasks))
        _call(world, "cloudwatch", "PutMetricAlarm", alarm())


def _call(world: World, service: str, operation: str, params: Params) -> None:
    handler = handler_of(service, operation)
    assert handler is not None, f"no handler for {service}:{operation}"
    handler(world, params, Call("lab", REGION, service))


def task_definition(build: str) -> Params:
    """Return the parameters of RegisterTaskDefinition for a build of the backend."""
    container = {
        "name": "app",
        "image": image_of(build),
        "cpu": 0,
        "essential": True,
        "portMappings": [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}],
        "environment": [],
        "mountPoints": [],
        "volumesFrom": [],
        "stopTimeout": 5,
    }
    return {
        "family": SERVICE,
        "containerDefinitions": [container],
        "taskRoleArn": arn("iam", f"role/{SERVICE}-task").replace(f":{REGION}:", "::"),
        "executionRoleArn": arn("iam", f"role/{SERVICE}-execution").replace(f":{REGION}:", "::"),
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "runtimePlatform": {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
        "enableFaultInjection": True,
        "pidMode": "task",
        "tags": [dict(tag) for tag in TAGS],
    }


def service(tasks: int) -> Params:
    """Return the parameters of CreateService."""
    return {
        "cluster": CLUSTER,
        "serviceName": SERVICE,
        "taskDefinition": SERVICE,
        "desiredCount": tasks,
        "launchType": "FARGATE",
        "loadBalancers": [{"targetGroupArn": TARGET_GROUP_ARN, "containerName": "app", "containerPort": 8080}],
        "networkConfiguration": NETWORK,
        "healthCheckGracePeriodSeconds": 0,
        "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100},
        "propagateTags": "SERVICE",
        "tags": [dict(tag) for tag in TAGS],
    }


def alarm() -> Params:
    """Return the parameters of PutMetricAlarm for the error rate; periods of 10 s, because the lab is fast."""
    return {
        "AlarmName": ERROR_ALARM,
        "AlarmDescription": f"FoodConnect's error rate is above {ERROR_RATE_PERCENT:g} %",
        "Namespace": "FoodConnect",
        "MetricName": "ErrorRate",
        "Dimensions": [{"Name": "Service", "Value": SERVICE}],
        "Statistic": "Average",
        "Period": 10,
        "EvaluationPeriods": 1,
        "Threshold": ERROR_RATE_PERCENT,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }
