"""pytest plays experiments: `pytest experiments/ --on lab`, and teams write their own checks beside them in Python.

Every pytest session of a machine that has the suite installed loads this module. So it imports nothing heavy, and
without `--on` it collects nothing and touches nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gameday.pytest_plugin.collecting import ExperimentFile, is_experiment
from gameday.pytest_plugin.desk import DESK, Desk
from gameday.pytest_plugin.fixtures import Run, environment, lab, run
from gameday.pytest_plugin.labs import Lab
from gameday.pytest_plugin.options import add_options, asked, refuse_unsaid
from gameday.pytest_plugin.played import Played, shown

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

__all__ = ["Lab", "Played", "Run", "environment", "lab", "run"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the group `gameday`."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker, and open the desk when an environment is asked for."""
    config.addinivalue_line("markers", "gameday: an experiment; every collected experiment file carries it.")
    options = asked(config)
    if options is not None:
        refuse_unsaid(options, collect_only=bool(config.option.collectonly))
        config.stash[DESK] = Desk(config, options)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say where experiments are played."""
    desk = config.stash.get(DESK, None)
    if desk is None:
        return None
    build = f" (build {desk.options.build})" if desk.options.build else ""
    return f"gameday: experiments are played on {desk.options.env}{build}, runs in {shown(desk.options.runs)}"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect experiment files, when an environment is asked for; leave every other file alone."""
    if parent.config.stash.get(DESK, None) is None or not is_experiment(file_path):
        return None
    file: pytest.Collector = ExperimentFile.from_parent(parent, path=file_path)
    return file


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let go of what only collecting needs."""
    if desk := session.config.stash.get(DESK, None):
        desk.collected()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the lab that was started for this session."""
    if desk := session.config.stash.get(DESK, None):
        desk.close()


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Say where the report of each run is."""
    reports: Iterable[object] = (report for kind in terminalreporter.stats.values() for report in kind)
    lines = [line for report in reports if getattr(report, "when", "") == "call" for line in _runs_of(report)]
    if lines and config.get_verbosity() > -2:
        terminalreporter.section("gameday")
        for line in lines:
            terminalreporter.write_line(line)


def _runs_of(report: object) -> list[str]:
    """Return a line for each run that a test recorded: its verdict, then the report."""
    lines, verdict = [], ""
    for name, value in getattr(report, "user_properties", ()):
        if name == "verdict":
            verdict = str(value)
        elif name == "report":
            lines.append(f"{verdict:<15} {value}")
    return lines
