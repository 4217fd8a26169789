"""The run's own state as probes: is the suite armed, and are the sampled metrics steady."""

from __future__ import annotations

from chaoslib.exceptions import ActivityFailed

from gameday.model import Answer
from gameday.safety import armed as safety


def armed() -> bool:
    """Return whether guards, record and undo stand ready.

    The first probe of every experiment: Chaos Toolkit only warns about a missing control, but it refuses a file
    whose probe cannot be imported.
    """
    return safety.is_armed()


def steady() -> bool:
    """Return whether every metric of the `steady` block has fresh data within its limits.

    Raises ActivityFailed: a metric has no data, which is neither healthy nor unhealthy.
    """
    seen = safety.current().steady()
    if seen.answer is Answer.UNKNOWN:
        raise ActivityFailed("; ".join(seen.reasons) or "no metric has been sampled yet")
    if seen.answer is Answer.NO:
        safety.current().recorder.mark("unsteady", reasons=list(seen.reasons))
    return seen.answer is Answer.YES
