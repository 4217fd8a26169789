"""The secrets of the run under way, in memory only: declared rollbacks may need them, also in the watchman.

`{"secrets": Chaos Toolkit's resolved secrets, "configuration": the entries of the configuration that are secret}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_held: dict[str, Any] = {}


def hold(found: Mapping[str, Any]) -> None:
    """Keep the resolved secrets of this run."""
    _held.clear()
    _held.update(found)


def held() -> dict[str, Any]:
    """Return them."""
    return dict(_held)
