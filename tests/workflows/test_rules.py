"""Our workflows, actions and the example keep the rules; each rule finds what breaks it."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.workflows.expressions import Scope, condition, evaluate
from tests.workflows.rules import OURS, problems, step_problems
from tests.workflows.runner import ROOT, read

EXAMPLE = ROOT / "examples" / "pipeline"
WORKFLOWS = sorted([*ROOT.glob(".github/workflows/*.yml"), *EXAMPLE.glob(".github/workflows/*.yml")])
ACTIONS = sorted(ROOT.glob(".github/actions/*/action.yml"))
GATE = ROOT / ".github" / "workflows" / "gate.yml"


def steps_of(path: Path) -> list[dict[str, Any]]:
    """Every step of a workflow or an action."""
    told = read(path)
    jobs = told["jobs"].values() if "jobs" in told else [told["runs"]]
    return [step for job in jobs for step in job.get("steps", [])]


def calls_of_ours(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each call of an action or a workflow of ours: its path here, and what it is given."""
    for holder in [*read(path).get("jobs", {}).values(), *steps_of(path)]:
        if holder.get("uses", "").startswith(OURS):
            place = holder["uses"].removeprefix("./").removeprefix(OURS[1]).partition("@")[0]
            yield place, holder.get("with", {})


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_our_workflows_keep_the_rules(path: Path) -> None:
    """Timeouts, least permissions, no cancelling, pinned actions, no environment beside a call."""
    assert problems(read(path)) == []


@pytest.mark.parametrize("path", ACTIONS, ids=lambda path: path.parent.name)
def test_our_actions_keep_the_rules(path: Path) -> None:
    """Pinned actions and no expression in a shell line; every input and output is described."""
    action = read(path)
    assert [sentence for step in steps_of(path) for sentence in step_problems(step)] == []
    assert all(told.get("description") for told in [*action["inputs"].values(), *action["outputs"].values()])


def _set(*keys: str | int, to: object) -> Callable[[Any], None]:
    def change(told: Any) -> None:
        for key in keys[:-1]:
            told = told[key]
        told[keys[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_set("permissions", to={"contents": "write"}), "lends permissions to every job"),
        (_set("jobs", "gate", "concurrency", "cancel-in-progress", to="true"), "may be cancelled"),
        (_set("jobs", "gate", "concurrency", to="chaos"), "may be cancelled"),
        (_set("jobs", "gate", "timeout-minutes", to=""), "no timeout-minutes"),
        (_set("jobs", "gate", "permissions", to="write-all"), "does not name its permissions"),
        (_set("jobs", "gate", "permissions", "contents", to="write"), "may write contents"),
        (_set("jobs", "gate", "permissions", to={"contents": "read"}), "id-token: write"),
        (_set("jobs", "gate", "uses", to="./.github/workflows/x.yml"), "`environment` beside `uses`"),
        (_set("jobs", "gate", "steps", 0, "uses", to="actions/checkout@v5"), "not pinned"),
        (_set("jobs", "gate", "steps", 0, "with", to={}), "leaves its token behind"),
        (_set("jobs", "gate", "steps", 4, "run", to="gameday halt --on ${{ inputs.on }}"), "read as shell"),
    ],
)
def test_each_rule_finds_what_breaks_it(change: Callable[[Any], None], said: str) -> None:
    """The reusable gate with one mistake is told so."""
    gate = copy.deepcopy(read(GATE))
    change(gate)
    assert any(said in sentence for sentence in problems(gate)), problems(gate)


def test_gates_of_one_environment_wait_for_each_other() -> None:
    """On an account one gate at a time, from whatever workflow; on the lab none waits, as each runner has its own."""
    group = read(GATE)["jobs"]["gate"]["concurrency"]["group"]
    seen = [
        evaluate(group, Scope({"inputs": {"on": on, "suite": "release"}, "github": {"run_id": run}}))
        for on, run in (("staging", "1"), ("staging", "2"), ("lab", "1"), ("lab", "2"))
    ]
    assert seen == ["chaos-staging", "chaos-staging", "chaos-lab-1-release", "chaos-lab-2-release"]


@pytest.mark.parametrize(
    ("outcome", "back"), [("failed", True), ("aborted", True), ("inconclusive", False), ("refused", False), ("", False)]
)
def test_staging_goes_back_only_with_evidence(outcome: str, back: bool) -> None:
    """A gate that could not judge takes nothing back: without proof there is no rollback."""
    job = read(EXAMPLE / ".github" / "workflows" / "deploy.yml")["jobs"]["staging-back"]
    needs = {
        "gate": {"outputs": {"outcome": outcome}},
        "staging": {"outputs": {"previous-image": "repository@sha256:0"}},
    }
    assert condition(job["if"], Scope({"needs": needs}, failed=True)) is back


@pytest.mark.parametrize(
    ("result", "begun", "watched"),
    [("success", "", True), ("success", "true", True), ("failure", "true", True), ("cancelled", "true", True),
     ("failure", "", False), ("skipped", "", False)],
)  # fmt: skip
def test_what_has_begun_is_watched(result: str, begun: str, watched: bool) -> None:
    """Also when the job that deploys it fails or is cut off; what never began is not, since the old one is no news."""
    job = read(EXAMPLE / ".github" / "workflows" / "deploy.yml")["jobs"]["watch"]
    needs = {"production": {"result": result, "outputs": {"begun": begun}}}
    assert condition(job["if"], Scope({"needs": needs}, failed=result == "failure")) is watched


@pytest.mark.parametrize(
    ("result", "told"), [("failure", True), ("cancelled", True), ("success", False), ("skipped", False)]
)
def test_a_watch_without_a_good_end_is_told(result: str, told: bool) -> None:
    """A watch that was cut off has seen nothing either."""
    job = read(EXAMPLE / ".github" / "workflows" / "deploy.yml")["jobs"]["rolled-back"]
    assert condition(job["if"], Scope({"needs": {"watch": {"result": result}}}, failed=True)) is told


def test_what_is_given_to_ours_is_asked_for() -> None:
    """Every input given to an action or workflow of ours exists, and every required one is given."""
    for path in [*WORKFLOWS, *ACTIONS]:
        for place, given in calls_of_ours(path):
            called = ROOT / place
            told = read(called / "action.yml" if called.is_dir() else called)
            inputs = told["inputs"] if "inputs" in told else told["on"]["workflow_call"]["inputs"]
            needed = {name for name, each in inputs.items() if each.get("required") == "true"}
            assert needed <= given.keys() <= inputs.keys(), f"{path.name}: {place}"


def test_one_commit_an_action_and_its_version_beside_it() -> None:
    """All files use the same commit of a third party's action, and say which version that is."""
    commits: dict[str, set[str]] = {}
    for path in [*WORKFLOWS, *ACTIONS]:
        for line in path.read_text().splitlines():
            if found := re.search(r"uses: (\w[\w-]*/[\w-]+)(?:/[\w/-]+)?@(.+)", line):
                if found[0].removeprefix("uses: ").startswith(OURS[1]):
                    continue
                assert re.fullmatch(r"[0-9a-f]{40} # v\d+\.\d+\.\d+", found[2]), line
                commits.setdefault(found[1], set()).add(found[2])
    assert {name for name, each in commits.items() if len(each) > 1} == set()


def test_scripts_that_steps_name_can_be_run() -> None:
    """A script in a step is there and executable."""
    for path in [*WORKFLOWS, *ACTIONS]:
        home = path.parent if path in ACTIONS else EXAMPLE if EXAMPLE in path.parents else ROOT
        for step in steps_of(path):
            for word in re.findall(r'(?:"\$GITHUB_ACTION_PATH/|(?<!\S))([\w./-]+\.(?:sh|py))', step.get("run", "")):
                script = home / word
                assert script.is_file() and (script.suffix == ".py" or os.access(script, os.X_OK)), script


def test_faults_are_settled_before_the_evidence_is_kept() -> None:
    """After the gate, however it ended, everything is put back, and only then the run folders are uploaded."""
    steps = steps_of(ROOT / ".github" / "actions" / "gameday" / "action.yml")
    names = [step.get("name") for step in steps]
    gate, settle, keep = (names.index(name) for name in ("Gate", "Nothing stays broken", "Keep the evidence"))
    assert gate < settle < keep
    assert all("always()" in steps[each]["if"] for each in (settle, keep))


def test_jobs_outlast_the_budgets_of_their_suites() -> None:
    """GitHub ends no gate within its suite's budget and a quarter of an hour for installing and undoing."""
    suites = {path.stem: read(path) for path in ROOT.glob("experiments/suites/*.yaml")}
    budgets = {name: float(suite.get("budget_s", 3600)) for name, suite in suites.items()}
    called = read(GATE)["on"]["workflow_call"]["inputs"]["timeout-minutes"]["default"]
    nightly = read(GATE.with_name("nightly.yml"))["jobs"]["gate"]["with"]["timeout-minutes"]
    ours = read(GATE.with_name("ci.yml"))["jobs"]["gate"]["timeout-minutes"]
    for minutes, names in ((called, ("smoke", "release")), (ours, ("smoke", "release")), (nightly, ("nightly",))):
        assert all(float(minutes) * 60 >= budgets.get(name, 3600) + 900 for name in names)


def test_make_check_lints_every_workflow_and_script() -> None:
    """The lint of `make check` names the folders of all workflows, actions and scripts that there are."""
    lint = (ROOT / ".ci" / "workflows").read_text()
    assert ".ci/workflows" in (ROOT / "Makefile").read_text()
    named = {path for pattern in re.findall(r"[\w./*-]+\.(?:yml|sh)", lint) for path in ROOT.glob(pattern)}
    there = {*WORKFLOWS, *ACTIONS, *ROOT.glob(".github/**/*.sh"), *EXAMPLE.glob("**/*.sh")}
    assert there <= named
