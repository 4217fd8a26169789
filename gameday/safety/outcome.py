"""How an activity really ended, by its entry in Chaos Toolkit's journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def why_not(run: Mapping[str, Any]) -> str:
    """Return why a rollback that was played does not count, or "".

    Chaos Toolkit calls a command that exits with 1 and an answer of 500 succeeded.
    """
    if run.get("status") != "succeeded":
        return f"it {run.get('status', 'was interrupted')}"
    output = run.get("output")
    status = output.get("status") if isinstance(output, Mapping) else None
    kind = ((run.get("activity") or {}).get("provider") or {}).get("type")
    if kind == "process" and status != 0:
        return f"its command ended with {status}"
    if kind == "http" and (not isinstance(status, int) or status >= 400):
        return f"its address answered {status}"
    return ""
