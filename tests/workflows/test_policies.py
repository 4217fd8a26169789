"""The example's IAM policies: every action exists, nothing is allowed by a pattern, and a change needs its resource."""

from __future__ import annotations

import json

import boto3
import pytest

from tests.workflows.policies import FOLDER, PREFIXES, actions_of

POLICIES = sorted(path.stem for path in FOLDER.glob("*.json") if path.stem != "trust")
IAM_ONLY = {"iam:PassRole", "s3:ListBucket"}  # actions that are no operation of the API
ANY_RESOURCE = {"ecs:RegisterTaskDefinition", "ecr:GetAuthorizationToken"}  # changes that IAM cannot narrow in advance
READS = ("Describe", "Get", "List", "BatchGet")


@pytest.mark.parametrize("name", POLICIES)
def test_every_action_is_an_operation(name: str) -> None:
    """A mistyped action would be found only when a pipeline is refused."""
    clients = {prefix: client for client, prefix in PREFIXES.items()}
    for action in actions_of(name) - IAM_ONLY:
        service, _, operation = action.partition(":")
        client = boto3.client(clients.get(service, service), region_name="eu-west-1")  # type: ignore[call-overload]
        assert operation in client.meta.service_model.operation_names, action
        client.close()


@pytest.mark.parametrize("name", POLICIES)
def test_what_changes_something_names_its_resource(name: str) -> None:
    """Only reads stand under `*`, and no action is a pattern."""
    for statement in json.loads((FOLDER / f"{name}.json").read_text())["Statement"]:
        actions = {statement["Action"]} if isinstance(statement["Action"], str) else set(statement["Action"])
        assert not any("*" in action for action in actions)
        if statement["Resource"] == "*":
            changing = {each for each in actions if not each.partition(":")[2].startswith(READS)}
            assert changing <= ANY_RESOURCE


def test_a_role_is_for_one_environment_of_one_repository() -> None:
    """The trust policy compares the whole subject, with an environment, and the audience: no pattern."""
    [statement] = json.loads((FOLDER / "trust.json").read_text())["Statement"]
    assert statement["Condition"].keys() == {"StringEquals"}
    subject = statement["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
    assert ":environment:" in subject and "*" not in subject
