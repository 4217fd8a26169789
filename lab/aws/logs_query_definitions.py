"""Saved queries of Logs Insights, and those that FoodConnect's runbooks use, which a lab has from the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from lab.aws.logs_find import invalid, missing, paged
from lab.aws.logs_store import now_ms
from lab.aws.registry import Call, Params, handles
from lab.aws.unplayed import refuse_unplayed

if TYPE_CHECKING:
    from lab.aws.world import World

RUNBOOK: Mapping[str, str] = {
    "FoodConnect/errors by endpoint and minute": (
        "filter status >= 500 | stats count(*) as errors by bin(1m) as minute, method, path "
        "| sort minute asc, errors desc"
    ),
    "FoodConnect/slowest requests": (
        "fields @timestamp, method, path, status, ms, task, trace_id | filter ispresent(ms) | sort ms desc | limit 20"
    ),
    "FoodConnect/latency by endpoint": (
        "filter ispresent(ms) | stats count(*) as requests, pct(ms, 50) as p50_ms, pct(ms, 99) as p99_ms, "
        "max(ms) as max_ms by method, path | sort p99_ms desc"
    ),
    "FoodConnect/failed requests by task": (
        "filter ispresent(status) | stats count(*) as requests, sum(floor(status / 500)) as failed, "
        "sum(floor(status / 500)) / count(*) * 100 as percent by task, release | sort failed desc"
    ),
    "FoodConnect/database errors": (
        'filter message like "the database is not available" '
        "| stats count(*) as errors, earliest(@timestamp) as first, latest(@timestamp) as last by error_class, task "
        "| sort errors desc"
    ),
    "FoodConnect/restarts": (
        "stats earliest(@timestamp) as first, latest(@timestamp) as last, count(*) as lines by @logStream, release "
        "| sort first desc"
    ),
}


@dataclass(slots=True)
class Definition:
    """A saved query."""

    name: str
    text: str
    groups: tuple[str, ...] = ()
    modified: int = field(default_factory=now_ms)

    def as_dict(self, identifier: str) -> dict[str, object]:
        """Return it as DescribeQueryDefinitions gives it."""
        shown: dict[str, object] = {"queryLanguage": "CWLI", "queryDefinitionId": identifier, "name": self.name}
        shown |= {"queryString": self.text, "lastModified": self.modified}
        return {**shown, "logGroupNames": list(self.groups)} if self.groups else shown


@handles("logs", "PutQueryDefinition")
def put_definition(world: World, params: Params, call: Call) -> dict[str, object]:
    """Save a query, or replace the one of that id; it is read when it is started.

    Missing: SQL, PPL and parameters are refused; clientToken is not read.
    """
    refuse_unplayed("InvalidParameterException", params, ("parameters",))
    if params.get("queryLanguage", "CWLI") != "CWLI":
        raise invalid("The lab plays the query language CWLI only.")
    saved, identifier = world.logs.definitions, params.get("queryDefinitionId")
    if identifier and identifier not in saved:
        raise missing("query definition")
    identifier = identifier or str(uuid4())
    saved[identifier] = Definition(params["name"], params["queryString"], tuple(params.get("logGroupNames") or ()))
    return {"queryDefinitionId": identifier}


@handles("logs", "DescribeQueryDefinitions")
def describe_definitions(world: World, params: Params, call: Call) -> dict[str, object]:
    """List saved queries by name."""
    prefix = params.get("queryDefinitionNamePrefix") or ""
    ours = params.get("queryLanguage", "CWLI") == "CWLI"
    saved = sorted(world.logs.definitions.items() if ours else (), key=lambda pair: pair[1].name)
    found = [each.as_dict(identifier) for identifier, each in saved if each.name.startswith(prefix)]
    listed, token = paged(found, params, limit="maxResults", most=1000)
    return {"queryDefinitions": listed, **token}


@handles("logs", "DeleteQueryDefinition")
def delete_definition(world: World, params: Params, call: Call) -> dict[str, object]:
    """Forget a saved query."""
    if world.logs.definitions.pop(params["queryDefinitionId"], None) is None:
        raise missing("query definition")
    return {"success": True}
