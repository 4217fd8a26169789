"""pytest plays experiments for real: one session with a lab of its own, ended by Ctrl-C in the middle of a fault."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from tests.e2e.conftest import ROOT, Desk, Ended, clean_environment
from tests.e2e.rules import with_rules
from tests.e2e.scene import LATENCY, delays_left, long_delay, really, wait_until
from tests.gameday.pytest_plugin.conftest import INSTALLED, NAMED
from tests.ports import free_port_base

SHORTER = (("warmup_s", "warmup_s = 0.2"), ("baseline_s", "baseline_s = 3"), ("recovery_s", "recovery_s = 1"))
OWN = """
from gameday.config import Environment
from gameday.pytest_plugin import Lab, Run

def test_a_task_is_stopped(environment: Environment, lab: Lab, run: Run) -> None:
    assert environment.endpoint == lab.endpoint and lab.ours
    played = run("checks/stop.yaml", set={"service": "foodconnect-backend"})
    assert (played.verdict, played.exit) == ("held", 0), played.why
    assert played.folder is not None and (played.folder / "report.html").is_file()
    assert played.findings["writes"]["lost"] == 0
"""


@pytest.fixture
def project(short_suite: Path, tmp_path: Path) -> Iterator[Desk]:
    """A suite, a team's own check, and experiments: one is refused, one has a long fault, one comes too late."""
    home = Path(tempfile.mkdtemp(prefix="gameday-pytest-"))
    home.chmod(0o755)  # as root PostgreSQL runs as another user
    variables = {
        "GAMEDAY_LAB_HOME": str(home),
        "GAMEDAY_LAB_PORT_BASE": str(free_port_base()),
        "GAMEDAY_STATE": str(home / "state"),
        "PYTHONPATH": str(ROOT),
    }
    desk = with_rules(Desk(short_suite, {**clean_environment(), **variables}), tmp_path, *SHORTER).desk
    checks = tmp_path / "checks"
    checks.mkdir()
    (checks / "test_1_own.py").write_text(OWN)
    _write("ecs/stop-one-task.yaml", checks / "stop.yaml", _calm)
    _write(LATENCY, checks / "test_2_refused.yaml", lambda data: data["extensions"][0].update(blast={"tasks": 0}))
    _write(LATENCY, checks / "test_3_long.yaml", _long)
    _write(LATENCY, checks / "test_4_never.yaml", _long)
    try:
        yield desk
    finally:
        desk("lab", "down")
        shutil.rmtree(home, ignore_errors=True)


def _calm(data: dict[str, Any]) -> None:
    """Ask little of the system: a busy machine is slow, and it is the session that is tested."""
    block = data["extensions"][0]
    block["load"]["rate"] = 20
    block["steady"] = {"error_rate": {**block["steady"]["error_rate"], "max": 50}}
    block["objectives"] = {"recover_within_s": 120, "error_budget": 0.5, "lost_writes": 0}


def _long(data: dict[str, Any]) -> None:
    _calm(data)
    long_delay(data)


def _write(name: str, path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    data = yaml.safe_load((ROOT / "experiments" / name).read_text())
    change(data)
    path.write_text(yaml.safe_dump(data, sort_keys=False))


def _interrupt_in_the_long_fault(project: Desk) -> Ended:
    """Call pytest for everything, and press Ctrl-C once the delay is in."""
    files = sorted(f"checks/{path.name}" for path in (project.suite / "checks").glob("test_*"))
    words = ["--on", "lab", "-o", "gameday_refused=skip", "--junitxml=junit.xml", "-v", "-W", "error"]
    command = [sys.executable, "-m", "pytest", *([] if INSTALLED else NAMED), *words, *files]
    process = project.process(command, {})
    try:
        wait_until(lambda: really(project, "latency.on") >= 3 or process.poll() is not None, 300)
        process.send_signal(signal.SIGINT)
        return project.finish(process)
    finally:
        process.kill()  # what it began ends with it


def test_a_session_plays_skips_and_is_interrupted(project: Desk) -> None:
    """An own check with `run` passes; a refusal is skipped where the ini-file says so; Ctrl-C waits for the undo, and
    the session's lab is gone at its end.
    """
    ended = _interrupt_in_the_long_fault(project)
    assert ended.code == pytest.ExitCode.INTERRUPTED, ended.out + ended.err
    assert "the run ends and is undone first" in ended.err and "\ngameday: interrupted: SIGINT received" in ended.err
    assert "PASSED" in ended.out and "SKIPPED (refused: " in ended.out and "test_4" not in ended.out
    assert "Traceback" not in ended.out + ended.err

    folders = [path.parent for path in (project.suite / "runs").glob("*/findings.json")]
    findings = {folder.name[21:]: json.loads((folder / "findings.json").read_text()) for folder in folders}
    verdicts = {name: found["verdict"] for name, found in findings.items()}
    assert verdicts == {"stop": "held", "test_2_refused": "refused", "test_3_long": "interrupted"}
    assert findings["test_3_long"]["promises"] == {"made": 1, "kept": 1, "open": []}
    assert delays_left(project) == 0
    assert "no lab is up" in project("lab", "status").err

    case = ElementTree.parse(project.suite / "junit.xml").find(".//testcase[@name='test_a_task_is_stopped']")
    assert case is not None
    told = {each.get("name"): each.get("value") for each in case.iter("property")}
    assert told["verdict"] == "held" and told["report"] == f"runs/{told['run']}/report.html"
    assert "error_ratio" in told and f"held            {told['report']}" in ended.out
