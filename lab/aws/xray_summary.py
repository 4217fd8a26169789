"""A trace in a few lines: what GetTraceSummaries tells. Fault and error are those of the first segment."""

from __future__ import annotations

from collections.abc import Iterable

from lab.aws.paging import aware
from lab.aws.xray_segments import Part
from lab.aws.xray_store import Trace, Visit
from lab.settings import ACCOUNT


def summary(trace: Trace) -> dict[str, object]:
    """Return a TraceSummary."""
    root = trace.root
    shown: dict[str, object] = {
        "Id": trace.id,
        "StartTime": aware(trace.start),
        "Duration": round(trace.end - trace.start, 3),
        "ResponseTime": round(root.seconds, 3) if root else 0.0,
        "HasFault": bool(root and root.fault),
        "HasError": bool(root and root.error),
        "HasThrottle": any(part.throttle for part in trace.parts),
        "IsPartial": trace.partial,
        "Http": _http(root),
        "Annotations": _annotations(trace),
        "Users": [{"UserName": user, "ServiceIds": []} for user in sorted({p.user for p in trace.every() if p.user})],
        "ServiceIds": _services(trace.visits()),
        "ResourceARNs": [],
        "InstanceIds": [],
        "AvailabilityZones": [],
        "FaultRootCauses": _causes(trace, "fault"),
        "ErrorRootCauses": _causes(trace, "error"),
        "ResponseTimeRootCauses": [],
        "Revision": len(trace.segments),
    }
    return {**shown, "EntryPoint": service_id(root.name, root.kind)} if root else shown


def service_id(name: str, kind: str) -> dict[str, object]:
    """Return a service as X-Ray names it."""
    return {"Name": name, "Names": [name], "AccountId": ACCOUNT, **({"Type": kind} if kind else {})}


def _services(visits: Iterable[Visit]) -> list[dict[str, object]]:
    return [service_id(*key) for key in dict.fromkeys(visit.key for visit in visits)]


def _http(root: Part | None) -> dict[str, object]:
    names = {"url": "HttpURL", "status": "HttpStatus", "method": "HttpMethod"}
    names |= {"user_agent": "UserAgent", "client_ip": "ClientIp"}
    return {names[key]: value for key, value in root.http.items() if key in names} if root else {}


def _annotations(trace: Trace) -> dict[str, object]:
    found: dict[str, list[dict[str, object]]] = {}
    for part in trace.parts:
        for inner in part.every():
            for key, value in inner.annotations.items():
                shown: dict[str, object] = {
                    "AnnotationValue": _value(value),
                    "ServiceIds": [service_id(part.name, part.kind)],
                }
                if shown not in found.setdefault(key, []):
                    found[key].append(shown)
    return dict(found)


def _value(value: str | float | bool) -> dict[str, object]:
    if isinstance(value, bool):
        return {"BooleanValue": value}
    return {"StringValue": value} if isinstance(value, str) else {"NumberValue": float(value)}


def _causes(trace: Trace, flag: str) -> list[dict[str, object]]:
    """Return the way from the first segment down to the call that failed last, if the first segment failed."""
    root = trace.root
    if root is None or not getattr(root, flag):
        return []
    failed = [visit for visit in trace.visits() if getattr(visit.part, flag)]
    services = [_cause(visit, flag) for visit in sorted(failed, key=lambda visit: visit.part.start)]
    return [{"Services": services, "ClientImpacting": True}]


def _cause(visit: Visit, flag: str) -> dict[str, object]:
    parts = [visit.part] if visit.inferred else [part for part in visit.part.every() if getattr(part, flag)]
    path = [
        {
            "Name": part.name,
            "Exceptions": [{"Name": kind, "Message": message} for kind, message in part.exceptions],
            "Remote": part.namespace in ("remote", "aws"),
        }
        for part in parts
    ]
    return {**service_id(*visit.key), "EntityPath": path, "Inferred": visit.inferred}
