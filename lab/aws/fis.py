"""AWS Fault Injection Service: handlers for templates and experiments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.aws.fis_view import experiment_view, members, page, template_view
from lab.aws.registry import Call, Params, handles

if TYPE_CHECKING:
    from lab.aws.world import World


@handles("fis", "CreateExperimentTemplate")
def create_experiment_template(world: World, params: Params, call: Call) -> dict[str, object]:
    """Check a template as FIS does and keep it; durations may be seconds here.

    Missing: the role is not assumed; logs to S3 are not written, and a report that is asked for fails. docs/lab-fis.md
    says what each action does.
    """
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
    return page([members(view, names) for view in views], "experimentTemplates", params)


@handles("fis", "UpdateExperimentTemplate")
def update_experiment_template(world: World, params: Params, call: Call) -> dict[str, object]:
    """Replace what is given; the whole is checked as a new one is.

    Missing: as for CreateExperimentTemplate.
    """
    changes = {name: value for name, value in params.items() if name != "id" and value is not None}
    return {"experimentTemplate": template_view(world.fis.update(world.fis.template(params["id"]), changes))}


@handles("fis", "DeleteExperimentTemplate")
def delete_experiment_template(world: World, params: Params, call: Call) -> dict[str, object]:
    """Forget a template; its experiments go on."""
    template = world.fis.template(params["id"])
    world.fis.delete(template)
    return {"experimentTemplate": template_view(template)}


@handles("fis", "StartExperiment")
def start_experiment(world: World, params: Params, call: Call) -> dict[str, object]:
    """Start; `experimentOptions.actionsMode` skip-all only resolves the targets.

    Missing: the role is not assumed, so no action fails for want of a permission.
    """
    template = world.fis.template(params["experimentTemplateId"])
    skip_all = (params.get("experimentOptions") or {}).get("actionsMode") == "skip-all"
    token, tags = params["clientToken"], params.get("tags") or {}
    return {"experiment": experiment_view(world.fis.start(template, token, skip_all=skip_all, tags=tags))}


@handles("fis", "GetExperiment")
def get_experiment(world: World, params: Params, call: Call) -> dict[str, object]:
    """One experiment as it stands.

    Missing: a report is `failed` once the experiment has ended.
    """
    return {"experiment": experiment_view(world.fis.experiment(params["id"]))}


@handles("fis", "ListExperiments")
def list_experiments(world: World, params: Params, call: Call) -> dict[str, object]:
    """All experiments, newest first, in pages."""
    names = ("id", "arn", "experimentTemplateId", "state", "creationTime", "tags", "experimentOptions")
    wanted = params.get("experimentTemplateId")
    newest = reversed(world.fis.experiments.values())
    views = [experiment_view(e) for e in newest if wanted in (None, e.template.id)]
    return page([members(view, names) for view in views], "experiments", params)


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
