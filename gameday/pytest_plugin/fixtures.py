"""Fixtures for checks of a team's own: where they run, the lab, and a run to call and to ask."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from gameday.pytest_plugin.desk import DESK, Desk, failing, settled
from gameday.pytest_plugin.labs import Lab
from gameday.pytest_plugin.played import Played, message

if TYPE_CHECKING:
    from gameday.config import Environment
    from gameday.model import Json


class Run(Protocol):
    """Plays one experiment."""

    def __call__(self, file: str | Path, set: Mapping[str, Json] | None = None) -> Played:
        """Play *file*, with *set* as `gameday run --set`, and return how it ended, whatever the verdict.

        The test fails at once when there is none: bad input, a bug, or something still changed.
        """


@pytest.fixture(scope="session")
def environment(request: pytest.FixtureRequest) -> Environment:
    """The environment of `--on` as it is now; the test is skipped when none is named."""
    desk = _desk(request)
    with failing():
        return desk.environment()


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Lab:
    """The lab that is up, or one started for this session; the test is skipped on any other environment."""
    desk = _desk(request)
    if not desk.is_lab:
        pytest.skip(f"{desk.options.env} is no lab")
    with failing():
        return desk.lab()


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Run:
    """A function that plays an experiment; the test is skipped when no environment is named."""
    desk = _desk(request)

    def play(file: str | Path, set: Mapping[str, Json] | None = None) -> Played:
        with failing():
            played = settled(request.node, desk.play(desk.options.start / file, set))
        if played.folder is None or played.word != played.verdict:
            pytest.fail(message(played), pytrace=False)
        return played

    return play


def _desk(request: pytest.FixtureRequest) -> Desk:
    desk = request.config.stash.get(DESK, None)
    if desk is None:
        pytest.skip("no environment is named; say `pytest --on lab`")
    return desk
