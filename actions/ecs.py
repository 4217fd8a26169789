"""Faults on Amazon ECS.

Own code, because chaosaws' `stop_random_tasks` rounds a small percent to no task and succeeds, and chooses unseeded.
"""

from __future__ import annotations

import time
from typing import Any

from gameday.safety import blast
from gameday.safety.armed import Run
from gameday.safety.intent import Call, Fault, Intent, fault
from gameday.safety.targets import read_service


@fault
def stop_task(
    run: Run,
    cluster: str | None = None,
    service: str | None = None,
    count: int | None = None,
    percent: float | None = None,
) -> Fault[dict[str, Any]]:
    """Stop running tasks of a service, chosen by the run's seed, as `ecs:StopTask` does: gracefully.

    Give *count* or *percent* (rounded down; a percent that comes to no task is refused). *cluster* and *service*
    default to the environment's. Returns {"stopped": [task ARNs], "of": running tasks before}.
    There is no undo: the service's scheduler replaces what is stopped, and the proof `ecs.task_replaced` watches it.

    Raises Refusal: nothing to stop, more than the blast radius allows, the last healthy task of the service or of a
    zone, a deployment under way, or a service that is not allowed or lacks its tag.
    """
    found = read_service(run, run.named("cluster", cluster), run.named("service", service))
    hit = blast.how_many(len(found.tasks), count, percent)
    chosen = run.random.sample(found.running, hit)
    reason = f"gameday {run.id}"
    yield Intent(
        f"stop {hit} of {len(found.tasks)} running tasks of {found.title}, gracefully",
        targets=(found.target,),
        hit=hit,
        of=len(found.tasks),
        calls=tuple(
            Call("ecs", "StopTask", {"cluster": found.cluster, "task": task, "reason": reason}, task) for task in chosen
        ),
        why_no_undo="the service's scheduler replaces what is stopped, and that is what is tested",
        drawn_from=tuple(found.running),
        refusals=found.objections(run, hit, goes=True),
    )
    for task in chosen:
        run.aws.ecs.stop_task(cluster=found.cluster, task=task, reason=reason)
        run.recorder.mark("fault", time.time(), fsync=True, action="ecs.stop_task", targets=[task], of=len(found.tasks))
    return {"stopped": chosen, "of": len(found.tasks)}
