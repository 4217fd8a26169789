"""X-Ray over the API: segments come in; traces, summaries, the service graph go out. Sampling has the default rule."""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lab.aws.names import arn
from lab.aws.paging import aware, epoch, read_token, write_token
from lab.aws.registry import AwsError, Call, Params, handles
from lab.aws.xray_filter import FilterError, compile_filter
from lab.aws.xray_graph import Graph
from lab.aws.xray_keywords import DEFAULT_GROUP
from lab.aws.xray_segments import SegmentError, read_segment
from lab.aws.xray_store import Trace
from lab.aws.xray_summary import summary

if TYPE_CHECKING:
    from lab.aws.world import World

MOST_TRACE_IDS, SUMMARY_PAGE, MOST_GRAPH_IDS = 5, 250, 100
RULE, RESERVOIR, FIXED_RATE, TARGET_EVERY_S = "Default", 1, 0.05, 10
KINDS = ("TraceId", "Event", "Service")


@handles("xray", "PutTraceSegments")
def put_segments(world: World, params: Params, call: Call) -> dict[str, object]:
    """Keep segments; those that cannot be read are told.

    Missing: memory is bounded: the newest 20,000 traces are kept, not 30 days.
    """
    failed: list[dict[str, object]] = []
    for document in params["TraceSegmentDocuments"]:
        try:
            world.xray.put(read_segment(document))
        except SegmentError as error:
            code = str(error).rpartition(" ")[2]
            failed.append({"ErrorCode": code, "Message": str(error), **({"Id": error.id} if error.id else {})})
    return {"UnprocessedTraceSegments": failed}


@handles("xray", "PutTelemetryRecords")
def put_telemetry(world: World, params: Params, call: Call) -> dict[str, object]:
    """Keep what senders tell about segments that they sent and lost.

    Missing: no metric is made of them.
    """
    world.xray.telemetry.extend(params["TelemetryRecords"])
    return {}


@handles("xray", "BatchGetTraces")
def batch_get(world: World, params: Params, call: Call) -> dict[str, object]:
    """Return whole traces, five at most."""
    wanted = list(dict.fromkeys(params["TraceIds"]))
    if len(wanted) > MOST_TRACE_IDS:
        raise _invalid(f"TraceIds holds {len(wanted)} ids; {MOST_TRACE_IDS} is the most.")
    traces = world.xray.traces
    found = [_trace_as_dict(traces[each]) for each in wanted if each in traces]
    return {"Traces": found, "UnprocessedTraceIds": [each for each in wanted if each not in traces]}


def _trace_as_dict(trace: Trace) -> dict[str, object]:
    duration = round(trace.end - trace.start, 3)
    return {"Id": trace.id, "Duration": duration, "LimitExceeded": False, "Segments": trace.documents()}


@handles("xray", "GetTraceSummaries")
def get_summaries(world: World, params: Params, call: Call) -> dict[str, object]:
    """Return the traces of a range of time for which an expression holds.

    Within a page the oldest comes first; the first page has the newest traces.
    Missing: ResponseTimeRootCauses, resources, instances and zones are always empty; a SamplingStrategy has its Value
    only.
    """
    start, end = _range(params)
    kind = params.get("TimeRangeType", "TraceId")
    if kind not in KINDS:
        raise _invalid(f"TimeRangeType must be one of {', '.join(KINDS)}.")
    try:
        holds = compile_filter(params["FilterExpression"]) if params.get("FilterExpression") else None
    except FilterError as error:
        raise _invalid(f"Invalid filter expression: {error}") from None
    traces = world.xray.between(start, end, kind)
    found = [trace for trace in traces if _sampled(trace, params) and (holds is None or holds(trace))]
    found.sort(key=lambda trace: trace.start)
    first = _offset(params.get("NextToken"))
    page = found[max(0, len(found) - first - SUMMARY_PAGE) : len(found) - first]
    more = {"NextToken": write_token(first + SUMMARY_PAGE)} if len(found) > first + SUMMARY_PAGE else {}
    shown = {"ApproximateTime": aware(page[0].start if page else start), "TracesProcessedCount": len(traces)}
    return {"TraceSummaries": [summary(trace) for trace in page], **shown, **more}


def _sampled(trace: Trace, params: Mapping[str, Any]) -> bool:
    """Is the trace in the sample that was asked for? The same ones always are."""
    share: float | None = (params.get("SamplingStrategy") or {}).get("Value")
    if not params.get("Sampling") or share is None:
        return True
    return bool(zlib.crc32(trace.id.encode()) / 2**32 < share)


@handles("xray", "GetServiceGraph")
def get_graph(world: World, params: Params, call: Call) -> dict[str, object]:
    """Return the services of a range of time and who calls them.

    Missing: groups other than Default; the whole graph comes on one page.
    """
    start, end = _range(params)
    group = params.get("GroupName") or (params.get("GroupARN") or DEFAULT_GROUP).split("/")[-1]
    if group != DEFAULT_GROUP:
        raise _invalid(f"The group {group} does not exist.")
    graph = Graph.of(world.xray.between(start, end, "Service"))
    return {
        "StartTime": aware(start),
        "EndTime": aware(end),
        "Services": graph.as_list(),
        "ContainsOldGroupVersions": False,
    }


@handles("xray", "GetTraceGraph")
def get_trace_graph(world: World, params: Params, call: Call) -> dict[str, object]:
    """Return the services of some traces.

    Missing: the whole graph comes on one page.
    """
    if len(params["TraceIds"]) > MOST_GRAPH_IDS:
        raise _invalid(f"TraceIds takes {MOST_GRAPH_IDS} ids at most.")
    traces = [world.xray.traces[each] for each in params["TraceIds"] if each in world.xray.traces]
    return {"Services": Graph.of(traces).as_list()}


@handles("xray", "GetGroups")
def get_groups(world: World, params: Params, call: Call) -> dict[str, object]:
    """Return the default group, which every trace is in.

    Missing: other groups, and Insights.
    """
    group = {"GroupName": DEFAULT_GROUP, "GroupARN": arn("xray", f"group/{DEFAULT_GROUP}")}
    return {"Groups": [{**group, "InsightsConfiguration": {"InsightsEnabled": False, "NotificationsEnabled": False}}]}


@handles("xray", "GetSamplingRules")
def get_rules(world: World, params: Params, call: Call) -> dict[str, object]:
    """Return the default rule: one request a second, and five percent of the others.

    Missing: rules of one's own cannot be put.
    """
    rule: dict[str, object] = {"RuleName": RULE, "RuleARN": arn("xray", f"sampling-rule/{RULE}"), "Priority": 10_000}
    rule |= {"FixedRate": FIXED_RATE, "ReservoirSize": RESERVOIR, "Version": 1, "Attributes": {}}
    rule |= dict.fromkeys(("ResourceARN", "ServiceName", "ServiceType", "Host", "HTTPMethod", "URLPath"), "*")
    return {"SamplingRuleRecords": [{"SamplingRule": rule, "CreatedAt": aware(0), "ModifiedAt": aware(0)}]}


@handles("xray", "GetSamplingTargets")
def get_targets(world: World, params: Params, call: Call) -> dict[str, object]:
    """Give each client of the default rule its whole quota.

    Simulated: the quota is not shared out among clients; their statistics and boosts are not read.
    """
    names = [each["RuleName"] for each in params["SamplingStatisticsDocuments"]]
    until = aware(time.time() + TARGET_EVERY_S)
    quota = {"ReservoirQuota": RESERVOIR, "ReservoirQuotaTTL": until, "Interval": TARGET_EVERY_S}
    unknown = [name for name in names if name != RULE]
    return {
        "SamplingTargetDocuments": [{"RuleName": RULE, "FixedRate": FIXED_RATE, **quota} for n in names if n == RULE],
        "LastRuleModification": aware(0),
        "UnprocessedStatistics": [{"RuleName": n, "ErrorCode": "400", "Message": "Unknown rule"} for n in unknown],
    }


@handles("xray", "GetEncryptionConfig")
def get_encryption(world: World, params: Params, call: Call) -> dict[str, object]:
    """Say that traces are encrypted with X-Ray's own key."""
    return {"EncryptionConfig": {"Status": "ACTIVE", "Type": "NONE"}}


def _range(params: Mapping[str, Any]) -> tuple[float, float]:
    start, end = epoch(params["StartTime"]), epoch(params["EndTime"])
    if start > end:
        raise _invalid("StartTime must not be after EndTime.")
    return start, end


def _offset(token: str | None) -> int:
    if not token:
        return 0
    try:
        place = read_token(token)
    except AwsError:
        place = None
    if not isinstance(place, int) or place < 0:
        raise _invalid("The NextToken is invalid.")
    return place


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidRequestException", message)
