"""Which stopped tasks ended by themselves, by ECS's own record."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gameday.config import Environment
from gameday.gate.judging import Tried
from gameday.gate.strays import Strays, stray

AT = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
UNWELL = (
    "(service foodconnect-backend) (port 8080) is unhealthy in target-group tg due to (reason Health checks failed)"
)


def task(code: str, reason: str = "Essential container in task exited", exit_code: int | None = 137) -> dict[str, Any]:
    """Return a stopped task as DescribeTasks does."""
    box = {"name": "app"} | ({} if exit_code is None else {"exitCode": exit_code})
    return {"taskArn": "arn:aws:ecs:eu-west-1:1:task/c/abc", "stopCode": code, "stoppedReason": reason,
            "stoppedAt": AT, "containers": [box]}  # fmt: skip


@pytest.mark.parametrize(
    ("found", "ends"),
    [
        (task("EssentialContainerExited"), "task abc ended by itself with exit code 137: EssentialContainerExited"),
        (task("TaskFailedToStart", "CannotPullContainerError", None), "task abc ended by itself: TaskFailedToStart"),
        (task("ServiceSchedulerInitiated", UNWELL), "is unhealthy in target-group"),
        (task("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)"), ""),
        (task("UserInitiated", "gameday"), ""),
        (task("SpotInterruption", "Your Spot Task was interrupted."), ""),
    ],
)
def test_what_nobody_stopped_is_told(found: dict[str, Any], ends: str) -> None:
    """With its exit code and ECS's reason; what a person, a deployment or AWS stopped is not, nor what ended before."""
    told = stray(found, AT.timestamp() - 5)
    assert ends in told and bool(told) == bool(ends)
    assert stray(found, AT.timestamp() + 5) == ""


def test_what_cannot_be_read_is_a_doubt() -> None:
    """No endpoint answers: the try keeps its verdict and says what is not known of it."""
    nowhere = Environment("lab", "eu-west-1", endpoint="http://127.0.0.1:9", names={"cluster": "c", "service": "s"})
    found = Strays(nowhere, 0.0).looked(Tried(0, 1.0, {"verdict": "held"}))
    assert found.verdict == "held" and "could not be read: EndpointConnectionError" in found.doubt
