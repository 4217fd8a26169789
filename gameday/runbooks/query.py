"""`--query`: JMESPath as the AWS CLI takes it, and what `--output text` prints of an answer."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gameday.model import Json


def parsed(text: str) -> tuple[Mapping[str, Any], str]:
    """Return the tree of an expression, and what is wrong with it; empty: nothing."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        with _old_literals():
            return jmespath.compile(text).parsed, ""
    except JMESPathError as error:
        return {}, str(error).splitlines()[0]


def printed(text: str, answer: Mapping[str, Any]) -> str:
    """Return what is printed of an answer; empty: nothing that a variable could hold.

    Raises ValueError: the query does not fit the answer.
    """
    import jmespath
    from jmespath.exceptions import JMESPathError

    if not text:
        return ""
    try:
        with _old_literals():
            value: Json = jmespath.search(text, _plain(answer))
    except JMESPathError as error:
        raise ValueError(str(error)) from None
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        return "\t".join(str(one) for one in value)
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _plain(value: Any) -> Any:
    """Return an answer of boto3 as the AWS CLI has it: instants are text."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _old_literals() -> warnings.catch_warnings[None]:
    """Let `name==`value`` pass without a warning: the AWS CLI and its documentation do."""
    return warnings.catch_warnings(action="ignore", category=PendingDeprecationWarning)
