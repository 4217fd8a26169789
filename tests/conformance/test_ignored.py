"""What a request says is played or refused: no filter is passed over, no option is taken and forgotten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lab.aws.policy import ROLE_ARN
from lab.settings import CLUSTER, DATABASE, LOG_GROUP, SERVICE
from tests.conformance.seen import refused
from tests.lab.twin import Twin

IN = {"cluster": CLUSTER}
NEW: Any = {"DBInstanceIdentifier": "asked", "DBInstanceClass": "db.t4g.micro", "Engine": "postgres"}
OWNED: Any = {"AllocatedStorage": 20, "MasterUsername": "keeper", "MasterUserPassword": "long enough"}
VALUE: Any = {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}
Call = Callable[[Any], object]


def run(**more: Any) -> Call:
    """Return a call that would run a task."""
    return lambda ecs: ecs.run_task(**IN, taskDefinition=SERVICE, **more)


def overridden(**more: Any) -> Call:
    """Return a call that would run a task whose container is another than its definition says."""
    return run(overrides={"containerOverrides": [{"name": "app", **more}]})


def update(**more: Any) -> Call:
    """Return a call that would change the service."""
    return lambda ecs: ecs.update_service(**IN, service=SERVICE, **more)


def create(**more: Any) -> Call:
    """Return a call that would create a service."""
    return lambda ecs: ecs.create_service(**IN, serviceName="asked", taskDefinition=SERVICE, **more)


REFUSED: list[tuple[str, str, Call]] = [
    ("ecs", "InvalidParameterException", run(launchType="EC2")),
    ("ecs", "InvalidParameterException", run(capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT"}])),
    ("ecs", "InvalidParameterException", overridden(command=["true"])),
    ("ecs", "InvalidParameterException", run(overrides={"cpu": "512"})),
    ("ecs", "InvalidParameterException", create(launchType="EC2")),
    ("ecs", "InvalidParameterException", create(schedulingStrategy="DAEMON")),
    ("ecs", "InvalidParameterException", create(deploymentController={"type": "EXTERNAL"})),
    ("ecs", "InvalidParameterException", update(serviceConnectConfiguration={"enabled": True})),
    ("ecs", "InvalidParameterException", update(serviceRegistries=[{"registryArn": "arn:aws:x"}])),
    ("iam", "InvalidInput", lambda iam: iam.simulate_principal_policy(
        PolicySourceArn=ROLE_ARN, ActionNames=["ecs:StopTask"], PolicyInputList=["{}"]
    )),
    ("events", "ResourceNotFoundException", lambda events: events.create_event_bus(
        Name="partner", EventSourceName="aws.partner/x"
    )),
    ("logs", "InvalidParameterException", lambda logs: logs.create_log_group(
        logGroupName="kept", deletionProtectionEnabled=True
    )),
    ("logs", "InvalidParameterException", lambda logs: logs.list_log_groups(fieldIndexNames=["f"])),
    ("logs", "InvalidParameterException", lambda logs: logs.put_metric_filter(
        logGroupName=LOG_GROUP, filterName="f", filterPattern="", metricTransformations=[VALUE],
        emitSystemFieldDimensions=["@aws.account"],
    )),
    ("logs", "InvalidParameterException", lambda logs: logs.put_query_definition(
        name="q", queryString="SELECT 1", queryLanguage="SQL"
    )),
    ("rds", "InvalidParameterCombination", lambda rds: rds.create_db_instance(**NEW, **OWNED, StorageEncrypted=True)),
    ("rds", "DBSubnetGroupNotFoundFault", lambda rds: rds.create_db_instance(
        **NEW, **OWNED, DBSubnetGroupName="elsewhere"
    )),
    ("rds", "InvalidParameterCombination", lambda rds: rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="asked", DBSnapshotIdentifier="none", DBName="x"
    )),
    ("rds", "InvalidParameterCombination", lambda rds: rds.create_db_instance_read_replica(
        DBInstanceIdentifier="asked", SourceDBInstanceIdentifier=DATABASE, MonitoringInterval=60
    )),
    ("rds", "InvalidParameterCombination", lambda rds: rds.modify_db_instance(
        DBInstanceIdentifier=DATABASE, PubliclyAccessible=True
    )),
]  # fmt: skip


@pytest.mark.parametrize(("service", "code", "call"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_not_played_is_refused(standing: Twin, service: str, code: str, call: Call) -> None:
    """An option that the lab would not keep to is answered with an error of the service."""
    with refused(code):
        call(standing.client(service))


def test_what_says_off_passes(standing: Twin) -> None:
    """An option that is switched off is what the lab does anyway."""
    off: Any = {"PubliclyAccessible": False, "MonitoringInterval": 0}
    standing.rds.modify_db_instance(DBInstanceIdentifier=DATABASE, **off)


def test_listeners_and_rules_take_nothing_that_is_not_played(standing: Twin) -> None:
    """No certificate, no rewritten address, no IPv6 target group, no gRPC code."""
    elbv2 = standing.elbv2
    balancer = elbv2.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    listener = elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]
    with refused("InvalidConfigurationRequest"):
        elbv2.modify_listener(ListenerArn=listener["ListenerArn"], SslPolicy="ELBSecurityPolicy-2016-08")
    rewrite: Any = [{"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "a", "Replace": "b"}]}}]
    fixed: Any = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}]
    path: Any = [{"Field": "path-pattern", "Values": ["/a"]}]
    with refused("ValidationError"):
        elbv2.create_rule(
            ListenerArn=listener["ListenerArn"], Priority=9, Conditions=path, Actions=fixed, Transforms=rewrite
        )
    group: Any = {"Name": "asked", "TargetType": "ip", "Protocol": "HTTP", "Port": 80}
    for more in ({"IpAddressType": "ipv6"}, {"Matcher": {"GrpcCode": "0"}}):
        with refused("ValidationError"):
            elbv2.create_target_group(**group, **more)


def test_filters_that_fit_nothing_give_nothing(standing: Twin) -> None:
    """A filter on what the lab has none of leaves nothing, and not everything."""
    ecs, logs, cloudwatch, ecr = (standing.client(name) for name in ("ecs", "logs", "cloudwatch", "ecr"))
    assert ecs.list_tasks(**IN)["taskArns"]
    assert ecs.list_tasks(**IN, containerInstance="0" * 32)["taskArns"] == []
    assert ecs.list_services(**IN, resourceManagementType="ECS")["serviceArns"] == []
    assert logs.list_log_groups(logGroupClass="DELIVERY")["logGroups"] == []
    assert logs.describe_query_definitions(queryLanguage="SQL")["queryDefinitions"] == []
    assert cloudwatch.list_metrics(OwningAccount="000000000000")["Metrics"] == []
    assert cloudwatch.describe_alarm_history(AlarmContributorId="0" * 8)["AlarmHistoryItems"] == []
    assert ecr.list_images(repositoryName=SERVICE, filter={"imageStatus": "ARCHIVED"})["imageIds"] == []


def test_log_groups_are_found_by_class_and_tag(standing: Twin) -> None:
    """ListLogGroups keeps to its filters on class and tags."""
    logs = standing.client("logs")
    logs.create_log_group(logGroupName="tagged", tags={"team": "shop"}, logGroupClass="INFREQUENT_ACCESS")
    try:
        for chosen in ({"logGroupTags": [{"key": "team", "values": ["shop"]}]}, {"logGroupClass": "INFREQUENT_ACCESS"}):
            found = logs.list_log_groups(**chosen)["logGroups"]
            assert [each["logGroupName"] for each in found] == ["tagged"]
    finally:
        logs.delete_log_group(logGroupName="tagged")


def test_inactive_definition_starts_no_task(standing: Twin) -> None:
    """RunTask refuses a revision that was deregistered, as CreateService does."""
    known = standing.ecs.describe_task_definition(taskDefinition=SERVICE)["taskDefinition"]
    made = standing.ecs.register_task_definition(family="gone", containerDefinitions=known["containerDefinitions"])
    arn = made["taskDefinition"]["taskDefinitionArn"]
    standing.ecs.deregister_task_definition(taskDefinition=arn)
    with refused("ClientException"):
        standing.ecs.run_task(**IN, taskDefinition=arn)  # type: ignore[arg-type]


def test_snapshots_are_found_by_resource_id(standing: Twin) -> None:
    """DescribeDBSnapshots keeps to DbiResourceId, which a snapshot tells as its instance does."""
    rds = standing.client("rds")
    shown = rds.describe_db_instances(DBInstanceIdentifier=DATABASE)["DBInstances"][0]
    rds.create_db_snapshot(DBInstanceIdentifier=DATABASE, DBSnapshotIdentifier="asked")
    rds.get_waiter("db_snapshot_available").wait(
        DBSnapshotIdentifier="asked", WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    try:
        found = rds.describe_db_snapshots(DbiResourceId=shown["DbiResourceId"])["DBSnapshots"]
        assert [each["DBSnapshotIdentifier"] for each in found] == ["asked"]
        assert rds.describe_db_snapshots(DbiResourceId="db-OTHER")["DBSnapshots"] == []
    finally:
        rds.delete_db_snapshot(DBSnapshotIdentifier="asked")


def test_overrides_of_a_task_are_told(standing: Twin) -> None:
    """DescribeTasks tells the environment that RunTask was given."""
    ecs = standing.ecs
    name = ecs.describe_task_definition(taskDefinition=SERVICE)["taskDefinition"]["containerDefinitions"][0]["name"]
    given: Any = [{"name": name, "environment": [{"name": "NOTE", "value": "asked"}]}]
    run = ecs.run_task(**IN, taskDefinition=SERVICE, overrides={"containerOverrides": given})  # type: ignore[arg-type]
    arn = run["tasks"][0]["taskArn"]
    try:
        shown = ecs.describe_tasks(**IN, tasks=[arn])["tasks"][0]["overrides"]  # type: ignore[arg-type]
        assert shown["containerOverrides"] == given
    finally:
        ecs.stop_task(**IN, task=arn)
