"""Logs Insights over the API: a query runs on a thread of its own, from Running to Complete, and is asked for its rows.

Its language is in `logs_query_*`: fields, filter, parse, stats, sort, limit, dedup, display.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lab.aws.logs_find import group_of, invalid, missing, paged
from lab.aws.logs_query_commands import DEFAULT_LIMIT, MOST_ROWS, parse_query
from lab.aws.logs_query_definitions import Definition
from lab.aws.logs_query_run import Plan
from lab.aws.logs_query_tokens import QueryError
from lab.aws.logs_query_values import Row, text
from lab.aws.logs_store import Event, Found, Group, LogStore, now_ms, size_of
from lab.aws.registry import AwsError, Call, Params, handles

if TYPE_CHECKING:
    from lab.aws.world import World

KEPT, AT_ONCE, RESULTS_PAGE, MOST_GROUPS = 200, 100, 10_000, 50
FIELDS_FROM = 200  # GetLogGroupFields looks at so many of the newest events
LOOK_EVERY = 1_000  # a running query looks so many events apart whether it was stopped


class MalformedQuery(AwsError):
    """MalformedQueryException with the place of the mistake."""

    def __init__(self, error: QueryError) -> None:
        super().__init__("MalformedQueryException", f"{error}, at position {error.start}")
        self.queryCompileError = {
            "location": {"startCharOffset": error.start, "endCharOffset": error.end},
            "message": str(error),
        }


@dataclass(slots=True)
class Query:
    """One query, its text and what became of it."""

    text: str
    groups: tuple[str, ...]
    plan: Plan
    events: Sequence[tuple[str, Found]]  # by group
    id: str = field(default_factory=lambda: str(uuid4()))
    status: str = "Running"
    created: int = field(default_factory=now_ms)
    took_ms: int = 0
    results: list[list[dict[str, str]]] = field(default_factory=list)
    scanned: int = 0
    scanned_bytes: int = 0

    def run(self) -> None:
        """Run to the end, unless it is stopped."""
        began = time.monotonic()
        try:
            results = [self.plan.result(row) for row in self.plan.run(self._rows())]
            if self.status == "Running":
                self.results, self.status = results, "Complete"
        except Exception:  # noqa: BLE001  a bug in the evaluation fails this query, and the log says how
            traceback.print_exc()
            self.status = "Failed"
        self.events, self.took_ms = (), int((time.monotonic() - began) * 1000)

    def _rows(self) -> Iterator[Row]:
        """Yield the newest event first."""
        groups = (_of_group(cut, group) for group, cut in self.events)
        for event, stream, group in merge(*groups, reverse=True):
            self.scanned += 1
            self.scanned_bytes += size_of(event)
            if self.scanned % LOOK_EVERY == 0 and self.status != "Running":
                return
            yield Row(event, stream, group)

    @property
    def statistics(self) -> dict[str, float]:
        """The member of that name."""
        return {
            "recordsMatched": float(self.plan.matched),
            "recordsScanned": float(self.scanned),
            "bytesScanned": float(self.scanned_bytes),
            "estimatedRecordsSkipped": 0.0,
            "estimatedBytesSkipped": 0.0,
            "logGroupsScanned": float(len(self.groups)),
        }


def _of_group(cut: Found, group: str) -> Iterator[tuple[Event, str, str]]:
    return ((event, stream, group) for event, stream in cut.backward())


@dataclass(slots=True)
class Logs:
    """CloudWatch Logs of a lab: the events, the queries, and those that are saved."""

    store: LogStore
    queries: dict[str, Query] = field(default_factory=dict)
    definitions: dict[str, Definition] = field(default_factory=dict)

    def start(self, query: Query) -> None:
        """Run a query on a thread; the oldest of many are forgotten."""
        if sum(each.status == "Running" for each in self.queries.values()) >= AT_ONCE:
            raise AwsError("LimitExceededException", f"There are {AT_ONCE} queries running, which is the limit.")
        self.queries[query.id] = query
        for old in list(self.queries)[:-KEPT]:
            del self.queries[old]
        threading.Thread(target=query.run, daemon=True, name="insights").start()

    def query(self, identifier: str) -> Query:
        """Return a query; ResourceNotFoundException if there is none."""
        if identifier not in self.queries:
            raise missing("query")
        return self.queries[identifier]


@handles("logs", "StartQuery")
def start_query(world: World, params: Params, call: Call) -> dict[str, object]:
    """Start a query over groups and a range of time, both of whose ends belong to it.

    Missing: SQL and PPL, and the commands pattern, anomaly, diff, unmask, unnest, join, lookup, filterIndex and SOURCE
    are refused. The last 200 queries are kept.
    """
    store = world.logs.store
    groups = _groups(store, params)
    start, end = _millis(params["startTime"]), _millis(params["endTime"])
    if start > end:
        raise invalid("End time should not be before start time.")
    limit = params.get("limit") or DEFAULT_LIMIT
    if not 1 <= limit <= MOST_ROWS:
        raise invalid(f"The limit must be between 1 and {MOST_ROWS}.")
    if params.get("queryLanguage", "CWLI") != "CWLI":
        raise invalid("The lab plays the query language CWLI only.")
    try:
        plan = Plan(parse_query(params["queryString"]), limit)
    except QueryError as error:
        raise MalformedQuery(error) from None
    events = [(group.name, store.read(group, list(group.streams), start, end + 1)) for group in groups]
    query = Query(params["queryString"], tuple(group.name for group in groups), plan, events)
    world.logs.start(query)
    return {"queryId": query.id}


def _groups(store: LogStore, params: Mapping[str, Any]) -> list[Group]:
    given = [params.get(key) for key in ("logGroupName", "logGroupNames", "logGroupIdentifiers")]
    chosen = [each for each in given if each]
    if len(chosen) != 1:
        raise invalid("Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be specified.")
    names = [chosen[0]] if isinstance(chosen[0], str) else chosen[0]
    if len(names) > MOST_GROUPS:
        raise invalid(f"A query takes at most {MOST_GROUPS} log groups.")
    return [group_of(store, name) for name in dict.fromkeys(names)]


def _millis(when: int) -> int:
    """Return epoch milliseconds; StartQuery is documented in seconds and takes both."""
    return when * 1000 if when < 100_000_000_000 else when


@handles("logs", "GetQueryResults")
def get_results(world: World, params: Params, call: Call) -> dict[str, object]:
    """Return what a query has found; nothing yet while it runs.

    Missing: percentiles are exact, where AWS estimates them; nothing is skipped by an index.
    """
    query = world.logs.query(params["queryId"])
    rows, token = paged(query.results, params, limit="maxItems", most=RESULTS_PAGE)
    return {
        "queryLanguage": "CWLI",
        "results": rows,
        "statistics": query.statistics,
        "status": query.status,
        **token,
    }


@handles("logs", "StopQuery")
def stop_query(world: World, params: Params, call: Call) -> dict[str, object]:
    """Stop a query that is running."""
    query = world.logs.query(params["queryId"])
    if query.status != "Running":
        raise invalid("The query has already ended.")
    query.status = "Cancelled"
    return {"success": True}


@handles("logs", "DescribeQueries")
def describe_queries(world: World, params: Params, call: Call) -> dict[str, object]:
    """List queries, newest first."""
    found = [
        _query_as_dict(query)
        for query in reversed(world.logs.queries.values())
        if params.get("status") in (None, query.status) and params.get("queryLanguage") in (None, "CWLI")
        if not params.get("logGroupName") or params["logGroupName"] in query.groups
    ]
    listed, token = paged(found, params, limit="maxResults", most=1000)
    return {"queries": listed, **token}


def _query_as_dict(query: Query) -> dict[str, object]:
    return {
        "queryLanguage": "CWLI",
        "queryId": query.id,
        "queryString": query.text,
        "status": query.status,
        "createTime": query.created,
        "logGroupName": query.groups[0],
        "queryDuration": query.took_ms,
        "bytesScanned": float(query.scanned_bytes),
    }


@handles("logs", "GetLogGroupFields")
def group_fields(world: World, params: Params, call: Call) -> dict[str, object]:
    """Return the fields of a group's newest events, each with the share of events that have it."""
    store = world.logs.store
    group = group_of(store, params.get("logGroupIdentifier") or params.get("logGroupName") or "")
    around = params.get("time")
    start = None if around is None else _millis(around) - 8 * 60_000
    newest = list(zip(range(FIELDS_FROM), store.read(group, list(group.streams), start, None).backward(), strict=False))
    counts: dict[str, int] = {}
    for _, (event, stream) in newest:
        for name in Row(event, stream, group.name).names():
            counts[name] = counts.get(name, 0) + 1
    shown = [{"name": name, "percent": 100 * count // len(newest)} for name, count in counts.items()]
    return {"logGroupFields": shown}


@handles("logs", "GetLogRecord")
def get_record(world: World, params: Params, call: Call) -> dict[str, object]:
    """Return all fields of the event that a @ptr names.

    Missing: `unmask`, as no data is protected.
    """
    name, _, rest = params["logRecordPointer"].partition("|")
    stream, _, identifier = rest.rpartition("|")
    store = world.logs.store
    if name in store.groups and stream in store.groups[name].streams and identifier.isdigit():
        at = int(identifier[:17])
        for event in store.groups[name].streams[stream].between(at, at + 1):
            if event.id == identifier:
                row = Row(event, stream, name)
                return {"logRecord": {field: text(row.get(field)) for field in row.names()}}
    raise invalid("The log record pointer is invalid or expired.")
