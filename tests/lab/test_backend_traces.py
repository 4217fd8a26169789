"""The backend's traces: segments of real requests reach X-Ray, with the database's part in them, in bounded memory."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lab.backend.config import Config
from lab.backend.telemetry import Telemetry
from lab.backend.tracing import CURRENT, Sampler, Segments, begin, database_call, segment
from lab.faults import Fault
from tests.lab.aws.served import Api
from tests.lab.bench import Answer, call, wait_until
from tests.lab.tasks import Plane, Task, running_plane

CONFIG = Config("postgresql://x", task_id="t1", release="shop:7")
ROOT = "1-5759e988-bd862e3fe1be46a994272793"


@pytest.fixture(scope="module")
def plane() -> Iterator[Plane]:
    """One database for this file."""
    with running_plane() as plane:
        yield plane


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The lab's X-Ray and CloudWatch."""
    served = Api(tmp_path_factory.mktemp("aws"))
    try:
        yield served
    finally:
        served.close()


@pytest.fixture(scope="module")
def task(plane: Plane, aws: Api) -> Iterator[Task]:
    """A task that traces everything, tells it often, and tries the database for a second only."""
    keys = {"AWS_ENDPOINT_URL": aws.url, "AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "lab"}
    settings = {"METRICS_EVERY_S": "0.2", "XRAY_SAMPLING": "0/s+100%", "RELEASE": "shop:7", "DB_RETRY_BUDGET_S": "1"}
    with plane.task(**keys, **settings) as task:
        yield task


def ask(task: Task, path: str, **headers: str) -> Answer:
    """GET with headers."""
    return call(task.address, "GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def traced(aws: Api, identifier: str) -> dict[str, Any]:
    """Wait for a trace; return its only segment."""
    xray = aws.client("xray")

    def documents() -> Any:
        traces = xray.batch_get_traces(TraceIds=[identifier])["Traces"]
        return [json.loads(each["Document"]) for trace in traces for each in trace["Segments"]]

    wait_until(documents, 10, "the trace is there")
    found: dict[str, Any] = next(each for each in documents() if not each.get("inferred"))
    return found


def test_a_request_is_a_segment_with_its_statement_inside(aws: Api, task: Task) -> None:
    """Trace and parent from the header, times, HTTP without the query, task and release, the SQL without values."""
    identifier = f"1-{int(time.time()):08x}-{'a' * 24}"
    began = time.time()
    header = f"Root={identifier};Parent={'b' * 16};Sampled=1"
    answer = ask(
        task, "/posts?limit=7&title_prefix=secret", X_Amzn_Trace_Id=header, X_Forwarded_For="10.1.2.3, 10.0.0.1"
    )
    assert answer.status == 200
    found = traced(aws, identifier)
    assert (found["name"], found["parent_id"], found["trace_id"]) == ("foodconnect-backend", "b" * 16, identifier)
    assert began <= found["start_time"] <= found["end_time"] <= time.time()
    assert found["http"]["request"]["client_ip"] == "10.1.2.3"
    assert found["http"]["request"]["url"].endswith("/posts")
    assert found["http"]["response"] == {"status": 200}
    assert found["annotations"] == {"task": task.log.stem, "release": "shop:7"}
    [statement] = found["subsegments"]
    assert (statement["name"], statement["namespace"]) == ("foodconnect-db", "remote")
    assert found["start_time"] <= statement["start_time"] <= statement["end_time"] <= found["end_time"]
    assert statement["sql"]["sanitized_query"].startswith("select id, author")
    assert "secret" not in json.dumps(found)
    assert "fault" not in found and "fault" not in statement
    [line] = [line for line in task.requests() if line["trace_id"] == identifier]
    assert (line["path"], line["release"]) == ("/posts", "shop:7")


def test_an_outage_is_a_fault_with_every_attempt(aws: Api, plane: Plane, task: Task) -> None:
    """The request fails; each statement that failed has the flag and the error; the log has its class."""
    identifier = f"1-{int(time.time()):08x}-{'c' * 24}"
    plane.links.set("db", Fault(refuse=True))
    plane.links.reset("db")
    answer = ask(task, "/posts", X_Amzn_Trace_Id=f"Root={identifier}")
    plane.links.clear("db")
    assert answer.status == 503
    found = traced(aws, identifier)
    assert (found["fault"], found["http"]["response"]["status"]) == (True, 503)
    assert len(found["subsegments"]) >= 1
    for statement in found["subsegments"]:
        assert statement["fault"] is True
        assert statement["cause"]["exceptions"][0]["type"]
    [told] = [line for line in task.lines() if "error_class" in line and line["trace_id"] == identifier]
    assert told["message"].startswith(f"the database is not available: {told['error_class']}: ")
    times: Any = {"StartTime": time.time() - 60, "EndTime": time.time() + 5}
    [summary] = aws.client("xray").get_trace_summaries(
        **times, FilterExpression='fault AND service("foodconnect-db") { fault }'
    )["TraceSummaries"]
    assert (summary["Id"], summary["HasFault"]) == (identifier, True)


def test_mistakes_are_errors_and_unsampled_requests_no_segments(aws: Api, plane: Plane, task: Task) -> None:
    """404 is an error, no fault; Sampled=0 is obeyed, and still in the log."""
    silent, told = (f"1-{int(time.time()):08x}-{letter * 24}" for letter in "de")
    wait_until(lambda: ask(task, "/health").status == 200, 5, "the task is well")
    assert ask(task, "/posts?limit=1", X_Amzn_Trace_Id=f"Root={silent};Sampled=0").status == 200
    assert ask(task, "/nothing", X_Amzn_Trace_Id=f"Root={told}").status == 404
    found = traced(aws, told)
    assert (found.get("error"), found.get("fault")) == (True, None)
    assert aws.client("xray").batch_get_traces(TraceIds=[silent])["UnprocessedTraceIds"] == [silent]
    assert silent in [line["trace_id"] for line in task.requests()]


def test_trace_ids_are_taken_from_the_header_or_made() -> None:
    """What is no trace id is replaced by a new one that is."""
    assert begin(f"Self=1-x;Root={ROOT}", None).trace_id == ROOT
    for header in ("", "Root=1-x", "nonsense;;=", f"Root={ROOT}x"):
        made = begin(header, None)
        assert re.fullmatch(r"1-[0-9a-f]{8}-[0-9a-f]{24}", made.trace_id)
        assert made.trace_id != ROOT
        assert (made.sampled, made.parent) == (False, None)
    assert begin("Sampled=1", Sampler("0/s")).sampled
    assert not begin("Sampled=0", Sampler("9/s")).sampled
    assert begin("Sampled=?", Sampler("9/s")).sampled


def test_sampling_takes_some_a_second_and_a_share_of_the_rest() -> None:
    """Two a second and half of the others; nothing at zero; a wrong text is named."""
    sampler = Sampler("2/s+50%")
    assert [sampler.takes(10.0) for _ in range(2)] == [True, True]
    rest = sum(sampler.takes(10.5) for _ in range(2000))
    assert 800 < rest < 1200
    assert [sampler.takes(11.0) for _ in range(2)] == [True, True]
    assert not any(Sampler("0/s").takes(1.0) for _ in range(100))
    for wrong in ("", "5%", "1/s+", "-1/s", "1/s+101%"):
        with pytest.raises(ValueError, match="XRAY_SAMPLING must be written as 1/s"):
            Sampler(wrong)
    with pytest.raises(ValueError, match="XRAY_SAMPLING"):
        Telemetry(Config("x", aws_endpoint_url="http://127.0.0.1:1", xray_sampling="all"))


def test_statements_outside_of_a_request_are_not_recorded() -> None:
    """The probe's are not; of one request fifty at most are."""
    with database_call("select 1"):
        pass
    request = begin("Sampled=1", Sampler("0/s"))
    token = CURRENT.set(request)
    try:
        for _ in range(60):
            with database_call("select\n  1"):
                pass
    finally:
        CURRENT.reset(token)
    assert len(request.calls) == 50
    assert request.calls[0]["sql"]["sanitized_query"] == "select 1"
    body = segment(request, CONFIG, {"method": "GET"}, 500, KeyError("why"))
    assert (body["fault"], body["cause"]["exceptions"][0]["type"]) == (True, "KeyError")
    assert segment(request, CONFIG, {}, 429, None)["throttle"] is True


def test_a_full_buffer_loses_the_newest_and_counts_them() -> None:
    """Memory has an end when X-Ray does not answer."""
    segments = Segments(most=3)
    for number in range(5):
        segments.add({"number": number})
    assert segments.take() == ([{"number": 0}, {"number": 1}, {"number": 2}], 2)
    assert segments.take() == ([], 0)


def test_lost_segments_are_told_to_xray(aws: Api) -> None:
    """By a telemetry record, with what was sent and what was not."""
    telemetry = Telemetry(Config("x", aws_endpoint_url=aws.url, xray_sampling="0/s+100%"))
    telemetry._segments = Segments(most=60)
    for _ in range(70):
        telemetry.finished(telemetry.begin(""), {"method": "GET"}, 200, None)
    before = len(aws.core.xray.traces)
    telemetry._send_segments(aws.client("xray"))
    assert len(aws.core.xray.traces) == before + 60
    record = aws.core.xray.telemetry[-1]
    assert (record["SegmentsSentCount"], record["SegmentsSpilloverCount"]) == (60, 10)
