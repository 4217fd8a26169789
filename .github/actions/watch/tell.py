"""Writes the end of a watch as Markdown: `tell.py watch.json`. Standard library only."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TIMES = (
    ("deployed_at", "deployed"),
    ("bad_since", "bad since"),
    ("detected_at", "detected"),
    ("rollback_started_at", "rollback begun"),
    ("rolled_back_at", "rolled back"),
    ("users_well_at", "users well"),
)


def told(watch: dict[str, Any]) -> str:
    """Return the lines for a job summary: the outcome, why, the instants, and who was told."""
    release = (watch.get("release") or {}).get("id") or "an unnamed release"
    lines = [f"### gameday watch: {watch['outcome']}", f"{watch['service']}, {release}", ""]
    lines += [f"- {sentence}" for sentence in watch.get("why") or []]
    times = watch.get("times") or {}
    lines += ["", "| instant | UTC |", "|---|---|"]
    lines += [f"| {name} | {times.get(key) or 'not seen'} |" for key, name in TIMES]
    told_to = watch.get("notified") or []
    lines += [
        "",
        *[f"- {each['channel']}: {'told' if each['ok'] else 'NOT told'} {each['detail']}" for each in told_to],
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(told(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
