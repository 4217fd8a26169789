"""Builds of the lab: the same code and staging with one weakness switched on, each a hypothesis about resilience.

A build is added by adding one entry to `lab.builds.table`.
"""

from __future__ import annotations

import difflib

from lab.builds.model import Build
from lab.builds.table import BUILDS
from lab.settings import LabError, Settings

__all__ = ["BUILDS", "Build", "build", "with_build"]


def build(name: str) -> Build:
    """Return the build of that name; LabError with the nearest names when there is none."""
    found = BUILDS.get(name)
    if found is not None:
        return found
    near = difflib.get_close_matches(name, BUILDS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"choose one of: {', '.join(BUILDS)}."
    raise LabError(f"there is no build named {name!r}; {hint}")


def with_build(settings: Settings) -> Settings:
    """Return the settings as their build has them; LabError for an unknown build, or settings that contradict it."""
    return build(settings.build).apply(settings)
