"""Smithy's RPC v2 over CBOR, which newer SDKs speak with CloudWatch: requests, answers and errors by botocore's shapes.

The operation stands in the path. CloudWatch once spoke the query protocol, so errors carry that protocol's code in a
header as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from lab.aws.cbor import decode, encode
from lab.aws.names import instant
from lab.aws.registry import AwsError, Params

NAME = "smithy-rpc-v2-cbor"
_PATH = re.compile(r"/service/[\w.]+/operation/(\w+)")
Headers = tuple[tuple[str, str], ...]
HEADERS: Headers = (("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor"))


def operation_of(environ: Mapping[str, Any]) -> str | None:
    """Return the operation that a request names, or None if it is of another protocol."""
    match = _PATH.fullmatch(environ.get("PATH_INFO", ""))
    speaks = environ.get("HTTP_SMITHY_PROTOCOL") == "rpc-v2-cbor" or environ.get("CONTENT_TYPE") == "application/cbor"
    return match[1] if match and speaks else None


def read(body: bytes, shape: Any) -> Params:
    """Return the parameters of a body; ValueError or TypeError for one that is malformed."""
    if not body or shape is None:
        return {}
    given = decode(body)
    if not isinstance(given, dict):
        raise TypeError("the body is no map")
    params: Params = {name: _known(given[name], member) for name, member in shape.members.items() if name in given}
    return params


def _known(value: Any, shape: Any) -> Any:
    """Leave out what a shape does not have; an instant becomes a naive datetime, as in the other protocols."""
    if shape.type_name == "structure" and isinstance(value, dict):
        return {name: _known(value[name], member) for name, member in shape.members.items() if name in value}
    if shape.type_name == "list" and isinstance(value, list):
        return [_known(one, shape.member) for one in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: _known(one, shape.value) for key, one in value.items()}
    if shape.type_name == "timestamp" and isinstance(value, int | float):
        value = datetime.fromtimestamp(value, UTC)  # an SDK that left the tag out
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    return float(value) if shape.type_name == "double" and isinstance(value, int) else value


def write(result: Mapping[str, Any], shape: Any) -> bytes:
    """Return the body of an answer."""
    return encode({} if shape is None else _written(result, shape))


def _written(value: Any, shape: Any) -> Any:
    """Bring a handler's result into the form that a shape has on the wire."""
    if shape.type_name == "structure":
        known = {name: (value.get(name), member) for name, member in shape.members.items()}
        return {name: _written(one, member) for name, (one, member) in known.items() if one is not None}
    if shape.type_name == "list":
        plain = _PLAIN.get(shape.member.type_name)
        return [plain(one) for one in value] if plain else [_written(one, shape.member) for one in value]
    if shape.type_name == "map":
        return {key: _written(one, shape.value) for key, one in value.items()}
    plain = _PLAIN.get(shape.type_name)
    return plain(value) if plain else value


_PLAIN: dict[str, Callable[[Any], Any]] = {
    "double": float,
    "float": float,
    "integer": int,
    "long": int,
    "boolean": bool,
    "string": str,
    "timestamp": lambda when: instant(when.timestamp()),  # no finer than milliseconds, as Smithy has it
}


def error(found: AwsError, shapes: list[Any]) -> tuple[int, bytes, Headers]:
    """Return status, body and headers of an error that one of the service's shapes has."""
    by_name = {one.name: one for one in shapes}
    shape = by_name.get(found.code) or next(one for one in shapes if found.code == one.error_code)
    trait = shape.metadata.get("error", {})
    status = int(trait.get("httpStatusCode", 400))
    return plain_error(shape.name, trait.get("code", shape.name), status, found.message)


def plain_error(kind: str, code: str, status: int, message: str) -> tuple[int, bytes, Headers]:
    """Return status, body and headers of any error; `kind` names its shape, `code` is that of the query protocol."""
    who = "Sender" if status < 500 else "Receiver"
    body = encode({"__type": f"com.amazonaws.cloudwatch#{kind}", "message": message})
    return status, body, (*HEADERS, ("x-amzn-query-error", f"{code};{who}"))
