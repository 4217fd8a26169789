"""The scripts of our actions and of the example: what they say for each end, and that a signal reaches gameday."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from examples.pipeline.scripts.task_definition import next_revision
from tests.workflows.runner import ROOT, pairs

PLAY = ROOT / ".github" / "actions" / "play.sh"
ACTION = ROOT / ".github" / "actions" / "gameday"
SETTLE = ROOT / ".github" / "actions" / "settle.sh"
IMAGE = f"repository@sha256:{'0' * 64}"
ANSWER = {
    "taskDefinition": {
        "taskDefinitionArn": "arn:1",
        "revision": 1,
        "status": "ACTIVE",
        "family": "backend",
        "cpu": "256",
        "containerDefinitions": [{"name": "app", "image": "old", "essential": True}, {"name": "xray", "image": "x"}],
    },
    "tags": [{"key": "chaos", "value": "allowed"}],
}
RECORD = """mkdir -p "$GAMEDAY_RUNS/2026-12-02T10-00-00Z-gate-smoke"
echo '{"outcome": "%s"}' > "$GAMEDAY_RUNS/2026-12-02T10-00-00Z-gate-smoke/gate.json"
"""
Played = tuple[int, dict[str, str], str]


class Stage:
    """A folder with a program called gameday that does what the test says, so that only the script is judged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "runs" / "2026-12-01T10-00-00Z-gate-smoke").mkdir(parents=True)
        (folder / "runs" / "2026-12-01T10-00-00Z-gate-smoke" / "gate.json").write_text('{"outcome": "passed"}')
        self.output, self.summary = folder / "output", folder / "summary"
        self.output.touch()
        self.summary.touch()

    @property
    def env(self) -> dict[str, str]:
        """The variables of a step."""
        paths = os.pathsep.join([str(self.folder), str(Path(sys.executable).parent), os.environ["PATH"]])
        files = {"GITHUB_OUTPUT": str(self.output), "GITHUB_STEP_SUMMARY": str(self.summary)}
        return {**os.environ, "PATH": paths, **files}

    def program(self, lines: str, name: str = "gameday") -> None:
        """Write the program of that name."""
        program = self.folder / name
        program.write_text(f"#!/usr/bin/env bash\n{lines}")
        program.chmod(0o755)

    def start(self, lines: str, kind: str = "gate") -> subprocess.Popen[bytes]:
        """Start the script."""
        self.program(lines)
        return subprocess.Popen(
            [PLAY, kind, kind, "smoke"],
            cwd=self.folder,
            env=self.env,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # as in a terminal, wherever tests run
        )

    def __call__(self, lines: str, kind: str = "gate") -> Played:
        """Play the script to its end: the exit code, the outputs, the summary."""
        process = self.start(lines, kind)
        return process.wait(60), pairs(self.output.read_text()), self.summary.read_text()


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A stage with an older gate in its runs folder."""
    return Stage(tmp_path)


@pytest.mark.parametrize(("code", "outcome"), [(0, "passed"), (1, "failed"), (6, "undo incomplete")])
def test_outputs_are_those_of_the_new_record(stage: Stage, code: int, outcome: str) -> None:
    """Exit code, outcome and paths are of the folder that this play wrote, not of an older one."""
    ended, outputs, summary = stage(RECORD % outcome + f"exit {code}\n")
    assert (ended, summary) == (code, "")
    folder = "runs/2026-12-02T10-00-00Z-gate-smoke"
    assert outputs == {"exit": str(code), "outcome": outcome, "folder": folder, "json": f"{folder}/gate.json"}


def test_end_without_a_record_is_told(stage: Stage) -> None:
    """A gate that wrote nothing is told in the summary with its last words; an older record is not its own."""
    ended, outputs, summary = stage("echo 'gate: no suite called smoke' >&2\nexit 2\n")
    assert (ended, outputs["outcome"], outputs["json"]) == (2, "unknown", "")
    assert "exit 2" in summary and "no suite called smoke" in summary


def test_success_without_a_record_is_none(stage: Stage) -> None:
    """Exit 0 with no evidence, or with a record that says otherwise, fails the step."""
    assert stage("exit 0\n")[0] == 70
    ended, outputs, _ = stage(RECORD % "interrupted" + "exit 0\n")
    assert (ended, outputs["exit"], outputs["outcome"]) == (70, "70", "interrupted")


@pytest.mark.parametrize(
    ("code", "outcome", "ends"), [(0, "went well", 0), (1, "weaknesses found", 1), (3, "missed", 3), (0, "missed", 70)]
)
def test_a_day_ends_as_its_record_says(stage: Stage, code: int, outcome: str, ends: int) -> None:
    """A game day that went well passes the step; one that was missed, or found something, fails it."""
    ended, outputs, _ = stage((RECORD % outcome + f"exit {code}\n").replace("gate", "day"), "day")
    assert (ended, outputs["exit"], outputs["outcome"]) == (ends, str(ends), outcome)
    assert outputs["json"] == "runs/2026-12-02T10-00-00Z-day-smoke/day.json"


def test_a_day_that_went_on_is_told_from_its_old_folder(stage: Stage) -> None:
    """A day that was cut short has its folder already; what ended it now is its record."""
    folder = stage.folder / "runs" / "2026-12-02T10-00-00Z-day-smoke"
    folder.mkdir()
    ended, outputs, summary = stage(
        "sleep 0.1\n" + (RECORD % "went well").replace("gate", "day") + "echo over >&2\n", "day"
    )
    assert (ended, outputs["outcome"], summary) == (0, "went well", "")
    assert outputs["folder"] == "runs/2026-12-02T10-00-00Z-day-smoke"


def test_signal_of_a_cancelled_step_reaches_gameday(stage: Stage) -> None:
    """The script hands an interrupt on, waits until gameday has undone and written, and tells its end."""
    undo = f"undo() {{\nsleep 0.3\n{RECORD % 'interrupted'}exit 130\n}}\ntrap undo TERM\n"
    process = stage.start(f"{undo}touch up\nfor i in {{1..300}}; do sleep 0.1; done\n")
    _wait_for(lambda: (stage.folder / "up").exists())
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert pairs(stage.output.read_text())["outcome"] == "interrupted"


def _wait_for(there: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not there():
        assert time.monotonic() < end
        time.sleep(0.02)


GATE = {
    **{f"GATE_{name}": "" for name in ("RELEASE", "COMMITTED", "PARALLEL", "REPORT_URL", "CHANGED_ONLY")},
    **{"GATE_SUITE": "smoke", "GATE_ON": "lab", "GATE_HISTORY": "history"},
}


def test_empty_inputs_are_left_out(stage: Stage) -> None:
    """`gameday gate` gets a word for each input that is there, however it is written, and none for the others."""
    stage.program(f'printf "%s\\n" "$@" > called\n{RECORD % "passed"}')
    more = {"GATE_RELEASE": "a b", "GATE_PARALLEL": "2", "GATE_CHANGED_ONLY": "true"}
    subprocess.run([ACTION / "gate.sh"], cwd=stage.folder, env={**stage.env, **GATE, **more}, check=True)
    called = (stage.folder / "called").read_text().splitlines()
    assert called[:7] == ["gate", "smoke", "--on", "lab", "--yes", "--annotations", "github"]
    assert called[9:] == ["--release", "a b", "--parallel", "2", "--changed-only"]


def test_good_gates_come_back_to_the_next_gate(stage: Stage) -> None:
    """Of good gates the newest ten are kept, by their record alone, and the next gate finds them in its runs folder."""
    history = stage.folder / "history"
    for hour in range(11):
        gate = stage.folder / "old" / f"2026-11-30T{hour:02}-00-00Z-gate-smoke"
        gate.mkdir(parents=True)
        for name in ("gate.json", "fingerprint.json", "report.html"):
            (gate / name).write_text("{}")
        subprocess.run([ACTION / "remember.sh", gate, history], check=True)
    kept = sorted(str(path.relative_to(history)) for path in history.rglob("*.*"))
    assert len(kept) == 20 and kept[0] == "2026-11-30T01-00-00Z-gate-smoke/fingerprint.json"
    stage.program(f'ls "$GAMEDAY_RUNS" > called\n{RECORD % "passed"}')
    subprocess.run([ACTION / "gate.sh"], cwd=stage.folder, env={**stage.env, **GATE}, check=True)
    assert len((stage.folder / "called").read_text().split()) == 11  # with the one that lay there
    assert pairs(stage.output.read_text())["folder"] == "runs/2026-12-02T10-00-00Z-gate-smoke"


@pytest.mark.parametrize(
    ("exit_code", "words"),
    [("", "halt --on staging\nundo --on staging --runs runs\n"), ("1", "undo --on staging --runs runs\n"), ("3", "")],
)
def test_only_a_killed_gate_is_halted(stage: Stage, exit_code: str, words: str) -> None:
    """A run of somebody else is not ended: a gate that ended is only settled, a refused one touched nothing."""
    stage.program('echo "$@" >> called\n')
    stage.folder.joinpath("called").touch()
    subprocess.run([SETTLE, "staging", exit_code], cwd=stage.folder, env=stage.env, check=True, capture_output=True)
    assert (stage.folder / "called").read_text() == words


def test_undo_is_tried_after_a_failed_halt(stage: Stage) -> None:
    """The halt's failure counts, and does not keep the undo from being tried."""
    stage.program('echo "$1" >> called\n[ "$1" = undo ] || exit 6\n')
    assert subprocess.run([SETTLE, "staging", ""], cwd=stage.folder, env=stage.env, check=False).returncode == 6
    assert (stage.folder / "called").read_text() == "halt\nundo\n"


@pytest.mark.parametrize(("known", "made"), [("0", 1), ("1", 0)])
def test_release_taken_back_has_one_issue(stage: Stage, known: str, made: int) -> None:
    """The first run opens an issue that names the release and how the watch ended; a rerun finds it."""
    stage.program(f'[ "$2" != list ] || echo {known}\n[ "$2" != create ] || echo "$4" >> created\n', "gh")
    (stage.folder / "created").touch()
    more = {"COMMIT": "0123456789abcdef", "OUTCOME": "rolled back", "RUN_URL": "https://github.com/f/b/actions/runs/7"}
    script = ROOT / "examples" / "pipeline" / "scripts" / "rolled_back.sh"
    subprocess.run([script], cwd=stage.folder, env={**stage.env, **more}, check=True, capture_output=True)
    assert (stage.folder / "created").read_text() == "Release 0123456789ab: rolled back\n" * made


@pytest.mark.parametrize(
    ("outcome", "said"),
    [("rolled back", "It was taken back"), ("rollback failed", "may still serve"), ("blind", "not taken back"),
     ("unknown", "not taken back")],
)  # fmt: skip
def test_issue_says_what_serves_now(stage: Stage, outcome: str, said: str) -> None:
    """Only a watch that took the release back may say so: who reads it decides by it whether to hurry."""
    stage.program('[ "$2" != list ] || echo 0\n[ "$2" != create ] || echo "$6" > body\n', "gh")
    more = {"COMMIT": "0123456789abcdef", "OUTCOME": outcome, "RUN_URL": "https://github.com/f/b/actions/runs/7"}
    script = ROOT / "examples" / "pipeline" / "scripts" / "rolled_back.sh"
    subprocess.run([script], cwd=stage.folder, env={**stage.env, **more}, check=True, capture_output=True)
    assert said in (stage.folder / "body").read_text()


def test_next_revision_differs_in_one_image_only() -> None:
    """The request has the image by digest, all else as it was, the tags, and nothing that only answers have."""
    request = next_revision(json.loads(json.dumps(ANSWER)), "app", IMAGE)
    assert request["containerDefinitions"] == [
        {"name": "app", "image": IMAGE, "essential": True},
        {"name": "xray", "image": "x"},
    ]
    assert request["tags"] == ANSWER["tags"]
    assert request.keys() == {"family", "cpu", "containerDefinitions", "tags"}


@pytest.mark.parametrize(
    ("container", "image", "said"), [("app", "repository:latest", "can be moved"), ("web", IMAGE, "app, xray")]
)
def test_next_revision_refuses(container: str, image: str, said: str) -> None:
    """A tag is refused, since it can be moved; so is a container that is not there."""
    with pytest.raises(ValueError, match=said):
        next_revision(json.loads(json.dumps(ANSWER)), container, image)


def test_end_of_a_watch_is_told(tmp_path: Path) -> None:
    """The summary of a watch has its outcome, why, every instant, and who was not told."""
    watch = {
        "outcome": "rolled back",
        "service": "backend",
        "release": {"id": "abc"},
        "why": ["12 % of 900 requests failed"],
        "times": {"detected_at": "2026-12-01T10:00:00.000000Z"},
        "notified": [{"channel": "slack", "ok": False, "detail": "timed out"}],
    }
    (tmp_path / "watch.json").write_text(json.dumps(watch))
    script = ROOT / ".github" / "actions" / "watch" / "tell.py"
    told = subprocess.run([sys.executable, script, tmp_path / "watch.json"], capture_output=True, text=True, check=True)
    for words in ("rolled back", "12 % of 900", "| detected | 2026-12-01T10", "| users well | not seen |", "NOT told"):
        assert words in told.stdout
