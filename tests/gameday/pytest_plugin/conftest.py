"""A small project, and pytest called in it with the plugin, as a team would."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
INSTALLED = any(entry.value == "gameday.pytest_plugin" for entry in metadata.entry_points(group="pytest11"))
NAMED = ("-p", "gameday.pytest_plugin")  # where the entry point is not installed, as with a bare checkout on the path
PLUGIN = () if INSTALLED else (*NAMED, "-W", "ignore::pytest.PytestAssertRewriteWarning")
Ask = Callable[..., pytest.RunResult]


@pytest.fixture
def experiment(pytester: pytest.Pytester) -> Path:
    """A copy of one of our experiments in a project of its own."""
    path = pytester.path / "experiments" / "stop.yaml"
    path.parent.mkdir()
    path.write_text((ROOT / "experiments/ecs/stop-one-task.yaml").read_text())
    return path


@pytest.fixture
def ask(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Return a function that calls pytest with these words in the project, in this process."""
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_ADDOPTS", "GAMEDAY_RUNS", "CI"):
        monkeypatch.delenv(name, raising=False)

    def call(*words: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess(*PLUGIN, "-p", "no:cacheprovider", "--strict-markers", *words)

    return call
