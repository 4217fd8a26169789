"""The audit log: a line for each call, which says whether it changes something, in two files at most."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from lab.aws.door import Audit
from lab.aws.protocol import Asked
from lab.aws.registry import Call
from lab.settings import REGION
from tests.lab.aws.served import Api, failure

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_cloudwatch import CloudWatchClient


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
    failure(cloudwatch.describe_anomaly_detectors)
    api.client("s3").list_buckets()
    lines = [(line["service"], line["operation"], line["status"], line["mutating"]) for line in api.audit()]
    assert lines == [
        ("cloudwatch", "PutMetricData", 200, True),
        ("cloudwatch", "ListMetrics", 200, False),
        ("cloudwatch", "DescribeAnomalyDetectors", 501, False),
        ("s3", "ListBuckets", 200, False),
    ]
    assert all(line["ms"] > 0 and abs(line["t"] - time.time()) < 60 for line in api.audit())
