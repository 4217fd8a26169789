"""Builds of the lab's backend: the same code with other settings, each a hypothesis about resilience.

A build is added by adding one entry to `BUILDS`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.settings import LabError


@dataclass(frozen=True, slots=True)
class Build:
    """One build: what it stands for and what should be seen when the database fails over, in a sentence each."""

    name: str
    models: str
    expects: str
    environment: Mapping[str, str] = field(default_factory=dict)


BUILDS: Mapping[str, Build] = {
    build.name: build
    for build in (
        Build(
            name="default",
            models="The backend as released: database trouble is retried with a jittered back-off for up to 4 s.",
            expects="A failover delays requests by as long as it takes; none fails and no write is lost or doubled.",
        ),
        Build(
            name="no-retry",
            models="The backend before retries: trouble with the database is answered with 503, within half a second.",
            expects="A failover fails nearly every request that meets it; the error rate rises above its alarm.",
            environment={"DB_RETRY_BUDGET_S": "0", "DB_ACQUIRE_TIMEOUT_S": "0.5"},
        ),
    )
}


def build(name: str) -> Build:
    """Return the build of that name; LabError with the nearest names when there is none."""
    found = BUILDS.get(name)
    if found is not None:
        return found
    near = difflib.get_close_matches(name, BUILDS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"choose one of: {', '.join(BUILDS)}."
    raise LabError(f"there is no build named {name!r}; {hint}")
