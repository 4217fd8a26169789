"""Times and pages as AWS gives them: aware datetimes, and opaque tokens that say where the next page begins."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

from lab.aws.registry import AwsError

Item = TypeVar("Item")


def epoch(when: datetime) -> float:
    """Return epoch seconds of a datetime; a naive one is UTC, as the parser gives it."""
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def aware(seconds: float) -> datetime:
    """Return a UTC datetime."""
    return datetime.fromtimestamp(seconds, UTC)


def write_token(place: object) -> str:
    """Wrap a place (anything JSON can hold) into a token."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def read_token(token: str) -> object:
    """Return the place that a token wraps; a token that is not ours is CloudWatch's InvalidNextToken."""
    try:
        place: object = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (binascii.Error, ValueError):
        raise AwsError("InvalidNextToken", "The next token specified is invalid.") from None
    return place


def page(items: Sequence[Item], token: str | None, size: int) -> tuple[list[Item], dict[str, object]]:
    """Return one page, and {"NextToken": ...} or {} to put into the answer."""
    first = read_token(token) if token else 0
    if not isinstance(first, int) or first < 0:
        raise AwsError("InvalidNextToken", "The next token specified is invalid.")
    after = first + size
    return list(items[first:after]), {"NextToken": write_token(after)} if after < len(items) else {}
