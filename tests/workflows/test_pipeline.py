"""The example's jobs and our actions, played by the local runner against a real lab."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import junitparser
import pytest

from gameday.cli import gameday
from gameday.cli._shared import lab_variables
from lab.aws.ecr_images import REPOSITORY, digest_of, manifest_of
from lab.settings import SERVICE
from tests.e2e.conftest import clean_environment, short_suite
from tests.lab.twin import Twin, twin
from tests.workflows.policies import actions_called, actions_of, calls
from tests.workflows.runner import ROOT, Machine, read

__all__ = ["short_suite"]
EXAMPLE = ROOT / "examples" / "pipeline"
DEPLOY = EXAMPLE / ".github" / "workflows" / "deploy.yml"
GATE = ROOT / ".github" / "workflows" / "gate.yml"
WATCH = ROOT / ".github" / "actions" / "watch"
DAY = ROOT / ".github" / "actions" / "day"
PLAN = """\
title: A short day
roles: {{owner: Team Resilience, coordinator: Alex Moran}}
when: {when}
checklist: [{{ask: "Is support told?"}}, {{look: nothing-runs}}]
agenda: [{{name: talk, pause_s: 0.5}}]
"""
COMMIT = "c0ffee1"
MANIFEST = manifest_of("default", commit=COMMIT)  # a good release: the same build, other bytes
DEFAULT, BUILT = digest_of(manifest_of("default")), digest_of(MANIFEST)
VERBS = gameday.list_commands(None)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def lab() -> Iterator[Twin]:
    """One lab for this file; its registry has the commit's image, as after a push."""
    with twin() as running:
        running.client("ecr").put_image(repositoryName=SERVICE, imageManifest=MANIFEST, imageTag=COMMIT)
        yield running


@pytest.fixture
def machine(lab: Twin, short_suite: Path, tmp_path: Path) -> Machine:
    """A runner's machine that knows the lab, with the suite as its workspace."""
    github = {"sha": COMMIT, "run_id": "7", "run_attempt": "1", "server_url": "https://github.com", "repository": "f/b"}
    state = tmp_path / "state"
    variables = {
        **clean_environment(),
        **lab_variables(lab.state, short_suite),
        "GAMEDAY_LAB_HOME": str(lab.settings.home),
        "GAMEDAY_STATE": str(state),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "POLL_S": "1",
    }
    temp = tmp_path / "temp"
    temp.mkdir()
    if not (short_suite / ".github").exists():
        (short_suite / ".github").symlink_to(ROOT / ".github")
    contexts = {"github": github, "vars": {}, "needs": {}, "inputs": {}, "secrets": {}}
    return Machine(short_suite, variables, contexts, temp)


def play_gate(machine: Machine, **given: str) -> dict[str, str]:
    """Play the reusable gate's job as if called with these inputs; return its outputs."""
    workflow = read(GATE)
    told = workflow["on"]["workflow_call"]["inputs"]
    defaults = {name: each.get("default", "") for name, each in told.items()}
    machine.contexts["inputs"] = {**defaults, "install": "none", **given}
    return machine.job(workflow, "gate")


def running_digests(lab: Twin) -> set[str]:
    """The digests of the images that the service's tasks run."""
    tasks = [lab.task(arn) for arn in lab.task_arns()]
    return {task["containers"][0]["imageDigest"] for task in tasks}


def test_release_goes_to_staging_by_digest(lab: Twin, machine: Machine) -> None:
    """The image job finds the commit's digest; staging runs exactly that, and knows the digest of the way back."""
    machine.workspace, before = EXAMPLE, len(calls(lab.settings.home))
    workflow = read(DEPLOY)
    needs: dict[str, Any] = machine.contexts["needs"]
    needs["image"] = {"outputs": machine.job(workflow, "image")}
    assert needs["image"]["outputs"] == {"image": f"{REPOSITORY}@{BUILT}"}
    needs["staging"] = {"outputs": machine.job(workflow, "staging")}
    assert needs["staging"]["outputs"] == {"previous-image": f"{REPOSITORY}@{DEFAULT}"}
    assert actions_called(calls(lab.settings.home)[before:]) <= actions_of("build", "deploy")
    assert running_digests(lab) == {BUILT}
    left_out = {step.name.partition("@")[0] for step in machine.steps if step.ended == "left out"}
    assert left_out == {"actions/checkout", "aws-actions/configure-aws-credentials"}
    assert {step.ended for step in machine.steps} == {"left out", "success"}


def test_gate_that_cannot_begin_still_settles_and_tells(machine: Machine) -> None:
    """An unknown suite fails the gate's step; the summary says it, the clean-up is come to, no baseline is kept."""
    outputs = play_gate(machine, suite="no-such-suite")
    ended = machine.ended()
    assert (outputs["exit"], outputs["outcome"]) == ("2", "unknown")
    assert (ended["Gate"], ended["Nothing stays broken"]) == ("failure", "success")
    assert ended["Keep the evidence"] == "left out" and ended["Remember this good gate"] == "skipped"
    assert "no record, exit 2" in machine.summary


@pytest.mark.skipif("gate" not in VERBS, reason="gameday gate is not there")
def test_gate_passes_through_the_reusable_workflow(lab: Twin, machine: Machine) -> None:
    """The smoke suite passes on a good release, under the gate's policy: outputs, summary, JUnit, a baseline."""
    before = len(calls(lab.settings.home))
    outputs = play_gate(machine, suite="smoke", release=COMMIT)
    said = "\n".join(step.said for step in machine.steps)
    assert (outputs["exit"], outputs["outcome"]) == ("0", "passed"), said
    assert "failure" not in machine.ended().values()
    assert actions_called(calls(lab.settings.home)[before:]) <= actions_of("gate")
    [folder] = (machine.workspace / "runs").glob("*-gate-smoke")
    gate = json.loads((folder / "gate.json").read_text())
    assert gate["release"]["id"] == COMMIT and gate["suite"]["name"] == "smoke"
    assert 0 < len(machine.summary.encode()) < 2**20
    assert junitparser.JUnitXml.fromfile(str(folder / "junit.xml")).tests == len(gate["experiments"])
    history = machine.workspace / ".gameday-history"
    [kept] = history.glob("*/gate.json")
    assert json.loads(kept.read_text()) == gate
    shutil.rmtree(history)


@contextmanager
def users(lab: Twin) -> Iterator[None]:
    """Some users, while the block runs."""
    gone = threading.Event()

    def use() -> None:
        while not gone.wait(0.02):
            lab.get()

    thread = threading.Thread(target=use)
    thread.start()
    try:
        yield
    finally:
        gone.set()
        thread.join()


@pytest.mark.skipif("watch" not in VERBS, reason="gameday watch is not there")
def test_watch_of_a_good_release_through_the_action(lab: Twin, machine: Machine, tmp_path: Path) -> None:
    """A release whose users are well is watched quietly, under the watch's policy; the summary tells it."""
    before = len(calls(lab.settings.home))
    given = {"service": SERVICE, "on": "lab", "install": "none", "release": "good", "observe": "5"}
    with users(lab):
        well, outputs = machine.action(WATCH, {**given, "runs": str(tmp_path / "runs")}, machine.contexts)
    said = "\n".join(step.said for step in machine.steps)
    assert well and (outputs["exit"], outputs["outcome"]) == ("0", "well"), said
    assert actions_called(calls(lab.settings.home)[before:]) <= actions_of("watch")
    assert "gameday watch: well" in machine.summary


@pytest.mark.parametrize(("when", "ends"), [("{}", ("4", "inconclusive")), ("{date: 2020-01-01}", ("3", "missed"))])
def test_day_through_the_action(lab: Twin, machine: Machine, tmp_path: Path, when: str, ends: tuple[str, str]) -> None:
    """A day that checked nothing, or came too late, fails its step; its report is the summary, and it is settled."""
    plan = tmp_path / "short.yaml"
    plan.write_text(PLAN.format(when=when))
    given = {"plan": str(plan), "install": "none", "runs": str(tmp_path / "runs")}
    well, outputs = machine.action(DAY, given, machine.contexts)
    said = "\n".join(step.said for step in machine.steps)
    assert (outputs["exit"], outputs["outcome"]) == ends and not well, said
    assert machine.ended()["Nothing stays broken"] == "success" and machine.ended()["Keep the evidence"] == "left out"
    assert f"{ends[1].capitalize()}: A short day" in machine.summary
    assert sorted((tmp_path / "runs").glob("*-day-short/day.json"))[-1].parent == Path(outputs["folder"])


def test_image_that_cannot_start_fails_the_job(lab: Twin, machine: Machine) -> None:
    """ECS goes back to what ran and calls the service stable; the deploy step fails all the same, and says why.

    The last of this file: a watch after it would find a release that ECS took back.
    """
    machine.workspace, before = EXAMPLE, running_digests(lab)
    machine.contexts["needs"]["image"] = {"outputs": {"image": f"{REPOSITORY}@sha256:{'0' * 64}"}}
    assert machine.job(read(DEPLOY), "production") == {"begun": "true"}
    deploy = machine.steps[-1]
    assert (deploy.name, deploy.ended) == ("Deploy by digest", "failure")
    assert "ROLLBACK" in deploy.said
    assert running_digests(lab) == before
