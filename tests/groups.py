"""How pytest-xdist hands out the tests: in groups, each to one process, the long ones first.

A group is a file, as with `--dist loadfile`; but a folder whose tests share what is dear to make is one group.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from xdist.scheduler.loadfile import LoadFileScheduling

TOGETHER = ("tests/conformance",)  # every process would play every operation once more
LONG = (  # those that take more than half a minute, the longest first; then the rest of these folders, then all others
    "tests/e2e/test_crash.py",
    "tests/e2e/test_verdicts.py",
    "tests/e2e/test_refusals.py",
    "tests/e2e/test_aborts.py",
    "tests/e2e/test_api_faults.py",
    "tests/lab/test_twins.py",
    "tests/lab/test_control.py",
    "tests/e2e/test_foreign.py",
    "tests/conformance",
    "tests/e2e",
    "tests/lab/test_rds.py",
    "tests/lab/test_ecs_service.py",
    "tests/lab/test_backend_trouble.py",
    "tests/lab/test_elbv2_health.py",
    "tests/lab/people/test_path.py",
)


def group_of(nodeid: str) -> str:
    """Return the group of a test: its file, or the folder whose tests stay together."""
    file = PurePosixPath(nodeid.partition("::")[0])
    return next((folder for folder in TOGETHER if file.is_relative_to(folder)), str(file))


def turn(nodeid: str) -> int:
    """Return how early the group of a test begins, 0 first."""
    path = PurePosixPath(group_of(nodeid))
    return next((place for place, name in enumerate(LONG) if path.is_relative_to(name)), len(LONG))


class Groups(LoadFileScheduling):  # type: ignore[misc]  # pytest-xdist is not typed for those who build on it
    """Schedules by `group_of`, in the order of collection."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
