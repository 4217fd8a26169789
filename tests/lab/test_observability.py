"""A real lab tells about itself as staging does: tasks' lines in CloudWatch Logs, requests' traces in X-Ray."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import pytest

from lab.settings import CLUSTER, DATABASE, LOG_GROUP, SERVICE
from tests.lab.bench import wait_until
from tests.lab.twin import Twin, twin

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_xray import XRayClient


@pytest.fixture(scope="module")
def weak() -> Iterator[Twin]:
    """A lab whose backend does not retry: a failover fails requests."""
    with twin(build="no-retry") as lab:
        wait_until(lab.is_well, 30, "the lab is well")
        yield lab


@pytest.fixture
def logs(weak: Twin) -> CloudWatchLogsClient:
    """A client of Logs."""
    return cast("CloudWatchLogsClient", weak.client("logs"))


@pytest.fixture
def xray(weak: Twin) -> XRayClient:
    """A client of X-Ray."""
    return cast("XRayClient", weak.client("xray"))


def query(logs: CloudWatchLogsClient, text: str) -> list[dict[str, str]]:
    """Run an Insights query over the last minutes; return its rows."""
    now = int(time.time())
    started = logs.start_query(logGroupName=LOG_GROUP, startTime=now - 300, endTime=now + 1, queryString=text)
    identifier = started["queryId"]
    wait_until(lambda: logs.get_query_results(queryId=identifier)["status"] == "Complete", 10, "the query ends")
    rows = logs.get_query_results(queryId=identifier)["results"]
    return [{pair["field"]: pair["value"] for pair in row} for row in rows]


def test_every_tasks_lines_are_in_a_stream_of_its_own(weak: Twin, logs: CloudWatchLogsClient) -> None:
    """Within two seconds of the answer, dated by the request itself; the group has a retention."""
    answers = [weak.get() for _ in range(9)]
    asked = time.time()
    identifiers = {answer.headers["x-request-id"] for answer in answers}
    want = '{ $.path = "/posts" && $.status = 200 }'

    def found() -> list[Any]:
        events = logs.filter_log_events(logGroupName=LOG_GROUP, filterPattern=want)["events"]
        return [event for event in events if json.loads(event["message"])["request_id"] in identifiers]

    wait_until(lambda: len(found()) == 9, 2, "all requests are in the log")
    for event in found():
        line = json.loads(event["message"])
        assert event["logStreamName"] == f"app/app/{line['task']}"
        assert event["timestamp"] == int(line["ts"] * 1000)
        assert abs(event["timestamp"] / 1000 - asked) < 60
    tasks = {f"app/app/{arn.rpartition('/')[2]}" for arn in weak.task_arns()}
    assert {event["logStreamName"] for event in found()} == tasks
    [group] = logs.describe_log_groups(logGroupNamePrefix=LOG_GROUP)["logGroups"]
    assert group["retentionInDays"] == 30


def test_the_task_definition_names_the_log_group(weak: Twin) -> None:
    """As anyone who looks for the logs of a task finds them."""
    definition = weak.ecs.describe_task_definition(taskDefinition=SERVICE)["taskDefinition"]
    configuration = definition["containerDefinitions"][0]["logConfiguration"]
    assert configuration["logDriver"] == "awslogs"
    assert configuration["options"]["awslogs-group"] == LOG_GROUP


def server_said(logs: Any, words: str) -> float:
    """Return when the database's server said this last; 0: never."""
    found = logs.filter_log_events(logGroupName=f"/aws/rds/instance/{DATABASE}/postgresql", filterPattern=f'"{words}"')[
        "events"
    ]
    return max((event["timestamp"] / 1000 for event in found), default=0.0)


def test_a_failover_of_the_weak_build_is_seen_in_logs_and_traces(
    weak: Twin, logs: CloudWatchLogsClient, xray: XRayClient
) -> None:
    """The requests that failed, their class of error by task, the faults of the database; and the server's own log."""
    began = time.time()
    with ThreadPoolExecutor(4) as pool:
        weak.rds.reboot_db_instance(DBInstanceIdentifier=DATABASE, ForceFailover=True)
        waves = []
        while not weak.truth("endpoint.swapped", since=began):
            assert time.time() < began + 60
            waves.append([pool.submit(weak.get) for _ in range(4)])
            time.sleep(0.05)
        answers = [each.result() for wave in waves for each in wave]
    failed = [answer for answer in answers if answer.status == 503]
    assert failed
    identifiers = {answer.headers["x-request-id"] for answer in failed}

    def told() -> list[dict[str, str]]:
        return query(logs, "filter status = 503 | stats count(*) as n by path, bin(1m) | sort n desc")

    wait_until(lambda: sum(int(row["n"]) for row in told()) >= len(identifiers), 3, "every failure is in the log")
    assert {row["path"] for row in told()} == {"/posts"}
    trouble = query(
        logs, 'filter message like "the database is not available" | stats count(*) as n by error_class, task'
    )
    assert sum(int(row["n"]) for row in trouble) == sum(int(row["n"]) for row in told())
    assert {row["task"] for row in trouble} <= {arn.rpartition("/")[2] for arn in weak.task_arns()}
    times: Any = {"StartTime": began - 1, "EndTime": time.time() + 1}
    expression = f'service("{SERVICE}") {{ fault = true }} AND service("{DATABASE}") {{ fault = true }}'
    wait_until(
        lambda: xray.get_trace_summaries(**times, FilterExpression=expression)["TraceSummaries"], 5, "faults are traced"
    )
    summary = xray.get_trace_summaries(**times, FilterExpression=expression)["TraceSummaries"][0]
    assert summary["Http"]["HttpStatus"] == 503
    [line] = query(
        logs, f'filter trace_id = "{summary["Id"]}" and ispresent(status) | fields status, request_id, @logStream'
    )
    task = summary["Annotations"]["task"][0]["AnnotationValue"]["StringValue"]
    assert (line["status"], line["@logStream"]) == ("503", f"app/app/{task}")
    assert line["request_id"] in identifiers
    services = xray.get_service_graph(**times)["Services"]
    database = next(each for each in services if each["Name"] == DATABASE)
    assert database["SummaryStatistics"]["FaultStatistics"]["TotalCount"] > 0
    wait_until(lambda: server_said(logs, "ready to accept connections") >= began - 1, 5, "the server's log tells it")


def test_the_runbooks_queries_are_saved_and_find_the_failover(weak: Twin, logs: CloudWatchLogsClient) -> None:
    """Each runs as it stands, and the rows say which endpoint, which task, which error."""
    saved = logs.describe_query_definitions(queryDefinitionNamePrefix="FoodConnect/")["queryDefinitions"]
    rows = {each["name"].partition("/")[2]: query(logs, each["queryString"]) for each in saved}
    assert {row["path"] for row in rows["errors by endpoint and minute"]} == {"/posts"}
    slowest = rows["slowest requests"][0]
    assert (slowest["status"], float(slowest["ms"]) > 100) == ("503", True)
    assert float(rows["latency by endpoint"][0]["max_ms"]) == float(slowest["ms"])
    failed, trouble = rows["failed requests by task"], rows["database errors"]
    assert 0 < float(failed[0]["percent"]) < 100
    assert sum(int(row["failed"]) for row in failed) == sum(int(row["errors"]) for row in trouble)
    assert len({row["@logStream"] for row in rows["restarts"]}) == 3
    assert {row["release"] for row in rows["restarts"]} == {f"{SERVICE}:1"}


def test_the_last_words_of_a_task_are_kept(weak: Twin, logs: CloudWatchLogsClient) -> None:
    """A stopped task's stream stays; that of its successor is new."""
    wait_until(weak.is_well, 30, "the lab is well")
    victim = weak.task_arns()[0]
    stream = f"app/app/{victim.rpartition('/')[2]}"
    weak.ecs.stop_task(cluster=CLUSTER, task=victim)
    wait_until(lambda: victim not in weak.task_arns() and weak.is_well(), 30, "its successor runs")

    def names() -> set[str]:
        return {each["logStreamName"] for each in logs.describe_log_streams(logGroupName=LOG_GROUP)["logStreams"]}

    wanted = {f"app/app/{arn.rpartition('/')[2]}" for arn in weak.task_arns()}
    wait_until(lambda: wanted < names(), 5, "the successor has a stream, before it says anything")
    assert stream in names() - wanted
    assert logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=stream)["events"]
