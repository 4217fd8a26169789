"""Who calls a lab, and what is denied to them: asked by the door and by IAM's simulation, so that both say the same.

A pattern of the deny list is an IAM action such as "ecs:StopTask" or "rds:*", upper and lower case alike; the service
may also be named as SDKs name it ("elbv2:*").
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from lab.settings import ACCOUNT

RUNNER = "foodconnect-gameday-runner"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/{RUNNER}"
CALLER_ARN = f"arn:aws:sts::{ACCOUNT}:assumed-role/{RUNNER}/lab"

_PREFIXES = {"elbv2": "elasticloadbalancing"}  # IAM's prefix, where it is not the SDK's name of the service
_SERVICES = {prefix: service for service, prefix in _PREFIXES.items()}


def action_of(service: str, operation: str) -> str:
    """Return the IAM action of an operation: `("elbv2", "DescribeRules")` is "elasticloadbalancing:DescribeRules"."""
    return f"{_PREFIXES.get(service, service)}:{operation}"


def denies(patterns: Iterable[str], action: str) -> bool:
    """Does one of the patterns deny this IAM action?"""
    prefix, _, operation = action.lower().partition(":")
    names = (f"{prefix}:{operation}", f"{_SERVICES.get(prefix, prefix)}:{operation}")
    return any(fnmatchcase(name, pattern.lower()) for pattern in patterns for name in names)
