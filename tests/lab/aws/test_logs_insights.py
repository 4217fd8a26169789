"""Logs Insights: the queries of runbooks, their statistics, their life, and what is wrong with a wrong one."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from lab.aws.logs_query_commands import parse_query
from lab.aws.logs_query_run import Plan
from lab.aws.logs_query_tokens import QueryError
from lab.aws.logs_query_values import Row
from lab.aws.logs_store import Event
from tests.lab.bench import wait_until

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

    from tests.lab.aws.served import Api

GROUP = "/ecs/foodconnect-backend"
MINUTE = 1_764_000_000_000 // 60_000 * 60_000
REQUESTS = [  # seconds, task, path, status, ms
    (0, "a", "/posts", 200, 10),
    (1, "b", "/posts", 503, 500),
    (2, "a", "/login", 200, 90.25),
    (61, "a", "/posts", 503, 520),
    (62, "b", "/login", 500, 30),
    (63, "b", "/posts", 200, 20),
]


def request(task: str, path: str, status: int, ms: float) -> str:
    """Return a line as the backend writes it, and some that it does not."""
    own = {"level": "ERROR" if status >= 500 else "INFO", "task": task, "method": "GET", "path": path}
    return json.dumps(own | {"status": status, "ms": ms, "user": {"ids": [7, {"ok": True}]}, "nothing": None})


def lines() -> list[tuple[int, str, str]]:
    """Return (epoch ms, task, message) of a small day at the shop."""
    found = [(MINUTE + 1000 * each[0], each[1], request(*each[1:])) for each in REQUESTS]
    trouble = {
        "level": "WARNING",
        "task": "b",
        "message": "GET /posts: OperationalError: the database is not available",
    }
    return [
        *found,
        (MINUTE + 64_000, "b", json.dumps(trouble)),
        (MINUTE + 65_000, "b", "Traceback: user=u7, code=12 end"),
    ]


def run(query: str) -> list[dict[str, str]]:
    """Return the rows of a query over those lines, without their @ptr."""
    plan = Plan(parse_query(query))
    events = [(Event(at, number, at + 300, text), task) for number, (at, task, text) in enumerate(lines())]
    rows = plan.run(Row(event, f"app/app/{task}", GROUP) for event, task in reversed(events))
    return [{pair["field"]: pair["value"] for pair in plan.result(row) if pair["field"] != "@ptr"} for row in rows]


def test_errors_by_endpoint_and_minute() -> None:
    """The first query of the runbook: which endpoint fails, and since when."""
    query = "filter status >= 500 | stats count(*) as errors by path, bin(1m) as minute | sort minute asc, errors desc"
    assert run(query) == [
        {"path": "/posts", "minute": "2025-11-24 16:00:00.000", "errors": "1"},
        {"path": "/login", "minute": "2025-11-24 16:01:00.000", "errors": "1"},
        {"path": "/posts", "minute": "2025-11-24 16:01:00.000", "errors": "1"},
    ]


def test_slowest_requests() -> None:
    """Fields, a sort by a number, a limit; times are written as dates."""
    assert run("fields @timestamp, path, ms | filter ispresent(ms) | sort ms desc | limit 2") == [
        {"@timestamp": "2025-11-24 16:01:01.000", "path": "/posts", "ms": "520"},
        {"@timestamp": "2025-11-24 16:00:01.000", "path": "/posts", "ms": "500"},
    ]


def test_failed_requests_by_task() -> None:
    """A share computed from aggregates, sorted by its own text."""
    query = "filter ispresent(status) | stats sum(floor(status / 500)) / count(*) * 100 as percent by task | sort task"
    assert run(query) == [{"task": "a", "percent": "33.3333"}, {"task": "b", "percent": "66.6667"}]
    assert run("stats count(*) by task | sort count(*) desc | limit 1") == [{"task": "b", "count(*)": "4"}]


def test_database_errors_and_restarts() -> None:
    """Texts are found by like, with a text or a regular expression."""
    query = (
        'filter message like "the database is not available" | stats count(*) as n, latest(@timestamp) as last by task'
    )
    assert run(query) == [{"task": "b", "n": "1", "last": "2025-11-24 16:01:04.000"}]
    assert len(run(r"filter @message like /(?i)operational\w+/ or @message =~ /^Trace/")) == 2
    assert len(run("filter @message not like /status/")) == 2


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ("status = 503", 2),
        ('status = "503"', 2),
        ("status != 503", 6),
        ("ispresent(status) and status != 503", 4),
        ("status in [200, 500]", 4),
        ('task not in ["a"] and ispresent(task)', 4),
        ("not (status > 1)", 2),
        ("status >= 500 and path = '/posts' or ms < 15", 3),
        ("ms * 2 + 1 = 41", 1),
        ("2 ^ 3 ^ 2 = 512 and -3 - -3 = 0 and 7 % 4 = 3", 8),
        ("ms / 0 > 1", 0),
        ("user.ids.0 = 7 and user.ids.1.ok = 1", 6),
        ("ispresent(nothing)", 0),
        ("`user.ids.0` = 7", 6),
        ("strcontains(path, 'log') = 1", 2),
        ("strcontains(path, 'log')", 2),
        ("@logStream like 'app/app/a' and @log = '123456789012:/ecs/foodconnect-backend'", 3),
        ("coalesce(status, ms, 1) = 1", 2),
        ("strlen(trim(concat(' ', path, ' '))) = 6", 6),
        ("isempty(nothing) and isblank(concat(' ', nothing))", 8),
        ("greatest(ms, 100) = 100 and least(ms, 100) = 20", 1),
        ("abs(0 - ms) = 20 and ceil(ms / 19) = 2 and sqrt(ms + 5) = 5", 1),
        ("replace(path, '/', '') = 'posts' and substr(path, 1, 2) = 'po' and toupper(level) = 'INFO'", 2),
        ("@timestamp >= 1764000060000", 5),
        ("toMillis(@ingestionTime) - toMillis(@timestamp) = 300", 8),
        ("datefloor(@timestamp, 1m) = dateceil(@timestamp, 1m)", 1),
        ("isValidIp('10.0.0.1') and not isValidIpv6('10.0.0.1')", 8),
        ("# a comment\n status = 500", 1),
    ],
)
def test_conditions(condition: str, count: int) -> None:
    """Comparisons, precedence, missing fields, nested fields, functions."""
    assert len(run(f"filter {condition}")) == count


def test_aggregates() -> None:
    """Each of them over the requests; missing values are left out."""
    query = (
        "stats count(ms) as n, count(*) as every, count_distinct(path) as paths, sum(ms) as total, avg(ms) as mean, "
        "min(ms) as low, max(ms) as high, pct(ms, 50) as p50, pct(ms, 99) as p99, stddev(status) as spread, "
        "earliest(task) as first, latest(path) as last, sortsFirst(path) as lowest, sortsLast(path) as highest"
    )
    [row] = run(query)
    assert row == {
        **{"n": "6", "every": "8", "paths": "2", "total": "1170.25", "mean": "195.0417", "low": "10", "high": "520"},
        **{"p50": "60.125", "p99": "519", "spread": "151.0033", "first": "a", "lowest": "/login", "highest": "/posts"},
        "last": "/posts",
    }
    assert run("filter status = 1 | stats count(*)") == []


def test_parse_takes_fields_out_of_texts() -> None:
    """With a glob and with a regular expression; what does not match stays without them."""
    by_glob = 'parse @message "user=*, code=* end" as user, code | filter ispresent(code) | display user, code + 1'
    assert run(by_glob) == [{"user": "u7", "code + 1": "13"}]
    by_regex = r"parse /code=(?<code>\d+)/ | filter code = 12 | fields code"
    assert run(by_regex) == [{"code": "12"}]
    assert run(r"parse path /^.(.)(.*)$/ as head, tail | stats count(*) as n by head | filter head = 'l'") == [
        {"head": "l", "n": "2"}
    ]


def test_dedup_display_and_limit() -> None:
    """The first row of each value in the order of the rows; display shows nothing else; the default is a pair."""
    assert run("fields path | filter ispresent(path) | sort ms asc | dedup path | display path, ms") == [
        {"path": "/posts", "ms": "10"},
        {"path": "/login", "ms": "30"},
    ]
    assert [row.keys() for row in run("limit 1")] == [{"@timestamp", "@message"}]
    assert run("limit 1")[0]["@message"].startswith("Traceback")


@pytest.mark.parametrize(
    ("query", "start", "end", "message"),
    [
        ("", 0, 0, "unexpected end of query"),
        ("field path", 0, 5, "one of the commands fields"),
        ("fields path | filter status >", 29, 29, "unexpected end of query"),
        ("fields a | | limit 1", 11, 12, "unexpected symbol |"),
        ("fields nosuch(path)", 7, 13, "unknown function nosuch"),
        ("filter toupper(a, b) = 1", 7, 14, "invalid number of arguments"),
        ("filter count(*) > 1", 7, 12, "belongs into stats"),
        ("stats ms by path", 6, 8, "no aggregate"),
        ("limit 100001", 6, 12, "a number from 1 to 100000"),
        ("filter a = $b", 11, 12, "unexpected symbol $"),
        ("filter a like /(/", 15, 16, "invalid regular expression"),
        ('parse @message "a*b*" as x', 15, 21, "2 wildcards and 1 names"),
        ("stats count(*) by bin(x)", 18, 21, "a length of time"),
        ("filter a in [1, 2", 17, 17, "unexpected end of query"),
        ("filter " + "(" * 2000, 0, 2007, "nested too deeply"),
    ],
)
def test_a_wrong_query_is_told_with_its_place(query: str, start: int, end: int, message: str) -> None:
    """Start and end count the characters of the query."""
    with pytest.raises(QueryError) as caught:
        Plan(parse_query(query))
    assert message in str(caught.value)
    assert (caught.value.start, caught.value.end) == (start, end)


@pytest.fixture
def logs(api: Api) -> CloudWatchLogsClient:
    """A client, and the lines in their group."""
    client = cast("CloudWatchLogsClient", api.client("logs"))
    client.create_log_group(logGroupName=GROUP)
    shift = int(time.time()) // 60 * 60_000 - MINUTE - 120_000
    for task in "ab":
        client.create_log_stream(logGroupName=GROUP, logStreamName=f"app/app/{task}")
        events = [{"timestamp": at + shift, "message": text} for at, name, text in lines() if name == task]
        client.put_log_events(logGroupName=GROUP, logStreamName=f"app/app/{task}", logEvents=events)  # type: ignore[arg-type]
    return client


def finished(logs: CloudWatchLogsClient, query: str, **more: Any) -> Any:
    """Run a query to its end."""
    now = int(time.time())
    asked: dict[str, Any] = {"logGroupName": GROUP, "startTime": now - 600, "endTime": now, **more}
    identifier = logs.start_query(queryString=query, **asked)["queryId"]
    wait_until(lambda: logs.get_query_results(queryId=identifier)["status"] != "Running", 5, "the query ends")
    return logs.get_query_results(queryId=identifier)


def test_a_query_goes_from_running_to_complete(logs: CloudWatchLogsClient) -> None:
    """Its statistics count what was scanned and matched; DescribeQueries has it."""
    answer = finished(logs, "filter status >= 500 | fields task | limit 2")
    assert answer["status"] == "Complete"
    statistics = answer["statistics"]
    assert (statistics["recordsMatched"], statistics["recordsScanned"]) == (3, 8)
    assert statistics["bytesScanned"] == sum(len(text) + 26 for _, _, text in lines())
    assert [{pair["field"] for pair in row} for row in answer["results"]] == [{"task", "@ptr"}] * 2
    pointer = next(pair["value"] for pair in answer["results"][0] if pair["field"] == "@ptr")
    record = logs.get_log_record(logRecordPointer=pointer)["logRecord"]
    assert (record["status"], record["@logStream"], record["user.ids.0"]) == ("500", "app/app/b", "7")
    [listed] = logs.describe_queries(logGroupName=GROUP)["queries"]
    assert (listed["status"], listed["queryString"]) == ("Complete", "filter status >= 500 | fields task | limit 2")
    assert finished(logs, "fields task", limit=3)["statistics"]["recordsMatched"] == 8
    assert len(finished(logs, "fields task", limit=3)["results"]) == 3
    newest = logs.describe_queries()["queries"][0]["queryId"]
    first = logs.get_query_results(queryId=newest, maxItems=2)
    rest = logs.get_query_results(queryId=newest, nextToken=first["nextToken"])
    assert (len(first["results"]), len(rest["results"])) == (2, 1)
    fields = {
        field["name"]: field["percent"] for field in logs.get_log_group_fields(logGroupName=GROUP)["logGroupFields"]
    }
    assert (fields["@message"], fields["status"], fields["message"]) == (100, 75, 12)


def test_a_query_spans_groups_and_ranges(logs: CloudWatchLogsClient) -> None:
    """Several groups in the order of time; both ends of the range belong to it."""
    logs.create_log_group(logGroupName="/other")
    logs.create_log_stream(logGroupName="/other", logStreamName="s")
    now = int(time.time() * 1000)
    logs.put_log_events(logGroupName="/other", logStreamName="s", logEvents=[{"timestamp": now, "message": "newest"}])
    more = {"logGroupName": "", "logGroupNames": [GROUP, "/other"], "startTime": now - 600_000, "endTime": now}
    more.pop("logGroupName")
    identifier = logs.start_query(queryString="fields @log, @message | limit 1", **more)["queryId"]  # type: ignore[arg-type]
    wait_until(lambda: logs.get_query_results(queryId=identifier)["status"] == "Complete", 5, "the query ends")
    [row] = logs.get_query_results(queryId=identifier)["results"]
    assert [pair["value"] for pair in row[:2]] == ["123456789012:/other", "newest"]


def test_errors_of_the_api(logs: CloudWatchLogsClient) -> None:
    """A malformed query carries its place; what is unknown is not found; an ended query cannot be stopped."""
    with pytest.raises(ClientError) as malformed:
        finished(logs, "filter status >")
    error = malformed.value.response
    assert error["Error"]["Code"] == "MalformedQueryException"
    assert "position 15" in error["Error"]["Message"]
    place = cast("Any", error)["queryCompileError"]
    assert place["location"] == {"startCharOffset": 15, "endCharOffset": 15}
    for call, code in (
        (lambda: finished(logs, "limit 1", logGroupName="/none"), "ResourceNotFoundException"),
        (lambda: logs.get_query_results(queryId="none"), "ResourceNotFoundException"),
        (lambda: finished(logs, "limit 1", startTime=9, endTime=8), "InvalidParameterException"),
        (lambda: finished(logs, "limit 1", logGroupNames=[GROUP]), "InvalidParameterException"),
    ):
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response["Error"]["Code"] == code
    finished(logs, "limit 1")
    with pytest.raises(ClientError, match="already ended"):
        logs.stop_query(queryId=logs.describe_queries()["queries"][0]["queryId"])


def test_queries_are_saved(logs: CloudWatchLogsClient) -> None:
    """Put, replace, list by prefix, delete; an unknown id is not found."""
    saved = logs.put_query_definition(name="a/one", queryString="fields @message", logGroupNames=[GROUP])
    identifier = saved["queryDefinitionId"]
    logs.put_query_definition(name="b/two", queryString="limit 1")
    logs.put_query_definition(queryDefinitionId=identifier, name="a/first", queryString="limit 2")
    [found] = logs.describe_query_definitions(queryDefinitionNamePrefix="a/")["queryDefinitions"]
    assert (found["name"], found["queryString"], found["queryDefinitionId"]) == ("a/first", "limit 2", identifier)
    assert logs.delete_query_definition(queryDefinitionId=identifier)["success"]
    assert [each["name"] for each in logs.describe_query_definitions()["queryDefinitions"]] == ["b/two"]
    with pytest.raises(ClientError, match="does not exist"):
        logs.put_query_definition(name="c", queryString="limit 1", queryDefinitionId=identifier)


def test_a_running_query_can_be_stopped(api: Api, logs: CloudWatchLogsClient) -> None:
    """It is cancelled, gives no rows, and ends."""
    group = api.core.logs.store.groups[GROUP]
    now = int(time.time() * 1000)
    api.core.logs.store.put(group, group.streams["app/app/a"], ((now, f'{{"n": {n}}}') for n in range(50_000)))
    second = now // 1000
    running: Any = {"logGroupName": GROUP, "startTime": second - 60, "endTime": second + 1}
    identifier = logs.start_query(queryString="stats count(*) by n", **running)["queryId"]
    assert logs.get_query_results(queryId=identifier)["status"] == "Running"
    assert logs.stop_query(queryId=identifier)["success"]
    answer = logs.get_query_results(queryId=identifier)
    assert (answer["status"], answer["results"]) == ("Cancelled", [])
    wait_until(lambda: not api.core.logs.queries[identifier].events, 10, "its thread ends")
    assert [query["queryId"] for query in logs.describe_queries(status="Cancelled")["queries"]] == [identifier]
