"""The declared rollbacks of an experiment, as promises: so they are played even when the run is killed."""

from __future__ import annotations

from typing import Any

from gameday.errors import UndoIncomplete
from gameday.safety import secrets
from gameday.safety.outcome import why_not


def play(activity: dict[str, Any]) -> str:
    """Play one rollback activity, its configuration filled in. It must be idempotent: it may be played twice.

    Raises UndoIncomplete: it failed.
    """
    from chaoslib.activity import execute_activity
    from chaoslib.types import Dry

    bare = {"title": "rollback", "description": "played by gameday", "method": [], "rollbacks": []}
    held = secrets.held()
    quiet = {key: value for key, value in activity.items() if key not in ("background", "controls", "pauses")}
    run = execute_activity(bare, quiet, held.get("configuration") or {}, held.get("secrets") or {}, Dry.PAUSE)
    if why := why_not(run):
        raise UndoIncomplete(f"the rollback {activity.get('name')}: {why} {_last(run.get('exception') or '')}".strip())
    return f"the rollback {activity.get('name')} succeeded"


def _last(lines: object) -> str:
    text = "".join(str(line) for line in lines) if isinstance(lines, list) else str(lines)
    return text.strip().splitlines()[-1] if text.strip() else ""
