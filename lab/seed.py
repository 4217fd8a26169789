"""What FoodConnect's staging consists of, put in place through the lab's own AWS handlers."""

from __future__ import annotations

from lab.aws.ecr_images import image_of
from lab.aws.ecs_view import NETWORK
from lab.aws.logs_intake import DATABASE_GROUP
from lab.aws.logs_query_definitions import RUNBOOK
from lab.aws.names import TARGET_GROUP_ARN, arn
from lab.aws.registry import Call, Params, handler_of
from lab.aws.world import World
from lab.builds import build
from lab.builds.model import Seeds
from lab.people.addresses import integration_url
from lab.settings import CLUSTER, ERROR_ALARM, LOG_GROUP, REGION, SERVICE

TAGS = [
    {"key": "Application", "value": "FoodConnect"},
    {"key": "Environment", "value": "staging"},
    {"key": "chaos", "value": "allowed"},
]
UPPER_TAGS = [{"Key": tag["key"], "Value": tag["value"]} for tag in TAGS]
ERROR_RATE_PERCENT = 5.0
ALERTS, GAME_DAY = arn("sns", "foodconnect-alerts"), arn("sns", "foodconnect-game-day")
SAMPLING = "20/s+5%"  # of each task: more than by default, for what is learned from a fault is in its traces
USUAL = Seeds()


def seed(world: World) -> None:
    """Put everything in place; the alarm comes before the service, whose deployments it watches."""
    own = build(world.settings.build).seeds
    with world.lock:
        world.ecs.tags[:] = [dict(tag) for tag in TAGS]
        world.rds.tags[:] = [dict(tag) for tag in TAGS]
        world.rds.deletion_protection = True
        for group in (LOG_GROUP, DATABASE_GROUP):
            _call(world, "logs", "CreateLogGroup", {"logGroupName": group})
            _call(world, "logs", "PutRetentionPolicy", {"logGroupName": group, "retentionInDays": 30})
        for name, query in RUNBOOK.items():
            saved = {"name": name, "queryString": query, "logGroupNames": [LOG_GROUP]}
            _call(world, "logs", "PutQueryDefinition", saved)
        _call(world, "ecs", "RegisterTaskDefinition", task_definition(world.settings.build, own))
        for topic in (ALERTS, GAME_DAY):
            _call(world, "sns", "CreateTopic", {"Name": last_of(topic), "Tags": UPPER_TAGS})
        _call(world, "sns", "Subscribe", page(world.settings.people_port))
        _call(world, "cloudwatch", "PutMetricAlarm", alarm(own))
        _call(world, "ecs", "CreateService", service(world.settings.tasks, own))


def last_of(arn: str) -> str:
    """Return the name at the end of an ARN that has no path."""
    return arn.rpartition(":")[2]


def page(people_port: int) -> Params:
    """Return the parameters of Subscribe for PagerDuty, which confirms by itself."""
    return {"TopicArn": ALERTS, "Protocol": "http", "Endpoint": integration_url(people_port)}


def _call(world: World, service: str, operation: str, params: Params) -> None:
    handler = handler_of(service, operation)
    assert handler is not None, f"no handler for {service}:{operation}"
    handler(world, params, Call("lab", REGION, service))


def task_definition(name: str, own: Seeds = USUAL) -> Params:
    """Return the parameters of RegisterTaskDefinition for the build of that name."""
    container = {
        "name": "app",
        "image": image_of(name),
        "cpu": 0,
        "essential": True,
        "portMappings": [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}],
        "environment": [{"name": "XRAY_SAMPLING", "value": SAMPLING}],
        "mountPoints": [],
        "volumesFrom": [],
        "stopTimeout": 5,
        "logConfiguration": log_configuration(),
        **own.container,
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


def log_configuration() -> Params:
    """Return where the container's output goes."""
    options = {"awslogs-group": LOG_GROUP, "awslogs-region": REGION, "awslogs-stream-prefix": "app"}
    return {"logDriver": "awslogs", "options": options}


def service(tasks: int, own: Seeds = USUAL) -> Params:
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
        "deploymentConfiguration": {
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            "alarms": {"alarmNames": [ERROR_ALARM], "enable": True, "rollback": True},
        },
        "propagateTags": "SERVICE",
        "tags": [dict(tag) for tag in TAGS],
        **own.service,
    }


def alarm(own: Seeds = USUAL) -> Params:
    """Return the parameters of PutMetricAlarm for the error rate; periods of 10 s, because the lab is fast."""
    return {
        "AlarmName": ERROR_ALARM,
        "AlarmActions": [ALERTS],
        "OKActions": [ALERTS],
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
        "Tags": UPPER_TAGS,
        **own.alarm,
    }
