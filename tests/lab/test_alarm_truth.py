"""A running lab's alarms and metrics: the truth has when alarms turned, and what became of their actions."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from lab.settings import CLUSTER, SERVICE
from tests.lab.bench import wait_until
from tests.lab.twin import Twin, twin

PAGE = "arn:aws:sns:eu-west-1:123456789012:page"


@pytest.fixture(scope="module")
def lab() -> Iterator[Twin]:
    """A lab."""
    with twin() as running:
        yield running


def test_what_alarms_did_is_in_the_truth(lab: Twin) -> None:
    """The state's change, then the action with its outcome, both within a second of the API's own times."""
    lab.cloudwatch.put_metric_alarm(
        AlarmName="drill",
        Namespace="N",
        MetricName="m",
        Statistic="Sum",
        Period=10,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[PAGE],
    )
    began = time.time()
    lab.cloudwatch.set_alarm_state(AlarmName="drill", StateValue="ALARM", StateReason="a drill")
    state = lab.wait_truth("alarm.state", since=began, alarm="drill", state="ALARM")
    action = lab.wait_truth("alarm.action", since=began, alarm="drill", action=PAGE)
    assert state["t"] <= action["t"]
    items = lab.cloudwatch.describe_alarm_history(AlarmName="drill", HistoryItemType="StateUpdate")
    told = max(item["Timestamp"].timestamp() for item in items["AlarmHistoryItems"])
    assert abs(told - state["t"]) < 1


def test_the_labs_own_metrics_are_found_and_grouped(lab: Twin) -> None:
    """SEARCH and SELECT over what a running service measures."""
    names = f'ClusterName="{CLUSTER}" ServiceName="{SERVICE}"'
    queries: list[object] = [
        {"Id": "found", "Expression": f"SEARCH('MetricName=\"LiveTaskCount\" {names}', 'Maximum', 1)"},
        {"Id": "chosen", "Expression": 'SELECT MAX(LiveTaskCount) FROM "AWS/ECS" GROUP BY ServiceName', "Period": 1},
    ]

    def values() -> list[list[float]]:
        now = time.time()
        answer = lab.client("cloudwatch").get_metric_data(
            MetricDataQueries=queries, StartTime=now - 30, EndTime=now + 1
        )
        return [result["Values"] for result in answer["MetricDataResults"]]

    wait_until(lambda: [max(found, default=0) for found in values()] == [3, 3], 15, "three live tasks")
