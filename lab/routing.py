"""What the listener does with a request, as Envoy's routes: rules in order, each with conditions and one action."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Config = dict[str, Any]  # Envoy's configuration as JSON takes it
REDIRECT_CODES = {301: "MOVED_PERMANENTLY", 302: "FOUND"}
WHOLE_PATH = "/#{path}"  # a redirect's path that leaves the path as it is


@dataclass(frozen=True, slots=True)
class Forward:
    """To target groups by weight; with no weight at all nobody gets the request, which is 503."""

    weights: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class FixedResponse:
    """An answer of the load balancer's own."""

    status: int
    body: str = ""
    content_type: str = "text/plain"


@dataclass(frozen=True, slots=True)
class Redirect:
    """To another place; None leaves that part of the address as it is. `path` may hold "#{path}" once."""

    status: int
    protocol: str | None = None
    host: str | None = None
    port: int | None = None
    path: str | None = None
    query: str | None = None


Action: TypeAlias = Forward | FixedResponse | Redirect


@dataclass(frozen=True, slots=True)
class Condition:
    """One of the values must fit; `kind` is path, host, method, header or query, `name` the header's or parameter's.

    In values `*` stands for any text and `?` for one character.
    """

    kind: str
    values: tuple[str, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """One rule: all conditions must hold; `name` tells rules apart in Envoy's log."""

    name: str
    conditions: tuple[Condition, ...]
    action: Action


def routes_config(routes: Sequence[Route], timeout_s: float) -> Config:
    """Return Envoy's route configuration "routes"; the first route whose conditions hold takes the request."""
    found = [_route(route, timeout_s) for route in routes]
    return {
        "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        "name": "routes",
        "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": found}],
    }


def pattern(values: Sequence[str], *, ignore_case: bool = False) -> str:
    """Return the regular expression (RE2) of AWS's patterns."""
    parts = (re.escape(value).replace(r"\*", ".*").replace(r"\?", ".") for value in values)
    return f"{'(?i)' if ignore_case else ''}(?:{'|'.join(parts)})"


def _route(route: Route, timeout_s: float) -> Config:
    match route.action:
        case Forward():
            kind, action = "forward", _forward(route.action, timeout_s)
        case FixedResponse():
            kind, action = "fixed-response", _fixed(route.action)
        case Redirect():
            kind, action = "redirect", {"redirect": _redirect(route.action)}
    return {"name": f"{kind}:{route.name}", "match": _match(route.conditions), **action}


def _match(conditions: Sequence[Condition]) -> Config:
    paths = [condition for condition in conditions if condition.kind == "path"]
    headers = [_header(condition) for condition in conditions if condition.kind in ("host", "method", "header")]
    queries = [
        {"name": condition.name, "string_match": _regex(pattern(condition.values, ignore_case=True))}
        for condition in conditions
        if condition.kind == "query"
    ]
    begin: Config = _regex(pattern(paths[0].values)) if paths else {"prefix": "/"}
    return {**begin, **({"headers": headers} if headers else {}), **({"query_parameters": queries} if queries else {})}


def _header(condition: Condition) -> Config:
    match condition.kind:
        case "host":
            port = r"(?::\d+)?"  # the Host header has it where the port is not the protocol's own
            return {
                "name": ":authority",
                "string_match": _regex(pattern(condition.values, ignore_case=True) + port),
            }
        case "method":
            return {"name": ":method", "string_match": _regex(pattern(condition.values))}
    return {"name": condition.name, "string_match": _regex(pattern(condition.values, ignore_case=True))}


def _regex(expression: str) -> Config:
    return {"safe_regex": {"regex": expression}}


def _forward(action: Forward, timeout_s: float) -> Config:
    clusters = [{"name": name, "weight": weight} for name, weight in action.weights]
    if not any(weight for _, weight in action.weights):
        return {"direct_response": {"status": 503}}
    return {"route": {"timeout": f"{timeout_s}s", "weighted_clusters": {"clusters": clusters}}}


def _fixed(action: FixedResponse) -> Config:
    header = {"header": {"key": "content-type", "value": action.content_type}}
    body = {"body": {"inline_string": action.body}} if action.body else {}
    return {
        "direct_response": {"status": action.status, **body},
        "response_headers_to_add": [{**header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}] if body else [],
    }


def _redirect(action: Redirect) -> Config:
    config: Config = {"response_code": REDIRECT_CODES[action.status]}
    if action.protocol:
        config["scheme_redirect"] = action.protocol.lower()
    if action.host:
        config["host_redirect"] = action.host
    if action.port:
        config["port_redirect"] = action.port
    path = action.path if action.path not in (None, WHOLE_PATH) else None
    if path and "#{path}" in path:
        around = path.replace("\\", r"\\").replace("#{path}", r"\1")
        config["regex_rewrite"] = {"pattern": {"regex": "^/(.*)$"}, "substitution": around}
    elif path:
        config["path_redirect"] = f"{path}?{action.query}" if action.query else path
    if action.query == "":
        config["strip_query"] = True
    return config
