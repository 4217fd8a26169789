"""CloudWatch, operation by operation: metrics, then alarms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.conformance.seen import Seen, all_refused, refused

NAMESPACE = "Conformance"
RULE = {"Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1}
METRIC = {"Namespace": NAMESPACE, "MetricName": "M", "Statistic": "Average", "Period": 10}


def play(seen: Seen) -> None:
    """Call every operation of CloudWatch, with a refusal where AWS has one."""
    cloudwatch = seen.client("cloudwatch")
    _metrics(cloudwatch)
    _alarms(cloudwatch)
    _muting(cloudwatch)
    _dashboards(cloudwatch)


def _metrics(cloudwatch: Any) -> None:
    now = datetime.now(UTC)
    during = {"StartTime": now - timedelta(minutes=5), "EndTime": now + timedelta(minutes=1)}
    cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[{"MetricName": "M", "Value": 1.0, "Unit": "Count"}])
    with refused("InvalidParameterValue", "InvalidParameterCombination"):
        cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[{"MetricName": "M", "Values": [1.0], "Counts": []}])
    stat = {"Metric": {"Namespace": NAMESPACE, "MetricName": "M"}, "Period": 60, "Stat": "p99"}
    queries = [{"Id": "a", "MetricStat": stat}, {"Id": "b", "Expression": "a * 2"}]
    found = cloudwatch.get_metric_data(**during, MetricDataQueries=queries)["MetricDataResults"]
    assert [result["Values"] for result in found] == [[1.0], [2.0]]
    with refused("ValidationError"):
        cloudwatch.get_metric_data(**during, MetricDataQueries=[{"Id": "b", "Expression": "a *"}])
    of = {"Namespace": NAMESPACE, "MetricName": "M", **during}
    assert cloudwatch.get_metric_statistics(**of, Period=60, Statistics=["Sum"])["Datapoints"][0]["Sum"] == 1.0
    with refused("InvalidParameterValue"):
        cloudwatch.get_metric_statistics(**of, Period=7, Statistics=["Sum"])
    assert cloudwatch.list_metrics(Namespace=NAMESPACE)["Metrics"]
    with refused("InvalidParameterValue", "InvalidNextToken"):
        cloudwatch.list_metrics(NextToken="nothing")


def _alarms(cloudwatch: Any) -> None:
    cloudwatch.put_metric_alarm(AlarmName="conformance", **METRIC, **RULE)
    with refused("ValidationError"):
        cloudwatch.put_metric_alarm(AlarmName="conformance", **{**METRIC, "Period": 7}, **RULE)
    cloudwatch.put_composite_alarm(AlarmName="conformance-both", AlarmRule='ALARM("conformance")')
    with refused("ValidationError"):
        cloudwatch.put_composite_alarm(AlarmName="conformance-bad", AlarmRule='ALARM("nothing")')
    cloudwatch.set_alarm_state(AlarmName="conformance", StateValue="ALARM", StateReason="conformance")
    with refused("ResourceNotFound"):
        cloudwatch.set_alarm_state(AlarmName="nothing", StateValue="ALARM", StateReason="conformance")
    cloudwatch.describe_alarms(AlarmNamePrefix="conformance", AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    cloudwatch.describe_alarms_for_metric(Namespace=NAMESPACE, MetricName="M")
    cloudwatch.describe_alarm_history(AlarmName="conformance")
    for call in (cloudwatch.describe_alarms, cloudwatch.describe_alarm_history):
        with refused("InvalidNextToken"):
            call(NextToken="nothing")
    cloudwatch.disable_alarm_actions(AlarmNames=["conformance"])
    cloudwatch.enable_alarm_actions(AlarmNames=["conformance"])
    with refused("ValidationError"):
        cloudwatch.delete_alarms(AlarmNames=["conformance"])
    cloudwatch.delete_alarms(AlarmNames=["conformance-both"])
    cloudwatch.delete_alarms(AlarmNames=["conformance"])


def _muting(cloudwatch: Any) -> None:
    night = {"Schedule": {"Expression": "cron(0 2 * * *)", "Duration": "PT1H"}}
    cloudwatch.put_alarm_mute_rule(Name="night", Rule=night, MuteTargets={"AlarmNames": ["foodconnect-error-rate"]})
    with refused("ValidationError"):
        cloudwatch.put_alarm_mute_rule(Name="day", Rule={"Schedule": {"Expression": "at noon", "Duration": "PT1H"}})
    cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName="night")
    cloudwatch.list_alarm_mute_rules()
    with refused("ResourceNotFoundException"):
        cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName="nothing")
    cloudwatch.delete_alarm_mute_rule(AlarmMuteRuleName="night")


def _dashboards(cloudwatch: Any) -> None:
    cloudwatch.put_dashboard(DashboardName="d", DashboardBody='{"widgets": []}')
    with refused("InvalidParameterInput"):
        cloudwatch.put_dashboard(DashboardName="d", DashboardBody="{")
    cloudwatch.get_dashboard(DashboardName="d")
    cloudwatch.list_dashboards()
    cloudwatch.delete_dashboards(DashboardNames=["d"])
    all_refused(
        "ResourceNotFound",
        lambda: cloudwatch.get_dashboard(DashboardName="d"),
        lambda: cloudwatch.delete_dashboards(DashboardNames=["d"]),
    )
    [alarm] = cloudwatch.describe_alarms(AlarmNames=["foodconnect-error-rate"])["MetricAlarms"]
    cloudwatch.tag_resource(ResourceARN=alarm["AlarmArn"], Tags=[{"Key": "k", "Value": "v"}])
    cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])
    cloudwatch.untag_resource(ResourceARN=alarm["AlarmArn"], TagKeys=["k"])
    nothing = f"{alarm['AlarmArn']}x"
    all_refused(
        "ResourceNotFoundException",
        lambda: cloudwatch.tag_resource(ResourceARN=nothing, Tags=[{"Key": "k", "Value": "v"}]),
        lambda: cloudwatch.list_tags_for_resource(ResourceARN=nothing),
        lambda: cloudwatch.untag_resource(ResourceARN=nothing, TagKeys=["k"]),
    )
