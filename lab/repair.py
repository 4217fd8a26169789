"""Brings back the load balancer, the link process and the people when somebody ends them behind the lab's back.

They stand for AWS's own network and for services elsewhere: an experiment must not end because a process on the
laptop did. A fault that was in force on a link is gone with the link process, and what was open at PagerDuty, Slack
and Statuspage with the people's; the truth says so.
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
from lab.people.child import start as start_people


@dataclass(frozen=True, slots=True)
class Repair:
    """Looks at the three processes; starting one anew takes some tenths of a second."""

    world: World
    runner: Runner

    def step(self) -> None:
        """Look once, and start anew what is gone; one that does not start is tried again by the next step."""
        alive = self.world.children.pids()
        for name, mend in (("envoy", self._balancer), ("link", self._links), ("people", self._people)):
            if name not in alive:
                survive(mend)

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
        with world.lock:
            openers: list[Callable[[], None]] = [rds.open_links for rds in world.databases.instances.values()]
            openers += [partial(self._open, task) for task in world.ecs.tasks.records.values()]
        for again in openers:  # one that comes or goes just now must not keep the links of the others closed for good
            try:
                again()
            except LinksGone:
                raise  # it has ended once more: the next step begins anew
            except Exception:  # noqa: BLE001 - every other must still be opened
                traceback.print_exc()
        world.truth.note("links.back")

    def _open(self, task: Task) -> None:
        """Open the links of a task that has a place and has not ended, which may be so no longer."""
        if task.place is not None and task.exit_code is None and task.stopped_at is None:
            self.runner.open_links(task)

    def _people(self) -> None:
        self.world.truth.note("people.lost")
        start_people(self.world.settings, self.world.children)
        self.world.truth.note("people.back")


def survive(work: Callable[[], object]) -> None:
    """Run one turn of a loop, or one part of it; an error is written to the daemon's log and the next turn comes."""
    try:
        work()
    except Exception:  # noqa: BLE001 - one bad turn must not end the loop that keeps the lab true
        traceback.print_exc()
