"""FIS's records in the members of its API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.aws.fis_experiment import Experiment, Template
from lab.aws.fis_parameters import invalid
from lab.aws.names import instant
from lab.aws.registry import Params
from lab.settings import ACCOUNT

DESCRIBED = ("description", "roleArn", "logConfiguration", "experimentReportConfiguration")
PAGE = 100
NO_REPORT = "The lab writes no reports to S3."


def members(body: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, object]:
    """Return those of the members that are there."""
    return {name: body[name] for name in names if body.get(name) is not None}


def _options(body: Mapping[str, Any]) -> dict[str, object]:
    plain = {"accountTargeting": "single-account", "emptyTargetResolutionMode": "fail"}
    return {**plain, **(body.get("experimentOptions") or {})}


def template_view(template: Template) -> dict[str, object]:
    """Return the member `experimentTemplate`."""
    return {
        "id": template.id,
        "arn": template.arn,
        "creationTime": instant(template.created_at),
        "lastUpdateTime": instant(template.updated_at),
        "tags": template.tags,
        "targets": template.body.get("targets") or {},
        "actions": template.body["actions"],
        "stopConditions": template.body["stopConditions"],
        "experimentOptions": _options(template.body),
        "targetAccountConfigurationsCount": 0,
        **members(template.body, DESCRIBED),
    }


def _times(**times: float | None) -> dict[str, object]:
    return {name: instant(at) for name, at in times.items() if at is not None}


def _state(experiment: Experiment) -> dict[str, object]:
    state: dict[str, object] = {"status": experiment.status, "reason": experiment.reason[:512]}
    if experiment.error is not None:
        code, where = experiment.error
        state["error"] = {"accountId": ACCOUNT, "code": code, "location": where}
    return state


def _report(experiment: Experiment) -> dict[str, object]:
    """Return the member `experimentReport`: waited for, then failed, because there is nobody who writes it."""
    if not experiment.template.body.get("experimentReportConfiguration"):
        return {}
    if experiment.is_open:
        state: dict[str, object] = {"status": "pending", "reason": "The experiment has not ended."}
    elif experiment.skip_all or experiment.status == "cancelled":
        state = {"status": "cancelled", "reason": "No action was run."}
    else:
        state = {"status": "failed", "reason": NO_REPORT, "error": {"code": "DependentServiceFailure"}}
    return {"experimentReport": {"state": state, "s3Reports": []}}


def experiment_view(experiment: Experiment) -> dict[str, object]:
    """Return the member `experiment` of GetExperiment."""
    body = experiment.template.body
    actions = {
        name: {
            **run.body,
            "state": {"status": run.status, "reason": run.reason[:512]},
            **_times(startTime=run.started_at, endTime=run.ended_at),
        }
        for name, run in experiment.actions.items()
    }
    mode = "skip-all" if experiment.skip_all else "run-all"
    return {
        "id": experiment.id,
        "arn": experiment.arn,
        "experimentTemplateId": experiment.template.id,
        "state": _state(experiment),
        "targets": body.get("targets") or {},
        "actions": actions,
        "stopConditions": body["stopConditions"],
        "tags": experiment.tags,
        "experimentOptions": {**_options(body), "actionsMode": mode},
        "targetAccountConfigurationsCount": 0,
        **_times(creationTime=experiment.created_at, startTime=experiment.started_at, endTime=experiment.ended_at),
        **members(body, DESCRIBED[1:]),
        **_report(experiment),
    }


def page(items: list[dict[str, object]], name: str, params: Params) -> dict[str, object]:
    """Cut one page out of a list."""
    size, token = int(params.get("maxResults") or PAGE), params.get("nextToken") or "0"
    if not 1 <= size <= PAGE or not token.isdigit():
        raise invalid(f"maxResults must be from 1 to {PAGE}, and nextToken one that was given.")
    first = int(token)
    more: dict[str, object] = {"nextToken": str(first + size)} if first + size < len(items) else {}
    return {name: items[first : first + size], **more}
