"""What comes in: JSON bodies and query parameters, checked, with an error sentence for what is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request

LARGEST_BODY = 64 * 1024
LONGEST_KEY = 200
LARGEST_ID = 2**63 - 1
Fields = Mapping[str, object]


async def json_body(request: Request) -> Fields:
    """Return the body's JSON object; 413 when it is too large, 400 when it is none."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise HTTPException(413, f"the body is larger than {LARGEST_BODY // 1024} kB")
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "the body is not JSON") from None
    if not isinstance(fields, dict):
        raise HTTPException(400, "the body must be a JSON object")
    return fields


def text(fields: Fields, name: str) -> str:
    """Return a field that must be a text the database can hold; else 400."""
    value = fields.get(name)
    if not isinstance(value, str):
        raise HTTPException(400, f"{name!r} must be a text")
    if not storable(value):
        raise HTTPException(400, f"{name!r} holds characters that cannot be stored")
    return value


def storable(value: str) -> bool:
    """Can PostgreSQL hold this text? It takes neither NUL nor half of a surrogate pair."""
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def identity(fields: Fields, name: str) -> int:
    """Return a field that must be an id; else 400."""
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST_ID:
        raise HTTPException(400, f"{name!r} must be an id, a whole number")
    return value


def idempotency_key(request: Request) -> str:
    """Return the header that makes a retry safe; 400 when it is missing or too long."""
    key = request.headers.get("idempotency-key", "")
    if not 0 < len(key) <= LONGEST_KEY or not storable(key):
        raise HTTPException(400, f"the header Idempotency-Key must be given, with at most {LONGEST_KEY} characters")
    return key


def whole_number(request: Request, name: str, *, default: int | None, least: int, most: int) -> int | None:
    """Return a query parameter that must be a whole number in a range; else 400."""
    given = request.query_params.get(name)
    if given is None:
        return default
    if not in_range(given, least, most):
        raise HTTPException(400, f"{name!r} must be a whole number from {least} to {most}")
    return int(given)


def in_range(given: str, least: int, most: int) -> bool:
    """Is the text a whole number in this range, which lies within 64 bits?"""
    return given.isascii() and given.isdigit() and len(given) <= 19 and least <= int(given) <= most
