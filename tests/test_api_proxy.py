"""The proxy that the tests put in front of the AWS API: it names and counts calls, and fails the chosen ones only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

import lab.aws.iam  # noqa: F401  its handlers
from lab.settings import REGION
from tests.api_proxy import ApiProxy, Call, Kind
from tests.lab.aws.served import Api


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A small lab's API."""
    served = Api(tmp_path)
    try:
        yield served
    finally:
        served.close()


@pytest.fixture
def proxy(api: Api) -> Iterator[ApiProxy]:
    """A proxy in front of it."""
    with ApiProxy(api.url) as between:
        yield between


@pytest.fixture
def client(proxy: ApiProxy) -> Iterator[Any]:
    """Makes clients of the proxy, with this many attempts a call."""
    made: list[Any] = []

    def make(service: str, attempts: int = 1, read_timeout: float = 60) -> Any:
        retries: Any = {"total_max_attempts": attempts, "mode": "standard"}
        client = boto3.client(
            cast("Any", service),
            endpoint_url=proxy.url,
            region_name=REGION,
            aws_access_key_id="lab",
            aws_secret_access_key="lab",
            config=Config(retries=retries, read_timeout=read_timeout),
        )
        made.append(client)
        return client

    yield make
    for each in made:
        each.close()


CALLS: list[tuple[str, str, dict[str, Any], str]] = [
    ("sts", "get_caller_identity", {}, "sts:GetCallerIdentity"),
    ("iam", "list_roles", {}, "iam:ListRoles"),
    ("cloudwatch", "list_metrics", {}, "cloudwatch:ListMetrics"),
    ("ecs", "list_clusters", {}, "ecs:ListClusters"),
    ("rds", "describe_db_instances", {}, "rds:DescribeDBInstances"),
    ("elbv2", "describe_load_balancers", {}, "elbv2:DescribeLoadBalancers"),
    ("dynamodb", "list_tables", {}, "dynamodb:ListTables"),
    ("ssm", "describe_parameters", {}, "ssm:DescribeParameters"),
    ("logs", "describe_log_groups", {}, "logs:DescribeLogGroups"),
    ("fis", "get_safety_lever", {"id": "default"}, "fis:GetSafetyLever"),
    ("fis", "get_experiment", {"id": "EXP1"}, "fis:GetExperiment"),
    ("fis", "list_experiments", {}, "fis:ListExperiments"),
    ("fis", "stop_experiment", {"id": "EXP1"}, "fis:StopExperiment"),
    ("xray", "get_trace_summaries", {"StartTime": 0, "EndTime": 1}, "xray:GetTraceSummaries"),
]


@pytest.mark.parametrize(("service", "method", "arguments", "name"), CALLS)
def test_calls_are_named(
    client: Any, proxy: ApiProxy, service: str, method: str, arguments: dict[str, Any], name: str
) -> None:
    """Every protocol's calls are named `service:Operation`, whatever the API answers."""
    try:
        getattr(client(service), method)(**arguments)
    except ClientError as error:  # this small lab has no cluster and no database
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert proxy.log == [Call(1, name)]


def test_answers_pass_unchanged(api: Api, client: Any, proxy: ApiProxy) -> None:
    """Large bodies and answers, zipped and streamed ones, and S3's metadata come through as without a proxy."""
    s3 = client("s3")
    s3.create_bucket(Bucket="through", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="through", Key="a run.bin", Body=b"x" * 3_000_000, Metadata={"run_id": "7"})
    assert s3.head_object(Bucket="through", Key="a run.bin")["Metadata"] == {"run_id": "7"}
    assert s3.get_object(Bucket="through", Key="a run.bin")["Body"].read() == b"x" * 3_000_000
    data = [{"MetricName": f"metric-{n}", "Value": n, "Dimensions": [{"Name": "a", "Value": "b"}]} for n in range(500)]
    client("cloudwatch").put_metric_data(Namespace="N", MetricData=data)
    assert len(api.core.cloudwatch.metrics.metrics()) == 500
    assert proxy.failed == []


def test_connections_are_kept(client: Any, proxy: ApiProxy, api: Api) -> None:
    """Twenty calls of one client take one connection to the API."""
    sts = client("sts")
    for _ in range(20):
        sts.get_caller_identity()
    assert proxy.calls == ["sts:GetCallerIdentity"] * 20
    assert len(api.server._http.connections) == 1


ERRORS: list[tuple[Kind, str, str, dict[str, Any], str, int]] = [
    ("throttle", "sts", "get_caller_identity", {}, "Throttling", 400),
    ("throttle", "dynamodb", "list_tables", {}, "ThrottlingException", 400),
    ("throttle", "fis", "list_experiments", {}, "ThrottlingException", 400),
    ("http500", "iam", "list_roles", {}, "InternalFailure", 500),
    ("http500", "ecs", "list_clusters", {}, "InternalFailure", 500),
    ("expired", "rds", "describe_db_instances", {}, "ExpiredToken", 403),
    ("expired", "cloudwatch", "list_metrics", {}, "ExpiredTokenException", 400),
    ("expired", "fis", "list_experiments", {}, "ExpiredTokenException", 400),
]


@pytest.mark.parametrize(("kind", "service", "method", "arguments", "code", "status"), ERRORS)
def test_errors_are_in_the_calls_protocol(
    api: Api,
    client: Any,
    proxy: ApiProxy,
    kind: Kind,
    service: str,
    method: str,
    arguments: dict[str, Any],
    code: str,
    status: int,
) -> None:
    """botocore reads code and status; the API never sees the call."""
    proxy.fault(kind)
    with pytest.raises(ClientError) as caught:
        getattr(client(service), method)(**arguments)
    error = caught.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert api.audit() == []
    assert proxy.failed == proxy.log


def test_a_call_fails_for_good_only_when_all_its_attempts_do(client: Any, proxy: ApiProxy) -> None:
    """botocore makes three attempts: two failures are not noticed, three are an error; the next call is well again."""
    sts = client("sts", attempts=3)
    proxy.fault("http500", times=2)
    sts.get_caller_identity()
    proxy.fault("http500", times=3)
    with pytest.raises(ClientError, match="InternalFailure"):
        sts.get_caller_identity()
    sts.get_caller_identity()
    assert [call.n for call in proxy.failed] == [1, 2, 4, 5, 6]
    assert len(proxy.calls) == 7


def test_the_nth_call_of_a_name_fails(client: Any, proxy: ApiProxy) -> None:
    """Calls of other names do not count; after `times` calls it is over; None is for ever; heal ends all."""
    sts, tables = client("sts"), client("dynamodb")
    proxy.fault("throttle", name="dynamodb:ListTables", nth=2, times=1)
    sts.get_caller_identity()
    tables.list_tables()
    sts.get_caller_identity()
    with pytest.raises(ClientError, match="Throttling"):
        tables.list_tables()
    tables.list_tables()
    assert proxy.failed == [Call(4, "dynamodb:ListTables")]
    proxy.forget()
    proxy.fault("throttle", nth=2, times=None)
    sts.get_caller_identity()
    for _ in range(3):
        with pytest.raises(ClientError, match="Throttling"):
            tables.list_tables()
    proxy.heal()
    tables.list_tables()
    assert [call.n for call in proxy.failed] == [2, 3, 4]


def test_dropped_answers_belong_to_calls_that_were_made(api: Api, client: Any, proxy: ApiProxy) -> None:
    """The API has done what was asked, and the client does not know it."""
    proxy.fault("drop", name="ssm:PutParameter")
    with pytest.raises(ConnectionClosedError):
        client("ssm").put_parameter(Name="/dropped", Value="1", Type="String", Overwrite=True)
    assert [line["operation"] for line in api.audit()] == ["PutParameter"]
    assert client("ssm").get_parameter(Name="/dropped")["Parameter"]["Value"] == "1"


def test_reset_calls_were_never_made(api: Api, client: Any, proxy: ApiProxy) -> None:
    """The client sees its connection reset, the API sees nothing."""
    proxy.fault("reset")
    with pytest.raises(ConnectionClosedError, match="closed"):
        client("sts").get_caller_identity()
    assert api.audit() == []


def test_silent_calls_time_out(api: Api, client: Any, proxy: ApiProxy) -> None:
    """No answer within the client's patience; other connections are served meanwhile, and the proxy ends at once."""
    proxy.fault("timeout", name="sts:GetCallerIdentity")
    with ThreadPoolExecutor(1) as pool:
        silent = pool.submit(client("sts", read_timeout=1).get_caller_identity)
        client("dynamodb").list_tables()
        with pytest.raises(ReadTimeoutError):
            silent.result()
    assert [line["operation"] for line in api.audit()] == ["ListTables"]


def test_a_proxy_ends_while_calls_are_silent(api: Api) -> None:
    """Leaving the block does not wait for a call that nobody answers."""
    session = boto3.Session(aws_access_key_id="lab", aws_secret_access_key="lab", region_name=REGION)
    with ThreadPoolExecutor(1) as pool:
        with ApiProxy(api.url) as proxy:
            proxy.fault("timeout")
            config = Config(retries=cast("Any", {"total_max_attempts": 1}), read_timeout=30)
            client = session.client("sts", endpoint_url=proxy.url, config=config)
            silent = pool.submit(client.get_caller_identity)
            while not proxy.calls:
                time.sleep(0.01)
        with pytest.raises(ConnectionClosedError):
            silent.result(timeout=30)
        client.close()


def test_an_api_that_is_gone_ends_the_connection(api: Api, client: Any) -> None:
    """Nothing is invented for an API that does not answer."""
    api.server.stop()
    with pytest.raises(ConnectionClosedError):
        client("sts").get_caller_identity()
