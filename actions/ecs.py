"""Faults on Amazon ECS.

Own code, because chaosaws' `stop_random_tasks` rounds a small percent to no task and succeeds, and chooses unseeded.
"""

from __future__ import annotations

import time
from typing import Any

from gameday.safety import armed, blast


def stop_task(
    cluster: str | None = None,
    service: str | None = None,
    count: int | None = None,
    percent: float | None = None,
) -> dict[str, Any]:
    """Stop running tasks of a service, chosen by the run's seed, as `ecs:StopTask` does: gracefully.

    Give *count* or *percent* (rounded down; a percent that comes to no task is refused). *cluster* and *service*
    default to the environment's. Returns {"stopped": [task ARNs], "of": running tasks before}.
    There is no undo: the service's scheduler replaces what is stopped, and the proof `ecs.task_replaced` watches it.

    Raises Refusal: nothing to stop, or more than the blast radius allows.
    """
    run = armed.current()
    cluster, service = run.named("cluster", cluster), run.named("service", service)
    running = run.aws.running_tasks(cluster, service)
    hit = blast.how_many(len(running), count, percent)
    blast.within(run.blast, hit, len(running), "tasks")
    chosen = run.random.sample(running, hit)
    for task in chosen:
        run.aws.ecs.stop_task(cluster=cluster, task=task, reason=f"gameday {run.id}")
        run.recorder.mark("fault", time.time(), fsync=True, action="ecs.stop_task", targets=[task], of=len(running))
    return {"stopped": chosen, "of": len(running)}
