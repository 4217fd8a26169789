"""boto3's own waiters and paginators, as many as there are for what the lab plays."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import WaiterError

from lab.aws.names import LISTENER_ARN
from lab.settings import CLUSTER, DATABASE, ERROR_ALARM, LOAD_BALANCER, LOG_GROUP, SERVICE
from tests.conformance.clients import NOT_PLAYED, PAGINATORS, WAITERS
from tests.conformance.play_fis import BODY
from tests.conformance.seen import Seen
from tests.lab.twin import Twin

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import WaiterConfigTypeDef

QUICK: WaiterConfigTypeDef = {"Delay": 1, "MaxAttempts": 20}


def arguments(lab: Twin) -> dict[tuple[str, str], dict[str, Any]]:
    """Return for each waiter what it waits for; everything is so already, or comes within seconds."""
    group, [task, *_] = lab.target_group, lab.task_arns()
    target = lab.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"][0]["Target"]
    stopped = lab.ecs.run_task(cluster=CLUSTER, taskDefinition=SERVICE)["tasks"][0]["taskArn"]
    lab.ecs.stop_task(cluster=CLUSTER, task=stopped)
    lab.ecs.create_service(cluster=CLUSTER, serviceName="passing", taskDefinition=SERVICE, desiredCount=0)
    lab.ecs.delete_service(cluster=CLUSTER, service="passing")
    lab.cloudwatch.put_composite_alarm(AlarmName="waited-for", AlarmRule=f'ALARM("{ERROR_ALARM}")')
    lab.rds.create_db_snapshot(DBInstanceIdentifier=DATABASE, DBSnapshotIdentifier="waited-for")
    night = {"Schedule": {"Expression": "cron(0 2 * * *)", "Duration": "PT1H"}}
    lab.cloudwatch.put_alarm_mute_rule(Name="night", Rule=night)  # type: ignore[arg-type]  # it is one
    both = {"AlarmNames": ["waited-for"], "AlarmTypes": ["CompositeAlarm"]}
    return {
        ("cloudwatch", "composite_alarm_exists"): both,
        ("cloudwatch", "alarm_mute_rule_exists"): {"AlarmMuteRuleName": "night"},
        ("cloudwatch", "alarm_exists"): {"AlarmNames": [ERROR_ALARM]},
        ("ecs", "services_stable"): {"cluster": CLUSTER, "services": [SERVICE]},
        ("ecs", "services_inactive"): {"cluster": CLUSTER, "services": ["passing"]},
        ("ecs", "tasks_running"): {"cluster": CLUSTER, "tasks": [task]},
        ("ecs", "tasks_stopped"): {"cluster": CLUSTER, "tasks": [stopped]},
        ("elbv2", "load_balancer_available"): {"Names": [LOAD_BALANCER]},
        ("elbv2", "load_balancer_exists"): {"Names": [LOAD_BALANCER]},
        ("elbv2", "load_balancers_deleted"): {"Names": ["nothing"]},
        ("elbv2", "target_in_service"): {"TargetGroupArn": group, "Targets": [target]},
        ("elbv2", "target_deregistered"): {"TargetGroupArn": group, "Targets": [{"Id": "127.0.0.9", "Port": 1}]},
        ("rds", "db_cluster_deleted"): {"DBClusterIdentifier": "nothing"},
        ("rds", "db_snapshot_available"): {"DBSnapshotIdentifier": "waited-for"},
        ("rds", "db_snapshot_completed"): {"DBSnapshotIdentifier": "waited-for"},
        ("rds", "db_snapshot_deleted"): {"DBSnapshotIdentifier": "nothing"},
        ("rds", "db_instance_available"): {"DBInstanceIdentifier": DATABASE},
        ("rds", "db_instance_deleted"): {"DBInstanceIdentifier": "nobody"},
    }


def test_every_waiter_ends(played: Seen) -> None:
    """Each waiter of what the lab plays ends well, on something that is so or becomes so."""
    given = arguments(played.lab)
    assert set(given) == WAITERS - NOT_PLAYED
    for (service, name), what in given.items():
        played.client(service).get_waiter(name).wait(**what, WaiterConfig=QUICK)


def test_waiter_gives_up_on_what_never_comes(standing: Twin) -> None:
    """A waiter for a task that is not there ends in an error, as on AWS."""
    with pytest.raises(WaiterError, match="MISSING"):
        standing.ecs.get_waiter("tasks_running").wait(cluster=CLUSTER, tasks=["0" * 32], WaiterConfig=QUICK)


def paged(lab: Twin, experiment: str) -> dict[str, dict[str, Any]]:
    """Return what some paginated operations must be given."""
    balancer = lab.elbv2.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    ecs, group = {"ServiceNamespace": "ecs"}, {"logGroupName": LOG_GROUP}
    topic, images = lab.client("sns").create_topic(Name="paged")["TopicArn"], {"repositoryName": SERVICE}
    made = lab.fis.create_experiment_template(clientToken=uuid.uuid4().hex, **BODY)
    during = {"StartTime": datetime.now(UTC) - timedelta(minutes=1), "EndTime": datetime.now(UTC)}
    trace = {"TraceIds": [f"1-{0:08x}-{0:024x}"]}
    return {
        "BatchGetTraces": trace,
        "GetServiceGraph": during,
        "GetTraceGraph": trace,
        "GetTraceSummaries": during,
        "ListTargetAccountConfigurations": {"experimentTemplateId": made["experimentTemplate"]["id"]},
        "DescribeImages": images,
        "DescribeLogStreams": group,
        "DescribeRules": {"ListenerArn": LISTENER_ARN},
        "DescribeScalableTargets": ecs,
        "DescribeScalingActivities": ecs,
        "DescribeScalingPolicies": ecs,
        "FilterLogEvents": group,
        "ListImages": images,
        "ListSubscriptionsByTopic": {"TopicArn": topic},
        "ListTargetsByRule": {"Rule": "paged"},
        "ListRuleNamesByTarget": {"TargetArn": topic},
        "DescribeDBParameters": {"DBParameterGroupName": DATABASE},
        "DescribeListeners": {"LoadBalancerArn": balancer},
        "GetMetricData": {"MetricDataQueries": [], "StartTime": 0, "EndTime": 1},
        "ListExperimentResolvedTargets": {"experimentId": experiment},
        "ListServices": {"cluster": CLUSTER},
        "ListTasks": {"cluster": CLUSTER},
    }


def test_every_paginator_comes_to_an_end(played: Seen) -> None:
    """Each paginator of an operation that the lab answers itself yields its pages and stops."""
    experiment = played.client("fis").list_experiments()["experiments"][0]["id"]
    given = paged(played.lab, experiment)
    played.client("events").put_rule(Name="paged", EventPattern='{"source": ["x"]}')
    for service, method in sorted(PAGINATORS):
        client = played.client(service)
        operation = client.meta.method_to_api_mapping[method]
        pages = list(client.get_paginator(method).paginate(**given.get(operation, {})))
        assert pages, f"{service}:{operation}"
