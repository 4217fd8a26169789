"""A small local runner: plays the steps of a job or a composite action as GitHub's runner does, as far as one can here.

`run:` steps run in bash with GitHub's files for outputs, variables, paths and the summary; `uses:` of our own actions
is played in turn; `uses:` of others is listed as left out, never pretended. Written after GitHub's documentation.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.workflows.expressions import Scope, condition, evaluate, shown

ROOT = Path(__file__).parents[2]
OURS = "foodconnect/gameday/"
FILES = ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")
LIMIT_S = 240


def read(path: Path) -> dict[str, Any]:
    """Return a workflow or an action; every scalar is a string, as `on` is no truth value for GitHub."""
    found = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    assert isinstance(found, dict), path
    return found


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was come to: how it ended ("success", "failure", "skipped", "left out"), and what it said."""

    name: str
    ended: str
    code: int | None = None
    said: str = ""


@dataclass(slots=True)
class Machine:
    """The runner's machine: its workspace, and what steps leave for those after them."""

    workspace: Path
    variables: dict[str, str]
    contexts: dict[str, Any]
    temp: Path
    steps: list[Step] = field(default_factory=list)
    summary: str = ""

    def ended(self) -> dict[str, str]:
        """Return how each step ended, by its name."""
        return {step.name: step.ended for step in self.steps}

    def job(self, workflow: Mapping[str, Any], name: str) -> dict[str, str]:
        """Play a job that is no call of a workflow; return its outputs."""
        job = workflow["jobs"][name]
        scope = Scope(self.contexts)
        for level in (workflow, job):
            for key, value in level.get("env", {}).items():
                self.variables[key] = shown(evaluate(value, scope))
        _, seen = self.play(job["steps"], self.contexts, None)
        return {key: shown(evaluate(value, seen)) for key, value in job.get("outputs", {}).items()}

    def action(self, folder: Path, given: Mapping[str, str], outer: Mapping[str, Any]) -> tuple[bool, dict[str, str]]:
        """Play a composite action; return whether it went well, and its outputs."""
        action = read(folder / "action.yml")
        inputs: dict[str, str] = {}
        for key, told in action.get("inputs", {}).items():
            default = shown(evaluate(told.get("default", ""), Scope(outer)))
            assert key in given or told.get("required") != "true", f"{folder.name} needs {key}"
            inputs[key] = given.get(key, default)
        assert not given.keys() - inputs.keys(), f"{folder.name} has no {given.keys() - inputs.keys()}"
        well, seen = self.play(action["runs"]["steps"], {**outer, "inputs": inputs, "steps": {}}, folder)
        outputs = {key: shown(evaluate(told["value"], seen)) for key, told in action.get("outputs", {}).items()}
        return well, outputs

    def play(self, steps: list[dict[str, Any]], outer: Mapping[str, Any], action: Path | None) -> tuple[bool, Scope]:
        """Play steps in order; return whether all went well, and what an expression after them sees."""
        known: dict[str, Any] = {}
        contexts = {**outer, "steps": known, "env": self.variables}
        failed = False
        for number, step in enumerate(steps):
            scope = Scope(contexts, failed=failed)
            name = shown(evaluate(step.get("name") or step.get("uses") or f"step {number + 1}", scope))
            ended, outputs = "skipped", dict[str, str]()
            if condition(step.get("if"), scope):
                ended, outputs = self.one(step, name, scope, action)
            else:
                self.steps.append(Step(name, "skipped"))
            failed = failed or ended == "failure"
            if "id" in step:
                concluded = "success" if ended == "left out" else ended
                known[step["id"]] = {"outputs": outputs, "conclusion": concluded, "outcome": concluded}
        return not failed, Scope(contexts, failed=failed)

    def one(self, step: dict[str, Any], name: str, scope: Scope, action: Path | None) -> tuple[str, dict[str, str]]:
        """Play one step."""
        if "run" in step:
            return self.run(step, name, scope, action)
        uses = step["uses"]
        ours = uses.removeprefix("./") if uses.startswith("./") else uses.removeprefix(OURS).partition("@")[0]
        if not uses.startswith(("./", OURS)):
            self.steps.append(Step(name, "left out"))
            return "left out", {}
        given = {key: shown(evaluate(value, scope)) for key, value in step.get("with", {}).items()}
        well, outputs = self.action(ROOT / ours, given, scope.contexts)
        self.steps.append(Step(name, "success" if well else "failure"))
        return self.steps[-1].ended, outputs

    def run(self, step: dict[str, Any], name: str, scope: Scope, action: Path | None) -> tuple[str, dict[str, str]]:
        """Run the lines of a step in bash."""
        folder = Path(tempfile.mkdtemp(dir=self.temp))
        files = {key: folder / key for key in FILES}
        for path in files.values():
            path.touch()
        script, said = folder / "run.sh", folder / "said"
        script.write_text(shown(evaluate(step["run"], scope)), encoding="utf-8")
        env = {**self.variables, **{key: str(path) for key, path in files.items()}, "RUNNER_TEMP": str(self.temp)}
        if action is not None:
            env["GITHUB_ACTION_PATH"] = str(action)
        env |= {key: shown(evaluate(value, scope)) for key, value in step.get("env", {}).items()}
        strict = ["--noprofile", "--norc", "-eo", "pipefail"] if step.get("shell") == "bash" else ["-e"]
        with said.open("w") as out:  # a file: a process that stays must not keep the step open
            ended = subprocess.run(
                ["bash", *strict, str(script)], cwd=self.workspace, env=env, stdin=subprocess.DEVNULL,
                stdout=out, stderr=subprocess.STDOUT, timeout=LIMIT_S, check=False,
            )  # fmt: skip
        self.steps.append(Step(name, "failure" if ended.returncode else "success", ended.returncode, said.read_text()))
        self.summary += files["GITHUB_STEP_SUMMARY"].read_text()
        self.variables |= pairs(files["GITHUB_ENV"].read_text())
        for line in files["GITHUB_PATH"].read_text().splitlines():
            self.variables["PATH"] = f"{line}{os.pathsep}{self.variables['PATH']}"
        return self.steps[-1].ended, pairs(files["GITHUB_OUTPUT"].read_text())


def pairs(text: str) -> dict[str, str]:
    """Return the values of one of GitHub's files: `name=value`, or `name<<END`, lines, `END`."""
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        name, sign, value = line.partition("=")
        if "<<" in name:
            name, _, end = line.partition("<<")
            held = []
            for each in lines:
                if each == end:
                    break
                held.append(each)
            value = "\n".join(held)
        else:
            assert sign, f"neither name=value nor name<<END: {line}"
        found[name] = value
    return found
