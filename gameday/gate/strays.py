"""Tasks that ended by themselves while a gate ran: a leak, a crash, a health check that fails without any fault.

Users need not notice one task of three that is killed for want of memory, so no objective is missed; a release that
does it all the time is not good. Read from ECS's own record after each experiment, because it forgets within the hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

from gameday.aws import Aws
from gameday.config import Environment
from gameday.gate.judging import Tried
from gameday.gate.playing import Part, Player

BY_ITSELF = ("EssentialContainerExited", "TaskFailedToStart")
UNWELL = ("unhealthy", "health checks failed")  # in the reason, where the service's scheduler stopped it
MOST_DESCRIBED = 100  # tasks in one request


@dataclass(frozen=True, slots=True)
class Strays:
    """Looks for such tasks of one environment's service; each is told once."""

    environment: Environment
    since: float  # epoch seconds
    told: set[str] = field(default_factory=set)

    def __call__(self, player: Player) -> Player:
        """Return *player* with a look after each try that has a verdict on the system."""

        def one(part: Part) -> Tried:
            tried = player(part)
            return self.looked(tried) if tried.exit in (0, 1) else tried

        return one

    def looked(self, tried: Tried) -> Tried:
        """Return a try with the tasks that ended by themselves meanwhile, or with why they are not known."""
        try:
            found = list(self._ended())
        except Exception as error:  # noqa: BLE001  whatever it is: then nobody knows, which is no pass
            why = f"whether tasks ended by themselves could not be read: {type(error).__name__}: {error}"
            return replace(tried, doubt=why)
        return replace(tried, strays=tuple(found))

    def _ended(self) -> Iterator[str]:
        aws = Aws(self.environment, read_only=True)
        cluster, service = self.environment.names["cluster"], self.environment.names["service"]
        listed = aws.ecs.get_paginator("list_tasks").paginate(
            cluster=cluster, serviceName=service, desiredStatus="STOPPED"
        )
        arns = [arn for page in listed for arn in page["taskArns"] if arn not in self.told]
        for first in range(0, len(arns), MOST_DESCRIBED):
            asked = arns[first : first + MOST_DESCRIBED]
            for task in aws.ecs.describe_tasks(cluster=cluster, tasks=asked)["tasks"]:
                if sentence := stray(cast("dict[str, Any]", task), self.since):
                    self.told.add(task["taskArn"])
                    yield sentence


def stray(task: dict[str, Any], since: float) -> str:
    """Return how a task ended by itself after *since*; "" for one that somebody stopped, or that ended before."""
    code, reason = task.get("stopCode", ""), task.get("stoppedReason", "no reason")
    unwell = code == "ServiceSchedulerInitiated" and any(word in reason.lower() for word in UNWELL)
    ended = task.get("stoppingAt") or task.get("stoppedAt")
    if not (code in BY_ITSELF or unwell) or ended is None or ended.timestamp() < since:
        return ""
    exits = ", ".join(str(box["exitCode"]) for box in task.get("containers", []) if box.get("exitCode") is not None)
    said = f" with exit code {exits}" if exits else ""
    return f"task {task['taskArn'].rpartition('/')[2]} ended by itself{said}: {code}, {reason}"
