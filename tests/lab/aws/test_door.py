"""The door: signed calls named, answered by our handlers or by moto, never by a 500."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from lab.aws.door import OWN
from lab.aws.registry import AwsError, Call, Params, handles, operations
from lab.settings import ACCOUNT
from tests.lab.aws.served import Api, failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.aws.world import World


def test_health_needs_no_signature_and_no_lock(api: Api) -> None:
    """The daemon's health check is answered even while a handler works."""
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        with api.core.lock:
            holding.set()
            done.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert holding.wait(10)
        with urllib.request.urlopen(f"{api.url}/health", timeout=5) as response:
            assert (response.status, response.read()) == (200, b'{"status":"up"}')
    finally:
        done.set()
        holder.join()
    assert api.audit() == []


@pytest.mark.parametrize("path", ["/moto-api/reset", "/moto-api/data.json", "/moto-api"])
def test_moto_api_is_closed(api: Api, path: str) -> None:
    """Nobody resets the lab's records over HTTP."""
    request = urllib.request.Request(f"{api.url}{path}", method="POST", data=b"")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=5)
    refused.value.close()
    assert refused.value.code == 403


def test_other_services_are_motos(api: Api) -> None:
    """STS, S3 and SSM answer, with the lab's account."""
    assert api.sts.get_caller_identity()["Account"] == ACCOUNT
    s3 = api.client("s3")
    s3.create_bucket(Bucket="evidence", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="evidence", Key="a run/ü.json", Body=b"x" * 100_000, Metadata={"run_id": "7"})
    assert s3.head_object(Bucket="evidence", Key="a run/ü.json")["Metadata"] == {"run_id": "7"}
    assert len(s3.get_object(Bucket="evidence", Key="a run/ü.json")["Body"].read()) == 100_000
    put = api.client("ssm").put_parameter(Name="/page", Value="on", Type="String")
    assert put["Version"] == 1


@pytest.mark.parametrize(
    ("service", "method", "arguments", "operation"),
    [
        ("cloudwatch", "list_dashboards", {}, "cloudwatch:ListDashboards"),
        ("rds", "describe_db_proxies", {}, "rds:DescribeDBProxies"),
        ("elbv2", "describe_trust_stores", {}, "elbv2:DescribeTrustStores"),
        ("ecs", "list_account_settings", {}, "ecs:ListAccountSettings"),
        ("fis", "list_target_resource_types", {}, "fis:ListTargetResourceTypes"),
        (
            "iam",
            "simulate_custom_policy",
            {"PolicyInputList": ["{}"], "ActionNames": ["a:b"]},
            "iam:SimulateCustomPolicy",
        ),
        ("cloudtrail", "lookup_events", {}, "cloudtrail:LookupEvents"),
    ],
)
def test_what_is_not_played_is_a_501_that_names_it(
    api: Api, own_handlers: object, service: str, method: str, arguments: dict[str, object], operation: str
) -> None:
    """The message survives in every protocol, and botocore does not repeat the call."""
    error = failure(getattr(api.client(service), method), **arguments)
    metadata = error.response["ResponseMetadata"]
    assert (metadata["HTTPStatusCode"], metadata["RetryAttempts"]) == (501, 0)
    assert f"The lab does not play {operation}:" in error.response["Error"]["Message"]


def test_own_services_never_fall_through_to_moto(api: Api, own_handlers: object) -> None:
    """moto has create_cluster; the lab answers only what it plays."""
    assert failure(api.client("ecs").create_cluster).response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert {"cloudwatch", "ecr", "ecs", "elbv2", "events", "fis", "logs", "rds", "sns", "xray"} <= OWN


def test_a_bug_in_a_handler_is_a_501(api: Api, own_handlers: object, capfd: pytest.CaptureFixture[str]) -> None:
    """A 500 would be repeated by the SDK; the traceback goes to the log."""

    @handles("ecs", "ListClusters")
    def broken(world: World, params: Params, call: Call) -> dict[str, object]:
        return {"clusterArns": [params["nothing"]]}

    error = failure(api.client("ecs").list_clusters)
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert "KeyError" in error.response["Error"]["Message"]
    assert "Traceback" in capfd.readouterr().err


def test_a_code_that_aws_does_not_have_is_a_bug(api: Api, own_handlers: object) -> None:
    """A misspelt code would teach callers the wrong thing."""

    @handles("ecs", "ListClusters")
    def refuse(world: World, params: Params, call: Call) -> dict[str, object]:
        raise AwsError("ClusterNotFund", "typo")

    error = failure(api.client("ecs").list_clusters)
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert "ecs has no error ClusterNotFund" in error.response["Error"]["Message"]


def test_handlers_run_under_the_worlds_lock(api: Api, own_handlers: object) -> None:
    """Nobody else can take the lock while a handler works."""

    @handles("ecs", "ListClusters")
    def look(world: World, params: Params, call: Call) -> dict[str, object]:
        taken: list[bool] = []
        other = threading.Thread(target=lambda: taken.append(world.lock.acquire(blocking=False)))
        other.start()
        other.join()
        return {"clusterArns": [f"taken-by-another-{taken[0]}", f"{call.access_key}-{call.region}-{call.service}"]}

    assert api.client("ecs").list_clusters()["clusterArns"] == ["taken-by-another-False", "lab-eu-west-1-ecs"]


def test_two_handlers_for_one_operation_are_refused(own_handlers: object) -> None:
    """Otherwise the order of imports would choose."""

    def handler(world: World, params: Params, call: Call) -> dict[str, object]:
        return {}

    handles("ecs", "StopTask")(handler)
    with pytest.raises(ValueError, match="two handlers for ecs:StopTask"):
        handles("ecs", "StopTask")(handler)


@pytest.fixture
def loaders() -> Iterator[Any]:
    """botocore's own loader of service models."""
    import botocore.session

    yield botocore.session.get_session()


def test_every_handler_names_an_operation_of_botocore(loaders: Any) -> None:
    """A misspelt operation would never be called."""
    assert ("cloudwatch", "GetMetricData") in operations()
    for service, operation in operations():
        assert service in OWN | {"iam", "sts"}
        assert operation in loaders.get_service_model(service).operation_names
