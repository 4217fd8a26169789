"""The load balancer over its API: target health is Envoy's, and the metrics count the requests that were made."""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from lab.settings import CLUSTER, LOAD_BALANCER, SERVICE, TARGET_GROUP
from tests.lab.balancing import Metrics, Spare, fresh_second, path, rule, spare_group
from tests.lab.bench import wait_until
from tests.lab.twin import Twin
from tests.lab.upstream import Upstream
from tests.ports import free_ports

DELAY = "deregistration_delay.timeout_seconds"


def test_names_and_dimensions_are_those_of_aws(lab: Twin) -> None:
    """The load balancer and its target group go by their names, and end in sixteen hexadecimal digits."""
    (balancer,) = lab.elbv2.describe_load_balancers(Names=[LOAD_BALANCER])["LoadBalancers"]
    (group,) = lab.elbv2.describe_target_groups(Names=[TARGET_GROUP])["TargetGroups"]
    (listener,) = lab.elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    assert balancer["State"]["Code"] == "active"
    assert group["LoadBalancerArns"] == [balancer["LoadBalancerArn"]]
    assert listener["Port"] == lab.settings.alb_port
    assert listener["DefaultActions"][0]["TargetGroupArn"] == group["TargetGroupArn"]
    for value in (each["Value"] for each in Metrics(lab).group):
        assert len(bytes.fromhex(value.rpartition("/")[2])) == 8


def test_frozen_task_turns_unhealthy_and_well_again(lab: Twin) -> None:
    """A task that stops answering fails Envoy's checks; the count follows; it is healthy once it goes on."""
    arn = lab.task_arns()[0]
    began, pid = time.time(), lab.pid_of(arn)
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(lambda: "unhealthy" in lab.health().values(), 10, "unhealthy")
        bad = lab.elbv2.describe_target_health(TargetGroupArn=lab.target_group)["TargetHealthDescriptions"]
        reasons = {each["TargetHealth"].get("Reason") for each in bad}
        assert reasons == {None, "Target.Timeout"}
        metrics = Metrics(lab)
        wait_until(lambda: 1.0 in metrics.read("UnHealthyHostCount", "Maximum", began), 5, "counted")
        wait_until(lambda: 2.0 in metrics.read("HealthyHostCount", "Minimum", began), 5, "so are the others")
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: list(lab.health().values()) == ["healthy"] * 3, 10, "well again")


def test_stopping_task_drains(lab: Twin) -> None:
    """A task that leaves is `draining` for the deregistration delay, then it is gone from the target group."""
    group, usual = Spare(lab, lab.target_group), f"{lab.settings.simulated.deregistration_s:g}"
    attributes = lab.elbv2.describe_target_group_attributes(TargetGroupArn=lab.target_group)["Attributes"]
    assert {"Key": DELAY, "Value": usual} in attributes
    arn = lab.task_arns()[0]
    before = lab.health()
    group.set(**{DELAY: "2"})  # time enough to see it
    try:
        lab.ecs.stop_task(cluster=CLUSTER, task=arn)
        assert sorted(lab.health()[address] for address in before) == ["draining", "healthy", "healthy"]
        wait_until(lambda: "draining" not in lab.health().values(), 5, "drained")
    finally:
        group.set(**{DELAY: usual})


def test_targets_are_keyed_by_address_and_port(lab: Twin) -> None:
    """A second port on a known address is another target: first `initial`, then unhealthy; the first stays healthy."""
    host, port = next(iter(lab.health()))
    targets = [{"Id": host, "Port": port + 1}]
    lab.elbv2.register_targets(TargetGroupArn=lab.target_group, Targets=targets)  # type: ignore[arg-type]
    try:
        assert lab.health()[host, port + 1] == "initial"
        wait_until(lambda: lab.health()[host, port + 1] == "unhealthy", 10, "unhealthy")
        assert lab.health()[host, port] == "healthy"
    finally:
        lab.elbv2.deregister_targets(TargetGroupArn=lab.target_group, Targets=targets)  # type: ignore[arg-type]
    wait_until(lambda: (host, port + 1) not in lab.health(), 5, "gone")
    asked = lab.elbv2.describe_target_health(TargetGroupArn=lab.target_group, Targets=targets)  # type: ignore[arg-type]
    assert asked["TargetHealthDescriptions"][0]["TargetHealth"]["State"] == "unused"


def test_requests_are_counted_once(lab: Twin) -> None:
    """Twenty good requests and five of another kind: counted once, by class, with their response times."""
    metrics, began = Metrics(lab), fresh_second()
    for _ in range(20):
        assert lab.get().status == 200
    for _ in range(5):
        assert lab.get("/no-such-page").status == 404
    wait_until(lambda: metrics.total("RequestCount", began) >= 25, 5, "counted")
    time.sleep(1.5)
    for group in (True, False):
        assert metrics.total("RequestCount", began, group=group) == 25
        assert metrics.total("HTTPCode_Target_2XX_Count", began, group=group) == 20
        assert metrics.total("HTTPCode_Target_4XX_Count", began, group=group) == 5
        assert metrics.total("HTTPCode_Target_5XX_Count", began, group=group) == 0
        assert sum(metrics.read("TargetResponseTime", "SampleCount", began, group=group)) == 25
    assert 0 < max(metrics.read("TargetResponseTime", "Maximum", began)) < 2


def test_answers_of_the_load_balancer_itself_are_counted_apart(lab: Twin) -> None:
    """With no target registered the load balancer itself answers 503: its own error, not a target's."""
    metrics, began = Metrics(lab), time.time()
    targets = [{"Id": host, "Port": port} for host, port in lab.health()]
    lab.elbv2.deregister_targets(TargetGroupArn=lab.target_group, Targets=targets)  # type: ignore[arg-type]
    try:
        wait_until(lambda: lab.get().status == 503, 5, "no target")
        wait_until(lambda: metrics.total("HTTPCode_ELB_503_Count", began, group=False) >= 1, 5, "counted")
        assert metrics.total("HTTPCode_ELB_5XX_Count", began, group=False) >= 1
        assert metrics.total("HTTPCode_Target_5XX_Count", began, group=False) == 0
    finally:
        lab.elbv2.register_targets(TargetGroupArn=lab.target_group, Targets=targets)  # type: ignore[arg-type]
    wait_until(lambda: lab.get().status == 200, 5, "back")


def test_zones_and_targets_add_up(lab: Twin) -> None:
    """Requests and healthy hosts by Availability Zone add up to the whole; per target they are the average."""
    metrics, began = Metrics(lab), fresh_second()
    for _ in range(30):
        assert lab.get().status == 200
    wait_until(lambda: metrics.total("RequestCount", began) >= 30, 5, "counted")
    zones = ("eu-west-1a", "eu-west-1b", "eu-west-1c")
    assert [metrics.total("RequestCount", began, zone=zone) for zone in zones] == [10, 10, 10]
    assert sum(metrics.total("HTTPCode_Target_2XX_Count", began, zone=zone, group=False) for zone in zones) == 30
    assert {max(metrics.read("HealthyHostCount", "Maximum", began, zone=zone)) for zone in zones} == {1.0}
    assert metrics.total("RequestCountPerTarget", began) == pytest.approx(10)
    assert metrics.total("RequestCountPerTarget", began, balancer=False) == pytest.approx(10)
    assert 0 < max(metrics.read("TargetResponseTime", "p99", began, zone=zones[0])) < 2
    assert metrics.total("NewConnectionCount", began, group=False) >= 30
    assert max(metrics.read("ActiveConnectionCount", "Maximum", began, group=False)) >= 1
    assert metrics.total("ProcessedBytes", began, group=False) > 30 * 300
    assert metrics.read("HTTPCode_ELB_5XX_Count", "Sum", began, group=False) == []  # nothing to report: no point


def test_refused_connections_are_counted(lab: Twin) -> None:
    """A target that refuses connections costs 502, the load balancer's own code; the connection is counted for it."""
    nobody = Upstream(("127.0.0.1", free_ports(1)[0]))
    with spare_group(lab) as spare:
        metrics = Metrics(lab, spare.arn)
        lab.elbv2.register_targets(TargetGroupArn=spare.arn, Targets=[nobody.target])
        wait_until(lambda: spare.get().status == 502, 2, "registered")
        began = fresh_second()
        assert {spare.get().status for _ in range(5)} == {502}
        wait_until(lambda: metrics.total("TargetConnectionErrorCount", began) == 5, 5, "counted")
        assert metrics.total("RequestCount", began) == 5
        for name in ("HTTPCode_ELB_502_Count", "HTTPCode_ELB_5XX_Count", "TargetConnectionErrorCount"):
            assert metrics.total(name, began, group=False) == 5
        assert metrics.total("HTTPCode_Target_5XX_Count", began) == 0


def test_own_answers_by_rule_are_counted(lab: Twin) -> None:
    """Fixed responses and redirects are the load balancer's: no request of any target, a code of its own."""
    metrics, began = Metrics(lab), fresh_second()
    with (
        rule(lab, 3, path("/a"), [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "429"}}]),
        rule(lab, 4, path("/b"), [{"Type": "redirect", "RedirectConfig": {"Path": "/c", "StatusCode": "HTTP_301"}}]),
    ):
        wait_until(lambda: lab.get("/a").status == 429, 1, "the rule")
        assert lab.get("/b").status == 301
        wait_until(lambda: metrics.total("HTTP_Redirect_Count", began, group=False) == 1, 5, "counted")
        assert metrics.total("HTTP_Fixed_Response_Count", began, group=False) == 1
        assert metrics.total("HTTPCode_ELB_4XX_Count", began, group=False) == 1
        assert metrics.total("HTTPCode_ELB_3XX_Count", began, group=False) == 1
        assert metrics.total("RequestCount", began, group=False) == 0


def test_tasks_are_counted(lab: Twin) -> None:
    """Container Insights and AWS/ECS have the service's real counts."""
    names = [{"Name": "ClusterName", "Value": CLUSTER}, {"Name": "ServiceName", "Value": SERVICE}]
    now = datetime.now(UTC)
    for namespace, metric in (
        ("AWS/ECS", "LiveTaskCount"),
        ("ECS/ContainerInsights", "RunningTaskCount"),
        ("ECS/ContainerInsights", "DesiredTaskCount"),
    ):
        points = lab.cloudwatch.get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=names,  # type: ignore[arg-type]
            StartTime=now - timedelta(seconds=3),
            EndTime=now,
            Period=1,
            Statistics=["Maximum"],
        )["Datapoints"]
        assert points, metric
        assert points[-1]["Maximum"] >= 3


def test_unknown_arns_are_refused(lab: Twin) -> None:
    """Unknown load balancers and target groups get AWS's codes."""
    group = lab.target_group.replace(TARGET_GROUP, "other")
    with pytest.raises(ClientError) as no_group:
        lab.elbv2.describe_target_health(TargetGroupArn=group)
    with pytest.raises(ClientError) as no_balancer:
        lab.elbv2.describe_load_balancers(Names=["other"])
    assert no_group.value.response["Error"]["Code"] == "TargetGroupNotFound"
    assert no_balancer.value.response["Error"]["Code"] == "LoadBalancerNotFound"
