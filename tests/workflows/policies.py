"""What the example's IAM policies allow, beside what was really called: the lab writes every call down."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.workflows.runner import ROOT

FOLDER = ROOT / "examples" / "pipeline" / "policies"
PREFIXES = {"elbv2": "elasticloadbalancing"}  # where IAM's word for a service is not the client's
OF_TASKS = {"cloudwatch:PutMetricData", "xray:PutTraceSegments"}  # called by the backend under its own role


def actions_of(*names: str) -> set[str]:
    """Return the actions that these policies allow."""
    found: set[str] = set()
    for name in names:
        for statement in json.loads((FOLDER / f"{name}.json").read_text())["Statement"]:
            action = statement["Action"]
            found |= {action} if isinstance(action, str) else set(action)
    return found


def calls(home: Path) -> list[dict[str, Any]]:
    """Return what the lab of this home was called for, in order."""
    return [json.loads(line) for line in (home / "audit.jsonl").read_text().splitlines()]


def actions_called(rows: Iterable[dict[str, Any]]) -> set[str]:
    """Return the IAM actions of these calls, without those of the tasks."""
    named = {f"{PREFIXES.get(row['service'], row['service'])}:{row['operation']}" for row in rows}
    return named - OF_TASKS
