"""Brings back the load balancer and the link process when somebody ends them behind the lab's back.

They stand for AWS's own network: an experiment on the service must not end because a process on the laptop did.
A fault that was in force on a link is gone with the link process, and the truth says so.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from lab.aws.ecs_model import Task
from lab.aws.ecs_runner import Runner
from lab.aws.world import World
from lab.links import LinksGone
from lab.settings import LabError


@dataclass(frozen=True, slots=True)
class Repair:
    """Looks at both processes; starting one anew takes some tenths of a second."""

    world: World
    runner: Runner

    def step(self) -> None:
        """Look once, and start anew what is gone."""
        alive = self.world.children.pids()
        if "envoy" not in alive:
            self._balancer()
        if "link" not in alive:
            self._links()

    def _balancer(self) -> None:
        world = self.world
        world.truth.note("balancer.lost")
        world.balancer.stop()
        world.balancer.start()
        with world.lock:
            world.elbv2.write()
        world.truth.note("balancer.back")

    def _links(self) -> None:
        world = self.world
        world.truth.note("links.lost")
        world.links.start(world.children, world.settings.home / "links")
        openers: list[Callable[[], None]] = [rds.open_links for rds in list(world.databases.instances.values())]
        with world.lock:
            openers += [partial(self._open, task) for task in world.ecs.tasks.records.values()]
        for again in openers:
            try:
                again()
            except LinksGone:
                raise  # it has ended once more: the next step begins anew
            except LabError:  # every other must still be opened
                traceback.print_exc()
        world.truth.note("links.back")

    def _open(self, task: Task) -> None:
        """Open the links of a task that has a place and has not ended, which may be so no longer."""
        if task.place is not None and task.exit_code is None and task.stopped_at is None:
            self.runner.open_links(task)
