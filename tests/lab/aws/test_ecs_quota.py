"""A service that wants more tasks than a machine can bear gets as many as the quota has, and is told why."""

from __future__ import annotations

import time
from pathlib import Path

from lab import seed
from lab.settings import SERVICE
from tests.lab.aws.asleep import asleep


def test_desired_count_beyond_the_quota_starts_no_more_tasks(tmp_path: Path) -> None:
    """A hundred thousand tasks are wanted: forty come, the service says once that there is no room for more."""
    with asleep(tmp_path) as lab:
        world = lab.world
        seed.seed(world)
        service = world.ecs.service(SERVICE)
        with world.lock:
            world.ecs.scale(service, 100_000)
            for _ in range(3):
                world.ecs.scheduler.step(service, time.time())
        assert len(world.ecs.tasks.records) == 40
        assert sum("unable to place a task" in event.message for event in service.events) == 1
