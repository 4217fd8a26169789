"""X-Ray: segments in, traces, summaries, filters and the service graph out; chaosaws' probes work against it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError
from chaosaws.xray import probes

from lab.aws.xray_segments import read_segment
from lab.aws.xray_store import XRay

if TYPE_CHECKING:
    from mypy_boto3_xray import XRayClient

    from tests.lab.aws.served import Api

NOW = time.time()
BACKEND, DATABASE = "foodconnect-backend", "foodconnect-db"


def trace_id(number: int, at: float = NOW) -> str:
    """Return a trace's id."""
    return f"1-{int(at):08x}-{number:024x}"


def segment(number: int, status: int = 200, ms: float = 20, *, db_fault: bool = False, **more: Any) -> str:
    """Return a request of the backend with one call of its database."""
    start, flag = NOW - 5 + number / 100, {4: "error", 5: "fault"}.get(status // 100)
    call: dict[str, Any] = {
        "id": f"{number:015x}b",
        "name": DATABASE,
        "namespace": "remote",
        "start_time": start + 0.001,
    }
    call |= {"end_time": start + ms / 1000, "sql": {"sanitized_query": "select 1"}}
    if db_fault:
        exception = {"id": f"{number:016x}", "type": "OperationalError", "message": "the connection is lost"}
        call |= {"fault": True, "cause": {"exceptions": [exception]}}
    url = f"http://shop.test/posts?page={number}"
    http = {"request": {"method": "GET", "url": url, "client_ip": "10.0.0.9"}, "response": {"status": status}}
    body = {"id": f"{number:015x}a", "trace_id": trace_id(number), "name": BACKEND, "start_time": start}
    body |= {"end_time": start + ms / 1000, "http": http, "annotations": {"task": f"task-{number % 2}", "n": number}}
    body |= {"origin": "AWS::ECS::Fargate", "subsegments": [call], **({flag: True} if flag else {}), **more}
    return json.dumps(body)


@pytest.fixture
def xray(api: Api) -> XRayClient:
    """A client, and four requests: fine, slow because of a database that was tried again, failed, not found."""
    client = cast("XRayClient", api.client("xray"))
    documents = [segment(1), segment(2, 200, 900, db_fault=True), segment(3, 503, 500, db_fault=True), segment(4, 404)]
    assert client.put_trace_segments(TraceSegmentDocuments=documents)["UnprocessedTraceSegments"] == []
    return client


def ask(xray: XRayClient, expression: str = "", **more: Any) -> list[Any]:
    """Return the summaries that an expression finds."""
    times: dict[str, Any] = {"StartTime": NOW - 60, "EndTime": NOW + 5, **more}
    if expression:
        times["FilterExpression"] = expression
    found = xray.get_trace_summaries(**times)
    return cast("list[Any]", found["TraceSummaries"])


def numbers(summaries: list[Any]) -> list[int]:
    """Return which requests these are."""
    return [int(each["Id"][-4:], 16) for each in summaries]


def test_a_summary_tells_the_trace_by_its_first_segment(xray: XRayClient) -> None:
    """Flags by their value, times, HTTP, annotations with their services, root causes of a fault."""
    fine, retried, failed, not_found = ask(xray)
    assert [each["HasFault"] for each in (fine, retried, failed, not_found)] == [False, False, True, False]
    assert [each["HasError"] for each in (fine, retried, failed, not_found)] == [False, False, False, True]
    assert (failed["ResponseTime"], failed["Duration"], failed["IsPartial"]) == (0.5, 0.5, False)
    assert failed["Http"] == {
        **{"HttpURL": "http://shop.test/posts?page=3", "HttpStatus": 503, "HttpMethod": "GET", "ClientIp": "10.0.0.9"}
    }
    backend = {"Name": BACKEND, "Names": [BACKEND], "AccountId": "123456789012", "Type": "AWS::ECS::Fargate"}
    assert failed["Annotations"]["task"] == [{"AnnotationValue": {"StringValue": "task-1"}, "ServiceIds": [backend]}]
    assert failed["Annotations"]["n"][0]["AnnotationValue"] == {"NumberValue": 3.0}
    assert [(each["Name"], each["Type"]) for each in failed["ServiceIds"]] == [
        (BACKEND, "AWS::ECS::Fargate"),
        (DATABASE, "Database::SQL"),
    ]
    assert failed["EntryPoint"] == backend
    [cause] = failed["FaultRootCauses"]
    assert [(each["Name"], each["Inferred"]) for each in cause["Services"]] == [(BACKEND, False), (DATABASE, True)]
    exception = {"Name": "OperationalError", "Message": "the connection is lost"}
    assert cause["Services"][1]["EntityPath"] == [{"Name": DATABASE, "Exceptions": [exception], "Remote": True}]
    assert abs((failed["StartTime"] - datetime.fromtimestamp(NOW - 4.97, UTC)).total_seconds()) < 0.002


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("fault = true", [3]),
        ("fault", [3]),
        ("!fault", [1, 2, 4]),
        ("fault = false AND error != true", [1, 2]),
        ("ok", [1, 2]),
        ("error OR fault", [3, 4]),
        ("responsetime > 0.4", [2, 3]),
        ("duration >= 0.5 AND duration <= 0.6", [3]),
        ("http.status = 404", [4]),
        ("http.status >= 400 http.status < 500", [4]),
        ('http.url CONTAINS "page=2"', [2]),
        ('http.url BEGINSWITH "http://shop" AND http.url ENDSWITH "4"', [4]),
        ('http.method = "GET" AND http.clientip = "10.0.0.9"', [1, 2, 3, 4]),
        ('http.useragent = "x"', []),
        ('annotation.task = "task-0"', [2, 4]),
        ('annotation[task] = "task-0" AND annotation[n] > 2', [4]),
        ("annotation.none", []),
        ("annotation.n", [1, 2, 3, 4]),
        (f'service("{DATABASE}") {{ fault = true }}', [2, 3]),
        (f'service("{DATABASE}") {{ fault }} AND !fault', [2]),
        (f'service("{BACKEND}") {{ fault = true OR responsetime > 0.8 }}', [2, 3]),
        ('service("nobody")', []),
        (f'NOT service("{BACKEND}")', []),
        ("service() { fault }", [2, 3]),
        (f'edge("{BACKEND}", "{DATABASE}") {{ fault = true }}', [2, 3]),
        (f'edge("{DATABASE}", "{BACKEND}")', []),
        (f'edge(id(name: "{BACKEND}"), id(type: "Database::SQL")) {{ responsetime > 0.7 }}', [2]),
        (f'service(id(name: "{DATABASE}", type: "AWS::ECS::Fargate"))', []),
        ("(error OR fault) AND !(http.status = 404)", [3]),
        ("ok !partial duration < 3", [1, 2]),
        ('groupname = "Default"', [1, 2, 3, 4]),
        ('name = "OperationalError"', [2, 3]),
    ],
)
def test_filter_expressions(xray: XRayClient, expression: str, found: list[int]) -> None:
    """Keywords, comparisons, texts, annotations, services and edges, AND, OR, NOT, side by side."""
    assert numbers(ask(xray, expression)) == found


@pytest.mark.parametrize(
    "expression",
    [
        "fault =",
        "nosuch = 1",
        "fault AND",
        "(fault",
        'http.url > "a"',
        "edge() { fault }",
        'service("a"',
        "fault ~ 1",
        "(" * 2000,
    ],
)
def test_wrong_expressions_are_refused(xray: XRayClient, expression: str) -> None:
    """InvalidRequestException, as for a range that ends before it starts."""
    with pytest.raises(ClientError, match="Invalid filter expression") as caught:
        ask(xray, expression)
    assert caught.value.response["Error"]["Code"] == "InvalidRequestException"
    with pytest.raises(ClientError, match="after EndTime"):
        ask(xray, StartTime=NOW + 10)


def test_ranges_samples_and_pages(xray: XRayClient) -> None:
    """By the id, by the last update, by the end; half of them is a half; all pages are everything."""
    late = NOW - 4.9
    assert numbers(ask(xray, TimeRangeType="Service", StartTime=late)) == [2, 3]
    assert numbers(ask(xray, TimeRangeType="Event", StartTime=NOW - 4, EndTime=time.time() + 1)) == [1, 2, 3, 4]
    assert ask(xray, TimeRangeType="Event", StartTime=NOW - 60, EndTime=NOW - 4) == []
    assert numbers(ask(xray, StartTime=late)) == [1, 2, 3, 4]
    assert ask(xray, StartTime=NOW - 60, EndTime=NOW - 30) == []
    xray.put_trace_segments(TraceSegmentDocuments=[segment(number) for number in range(5, 601)])
    half = {"Sampling": True, "SamplingStrategy": {"Name": "FixedRate", "Value": 0.5}}
    pages = xray.get_paginator("get_trace_summaries")
    times: dict[str, Any] = {"StartTime": NOW - 60, "EndTime": NOW + 5}
    sample = [numbers(page["TraceSummaries"]) for page in pages.paginate(**times, **cast("Any", half))]
    assert 240 < sum(map(len, sample)) < 360
    every = [numbers(page["TraceSummaries"]) for page in pages.paginate(**times)]
    assert [len(page) for page in every] == [250, 250, 100]
    assert every[0] == list(range(351, 601))
    assert sorted(number for page in every for number in page) == list(range(1, 601))


def test_whole_traces(xray: XRayClient) -> None:
    """The documents as they were sent, and the inferred database; five at most; what is not there is told."""
    answer = xray.batch_get_traces(TraceIds=[trace_id(3), trace_id(99)])
    assert answer["UnprocessedTraceIds"] == [trace_id(99)]
    [trace] = answer["Traces"]
    assert trace["Duration"] == 0.5
    sent, inferred = trace["Segments"]
    assert sent["Document"] == segment(3, 503, 500, db_fault=True)
    guess = json.loads(inferred["Document"])
    assert (guess["name"], guess["inferred"], guess["fault"], guess["origin"]) == (
        DATABASE,
        True,
        True,
        "Database::SQL",
    )
    assert guess["parent_id"] == json.loads(sent["Document"])["subsegments"][0]["id"]
    with pytest.raises(ClientError, match="5 is the most"):
        xray.batch_get_traces(TraceIds=[trace_id(number) for number in range(6)])


def test_the_service_graph_counts_services_and_calls(xray: XRayClient) -> None:
    """Client, backend, database; faults, errors and times of each and of each edge."""
    start, end = datetime.fromtimestamp(NOW - 60, UTC), datetime.fromtimestamp(NOW + 5, UTC)
    services = xray.get_service_graph(StartTime=start, EndTime=end)["Services"]
    named = {(each["Name"], each["Type"]): each for each in services}
    backend, database = named[BACKEND, "AWS::ECS::Fargate"], named[DATABASE, "Database::SQL"]
    client = named[BACKEND, "client"]
    assert (backend["Root"], database["Root"], client["Root"]) == (True, False, False)
    statistics = backend["SummaryStatistics"]
    assert (statistics["TotalCount"], statistics["OkCount"]) == (4, 2)
    assert (statistics["FaultStatistics"]["TotalCount"], statistics["ErrorStatistics"]["OtherCount"]) == (1, 1)
    assert statistics["TotalResponseTime"] == pytest.approx(0.02 + 0.9 + 0.5 + 0.02, abs=1e-5)
    assert database["SummaryStatistics"]["FaultStatistics"]["TotalCount"] == 2
    [edge] = backend["Edges"]
    assert edge["ReferenceId"] == database["ReferenceId"]
    assert edge["SummaryStatistics"]["FaultStatistics"]["TotalCount"] == 2
    assert [each["ReferenceId"] for each in client["Edges"]] == [backend["ReferenceId"]]
    assert sum(bucket["Count"] for bucket in backend["ResponseTimeHistogram"]) == 4
    one = xray.get_trace_graph(TraceIds=[trace_id(3)])["Services"]
    assert [each["SummaryStatistics"]["TotalCount"] for each in one if "SummaryStatistics" in each] == [1, 1]


def test_services_that_call_each_other_are_one_trace(xray: XRayClient) -> None:
    """A segment whose parent is a subsegment of another is called by it, and nothing is inferred then."""
    caller = {"id": "a" * 16, "trace_id": trace_id(7), "name": "web", "start_time": NOW - 1, "end_time": NOW}
    call = {"id": "b" * 16, "name": "api", "namespace": "remote", "start_time": NOW - 0.9, "end_time": NOW - 0.1}
    called = {"id": "c" * 16, "trace_id": trace_id(7), "name": "api", "parent_id": "b" * 16, "start_time": NOW - 0.8}
    late = {**call, "trace_id": trace_id(7), "type": "subsegment", "parent_id": "a" * 16}
    documents = [json.dumps(each) for each in (caller, {**called, "in_progress": True}, late)]
    xray.put_trace_segments(TraceSegmentDocuments=documents)
    assert numbers(ask(xray, 'partial AND edge("web", "api")')) == [7]
    xray.put_trace_segments(TraceSegmentDocuments=[json.dumps({**called, "end_time": NOW - 0.2, "fault": True})])
    [found] = ask(xray, 'service("api") { fault } AND !partial')
    assert (found["HasFault"], [each["Name"] for each in found["ServiceIds"]]) == (False, ["web", "api"])
    [trace] = xray.batch_get_traces(TraceIds=[trace_id(7)])["Traces"]
    assert len(trace["Segments"]) == 3


def test_what_is_no_segment_is_told(xray: XRayClient) -> None:
    """With its id where there is one; the others are kept."""
    good = json.loads(segment(8))
    bad = [
        "{",
        "[]",
        json.dumps({**good, "trace_id": "1-x"}),
        json.dumps({**good, "id": "xyz"}),
        json.dumps({**good, "name": ""}),
        json.dumps({**good, "end_time": None}),
        json.dumps({**good, "start_time": NOW - 31 * 86400}),
        json.dumps({**good, "type": "subsegment"}),
        json.dumps({**good, "metadata": "x" * 64_000}),
    ]
    answer = xray.put_trace_segments(TraceSegmentDocuments=[*bad, json.dumps(good)])
    codes = [each["ErrorCode"] for each in answer["UnprocessedTraceSegments"]]
    assert codes == [
        *("ParseError", "ParseError", "InvalidTraceId", "InvalidId", "MissingName", "InvalidTime", "InvalidTime"),
        *("MissingParentId", "SegmentTooLarge"),
    ]
    assert answer["UnprocessedTraceSegments"][2]["Id"] == good["id"]
    assert numbers(ask(xray, "annotation.n = 8")) == [8]


def test_sampling_rules_and_telemetry(api: Api, xray: XRayClient) -> None:
    """An SDK that asks for rules and targets gets the default rule; its own counts are taken."""
    [record] = xray.get_sampling_rules()["SamplingRuleRecords"]
    assert (record["SamplingRule"]["FixedRate"], record["SamplingRule"]["ReservoirSize"]) == (0.05, 1)
    seen: dict[str, Any] = {"ClientID": "1" * 24, "Timestamp": NOW, "RequestCount": 9, "SampledCount": 1}
    documents = [{"RuleName": name, **seen} for name in ("Default", "mine")]
    answer = xray.get_sampling_targets(SamplingStatisticsDocuments=cast("Any", documents))
    assert [each["RuleName"] for each in answer["SamplingTargetDocuments"]] == ["Default"]
    assert [each["RuleName"] for each in answer["UnprocessedStatistics"]] == ["mine"]
    assert [group["GroupName"] for group in xray.get_groups()["Groups"]] == ["Default"]
    assert xray.get_encryption_config()["EncryptionConfig"] == {"Status": "ACTIVE", "Type": "NONE"}
    xray.put_telemetry_records(TelemetryRecords=[{"Timestamp": datetime.now(UTC), "SegmentsSpilloverCount": 3}])
    assert api.core.xray.telemetry[0]["SegmentsSpilloverCount"] == 3


def test_memory_is_bounded() -> None:
    """By the number of traces and by their bytes; the newest stay."""
    few, small = XRay(most_traces=10), XRay(most_bytes=10_000)
    for number in range(100):
        for store in (few, small):
            store.put(read_segment(segment(number)))
    assert list(few.traces) == [trace_id(number) for number in range(90, 100)]
    assert few.kept_bytes == sum(len(segment(number)) for number in range(90, 100))
    assert 5 < len(small.traces) < 20
    assert small.kept_bytes <= 10_000
    assert trace_id(99) in small.traces


def test_chaosaws_probes_work(api: Api, xray: XRayClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The four probes of chaosaws, over the last hour, with the filter that they have by default."""
    for name, value in (("AWS_ENDPOINT_URL", api.url), ("AWS_ACCESS_KEY_ID", "lab"), ("AWS_SECRET_ACCESS_KEY", "lab")):
        monkeypatch.setenv(name, value)
    settings: Any = {"aws_region": "eu-west-1"}
    found = probes.get_traces_summaries("1 hour", filter_expression="fault = true", configuration=settings)
    assert numbers(found["TraceSummaries"]) == [3]
    assert len(probes.get_traces("1 hour", configuration=settings)["Traces"]) == 4
    newest = probes.get_most_recent_trace("1 hour", raw_segments=True, configuration=settings)
    assert newest[0]["http"]["response"]["status"] == 404
    assert len(probes.get_service_graph("1 hour", configuration=settings)["Services"]) == 3
