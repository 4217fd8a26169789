"""FIS, operation by operation, with experiments that only wait."""

from __future__ import annotations

import uuid
from typing import Any

from lab.settings import ACCOUNT
from tests.conformance.seen import Seen, all_refused, refused
from tests.lab.bench import wait_until

BODY: dict[str, Any] = {
    "description": "wait",
    "roleArn": f"arn:aws:iam::{ACCOUNT}:role/foodconnect-fis-experiment",
    "stopConditions": [{"source": "none"}],
    "actions": {"wait": {"actionId": "aws:fis:wait", "parameters": {"duration": "PT30S"}}},
    "tags": {"Name": "conformance"},
}


def token() -> str:
    """Return a fresh client token."""
    return uuid.uuid4().hex


def play(seen: Seen) -> None:
    """Call every operation of FIS, with a refusal where AWS has one."""
    fis = seen.client("fis")
    template = fis.create_experiment_template(clientToken=token(), **BODY)["experimentTemplate"]
    invented = {"wait": {"actionId": "aws:fis:dance"}}
    with refused("ValidationException"):
        fis.create_experiment_template(clientToken=token(), **{**BODY, "actions": invented})
    fis.get_experiment_template(id=template["id"])
    fis.list_experiment_templates()
    experiment = fis.start_experiment(clientToken=token(), experimentTemplateId=template["id"])["experiment"]
    _catalogue(fis)
    _other_accounts(fis, template["id"], experiment["id"])
    _tags(fis, template["arn"])
    wait_until(lambda: _status(fis, experiment["id"]) == "running", 5, "the experiment runs")
    fis.list_experiments()
    fis.list_experiment_resolved_targets(experimentId=experiment["id"])
    fis.stop_experiment(id=experiment["id"])
    fis.update_safety_lever_state(id="default", state={"status": "engaged", "reason": "conformance"})
    fis.update_safety_lever_state(id="default", state={"status": "disengaged", "reason": "over"})
    fis.update_experiment_template(id=template["id"], description="wait again")
    fis.delete_experiment_template(id=template["id"])
    all_refused(
        "ResourceNotFoundException",
        lambda: fis.get_experiment_template(id="EXTnothing"),
        lambda: fis.update_experiment_template(id="EXTnothing", description="x"),
        lambda: fis.delete_experiment_template(id="EXTnothing"),
        lambda: fis.start_experiment(clientToken=token(), experimentTemplateId="EXTnothing"),
        lambda: fis.get_experiment(id="EXPnothing"),
        lambda: fis.stop_experiment(id="EXPnothing"),
        lambda: fis.list_experiment_resolved_targets(experimentId="EXPnothing"),
        lambda: fis.update_safety_lever_state(id="other", state={"status": "engaged", "reason": "x"}),
    )


def _status(fis: Any, experiment: str) -> str:
    return str(fis.get_experiment(id=experiment)["experiment"]["state"]["status"])


def _catalogue(fis: Any) -> None:
    fis.list_actions()
    fis.get_action(id="aws:ecs:task-network-latency")
    with refused("ResourceNotFoundException"):
        fis.get_action(id="aws:fis:dance")
    fis.list_target_resource_types()
    fis.get_target_resource_type(resourceType="aws:ecs:task")
    with refused("ResourceNotFoundException"):
        fis.get_target_resource_type(resourceType="aws:moon:rover")
    fis.get_safety_lever(id="default")
    with refused("ResourceNotFoundException"):
        fis.get_safety_lever(id="other")


def _other_accounts(fis: Any, template: str, experiment: str) -> None:
    of, other = {"experimentTemplateId": template}, {"accountId": "210987654321"}
    fis.list_target_account_configurations(**of)
    fis.list_experiment_target_account_configurations(experimentId=experiment)
    with refused("ValidationException"):
        fis.create_target_account_configuration(**of, **other, clientToken=token(), roleArn=BODY["roleArn"])
    all_refused(
        "ResourceNotFoundException",
        lambda: fis.get_target_account_configuration(**of, **other),
        lambda: fis.get_experiment_target_account_configuration(experimentId=experiment, **other),
        lambda: fis.list_target_account_configurations(experimentTemplateId="EXTnothing"),
        lambda: fis.list_experiment_target_account_configurations(experimentId="EXPnothing"),
    )


def _tags(fis: Any, arn: str) -> None:
    fis.tag_resource(resourceArn=arn, tags={"k": "v"})
    fis.list_tags_for_resource(resourceArn=arn)
    fis.untag_resource(resourceArn=arn, tagKeys=["k"])
    all_refused(
        "ResourceNotFoundException",
        lambda: fis.tag_resource(resourceArn=f"{arn}x", tags={"k": "v"}),
        lambda: fis.list_tags_for_resource(resourceArn=f"{arn}x"),
        lambda: fis.untag_resource(resourceArn=f"{arn}x", tagKeys=["k"]),
    )
