"""`--query`: JMESPath as the AWS CLI takes it, and what `--output text` prints of an answer."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from gameday.model import Json


def wrong(text: str) -> str:
    """Return what is wrong with an expression; empty: nothing."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        with _old_literals():
            jmespath.compile(text)
    except JMESPathError as error:
        return str(error).splitlines()[0]
    return ""


def printed(text: str, answer: Mapping[str, Any]) -> str:
    """Return what is printed of an answer; empty: nothing that a variable could hold."""
    import jmespath

    if not text:
        return ""
    with _old_literals():
        value: Json = jmespath.search(text, dict(answer))
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        return "\t".join(str(one) for one in value)
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _old_literals() -> warnings.catch_warnings[None]:
    """Let `name==`value`` pass without a warning: the AWS CLI and its documentation do."""
    return warnings.catch_warnings(action="ignore", category=PendingDeprecationWarning)
