"""The proofs that an alarm fired, and that it told somebody: CloudWatch's own history of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gameday.model import Evidence, Json, iso
from gameday.record import Record
from gameday.safety.armed import Run

SKEW_S = 1.0  # CloudWatch's clock is not ours


def snapshot(run: Run) -> dict[str, Json]:
    """Return nothing: an alarm's history has its past, too."""
    return {}


def fired(run: Run, before: dict[str, Json], since: float) -> Evidence:
    """Proof: the alarm that was set off, or else the environment's, went into ALARM, by CloudWatch's history."""
    name, ours = _alarm(run)
    found = [(at, state) for at, state in _changes(run, name, since) if _is_alarm(state, ours)]
    if not found:
        return Evidence(False, (f"the alarm {name} has not gone into ALARM since",), over=False)
    at, state = found[0]
    sentence = f"{name} went into ALARM at {iso(at)}: {state.get('stateReason', 'no reason')}"
    return Evidence(True, (sentence,), {"CloudWatch: alarm fired": at})


def told(run: Run, before: dict[str, Json], since: float) -> Evidence:
    """Proof: an action of that alarm was performed for its ALARM, so somebody can have heard of it."""
    name, ours = _alarm(run)
    changes, failed = _changes(run, name, since), []
    for at, data in _history(run, name, "Action", since):
        if not _is_alarm(_state_at(changes, float(data.get("stateUpdateTimestamp") or at * 1e3) / 1e3), ours):
            continue
        if data.get("actionState") == "Succeeded":
            sentence = f"{name} told {data.get('notificationResource', 'somebody')} at {iso(at)}"
            return Evidence(True, (sentence,), {"CloudWatch: alarm told": at})
        failed.append(f"{name} could not tell: {data.get('error') or data.get('actionState', 'no reason')}")
    return Evidence(False, tuple(failed) or (f"no action of {name} was performed for its ALARM",), over=False)


def _alarm(run: Run) -> tuple[str, str]:
    """Return the alarm that was set off and the reason that was given; else the environment's, and no reason."""
    marks = [mark.details for mark in Record(run.recorder.folder).marks() if mark.name == "fault"]
    ours = [(str(seen["alarm"]), str(seen.get("reason") or "")) for seen in marks if seen.get("alarm")]
    return ours[-1] if ours else (run.named("alarm", None), "")


def _is_alarm(state: Mapping[str, Any], reason: str) -> bool:
    """Return whether a state is ALARM, and for *reason* if there is one: another's alarm is no proof of ours."""
    return state.get("stateValue") == "ALARM" and (not reason or state.get("stateReason") == reason)


def _changes(run: Run, name: str, since: float) -> list[tuple[float, dict[str, Any]]]:
    """Return (when, the new state) of each change, the oldest first."""
    return [(at, data.get("newState") or {}) for at, data in _history(run, name, "StateUpdate", since)]


def _state_at(changes: Sequence[tuple[float, dict[str, Any]]], at: float) -> Mapping[str, Any]:
    """Return the state of the change that was nearest to *at*: an action and its change are of the same instant."""
    nearest = min(changes, key=lambda change: abs(change[0] - at), default=None)
    return nearest[1] if nearest else {}


def _history(run: Run, name: str, kind: str, since: float) -> list[tuple[float, dict[str, Any]]]:
    """Return (when, data) of the items of one kind, the oldest first."""
    asked: dict[str, Any] = {
        "AlarmName": name, "HistoryItemType": kind, "ScanBy": "TimestampAscending",
        "AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "StartDate": datetime.fromtimestamp(since - SKEW_S, UTC),
    }  # fmt: skip
    pages = run.aws.cloudwatch.get_paginator("describe_alarm_history").paginate(**asked)
    items = [item for page in pages for item in page["AlarmHistoryItems"]]
    return [(item["Timestamp"].timestamp(), json.loads(item.get("HistoryData") or "{}")) for item in items]


PROOFS = (fired, told)
