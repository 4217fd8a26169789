"""Members of a request that the lab does not play: who gives one is refused, so that nobody believes that it holds.

What says "off" (False, 0, nothing, {"enabled": False}) is what the lab does anyway, and passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lab.aws.registry import AwsError

_OFF: tuple[object, ...] = (None, False, 0, "", [], {}, {"enabled": False}, {"Mode": "off"})


def given(params: Mapping[str, Any], members: Iterable[str]) -> list[str]:
    """Return those of the members that ask for something."""
    return [name for name in members if params.get(name) not in _OFF]


def refuse_unplayed(code: str, params: Mapping[str, Any], members: Iterable[str]) -> None:
    """Raise AwsError of this code for the first of the members that asks for something."""
    for name in given(params, members):
        raise AwsError(code, f"The lab does not play the parameter {name}.")
