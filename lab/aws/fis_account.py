"""AWS Fault Injection Service: handlers for what an account has: actions, resource types, the safety lever, tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.aws.fis_catalogue import ACTIONS, RESOURCE_TYPES, ActionType
from lab.aws.fis_experiment import Experiment, Template
from lab.aws.fis_parameters import Parameter, invalid
from lab.aws.fis_view import members, page
from lab.aws.names import arn
from lab.aws.registry import AwsError, Call, Params, handles

if TYPE_CHECKING:
    from lab.aws.world import World


def _about(parameter: Parameter) -> str:
    default = f" The default is {parameter.default}." if parameter.default else ""
    return f"{parameter.about}{default}"


def _action(identifier: str, kind: ActionType) -> dict[str, object]:
    targets = {kind.target_key: {"resourceType": kind.resource_type}} if kind.target_key else {}
    parameters = {
        name: {"description": _about(parameter), "required": parameter.required}
        for name, parameter in kind.parameters.items()
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
    """The actions that the lab plays.

    Missing: actions on EC2, EKS, Lambda, DynamoDB, S3, networks and Systems Manager, and API errors.
    """
    names = ("id", "arn", "description", "targets", "tags")
    views = [members(_action(identifier, kind), names) for identifier, kind in sorted(ACTIONS.items())]
    return page(views, "actions", params)


@handles("fis", "GetAction")
def get_action(world: World, params: Params, call: Call) -> dict[str, object]:
    """One action with its parameters."""
    identifier = params["id"]
    if identifier not in ACTIONS:
        raise AwsError("ResourceNotFoundException", f"Action {identifier} was not found.")
    return {"action": _action(identifier, ACTIONS[identifier])}


def _resource_type(identifier: str) -> dict[str, object]:
    kind = RESOURCE_TYPES[identifier]
    parameters = {name: {"description": about, "required": False} for name, about in kind.parameters.items()}
    return {"resourceType": identifier, "description": kind.about, "parameters": parameters}


@handles("fis", "ListTargetResourceTypes")
def list_target_resource_types(world: World, params: Params, call: Call) -> dict[str, object]:
    """The kinds of resources that the lab has.

    Missing: all but ECS and RDS.
    """
    views = [members(_resource_type(identifier), ("resourceType", "description")) for identifier in RESOURCE_TYPES]
    return page(views, "targetResourceTypes", params)


@handles("fis", "GetTargetResourceType")
def get_target_resource_type(world: World, params: Params, call: Call) -> dict[str, object]:
    """One kind of resource, with the parameters that find it."""
    identifier = params["resourceType"]
    if identifier not in RESOURCE_TYPES:
        raise AwsError("ResourceNotFoundException", f"Resource type {identifier} was not found.")
    return {"targetResourceType": _resource_type(identifier)}


# -- the safety lever ------------------------------------------------------------------------------------


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
    """Engage: running experiments are stopped, new ones cancelled.

    Missing: the state `engaging`; the lever is engaged before what runs is undone.
    """
    _check_lever(params["id"])
    world.fis.set_lever(params["state"]["status"], params["state"]["reason"])
    return _lever(world)


# -- tags ------------------------------------------------------------------------------------------------


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


@handles("fis", "UntagResource")
def untag_resource(world: World, params: Params, call: Call) -> dict[str, object]:
    """Take tags off a template or an experiment; without keys, all of them."""
    tags = _tags(world, params["resourceArn"])
    for key in params.get("tagKeys") or list(tags):
        tags.pop(key, None)
    return {}


# -- other accounts --------------------------------------------------------------------------------------


def _no_account(params: Params) -> AwsError:
    words = f"Target account configuration {params['accountId']} was not found: the lab is one account."
    return AwsError("ResourceNotFoundException", words)


@handles("fis", "ListTargetAccountConfigurations")
def list_target_account_configurations(world: World, params: Params, call: Call) -> dict[str, object]:
    """None: templates are single-account."""
    world.fis.template(params["experimentTemplateId"])
    return page([], "targetAccountConfigurations", params)


@handles("fis", "ListExperimentTargetAccountConfigurations")
def list_experiment_target_account_configurations(world: World, params: Params, call: Call) -> dict[str, object]:
    """None: experiments are single-account."""
    world.fis.experiment(params["experimentId"])
    return page([], "targetAccountConfigurations", params)


@handles("fis", "CreateTargetAccountConfiguration")
def create_target_account_configuration(world: World, params: Params, call: Call) -> dict[str, object]:
    """Refused, as for every template that is single-account."""
    world.fis.template(params["experimentTemplateId"])
    raise invalid("The experiment template is single-account: it takes no target account configurations.")


@handles("fis", "GetTargetAccountConfiguration")
def get_target_account_configuration(world: World, params: Params, call: Call) -> dict[str, object]:
    """Never found."""
    world.fis.template(params["experimentTemplateId"])
    raise _no_account(params)


@handles("fis", "GetExperimentTargetAccountConfiguration")
def get_experiment_target_account_configuration(world: World, params: Params, call: Call) -> dict[str, object]:
    """Never found."""
    world.fis.experiment(params["experimentId"])
    raise _no_account(params)
