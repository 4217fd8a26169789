"""What a workflow must keep, so that no fault is left behind and no permission is lent in vain: pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Yaml = Mapping[str, Any]
PINNED = re.compile(r"[\w.-]+(?:/[\w.-]+)+@[0-9a-f]{40}")
OURS = ("./", "foodconnect/gameday/")
WRITES = {"id-token", "issues"}  # a role's token, and the issue of a release that was taken back


def problems(workflow: Yaml) -> list[str]:
    """Return a sentence for each rule that a workflow breaks."""
    found = [] if workflow.get("permissions") == {} else ["the workflow lends permissions to every job"]
    found += _concurrency("the workflow", workflow)
    for name, job in workflow["jobs"].items():
        found += [*_job(name, job), *_concurrency(name, job), *_permissions(name, job)]
        found += [f"{name}: {sentence}" for step in job.get("steps", []) for sentence in step_problems(step)]
    return found


def step_problems(step: Yaml) -> Iterator[str]:
    """Yield what is wrong with a step of a job or an action."""
    uses = step.get("uses", "")
    if uses and not uses.startswith(OURS) and not PINNED.fullmatch(uses):
        yield f"{uses} is not pinned to a commit"
    if "${{" in step.get("run", ""):
        yield "an expression in `run` would be read as shell: give it by `env`"
    if uses.startswith("actions/checkout") and step.get("with", {}).get("persist-credentials") != "false":
        yield "the checkout leaves its token behind"


def _job(name: str, job: Yaml) -> Iterator[str]:
    if "uses" in job:
        if "environment" in job:
            yield f"{name} has `environment` beside `uses`: GitHub refuses it; the called workflow sets it"
    elif not job.get("timeout-minutes"):
        yield f"{name} has no timeout-minutes"


def _concurrency(name: str, holder: Yaml) -> Iterator[str]:
    said = holder.get("concurrency")
    if said is not None and (isinstance(said, str) or said.get("cancel-in-progress") != "false"):
        yield f"{name} may be cancelled by a newer run, in the middle of a fault"


def _permissions(name: str, job: Yaml) -> Iterator[str]:
    given = job.get("permissions")
    if not isinstance(given, Mapping):
        yield f"{name} does not name its permissions"
        return
    wrong = {key for key, value in given.items() if value != "read" and key not in WRITES}
    if wrong:
        yield f"{name} may write {', '.join(sorted(wrong))}"
    credentials = any("configure-aws-credentials" in step.get("uses", "") for step in job.get("steps", []))
    if credentials != ("id-token" in given) and "uses" not in job:
        yield f"{name} needs `id-token: write` exactly when it takes on a role"
