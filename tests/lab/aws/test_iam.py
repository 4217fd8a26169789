"""Who the caller is and what it may do: STS, IAM's simulation and the door say the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

import lab.aws.iam  # noqa: F401  its handlers
from lab.aws.policy import CALLER_ARN, ROLE_ARN, RUNNER, denies
from lab.aws.records import seed_records
from lab.settings import ACCOUNT, LOCK_TABLE

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

    from tests.lab.aws.served import Api

TASK = f"arn:aws:ecs:eu-west-1:{ACCOUNT}:task/foodconnect-cluster/1"


@pytest.fixture
def iam(api: Api) -> IAMClient:
    """A client of IAM, which the seeded role is known to."""
    seed_records()
    return cast("IAMClient", api.client("iam"))


def decisions(iam: IAMClient, actions: list[str], resources: list[str] | None = None) -> list[tuple[str, str, str]]:
    """Return (action, resource, decision) of each result, over all pages."""
    given: dict[str, Any] = {"ResourceArns": resources} if resources else {}
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=ROLE_ARN, ActionNames=actions, PaginationConfig={"PageSize": 2}, **given
    )
    results = [result for page in pages for result in page["EvaluationResults"]]
    for result in results:
        [alone] = result["ResourceSpecificResults"]
        assert alone["EvalResourceDecision"] == result["EvalDecision"]
        assert alone["EvalResourceName"] == result["EvalResourceName"]
        assert result["MissingContextValues"] == []
    return [(r["EvalActionName"], r["EvalResourceName"], r["EvalDecision"]) for r in results]


def test_the_caller_is_a_session_of_the_runners_role(api: Api, iam: IAMClient) -> None:
    """STS names the session, IAM the role behind it, which exists."""
    identity = api.sts.get_caller_identity()
    assert (identity["Arn"], identity["Account"]) == (CALLER_ARN, ACCOUNT)
    assert identity["UserId"].endswith(":lab")
    assert iam.get_role(RoleName=RUNNER)["Role"]["Arn"] == ROLE_ARN


def test_a_key_that_assume_role_gave_is_whom_it_was_given_to(api: Api) -> None:
    """A role assumed in another account speaks as that role, not as the runner."""
    role = "arn:aws:iam::210987654321:role/other"
    given = api.sts.assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
    other = api.client("sts", user_agent_extra="other")
    other._request_signer._credentials.access_key = given["AccessKeyId"]
    identity = other.get_caller_identity()
    assert (identity["Arn"], identity["Account"]) == (
        "arn:aws:sts::210987654321:assumed-role/other/me",
        "210987654321",
    )


def test_the_simulation_says_what_the_door_does(api: Api, iam: IAMClient) -> None:
    """Each action on each resource: allowed, or explicitDeny where the deny list has it, by name or by wildcard."""
    api.core.settings = replace(api.core.settings, deny=("ecs:stop*", "elbv2:DescribeRules", "fis:*"))
    assert decisions(iam, ["ecs:StopTask", "ecs:ListTasks"], [TASK, "*"]) == [
        ("ecs:StopTask", TASK, "explicitDeny"),
        ("ecs:StopTask", "*", "explicitDeny"),
        ("ecs:ListTasks", TASK, "allowed"),
        ("ecs:ListTasks", "*", "allowed"),
    ]
    actions = ["elasticloadbalancing:DescribeRules", "fis:StartExperiment", "rds:RebootDBInstance"]
    assert [decision for _, _, decision in decisions(iam, actions)] == ["explicitDeny", "explicitDeny", "allowed"]
    with pytest.raises(ClientError, match="AccessDenied"):
        api.client("ecs").stop_task(cluster="c", task="t")
    with pytest.raises(ClientError, match="AccessDenied"):
        api.client("fis").list_actions()


def test_the_simulation_itself_can_be_denied(api: Api, iam: IAMClient) -> None:
    """A caller that may not simulate learns that, and nothing else."""
    api.core.settings = replace(api.core.settings, deny=("iam:SimulatePrincipalPolicy",))
    with pytest.raises(ClientError) as caught:
        decisions(iam, ["ecs:StopTask"])
    assert caught.value.response["Error"]["Code"] == "AccessDenied"


@pytest.mark.parametrize(
    ("source", "code", "status"),
    [
        (CALLER_ARN, "InvalidInput", 400),
        ("a-role-without-its-arn", "InvalidInput", 400),
        ("arn:aws:iam::123456789012:policy/not-a-principal", "InvalidInput", 400),
        ("arn:aws:iam::123456789012:role/somebody-else", "NoSuchEntity", 404),
        ("arn:aws:iam::123456789012:user/moto", "NoSuchEntity", 404),
        ("arn:aws:iam::210987654321:role/foodconnect-gameday-runner", "NoSuchEntity", 404),
    ],
)
def test_only_the_runners_role_can_be_simulated(iam: IAMClient, source: str, code: str, status: int) -> None:
    """A session's ARN is not an entity of IAM; others do not exist."""
    with pytest.raises(ClientError) as caught:
        iam.simulate_principal_policy(PolicySourceArn=source, ActionNames=["ecs:StopTask"])
    error = caught.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)


@pytest.mark.parametrize("action", ["StopTask", "ecs:*", "ecs:", ":StopTask"])
def test_an_action_must_be_one_action(iam: IAMClient, action: str) -> None:
    """No wildcard, and not without its service."""
    with pytest.raises(ClientError) as caught:
        iam.simulate_principal_policy(PolicySourceArn=ROLE_ARN, ActionNames=[action])
    assert caught.value.response["Error"]["Code"] in ("InvalidInput", "ValidationError")


@pytest.mark.parametrize(
    ("pattern", "action", "denied"),
    [
        ("ecs:StopTask", "ecs:StopTask", True),
        ("ecs:stoptask", "ECS:StopTask", True),
        ("ecs:*", "ecs:StopTask", True),
        ("*:Stop*", "ecs:StopTask", True),
        ("elbv2:*", "elasticloadbalancing:DescribeRules", True),
        ("elasticloadbalancing:*", "elasticloadbalancing:DescribeRules", True),
        ("ecs:Stop", "ecs:StopTask", False),
        ("rds:*", "ecs:StopTask", False),
    ],
)
def test_patterns_are_iams(pattern: str, action: str, denied: bool) -> None:
    """Upper and lower case alike, wildcards anywhere, a service by either name."""
    assert denies((pattern,), action) is denied


def test_the_lock_table_takes_one_holder(api: Api, iam: IAMClient) -> None:
    """The seeded table refuses a second holder by its condition, lets the first renew and go; reads change nothing."""
    table = api.client("dynamodb")
    described = table.describe_table(TableName=LOCK_TABLE)["Table"]
    assert described["KeySchema"] == [{"AttributeName": "environment", "KeyType": "HASH"}]
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"

    def hold(owner: str, now: int) -> None:
        table.put_item(
            TableName=LOCK_TABLE,
            Item={"environment": {"S": "lab"}, "owner": {"S": owner}, "until": {"N": str(now + 10)}},
            ConditionExpression="attribute_not_exists(environment) OR #until < :now OR #owner = :owner",
            ExpressionAttributeNames={"#until": "until", "#owner": "owner"},
            ExpressionAttributeValues={":now": {"N": str(now)}, ":owner": {"S": owner}},
        )

    key: dict[str, Any] = {"environment": {"S": "lab"}}
    try:
        hold("a", 100)
        hold("a", 105)
        with pytest.raises(ClientError) as caught:
            hold("b", 110)
        assert caught.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
        hold("b", 120)
        assert table.get_item(TableName=LOCK_TABLE, Key=key, ConsistentRead=True)["Item"]["owner"] == {"S": "b"}
    finally:
        table.delete_item(TableName=LOCK_TABLE, Key=key)
    written = {line["operation"]: line["mutating"] for line in api.audit() if line["service"] == "dynamodb"}
    assert written == {"DescribeTable": False, "PutItem": True, "GetItem": False, "DeleteItem": True}


def test_seeding_twice_changes_nothing(api: Api, iam: IAMClient) -> None:
    """A second lab of the same process finds the table and the role, and no audit has a line of it."""
    seed_records()
    assert api.audit() == []
    assert api.client("dynamodb").list_tables()["TableNames"] == [LOCK_TABLE]
