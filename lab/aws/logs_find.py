"""What the handlers of CloudWatch Logs share: finding groups by name or ARN, pages, and the errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from lab.aws.logs_store import Group, LogStore
from lab.aws.paging import read_token, write_token
from lab.aws.registry import AwsError

Item = TypeVar("Item")


def invalid(message: str) -> AwsError:
    """Return Logs' error for parameters that cannot be."""
    return AwsError("InvalidParameterException", message)


def missing(what: str) -> AwsError:
    """Return the error for a log group or a log stream that is not there."""
    return AwsError("ResourceNotFoundException", f"The specified {what} does not exist.")


def find_group(store: LogStore, name: str) -> Group:
    """Return a group by its name."""
    if name not in store.groups:
        raise missing("log group")
    return store.groups[name]


def group_of(store: LogStore, identifier: str) -> Group:
    """Return a group by its name or its ARN."""
    name = identifier.partition(":log-group:")[2].partition(":")[0] if identifier.startswith("arn:") else identifier
    return find_group(store, name)


def given_group(store: LogStore, params: Mapping[str, Any]) -> Group:
    """Return the group of logGroupName or logGroupIdentifier, of which exactly one is given."""
    name, identifier = params.get("logGroupName"), params.get("logGroupIdentifier")
    if bool(name) == bool(identifier):
        raise invalid("Exactly one of logGroupName and logGroupIdentifier must be specified.")
    return find_group(store, name) if name else group_of(store, str(identifier))


def paged(
    items: Sequence[Item], params: Mapping[str, Any], *, limit: str = "limit", most: int = 50
) -> tuple[list[Item], dict[str, object]]:
    """Return one page of at most params[limit] items, and {"nextToken": ...} or {}."""
    size = params.get(limit) or most
    if not 1 <= size <= most:
        raise invalid(f"The {limit} must be between 1 and {most}.")
    first = place_of(params["nextToken"]) if params.get("nextToken") else 0
    if not isinstance(first, int) or first < 0:
        raise invalid("The specified nextToken is invalid.")
    after = first + size
    return list(items[first:after]), {"nextToken": write_token(after)} if after < len(items) else {}


def place_of(token: str) -> object:
    """Return the place that a token wraps."""
    try:
        return read_token(token)
    except AwsError:
        raise invalid("The specified nextToken is invalid.") from None
