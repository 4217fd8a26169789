"""Chaos Toolkit's own test suites, with our control in every one of their runs: they must not notice it.

    python -m benchmarks.peer_suites --tests FOLDER

FOLDER is the folder `tests` of chaostoolkit-lib, of the version that is installed: of a checkout, or of the source
distribution (`pip download --no-deps --no-binary chaostoolkit-lib chaostoolkit-lib==1.44.0`). Nothing of it is kept.
Its tests need: pytest requests-mock responses callee freezegun hvac ply pyhcl jsonpath2. Each file is run twice, as
it is and with the control set globally before each test, which this module does as a plugin of pytest.

Exit 1 when a test fails with our control that passes without it, or when the control was in none of the runs.
"""

from __future__ import annotations

import argparse
import functools
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]
FILES = ("test_run", "test_exit", "test_tolerance", "test_configuration", "test_substitution")
CONTROL = {"name": "gameday", "provider": {"type": "python", "module": "gameday.control"}}
COUNT_FILE = "GAMEDAY_PEER_SUITES_COUNT"  # where the plugin writes how often the control was configured
LONGEST_S = 75.0  # for one file, which takes half a minute at most
TRIES = 3  # a server of test_exit waits for ever when its one request is cut off before it was sent
HUNG = -9


# -- the plugin: `-p benchmarks.peer_suites` -------------------------------------------------------------------


@pytest.fixture(autouse=True)
def gameday_everywhere() -> Iterator[None]:
    """Set our control globally, as a settings file would, for the length of one test."""
    from chaoslib.control import reset_global_controls, set_global_controls

    set_global_controls([CONTROL])
    yield
    reset_global_controls()


def pytest_configure() -> None:
    """Count how often Chaos Toolkit hands a run to our control."""
    from gameday import control

    configure, path = control.configure_control, Path(os.environ[COUNT_FILE])

    @functools.wraps(configure)
    def counted(*args: object, **kwargs: object) -> None:
        with path.open("a") as file:
            file.write("1\n")
        configure(*args, **kwargs)  # type: ignore[arg-type]

    control.configure_control = counted


# -- the command -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one run of all files: passed, and what failed."""

    passed: int
    failed: tuple[str, ...]
    configured: int  # how often a run was handed to our control


def play(tests: Path, *, ours: bool) -> Result:
    """Run the files from a copy of *tests*, with our control or without. Raises SystemExit: pytest itself failed."""
    with tempfile.TemporaryDirectory(prefix="gameday-peer-") as name:
        folder = Path(name).resolve()
        shutil.copytree(tests, folder / "tests")
        count = folder / "count"
        count.touch()
        passed, failed = 0, list[str]()
        for file in FILES:
            report = folder / f"{file}.xml"
            _run([*command_of(ours), f"--junitxml={report}", f"tests/{file}.py"], folder, count)
            more, names = read(report)
            passed, failed = passed + more, [*failed, *names]
        return Result(passed, tuple(sorted(failed)), len(count.read_text().splitlines()))


def command_of(ours: bool) -> list[str]:
    """Return how pytest is called: without the options of any project, and with our plugin or not."""
    unwanted = [word for plugin in ("warnings", "cacheprovider", "locust") for word in ("-p", f"no:{plugin}")]
    plugin = ["-p", "benchmarks.peer_suites"] if ours else []
    return [sys.executable, "-m", "pytest", "-v", "-o", "addopts=", *unwanted, *plugin]


def _run(command: list[str], folder: Path, count: Path) -> None:
    """Run pytest to its end. Raises SystemExit with what it printed: it hung each time, or could not test."""
    env = {**os.environ, "PWD": str(folder), "PYTHONPATH": str(ROOT), COUNT_FILE: str(count)}
    said, code = folder / "said", HUNG
    for _ in range(TRIES):
        with said.open("wb") as file, suppress(subprocess.TimeoutExpired):
            code = subprocess.run(
                command, cwd=folder, env=env, timeout=LONGEST_S, stdin=subprocess.DEVNULL, stdout=file,
                stderr=subprocess.STDOUT, check=False,
            ).returncode  # fmt: skip
        if code != HUNG:
            break
    if code not in (0, 1):
        raise SystemExit(f"pytest ended with {code}: {' '.join(command)}\n{said.read_text(errors='replace')[-3000:]}")


def read(report: Path) -> tuple[int, list[str]]:
    """Return how many tests passed by pytest's report, and which failed; a skipped one did neither."""
    passed, failed = 0, []
    for case in ElementTree.parse(report).iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            failed.append(f"{case.get('classname')}::{case.get('name')}")
        elif "skipped" not in kinds:
            passed += 1
    return passed, failed


def main() -> int:
    """Run both ways, compare, print."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--tests", type=Path, required=True, metavar="FOLDER", help="chaostoolkit-lib's folder `tests`")
    tests = parser.parse_args().tests.resolve()
    if missing := [file for file in FILES if not (tests / f"{file}.py").is_file()]:
        parser.error(f"{tests} has no {', '.join(missing)}")
    without, with_ours = play(tests, ours=False), play(tests, ours=True)
    installed = metadata.version("chaostoolkit-lib")
    print(f"chaostoolkit-lib {installed}, Python {platform.python_version()}: {', '.join(FILES)}")
    for title, result in (("without our control", without), ("with our control", with_ours)):
        print(f"{title:<20} {result.passed} passed, {len(result.failed)} failed {' '.join(result.failed)}".rstrip())
    print(f"our control was configured for {with_ours.configured} runs")
    new = sorted(set(with_ours.failed) - set(without.failed))
    for name in new:
        print(f"FAILS WITH OUR CONTROL ONLY: {name}")
    return 1 if new or not with_ours.configured or with_ours.passed < without.passed else 0


if __name__ == "__main__":
    sys.exit(main())
