"""AWS Fault Injection Service: handlers for templates, experiments, actions and the safety lever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lab.aws.fis_catalogue import ACTIONS, ActionType, invalid
from lab.aws.fis_experiment import Experiment, Template
from lab.aws.names import arn, instant
from lab.aws.registry import AwsError, Call, Params, handles
from lab.settings import ACCOUNT

if TYPE_CHECKING:
    from lab.aws.world import World

DESCRIBED = ("description", "roleArn", "logConfiguration", "experimentReportConfiguration")
PAGE = 100


def _members(body: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, object]:
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
        "lastUpdateTime": instant(template.created_at),
        "tags": template.tags,
        "targets": template.body.get("targets") or {},
        "actions": template.body["actions"],
        "stopConditions": template.body["stopConditions"],
        "experimentOptions": _options(template.body),
        "targetAccountConfigurationsCount": 0,
        **_members(template.body, DESCRIBED),
    }


def _times(**times: float | None) -> dict[str, object]:
    return {name: instant(at) for name, at in times.items() if at is not None}


def _state(experiment: Experiment) -> dict[str, object]:
    state: dict[str, object] = {"status": experiment.status, "reason": experiment.reason}
    if experiment.error is not None:
        code, where = experiment.error
        state["error"] = {"accountId": ACCOUNT, "code": code, "location": where}
    return state


def experiment_view(experiment: Experiment) -> dict[str, object]:
    """Return the member `experiment` of GetExperiment."""
    body = experiment.template.body
    actions = {
        name: {
            **run.body,
            "state": {"status": run.status, "reason": run.reason},
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
        **_members(body, DESCRIBED[1:]),
    }


def page(items: list[dict[str, object]], name: str, params: Params) -> dict[str, object]:
    """Cut one page out of a list."""
    size, token = int(params.get("maxResults") or PAGE), params.get("nextToken") or "0"
    if not 1 <= size <= PAGE or not token.isdigit():
        raise invalid(f"maxResults must be from 1 to {PAGE}, and nextToken one that was given.")
    first = int(token)
    more: dict[str, object] = {"nextToken": str(first + size)} if first + size < len(items) else {}
    return {name: items[first : first + size], **more}


@handles("fis", "CreateExperimentTemplate")
def create_experiment_template(world: World, params: Params, call: Call) -> dict[str, object]:
    """Check a template as FIS does and keep it; durations may be seconds here."""
    body = {name: value for name, value in params.items() if name != "clientToken"}
    return {"experimentTemplate": template_view(world.fis.create(body, params["clientToken"]))}


@handles("fis", "GetExperimentTemplate")
def get_experiment_template(world: World, params: Params, call: Call) -> dict[str, object]:
    """One template."""
    return {"experimentTemplate": template_view(world.fis.template(params["id"]))}


@handles("fis", "ListExperimentTemplates")
def list_experiment_templates(world: World, params: Params, call: Call) -> dict[str, object]:
    """All templates, in pages."""
    names = ("id", "arn", "description", "creationTime", "lastUpdateTime", "tags")
    views = [template_view(template) for template in world.fis.templates.values()]
    return page([_members(view, names) for view in views], "experimentTemplates", params)


@handles("fis", "DeleteExperimentTemplate")
def delete_experiment_template(world: World, params: Params, call: Call) -> dict[str, object]:
    """Forget a template; its experiments go on."""
    template = world.fis.template(params["id"])
    del world.fis.templates[template.id]
    world.fis.tokens = {token: made for token, made in world.fis.tokens.items() if made != template.id}
    return {"experimentTemplate": template_view(template)}


@handles("fis", "StartExperiment")
def start_experiment(world: World, params: Params, call: Call) -> dict[str, object]:
    """Start; `experimentOptions.actionsMode` skip-all only resolves the targets."""
    template = world.fis.template(params["experimentTemplateId"])
    skip_all = (params.get("experimentOptions") or {}).get("actionsMode") == "skip-all"
    token, tags = params["clientToken"], params.get("tags") or {}
    return {"experiment": experiment_view(world.fis.start(template, token, skip_all=skip_all, tags=tags))}


@handles("fis", "GetExperiment")
def get_experiment(world: World, params: Params, call: Call) -> dict[str, object]:
    """One experiment as it stands."""
    return {"experiment": experiment_view(world.fis.experiment(params["id"]))}


@handles("fis", "ListExperiments")
def list_experiments(world: World, params: Params, call: Call) -> dict[str, object]:
    """All experiments, newest first, in pages."""
    names = ("id", "arn", "experimentTemplateId", "state", "creationTime", "tags", "experimentOptions")
    wanted = params.get("experimentTemplateId")
    newest = reversed(world.fis.experiments.values())
    views = [experiment_view(e) for e in newest if wanted in (None, e.template.id)]
    return page([_members(view, names) for view in views], "experiments", params)


@handles("fis", "StopExperiment")
def stop_experiment(world: World, params: Params, call: Call) -> dict[str, object]:
    """Ask an experiment to stop: it is `stopping` until everything is undone."""
    experiment = world.fis.experiment(params["id"])
    world.fis.stop(experiment)
    return {"experiment": experiment_view(experiment)}


@handles("fis", "ListExperimentResolvedTargets")
def list_experiment_resolved_targets(world: World, params: Params, call: Call) -> dict[str, object]:
    """What the targets meant when the experiment started."""
    experiment, wanted = world.fis.experiment(params["experimentId"]), params.get("targetName")
    views: list[dict[str, object]] = [
        {"resourceType": resource.kind, "targetName": name, "targetInformation": resource.information}
        for name, resources in experiment.resolved.items()
        for resource in resources
        if wanted in (None, name)
    ]
    return page(views, "resolvedTargets", params)


# -- actions and the safety lever ------------------------------------------------------------------------


def _action(identifier: str, kind: ActionType) -> dict[str, object]:
    targets = {kind.target_key: {"resourceType": kind.resource_type}} if kind.target_key else {}
    parameters = {
        name: {"description": about, "required": name in kind.required} for name, about in kind.parameters.items()
    }
    return {
        "id": identifier,
        "arn": arn("fis", f"action/{identifier}"),
        "description": kind.about,
        "targets": targets,
        "parameters": parameters,
        "tags": {},
    }


@handles("fis", "ListActions")
def list_actions(world: World, params: Params, call: Call) -> dict[str, object]:
    """The actions that the lab plays."""
    names = ("id", "arn", "description", "targets", "tags")
    views = [_members(_action(identifier, kind), names) for identifier, kind in sorted(ACTIONS.items())]
    return page(views, "actions", params)


@handles("fis", "GetAction")
def get_action(world: World, params: Params, call: Call) -> dict[str, object]:
    """One action with its parameters."""
    identifier = params["id"]
    if identifier not in ACTIONS:
        raise AwsError("ResourceNotFoundException", f"Action {identifier} was not found.")
    return {"action": _action(identifier, ACTIONS[identifier])}


def _lever(world: World) -> dict[str, object]:
    status, reason = world.fis.lever
    state = {"status": status, "reason": reason}
    return {"safetyLever": {"id": "default", "arn": arn("fis", "safety-lever/default"), "state": state}}


def _check_lever(identifier: str) -> None:
    if identifier != "default":
        raise AwsError("ResourceNotFoundException", f"Safety lever {identifier} was not found.")


@handles("fis", "GetSafetyLever")
def get_safety_lever(world: World, params: Params, call: Call) -> dict[str, object]:
    """Whether experiments may run."""
    _check_lever(params["id"])
    return _lever(world)


@handles("fis", "UpdateSafetyLeverState")
def update_safety_lever_state(world: World, params: Params, call: Call) -> dict[str, object]:
    """Engage: running experiments are stopped, new ones cancelled."""
    _check_lever(params["id"])
    world.fis.set_lever(params["state"]["status"], params["state"]["reason"])
    return _lever(world)


def _tags(world: World, resource: str) -> dict[str, str]:
    """Return the tags of a template or an experiment, to read or to change."""
    every: list[Template | Experiment] = [*world.fis.templates.values(), *world.fis.experiments.values()]
    for known in every:
        if known.arn == resource:
            return known.tags
    raise AwsError("ResourceNotFoundException", f"Resource {resource} was not found.")


@handles("fis", "ListTagsForResource")
def list_tags_for_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """The tags of a template or an experiment."""
    return {"tags": _tags(world, params["resourceArn"])}


@handles("fis", "TagResource")
def tag_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """Add tags to a template or an experiment."""
    _tags(world, params["resourceArn"]).update(params["tags"])
    return {}
