"""What the go/no-go list has the suite itself look at, before a day begins. Every look reads, and changes nothing.

An answer is yes, no or unknown, with a sentence. What could not be seen, and what nothing was there to look at, is
unknown: that is never a yes.
"""

from __future__ import annotations

from pathlib import Path

from gameday.aws import Aws
from gameday.config import Environment
from gameday.day.plan import CheckItem, Plan
from gameday.day.seeing import LOOKS, Answer, Scene


def look(
    item: CheckItem,
    plan: Plan,
    environment: Environment,
    aws: Aws,
    runs: Path,
    suite: Path,
    file: Path | None = None,
    day: Path | None = None,
) -> tuple[Answer, str]:
    """Return the answer to *item*, which names a look, and a sentence. Never raises: a look that crashes is unknown.

    *file* is the plan's own: what earlier days of it left to do is known by its name. *day* is
    the folder of the day that looks.
    """
    try:
        return LOOKS[str(item.look)](Scene(plan, environment, aws, runs, suite, file, day))
    except Exception as error:  # noqa: BLE001  whatever it was, nothing was seen
        why = " ".join(str(error).split())[:300]
        return "unknown", f"it could not be looked at: {type(error).__name__}: {why}"
