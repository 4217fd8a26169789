"""Latency between the service's tasks and what they depend on, by AWS FIS (`aws:ecs:task-network-latency`).

The fault ends by itself: FIS keeps its duration. The promise to stop it is on disk before it starts all the same.
Own code, because chaosaws starts a FIS experiment and neither waits for it nor can stop it by what it started.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any, Literal

from gameday.aws import Aws
from gameday.config import Environment
from gameday.errors import GamedayError, UndoIncomplete
from gameday.safety import armed, blast

OVER = ("completed", "stopped", "failed", "cancelled")


def between(
    delay_ms: int,
    jitter_ms: int = 0,
    duration_s: float | None = None,
    percent: float = 100.0,
    cluster: str | None = None,
    service: str | None = None,
    database: str | None = None,
) -> dict[str, Any]:
    """Delay what the service's tasks send to the database by *delay_ms* ± *jitter_ms*, and wait until it is over.

    *percent* of the tasks are hit (rounded down). *duration_s* defaults to the environment's `fault_s`; FIS on AWS
    takes whole minutes. Returns {"experiment", "tasks", "of", "seconds"}. The undo stops the FIS experiment and
    deletes its template.

    Raises Refusal: more than the blast radius allows. Raises GamedayError: FIS ended it otherwise than completed.
    """
    run = armed.current()
    cluster, service = run.named("cluster", cluster), run.named("service", service)
    database = run.named("database", database)
    tasks = run.aws.running_tasks(cluster, service)
    hit = blast.how_many(len(tasks), None, percent)
    blast.within(run.blast, hit, len(tasks), "tasks")
    seconds = duration_s or run.environment.phases.fault_s
    address = run.aws.rds.describe_db_instances(DBInstanceIdentifier=database)["DBInstances"][0]["Endpoint"]["Address"]
    action = {
        "actionId": "aws:ecs:task-network-latency",
        "parameters": {
            "duration": f"PT{round(seconds)}S" if seconds % 60 else f"PT{round(seconds / 60)}M",
            "delayMilliseconds": str(delay_ms),
            "jitterMilliseconds": str(jitter_ms),
            "sources": address,
            "useEcsFaultInjectionEndpoints": "true",
        },
        "targets": {"Tasks": "tasks"},
    }
    target = {
        "resourceType": "aws:ecs:task",
        "parameters": {"cluster": cluster, "service": service},
        "selectionMode": "ALL" if hit == len(tasks) else f"COUNT({hit})",
    }
    template = _create_template(run, action, target)
    experiment = run.aws.fis.start_experiment(clientToken=run.id[-64:], experimentTemplateId=template)["experiment"][
        "id"
    ]
    _follow(run, experiment, delay_ms=delay_ms, share=hit / len(tasks), targets=hit, of=len(tasks))
    return {"experiment": experiment, "tasks": hit, "of": len(tasks), "seconds": seconds}


def stop() -> None:
    """Keep the promises of this run: stop what still runs. For the `rollbacks` of an experiment; harmless twice."""
    armed.current().promises.settle_or_raise()


def stop_experiments(template: str, region: str, endpoint: str, kind: Literal["lab", "aws"]) -> None:
    """Stop every experiment of *template*, wait until each is over, and delete the template. Idempotent.

    Raises UndoIncomplete: one still runs after a minute.
    """
    fis = Aws(Environment(kind, region, endpoint=endpoint)).fis
    pages = fis.get_paginator("list_experiments").paginate(experimentTemplateId=template)
    found = [experiment["id"] for page in pages for experiment in page["experiments"]]
    for experiment in found:
        if fis.get_experiment(id=experiment)["experiment"]["state"]["status"] not in OVER:
            fis.stop_experiment(id=experiment)
    deadline = time.monotonic() + 60
    for experiment in found:
        while (status := fis.get_experiment(id=experiment)["experiment"]["state"]["status"]) not in OVER:
            if time.monotonic() > deadline:
                raise UndoIncomplete(f"FIS experiment {experiment} is still {status}")
            time.sleep(0.2)
    with suppress(fis.exceptions.ResourceNotFoundException):  # an earlier undo deleted it
        fis.delete_experiment_template(id=template)


def _create_template(run: armed.Run, action: dict[str, Any], target: dict[str, Any]) -> str:
    """Create the FIS template and promise to stop whatever will be started from it; return its id."""
    environment = run.environment
    account = environment.account
    alarm = environment.names.get("stop_alarm", "")
    arn = f"arn:aws:cloudwatch:{environment.region}:{account}:alarm:{alarm}"
    stop_condition = {"source": "aws:cloudwatch:alarm", "value": arn} if alarm else {"source": "none"}
    role = environment.names.get("fis_role") or f"arn:aws:iam::{account}:role/foodconnect-fis-experiment"
    request: dict[str, Any] = {
        "clientToken": run.id[-64:],
        "description": f"gameday {run.id}"[:512],
        "roleArn": role,
        "targets": {"tasks": target},
        "actions": {"latency": action},
        "stopConditions": [stop_condition],
        "tags": {"gameday": run.id},
    }
    template = run.aws.fis.create_experiment_template(**request)["experimentTemplate"]["id"]
    run.promises.make(
        "actions.latency:stop_experiments",
        f"latency by FIS template {template} ends",
        f"aws fis stop-experiment --id ID (of `aws fis list-experiments --experiment-template-id {template}`)",
        template=template,
        region=environment.region,
        endpoint=environment.endpoint,
        kind=environment.kind,
    )
    return str(template)


def _follow(run: armed.Run, experiment: str, **facts: float) -> None:
    """Wait until FIS says it is over, marking the fault's begin and end by FIS's own times."""
    pause_s = 0.2 if run.environment.kind == "lab" else 5.0
    begun = False
    while True:
        found = run.aws.fis.get_experiment(id=experiment)["experiment"]
        action = found["actions"]["latency"]
        if not begun and "startTime" in action and action["state"]["status"] != "pending":
            begun = True
            at = action["startTime"].timestamp()
            run.recorder.mark("fault", at, fsync=True, action="latency.between", experiment=experiment, **facts)
        if found["state"]["status"] in OVER:
            break
        time.sleep(pause_s)
    if begun:
        ended = action.get("endTime") or found.get("endTime")
        run.recorder.mark("fault.ended", ended.timestamp() if ended else time.time(), experiment=experiment)
    if found["state"]["status"] != "completed":
        raise GamedayError(
            f"FIS experiment {experiment} {found['state']['status']}: {found['state'].get('reason', '')}"
        )
