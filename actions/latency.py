"""Latency between the service's tasks and what they depend on, by AWS FIS (`aws:ecs:task-network-latency`).

The fault ends by itself: FIS keeps its duration. The promise to stop it is on disk before anything is made.
Own code, because chaosaws starts a FIS experiment and neither waits for it nor can stop it by what it started.
"""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from gameday.aws import Aws
from gameday.config import Environment
from gameday.errors import GamedayError, UndoIncomplete
from gameday.safety import armed, blast
from gameday.safety.armed import Run
from gameday.safety.intent import Call, Fault, Intent, Undo, fault
from gameday.safety.targets import Service, read_database, read_service

if TYPE_CHECKING:
    from mypy_boto3_fis import FISClient

OVER = ("completed", "stopped", "failed", "cancelled")
TAG = "gameday"


@fault
def between(
    run: Run,
    delay_ms: int,
    jitter_ms: int = 0,
    duration_s: float | None = None,
    percent: float = 100.0,
    cluster: str | None = None,
    service: str | None = None,
    database: str | None = None,
) -> Fault[dict[str, Any]]:
    """Delay what the service's tasks send to the database by *delay_ms* ± *jitter_ms*, and wait until it is over.

    *percent* of the tasks are hit (rounded down). *duration_s* defaults to the environment's `fault_s`; FIS on AWS
    takes whole minutes. Returns {"experiment", "tasks", "of", "seconds"}. The undo stops the FIS experiment and
    deletes its template.

    Raises Refusal: more than the blast radius allows, a deployment under way, or a service that is not allowed or
    lacks its tag. Raises GamedayError: FIS ended it otherwise than completed.
    """
    found = read_service(run, run.named("cluster", cluster), run.named("service", service))
    address = read_database(run, run.named("database", database)).address
    hit, of = blast.how_many(len(found.tasks), None, percent), len(found.tasks)
    seconds = duration_s or run.environment.phases.fault_s
    action = _action(seconds, delay_ms, jitter_ms, address)
    request = _template(run, action, _target(found, hit))
    yield _intent(run, found, hit, seconds, request)
    token, tag = request["clientToken"], request["tags"][TAG]
    _promise(run, tag, found.arn)
    template = run.aws.fis.create_experiment_template(**request)["experimentTemplate"]["id"]
    experiment = run.aws.fis.start_experiment(clientToken=token, experimentTemplateId=template, tags={TAG: tag})[
        "experiment"
    ]["id"]
    _follow(run, experiment, delay_ms=delay_ms, share=hit / of, targets=hit, of=of)
    return {"experiment": experiment, "tasks": hit, "of": of, "seconds": seconds}


def stop() -> None:
    """Keep the promises of this run: stop what still runs. For the `rollbacks` of an experiment; harmless twice."""
    armed.current().promises.settle_or_raise()


def stop_experiments(tag: str, region: str, endpoint: str, kind: Literal["lab", "aws"]) -> str:
    """Delete the FIS templates tagged `gameday` = *tag*, stop the experiments of that tag, wait until they are over.

    Idempotent: what is over or gone already is left so. Returns what was read back, in a sentence.
    Raises UndoIncomplete: an experiment still runs after a minute.
    """
    from botocore.exceptions import EndpointConnectionError

    fis = Aws(Environment(kind, region, endpoint=endpoint)).fis
    try:
        templates = _delete_templates(fis, tag)
        ended = _stop_all(fis, tag)
    except EndpointConnectionError:
        if kind != "lab":
            raise
        return "the lab is down, and every fault that was in it is gone with it"
    return f"FIS experiments tagged {tag}: {len(ended)} are over, {templates} templates deleted, 0 left"


def _delete_templates(fis: FISClient, tag: str) -> int:
    """Delete the templates first: a start that is still on its way finds none then. Return how many there were."""
    pages = fis.get_paginator("list_experiment_templates").paginate()
    found = [one["id"] for page in pages for one in page["experimentTemplates"] if one.get("tags", {}).get(TAG) == tag]
    for template in found:
        with suppress(fis.exceptions.ResourceNotFoundException):  # an earlier undo deleted it
            fis.delete_experiment_template(id=template)
    return len(found)


def _stop_all(fis: FISClient, tag: str) -> list[str]:
    """Stop the experiments of that tag and return them once each is over."""
    pages = fis.get_paginator("list_experiments").paginate()
    found = [one["id"] for page in pages for one in page["experiments"] if one.get("tags", {}).get(TAG) == tag]
    for experiment in found:
        if fis.get_experiment(id=experiment)["experiment"]["state"]["status"] not in OVER:
            fis.stop_experiment(id=experiment)
    deadline = time.monotonic() + 60
    for experiment in found:
        while (status := fis.get_experiment(id=experiment)["experiment"]["state"]["status"]) not in OVER:
            if time.monotonic() > deadline:
                raise UndoIncomplete(f"FIS experiment {experiment} is still {status}")
            time.sleep(0.05)
    return found


def _action(seconds: float, delay_ms: int, jitter_ms: int, address: str) -> dict[str, Any]:
    return {
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


def _target(found: Service, hit: int) -> dict[str, Any]:
    return {
        "resourceType": "aws:ecs:task",
        "parameters": {"cluster": found.cluster, "service": found.name},
        "selectionMode": "ALL" if hit == len(found.tasks) else f"COUNT({hit})",
    }


def _template(run: Run, action: dict[str, Any], target: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of CreateExperimentTemplate; token and tag are those of this one action of this run."""
    environment = run.environment
    alarm = environment.names.get("stop_alarm", "")
    arn = f"arn:aws:cloudwatch:{environment.region}:{environment.account}:alarm:{alarm}"
    what = json.dumps([action, target, len(run.promises.made())], sort_keys=True)
    digest = hashlib.sha256(f"{run.id} {what}".encode()).hexdigest()
    return {
        "clientToken": digest[:32],
        "description": f"gameday {run.id}"[:512],
        "roleArn": environment.names.get("fis_role")
        or f"arn:aws:iam::{environment.account}:role/foodconnect-fis-experiment",
        "targets": {"tasks": target},
        "actions": {"latency": action},
        "stopConditions": [{"source": "aws:cloudwatch:alarm", "value": arn} if alarm else {"source": "none"}],
        "tags": {TAG: f"{run.id}-{digest[-8:]}"[-256:]},
    }


def _intent(run: Run, found: Service, hit: int, seconds: float, request: dict[str, Any]) -> Intent:
    delay = request["actions"]["latency"]["parameters"]
    calls, undo = _calls(run, request)
    return Intent(
        f"delay what {hit} of {len(found.tasks)} tasks of {found.title} send to {delay['sources']} by "
        f"{delay['delayMilliseconds']} ± {delay['jitterMilliseconds']} ms for {seconds:g} s",
        targets=(found.target,),
        hit=hit,
        of=len(found.tasks),
        calls=calls,
        undo=(Undo("stop the FIS experiment and delete its template", _by_hand(request["tags"][TAG]), undo),),
        ends_by_itself=f"FIS ends it after {seconds:g} s, whatever becomes of this machine",
        lasts_s=seconds,
        passes_role=request["roleArn"],
        refusals=found.objections(run, hit, goes=False),
    )


def _calls(run: Run, request: dict[str, Any]) -> tuple[tuple[Call, ...], tuple[Call, ...]]:
    """Return the calls of the fault and those of its undo; ids that AWS will give are in brackets."""
    templates = f"arn:aws:fis:{run.environment.region}:{run.environment.account}:experiment-template/*"
    experiments = templates.replace("experiment-template/", "experiment/")
    new, started = "(id of the new template)", "(id of the experiment)"
    start = {"clientToken": request["clientToken"], "experimentTemplateId": new, "tags": request["tags"]}
    fault_calls = (
        Call("fis", "CreateExperimentTemplate", request, templates),
        Call("fis", "StartExperiment", start, templates),
        Call("fis", "GetExperiment", {"id": started}, experiments),
    )
    undo_calls = (
        Call("fis", "ListExperimentTemplates"),
        Call("fis", "DeleteExperimentTemplate", {"id": new}, templates),
        Call("fis", "ListExperiments"),
        Call("fis", "GetExperiment", {"id": started}, experiments),
        Call("fis", "StopExperiment", {"id": started}, experiments),
    )
    return fault_calls, undo_calls


def _promise(run: Run, tag: str, target: str) -> None:
    """Promise to stop whatever will be started under *tag*, before anything is made."""
    environment = run.environment
    run.promises.make(
        "actions.latency:stop_experiments",
        f"the latency by FIS tagged {tag} ends",
        _by_hand(tag),
        target=target,
        tag=tag,
        region=environment.region,
        endpoint=environment.endpoint,
        kind=environment.kind,
    )


def _by_hand(tag: str) -> str:
    listed = f"aws fis list-experiments --query \"experiments[?tags.{TAG}=='{tag}'].id\" --output text"
    return f"for id in $({listed}); do aws fis stop-experiment --id $id; done"


def _follow(run: Run, experiment: str, **facts: float) -> None:
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
