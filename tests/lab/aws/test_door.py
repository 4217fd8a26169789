"""The door: signed calls named, audited, denied, answered by our handlers or by moto, never by a 500."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from lab.aws import registry
from lab.aws.door import OWN, Audit, serve
from lab.aws.policy import CALLER_ARN
from lab.aws.protocol import Asked
from lab.aws.registry import AwsError, Call, Params, handles, operations
from lab.settings import ACCOUNT, REGION, LabError
from tests.lab.aws.served import Api, Core

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_cloudwatch import CloudWatchClient

    from lab.aws.registry import Handler
    from lab.aws.world import World


def failure(call: Any, **arguments: object) -> ClientError:
    """Return the error that a client's method raises."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value


@pytest.fixture
def own_handlers(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], Handler]:
    """An empty list of handlers for the length of a test."""
    listed: dict[tuple[str, str], Handler] = {}
    monkeypatch.setattr(registry, "_handlers", listed)
    return listed


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
    """STS, S3, SSM and SNS answer, with the lab's account."""
    assert api.sts.get_caller_identity()["Account"] == ACCOUNT
    s3 = api.client("s3")
    s3.create_bucket(Bucket="evidence", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="evidence", Key="a run/ü.json", Body=b"x" * 100_000, Metadata={"run_id": "7"})
    assert s3.head_object(Bucket="evidence", Key="a run/ü.json")["Metadata"] == {"run_id": "7"}
    assert len(s3.get_object(Bucket="evidence", Key="a run/ü.json")["Body"].read()) == 100_000
    assert api.client("sns").create_topic(Name="page")["TopicArn"] == f"arn:aws:sns:eu-west-1:{ACCOUNT}:page"


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
    assert {"application-autoscaling", "cloudwatch", "ecr", "ecs", "elbv2", "fis", "rds"} <= OWN


def test_a_bug_in_a_handler_is_a_501(api: Api, own_handlers: object, capfd: pytest.CaptureFixture[str]) -> None:
    """A 500 would be repeated by the SDK; the traceback goes to the log."""

    @handles("ecs", "ListClusters")
    def broken(world: World, params: Params, call: Call) -> dict[str, object]:
        return {"clusterArns": [params["nothing"]]}

    error = failure(api.client("ecs").list_clusters)
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert "KeyError" in error.response["Error"]["Message"]
    assert "Traceback" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("service", "operation", "method", "code", "status", "seen"),
    [
        ("ecs", "ListClusters", "list_clusters", "ClusterNotFoundException", 400, "ClusterNotFoundException"),
        ("rds", "DescribeDBInstances", "describe_db_instances", "DBInstanceNotFound", 404, "DBInstanceNotFound"),
        ("rds", "DescribeDBInstances", "describe_db_instances", "InvalidParameterCombination", 400, None),
        ("elbv2", "DescribeLoadBalancers", "describe_load_balancers", "ValidationError", 400, None),
        ("fis", "ListActions", "list_actions", "ValidationException", 400, None),
        ("cloudwatch", "ListMetrics", "list_metrics", "ValidationError", 400, None),
        ("cloudwatch", "ListMetrics", "list_metrics", "ResourceNotFound", 404, None),
    ],
)
def test_errors_have_awss_codes_and_statuses(
    api: Api, own_handlers: object, service: str, operation: str, method: str, code: str, status: int, seen: str | None
) -> None:
    """A modelled code brings its status; a common one has it from the list; neither warns."""

    @handles(service, operation)
    def refuse(world: World, params: Params, call: Call) -> dict[str, object]:
        raise AwsError(code, "it is <not> there & why")

    error = failure(getattr(api.client(service), method))
    assert error.response["Error"]["Code"] == (seen or code)
    assert error.response["Error"]["Message"] == "it is <not> there & why"
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_a_code_that_aws_does_not_have_is_a_bug(api: Api, own_handlers: object) -> None:
    """A misspelt code would teach callers the wrong thing."""

    @handles("ecs", "ListClusters")
    def refuse(world: World, params: Params, call: Call) -> dict[str, object]:
        raise AwsError("ClusterNotFund", "typo")

    error = failure(api.client("ecs").list_clusters)
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert "ecs has no error ClusterNotFund" in error.response["Error"]["Message"]


def test_a_request_that_the_model_forbids_is_a_400(api: Api) -> None:
    """An unchecked client is told what is missing, as AWS would."""
    client = api.client("cloudwatch", parameter_validation=False)
    error = failure(client.set_alarm_state, AlarmName="a")
    assert error.response["Error"]["Code"] == "ValidationError"
    assert "StateValue" in error.response["Error"]["Message"]
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    ("denied", "service", "method", "code", "status"),
    [
        ("ecs:ListClusters", "ecs", "list_clusters", "AccessDeniedException", 400),
        ("rds:DescribeDBInstances", "rds", "describe_db_instances", "AccessDenied", 403),
        ("elasticloadbalancing:DescribeLoadBalancers", "elbv2", "describe_load_balancers", "AccessDenied", 403),
        ("elbv2:DescribeLoadBalancers", "elbv2", "describe_load_balancers", "AccessDenied", 403),
        ("cloudwatch:ListMetrics", "cloudwatch", "list_metrics", "AccessDenied", 403),
        ("cloudwatch:*", "cloudwatch", "list_metrics", "AccessDenied", 403),
        ("fis:ListActions", "fis", "list_actions", "AccessDeniedException", 403),
        ("s3:ListBuckets", "s3", "list_buckets", "AccessDenied", 403),
        ("ec2:DescribeVpcs", "ec2", "describe_vpcs", "UnauthorizedOperation", 403),
        ("ssm:DescribeParameters", "ssm", "describe_parameters", "AccessDeniedException", 400),
    ],
)
def test_denied_actions_answer_in_the_services_protocol(
    api: Api, denied: str, service: str, method: str, code: str, status: int
) -> None:
    """The sentence is IAM's, the code and status are the service's own."""
    api.core.settings = replace(api.core.settings, deny=(denied,))
    error = failure(getattr(api.client(service), method))
    assert error.response["Error"]["Code"] == code
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status
    action = denied.replace("elbv2:", "elasticloadbalancing:").replace("*", "ListMetrics")
    sentence = f"User: {CALLER_ARN} is not authorized to perform: {action}"
    assert error.response["Error"]["Message"] == sentence


@pytest.mark.parametrize(
    ("service", "operation", "mutating"),
    [
        ("dynamodb", "PutItem", True),
        ("dynamodb", "UpdateItem", True),
        ("dynamodb", "DeleteItem", True),
        ("dynamodb", "TransactWriteItems", True),
        ("dynamodb", "GetItem", False),
        ("dynamodb", "BatchGetItem", False),
        ("dynamodb", "Query", False),
        ("dynamodb", "Scan", False),
        ("dynamodb", "TransactGetItems", False),
        ("iam", "SimulatePrincipalPolicy", False),
        ("logs", "StartQuery", False),
        ("fis", "StartExperiment", True),
        ("cloudwatch", "SetAlarmState", True),
        ("rds", "ModifyDBInstance", True),
    ],
)
def test_the_audit_log_knows_what_changes_something(
    tmp_path: Path, service: str, operation: str, mutating: bool
) -> None:
    """Reading, querying and simulating change nothing; putting, updating and starting do."""
    audit = Audit(tmp_path / "audit.jsonl")
    audit.write(Asked(Call("lab", REGION, service), operation, "json", {}, b""), 200, 1.0)
    audit.close()
    assert json.loads((tmp_path / "audit.jsonl").read_text())["mutating"] is mutating


def test_a_full_audit_log_is_put_aside(tmp_path: Path) -> None:
    """Two files at most, none far above the cap, both private; no line is torn and the newest are all there."""
    path, asked = tmp_path / "audit.jsonl", Asked(Call("lab", REGION, "ecs"), "StopTask", "json", {}, b"")
    audit = Audit(path, most=1000)
    for number in range(50):
        audit.write(asked, number, 1.0)
    audit.close()
    files = [path.with_name("audit.jsonl.1"), path]
    assert sorted(tmp_path.iterdir()) == sorted(files)
    assert all(file.stat().st_size < 1200 and file.stat().st_mode & 0o777 == 0o600 for file in files)
    numbers = [json.loads(line)["status"] for file in files for line in file.read_text().splitlines()]
    assert numbers == list(range(50))[-len(numbers) :]
    assert len(numbers) > 7


def test_the_audit_log_has_a_line_for_each_call(api: Api, cloudwatch: CloudWatchClient) -> None:
    """Service, operation, status, duration, and whether the call changes something."""
    cloudwatch.put_metric_data(Namespace="N", MetricData=[{"MetricName": "m", "Value": 1}])
    cloudwatch.list_metrics()
    failure(cloudwatch.list_dashboards)
    api.client("s3").list_buckets()
    lines = [(line["service"], line["operation"], line["status"], line["mutating"]) for line in api.audit()]
    assert lines == [
        ("cloudwatch", "PutMetricData", 200, True),
        ("cloudwatch", "ListMetrics", 200, False),
        ("cloudwatch", "ListDashboards", 501, False),
        ("s3", "ListBuckets", 200, False),
    ]
    assert all(line["ms"] > 0 and abs(line["t"] - time.time()) < 60 for line in api.audit())


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


def send(api: Api, service: str, body: bytes, content_type: str, path: str = "/", **headers: str) -> tuple[int, str]:
    """Send a request as an older or other SDK would; the signature is not checked, its scope is read."""
    scope = f"AWS4-HMAC-SHA256 Credential=lab/20260101/eu-west-1/{service}/aws4_request, Signature=x"
    request = urllib.request.Request(f"{api.url}{path}", body, {"Authorization": scope, "Content-Type": content_type})
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


FORM = "application/x-www-form-urlencoded; charset=utf-8"


def test_cloudwatch_speaks_the_query_protocol_too(api: Api) -> None:
    """Older SDKs and the CLI send forms, zipped when they are large."""
    datum = b"MetricData.member.1.MetricName=m&MetricData.member.1.Value=1"
    form = b"Action=PutMetricData&Version=2010-08-01&Namespace=N&" + datum
    status, text = send(api, "monitoring", gzip.compress(form), FORM, Content_Encoding="gzip")
    assert (status, "<PutMetricDataResponse" in text) == (200, True)
    status, text = send(api, "monitoring", b"Action=ListMetrics&Version=2010-08-01", FORM)
    assert (status, "<MetricName>m</MetricName>" in text) == (200, True)
    status, text = send(api, "monitoring", b"Action=SetAlarmState&Version=2010-08-01&AlarmName=a", FORM)
    assert (status, "<Code>ValidationError</Code>" in text) == (400, True)
    status, text = send(api, "monitoring", b"Action=PutDashboard&Version=2010-08-01", FORM)
    assert (status, "cloudwatch:PutDashboard: it has no handler" in text) == (501, True)


def test_a_protocol_that_is_not_spoken_is_a_501(api: Api) -> None:
    """CBOR, which newer SDKs of other languages use."""
    path = "/service/GraniteServiceVersion20100801/operation/ListMetrics"
    status, text = send(api, "monitoring", b"\xa0", "application/cbor", path)
    assert (status, "cloudwatch:ListMetrics" in text) == (501, True)


@pytest.mark.parametrize(
    ("service", "body", "headers"),
    [
        ("monitoring", b"not gzip", {"Content_Encoding": "gzip"}),
        ("monitoring", b"{", {"X_Amz_Target": "GraniteServiceVersion20100801.PutMetricData"}),
        ("monitoring", b"[]", {"X_Amz_Target": "GraniteServiceVersion20100801.PutMetricData"}),
        ("ecs", b'{"cluster": 7}', {"X_Amz_Target": "AmazonEC2ContainerServiceV20141113.ListTasks"}),
    ],
)
def test_a_malformed_body_is_a_400(
    api: Api, own_handlers: dict[object, object], service: str, body: bytes, headers: dict[str, str]
) -> None:
    """The caller's mistake is never taken for a bug of ours."""

    def never(world: World, params: Params, call: Call) -> dict[str, object]:
        raise AssertionError("a malformed request reached a handler")

    handles("cloudwatch", "PutMetricData")(never)
    handles("ecs", "ListTasks")(never)
    status, text = send(api, service, body, "application/x-amz-json-1.0", **headers)
    assert status == 400, text


def test_a_connection_goes_on_after_an_answer(api: Api) -> None:
    """One connection carries many calls; each body is read to its end."""
    connection = http.client.HTTPConnection("127.0.0.1", api.server.port, timeout=5)
    try:
        connection.connect()
        first = connection.sock
        for body in (b"", b"Action=ListTopics&Version=2010-03-31", b"x" * 200_000):
            connection.request("POST", "/health", body, {"Content-Type": "application/x-www-form-urlencoded"})
            connection.getresponse().read()
        connection.request("GET", "/health")
        assert connection.getresponse().read() == b'{"status":"up"}'
        assert connection.sock is first
    finally:
        connection.close()


def test_many_threads_at_once(api: Api) -> None:
    """Eight clients put and list; nothing is lost and every line of the audit log is whole."""
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            client = api.cloudwatch
            for value in range(20):
                client.put_metric_data(
                    Namespace="N", MetricData=[{"MetricName": "m", "Value": value, "Unit": "Count"}] * 5
                )
        except BaseException as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(api.core.cloudwatch.metrics) == 8 * 20 * 5
    assert len(api.audit()) == 8 * 20


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    """The error says which port, and what to do."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(LabError, match=f"Port {port} is in use; stop what listens there"):
            serve(Core.at(tmp_path).as_world(), port)


def test_the_port_is_free_after_stop(tmp_path: Path) -> None:
    """A stopped server lets the next one have its port, with a client still connected."""
    core = Core.at(tmp_path)
    with serve(core.as_world()) as first, socket.create_connection(("127.0.0.1", first.port)) as idle:
        idle.sendall(b"GET /health HTTP/1.1\r\nHost: lab\r\n\r\n")
        assert idle.recv(4096).startswith(b"HTTP/1.1 200 OK")
        first.stop()
        assert idle.recv(1) == b""
        second = serve(core.as_world(), first.port)
        second.stop()
        assert second.port == first.port


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
