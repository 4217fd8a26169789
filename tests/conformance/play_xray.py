"""X-Ray, operation by operation, with a trace of its own."""

from __future__ import annotations

import json
import secrets
import time
from datetime import UTC, datetime, timedelta

from tests.conformance.seen import Seen, refused


def play(seen: Seen) -> None:
    """Call every operation of X-Ray, with a refusal where AWS has one."""
    xray, now = seen.client("xray"), time.time()
    trace = f"1-{int(now):08x}-{secrets.token_hex(12)}"
    segment = {
        "trace_id": trace,
        "id": secrets.token_hex(8),
        "name": "conformance",
        "start_time": now - 0.2,
        "end_time": now,
        "fault": True,
    }
    documents = [json.dumps(segment), "no segment"]
    assert len(xray.put_trace_segments(TraceSegmentDocuments=documents)["UnprocessedTraceSegments"]) == 1
    xray.put_telemetry_records(TelemetryRecords=[{"Timestamp": now, "SegmentsSentCount": 1}])
    during = {"StartTime": datetime.now(UTC) - timedelta(minutes=5), "EndTime": datetime.now(UTC)}
    found = xray.get_trace_summaries(**during, FilterExpression='service("conformance") AND fault = true')
    assert [summary["Id"] for summary in found["TraceSummaries"]] == [trace]
    with refused("InvalidRequestException"):
        xray.get_trace_summaries(**during, FilterExpression="service(")
    assert xray.batch_get_traces(TraceIds=[trace])["Traces"]
    with refused("InvalidRequestException"):
        xray.batch_get_traces(TraceIds=[f"1-{n:08x}-{0:024x}" for n in range(10)])
    xray.get_trace_graph(TraceIds=[trace])
    assert xray.get_service_graph(**during)["Services"]
    with refused("InvalidRequestException"):
        xray.get_service_graph(StartTime=during["EndTime"], EndTime=during["StartTime"])
    xray.get_groups()
    xray.get_encryption_config()
    xray.get_sampling_rules()
    target = {"RuleName": "Default", "ClientID": "a" * 24, "Timestamp": now, "RequestCount": 1, "SampledCount": 1}
    xray.get_sampling_targets(SamplingStatisticsDocuments=[target])
