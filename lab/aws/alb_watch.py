"""Looks at the balancer for the target groups: what its health checks found, and whom it knows.

Only what changed is read, so that two hundred targets cost no more at rest than three.
"""

from __future__ import annotations

import contextlib
import time

from lab.aws.ecs_runner import interface_link_of
from lab.aws.world import World
from lab.balancer import Check
from lab.settings import LabError


def watch(world: World) -> None:
    """Look once; nothing is known while the balancer is being started anew."""
    checks, versions, now = world.balancer.checks(), {}, time.time()
    with world.lock:
        waiting, silent = world.elbv2.waiting, world.elbv2.silent(now)
    with contextlib.suppress(LabError):
        versions = world.balancer.versions() if waiting else {}
        for group, addresses in silent.items():
            seen = world.balancer.health(group)
            checks += [Check(group, address, now, healthy=True) for address in addresses if seen.get(address)]
    with world.lock:
        drained = world.elbv2.observe(checks, versions, now)
    for task in drained:
        _cut(world, task)


def _cut(world: World, task: str) -> None:
    """End the connections that a drained task still has: whoever waits for an answer gets 502."""
    with contextlib.suppress(LabError):  # the task and its link are gone already
        world.links.reset(interface_link_of(task))
    world.truth.note("task.drained", task=task)
