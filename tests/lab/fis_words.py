"""Targets and actions as the tests of FIS write them."""

from __future__ import annotations

from typing import Any

from lab.settings import ACCOUNT, CLUSTER, DATABASE, ERROR_ALARM, REGION, SERVICE

ROLE = f"arn:aws:iam::{ACCOUNT}:role/foodconnect-fis-experiment"
NO_STOP = [{"source": "none"}]
ALARM_ARN = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{ERROR_ALARM}"
ALARM_STOP = [{"source": "aws:cloudwatch:alarm", "value": ALARM_ARN}]
SERVICE_TASKS = {
    "resourceType": "aws:ecs:task",
    "parameters": {"cluster": CLUSTER, "service": SERVICE},
    "selectionMode": "COUNT(1)",
}
CLUSTERS = {
    "resourceType": "aws:ecs:cluster",
    "resourceArns": [f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{CLUSTER}"],
    "selectionMode": "ALL",
}
DATABASES = {
    "resourceType": "aws:rds:db",
    "resourceArns": [f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{DATABASE}"],
    "selectionMode": "ALL",
}
STOP_TASK = {"actionId": "aws:ecs:stop-task", "targets": {"Tasks": "tasks"}}
WAIT = {"actionId": "aws:fis:wait", "parameters": {"duration": "PT1S"}}


def on_tasks(what: str, target: str = "tasks", **parameters: str) -> dict[str, Any]:
    """Return an action `aws:ecs:WHAT`; a network action says that it uses ECS's endpoints."""
    if what.startswith("task-network-"):
        parameters = {"useEcsFaultInjectionEndpoints": "true", **parameters}
    return {"actionId": f"aws:ecs:{what}", "parameters": parameters, "targets": {"Tasks": target}}


def latency(**parameters: str) -> dict[str, Any]:
    """Return an action that delays what the tasks send to the database by 200 ms for half a minute."""
    plain = {"duration": "PT30S", "delayMilliseconds": "200", "jitterMilliseconds": "0", "sources": "127.0.0.1"}
    return on_tasks("task-network-latency", **{**plain, **parameters})


def one_task(arn: str) -> dict[str, Any]:
    """Return the target that is this task."""
    return {"resourceType": "aws:ecs:task", "resourceArns": [arn], "selectionMode": "ALL"}


def body(actions: dict[str, Any], targets: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return the parameters of CreateExperimentTemplate."""
    plain = {"description": "test", "roleArn": ROLE, "stopConditions": NO_STOP}
    return {**plain, "actions": actions, "targets": targets or {}, **more}
