"""The delay for plain Chaos Toolkit, without the suite: what a person would write who has only boto3 and `chaos`.

Both functions find the lab by the variables that `gameday lab env` prints.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import boto3

TAG = "plain-chaos-toolkit"


def start(cluster: str, service: str, database: str, delay_ms: int, duration_s: int) -> str:
    """Delay what the service's tasks send to the database by a FIS experiment; return its id."""
    fis = boto3.client("fis")
    found = boto3.client("rds").describe_db_instances(DBInstanceIdentifier=database)["DBInstances"][0]
    account = boto3.client("sts").get_caller_identity()["Account"]
    action: Any = {
        "actionId": "aws:ecs:task-network-latency",
        "parameters": {"duration": f"PT{duration_s}S", "delayMilliseconds": str(delay_ms), "jitterMilliseconds": "20",
                       "sources": found["Endpoint"]["Address"], "useEcsFaultInjectionEndpoints": "true"},
        "targets": {"Tasks": "tasks"},
    }  # fmt: skip
    target: Any = {
        "resourceType": "aws:ecs:task",
        "parameters": {"cluster": cluster, "service": service},
        "selectionMode": "ALL",
    }
    request: Any = {
        "clientToken": uuid4().hex,
        "description": TAG,
        "roleArn": f"arn:aws:iam::{account}:role/foodconnect-fis-experiment",
        "targets": {"tasks": target},
        "actions": {"latency": action},
        "stopConditions": [{"source": "none"}],
        "tags": {"tool": TAG},
    }
    template = fis.create_experiment_template(**request)["experimentTemplate"]
    started = fis.start_experiment(clientToken=uuid4().hex, experimentTemplateId=template["id"], tags={"tool": TAG})
    return started["experiment"]["id"]


def stop() -> list[str]:
    """Stop every FIS experiment of ours that goes on, and delete the templates; return the experiments' ids."""
    fis = boto3.client("fis")
    ours = [one for one in fis.list_experiments()["experiments"] if one.get("tags", {}).get("tool") == TAG]
    going = [one["id"] for one in ours if one["state"]["status"] in ("initiating", "pending", "running")]
    for experiment in going:
        fis.stop_experiment(id=experiment)
    for template in fis.list_experiment_templates()["experimentTemplates"]:
        if template.get("tags", {}).get("tool") == TAG:
            fis.delete_experiment_template(id=template["id"])
    return going
