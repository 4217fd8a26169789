"""The lab's own AWS operations, by service and name: a handler is a function, `@handles` puts it on the list.

A handler takes the world, the parsed parameters and the caller, and returns a dict of AWS member names;
what AWS refuses it raises as `AwsError`. Parsing and writing the wire is the door's work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from lab.aws.world import World

Params: TypeAlias = dict[str, Any]  # AWS member names; timestamps are naive UTC datetimes
Handler: TypeAlias = Callable[["World", Params, "Call"], dict[str, object]]


@dataclass(frozen=True, slots=True)
class Call:
    """Who called, from the credential scope of the signature; the signature itself is not checked."""

    access_key: str
    region: str
    service: str  # botocore's name: "cloudwatch", not "monitoring"


class AwsError(Exception):
    """An answer that AWS gives as an error: `AwsError("DBInstanceNotFound", "DBInstance x not found.")`.

    `code` is the code on the wire. It must be one of the service's own errors, which brings its HTTP status
    along, or one that all services share (`COMMON_ERRORS`).
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


# Codes that services answer without listing them in their model, with their HTTP status.
COMMON_ERRORS: dict[str, int] = {
    "AccessDenied": 403,  # query protocol: rds, elbv2, cloudwatch
    "AccessDeniedException": 400,  # json protocol: ecs
    "InvalidAction": 400,
    "InvalidParameter": 400,
    "InvalidParameterCombination": 400,
    "InvalidParameterValue": 400,
    "MissingParameter": 400,
    "Throttling": 400,
    "ThrottlingException": 400,
    "ValidationError": 400,
    "ValidationException": 400,
}

_handlers: dict[tuple[str, str], Handler] = {}


def handles(service: str, operation: str) -> Callable[[Handler], Handler]:
    """Put a function on the list: `@handles("rds", "RebootDBInstance")`, in botocore's names."""

    def register(handler: Handler) -> Handler:
        if (service, operation) in _handlers:
            raise ValueError(f"two handlers for {service}:{operation}; remove one")
        _handlers[service, operation] = handler
        return handler

    return register


def handler_of(service: str, operation: str) -> Handler | None:
    """Return the handler of an operation, or None."""
    return _handlers.get((service, operation))


def operations() -> list[tuple[str, str]]:
    """Return every (service, operation) that has a handler, sorted."""
    return sorted(_handlers)
