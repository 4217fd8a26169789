"""The image that serves while a gate judges: the one that was asked for, in every task, and the same to the end.

A deployment that ECS took back, or one that somebody makes meanwhile, leaves other tasks than the release's; what
holds then says nothing about the release.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gameday.aws import Aws
from gameday.errors import UsageError

IMAGE = re.compile(r"(?:[^@\s]+@)?(sha256:[0-9a-f]{64})")
Digests = frozenset[str]  # of the containers of one task
MOST_TASKS = 100  # in one request


def digest_of(image: str) -> str:
    """Return the digest that *image* names. Raises UsageError: it names none, so nobody can tell whether it runs."""
    found = IMAGE.fullmatch(image)
    if found is None:
        raise UsageError(f"--image {image}: no image by its digest; write repository@sha256:... or sha256:...")
    return found[1]


def running(aws: Aws) -> list[Digests]:
    """Return the digests of each running task of the environment's service; one that still starts has none.

    Raises botocore's errors.
    """
    cluster, service = aws.environment.names["cluster"], aws.environment.names["service"]
    arns = aws.running_tasks(cluster, service)
    found: list[Digests] = []
    for first in range(0, len(arns), MOST_TASKS):
        for task in aws.ecs.describe_tasks(cluster=cluster, tasks=arns[first : first + MOST_TASKS])["tasks"]:
            if task.get("lastStatus") == "RUNNING":
                found.append(frozenset(box.get("imageDigest", "unknown") for box in task.get("containers", [])))
    return found


def other_than(tasks: Sequence[Digests], wanted: str) -> str:
    """Say why it is not the image *wanted* that serves; "" when every task runs it."""
    without = [task for task in tasks if wanted not in task]
    if tasks and not without:
        return ""
    runs = ", ".join(sorted(set().union(*without))) or "no task at all"
    return f"{len(without)} of {len(tasks)} running tasks do not run {wanted}: {runs}"


def moved(before: Sequence[Digests], after: Sequence[Digests]) -> str:
    """Say what other images run *after*; "" when they are the same. Tasks may be fewer or more, no image may."""
    was, now = set(before), set(after)
    if was == now:
        return ""
    runs, ran = (", ".join(sorted(set().union(*tasks))) or "nothing" for tasks in (now, was))
    return f"{runs} runs now, at the beginning it was {ran}"
