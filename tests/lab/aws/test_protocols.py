"""The wire: query, json and CBOR, and how errors and denials look in each service's own protocol."""

from __future__ import annotations

import gzip
import json
import time
import urllib.error
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest

from lab.aws.policy import CALLER_ARN
from lab.aws.registry import AwsError, Call, Params, handles
from lab.settings import REGION
from tests.lab.aws.served import Api, failure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_cloudwatch import CloudWatchClient

    from lab.aws.world import World


def send(api: Api, service: str, body: bytes, content_type: str, path: str = "/", **headers: str) -> tuple[int, str]:
    """Send a request as an older or other SDK would; the signature is not checked, its scope is read."""
    scope = f"AWS4-HMAC-SHA256 Credential=lab/20260101/eu-west-1/{service}/aws4_request, Signature=x"
    request = urllib.request.Request(f"{api.url}{path}", body, {"Authorization": scope, "Content-Type": content_type})
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, response.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(errors="replace")


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
    status, text = send(api, "monitoring", b"Action=GetMetricWidgetImage&Version=2010-08-01", FORM)
    assert (status, "cloudwatch:GetMetricWidgetImage: it has no handler" in text) == (501, True)


def test_a_protocol_that_is_not_spoken_is_a_501(api: Api) -> None:
    """CBOR to a service that has no such protocol."""
    path = "/service/AmazonEC2ContainerServiceV20141113/operation/ListClusters"
    status, text = send(api, "ecs", b"\xa0", "application/cbor", path)
    assert (status, "ecs:ListClusters" in text) == (501, True)


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


@pytest.fixture
def cbor(api: Api, tmp_path: Path) -> Iterator[Any]:
    """A botocore client of CloudWatch that can speak nothing but CBOR: its model, without the other protocols."""
    session = botocore.session.Session()
    loader = session.get_component("data_loader")
    model = loader.load_service_model("cloudwatch", "service-2")
    folder = tmp_path / "models" / "cloudwatch" / model["metadata"]["apiVersion"]
    folder.mkdir(parents=True)
    only = {**model["metadata"], "protocol": "smithy-rpc-v2-cbor", "protocols": ["smithy-rpc-v2-cbor"]}
    (folder / "service-2.json").write_text(json.dumps({**model, "metadata": only}))
    fresh = botocore.session.Session()
    fresh.get_component("data_loader").search_paths.insert(0, str(tmp_path / "models"))
    client = fresh.create_client(
        "cloudwatch",
        endpoint_url=api.url,
        region_name=REGION,
        aws_access_key_id="lab",
        aws_secret_access_key="lab",
    )
    assert client.meta.service_model.resolved_protocol == "smithy-rpc-v2-cbor"
    yield client
    client.close()


def test_cloudwatch_speaks_cbor(api: Api, cbor: Any, cloudwatch: CloudWatchClient) -> None:
    """Newer SDKs' protocol: numbers, times, texts, lists and absent members come through as in json."""
    minute = datetime.fromtimestamp(int(time.time()) // 60 * 60 - 120, UTC)
    datum = {"MetricName": "m", "Values": [1.5, 300.0], "Counts": [2, 1], "Timestamp": minute, "Unit": "Count"}
    cbor.put_metric_data(Namespace="Ñ", MetricData=[{**datum, "StorageResolution": 1}] * 300)
    stat = {"Metric": {"Namespace": "Ñ", "MetricName": "m"}, "Period": 60, "Stat": "Sum"}
    asked: Any = {
        "MetricDataQueries": [{"Id": "m1", "MetricStat": stat}, {"Id": "e1", "Expression": "-m1"}],
        "StartTime": minute,
        "EndTime": minute + timedelta(minutes=2),
    }
    by_cbor, by_json = cbor.get_metric_data(**asked), cloudwatch.get_metric_data(**asked)
    assert by_cbor["MetricDataResults"][0]["Values"] == [300 * 303.0]
    assert by_cbor["MetricDataResults"][0]["Timestamps"] == [minute]
    assert by_cbor["MetricDataResults"] == by_json["MetricDataResults"]
    cbor.put_metric_alarm(
        AlarmName="a",
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        Threshold=1,
        Metrics=[{"Id": "m1", "MetricStat": stat}],
        ActionsEnabled=False,
    )
    alarms = [client.describe_alarms()["MetricAlarms"] for client in (cbor, cloudwatch)]
    assert alarms[0] == alarms[1]
    assert [line["operation"] for line in api.audit()][:2] == ["PutMetricData", "GetMetricData"]


def test_errors_in_cbor_have_the_same_codes(api: Api, cbor: Any) -> None:
    """Modelled, common, denied, not played and malformed."""
    unknown = {"AlarmName": "x", "StateValue": "OK", "StateReason": "r"}
    found = failure(cbor.set_alarm_state, **unknown).response
    assert (found["Error"]["Code"], found["ResponseMetadata"]["HTTPStatusCode"]) == ("ResourceNotFound", 404)
    found = failure(cbor.put_metric_data, Namespace="AWS/EC2", MetricData=[{"MetricName": "m", "Value": 1}]).response
    assert found["Error"]["Code"] == "InvalidParameterValue"
    found = failure(cbor.describe_anomaly_detectors).response
    assert "does not play cloudwatch:DescribeAnomalyDetectors" in found["Error"]["Message"]
    assert found["ResponseMetadata"]["RetryAttempts"] == 0
    path = "/service/GraniteServiceVersion20100801/operation/ListMetrics"
    for body in (b"\xa1", b"\x80", b"\xa1\x01\x02", b"\xa0\xa0", b"\x81" * 100):
        assert send(api, "monitoring", body, "application/cbor", path)[0] == 400
    api.core.settings = replace(api.core.settings, deny=("cloudwatch:ListMetrics",))
    found = failure(cbor.list_metrics).response
    assert (found["Error"]["Code"], found["ResponseMetadata"]["HTTPStatusCode"]) == ("AccessDenied", 403)
