"""What ECS's handlers share: pages, failures, the answer to a request that makes no sense."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from lab.aws.names import arn
from lab.aws.registry import AwsError, Params
from lab.settings import CLUSTER

Item = TypeVar("Item")

PAGE = 100  # ListTasks' largest page, DescribeTasks' longest list


def invalid(message: str) -> AwsError:
    """Return ECS's answer to a request that makes no sense."""
    return AwsError("InvalidParameterException", message)


def page(items: Sequence[Item], params: Params, largest: int) -> tuple[list[Item], dict[str, object]]:
    """Cut one page out of `items`; return it and the members that lead to the next."""
    size = int(params.get("maxResults") or largest)
    if not 1 <= size <= largest:
        raise invalid(f"maxResults must be between 1 and {largest}.")
    token = params.get("nextToken") or "0"
    if not token.isdigit():
        raise invalid("Invalid token.")
    first = int(token)
    more = {"nextToken": str(first + size)} if first + size < len(items) else {}
    return list(items[first : first + size]), dict(more)


def missing(name_or_arn: str, kind: str) -> dict[str, object]:
    """Return a `failures[]` member for something that is not there."""
    full = name_or_arn if name_or_arn.startswith("arn:") else arn("ecs", f"{kind}/{CLUSTER}/{name_or_arn}")
    return {"arn": full, "reason": "MISSING"}


def environment_of(overrides: Params) -> dict[str, str]:
    """Return what a task's container overrides set."""
    containers = overrides.get("containerOverrides", [])
    return {pair["name"]: pair["value"] for container in containers for pair in container.get("environment", [])}
