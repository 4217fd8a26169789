"""What the load balancer's operations share: pages, and the check that it is the lab's one load balancer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from lab.aws.names import LOAD_BALANCER_ARN
from lab.aws.paging import read_token, write_token
from lab.aws.registry import AwsError, Params

Item = TypeVar("Item")
LARGEST_PAGE = 400


def page(items: Sequence[Item], params: Params) -> tuple[list[Item], dict[str, object]]:
    """Return the page that `Marker` and `PageSize` ask for, and {"NextMarker": ...} or {}; ValidationError."""
    size = int(params.get("PageSize", LARGEST_PAGE))
    if not 1 <= size <= LARGEST_PAGE:
        raise AwsError("ValidationError", f"Page size '{size}' must be between 1 and {LARGEST_PAGE}")
    first: object = 0
    if params.get("Marker"):
        try:
            first = read_token(params["Marker"])
        except AwsError:
            first = None
    if not isinstance(first, int) or first < 0:
        raise AwsError("ValidationError", f"The marker '{params['Marker']}' is not valid")
    after = first + size
    return list(items[first:after]), {"NextMarker": write_token(after)} if after < len(items) else {}


def check_balancer(arn: str) -> None:
    """LoadBalancerNotFound unless it is the lab's load balancer."""
    if arn != LOAD_BALANCER_ARN:
        raise AwsError("LoadBalancerNotFound", f"Load balancers '[{arn}]' not found")
