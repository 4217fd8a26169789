"""Envoy's bootstrap for the load balancer: one listener; its routes, target groups and targets come from watched files.

What an ALB answers with 502 (a reset), 503 (no target) and 504 (a time-out), Envoy answers with 503 or 504 unless told
otherwise; and Envoy knows no X-Amzn-Trace-Id, which an ALB gives every request.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lab.access_log import access_log_config

TYPE = "type.googleapis.com/envoy."
NETWORK = TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = TYPE + "extensions.filters.http.router.v3.Router"
LUA = TYPE + "extensions.filters.http.lua.v3.Lua"
ENDPOINTS = TYPE + "config.endpoint.v3.ClusterLoadAssignment"
DOWNSTREAM = TYPE + "extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
MOST_CONNECTIONS = 10_000  # of clients at once; more are rejected and counted

Config = dict[str, Any]  # Envoy's configuration as JSON takes it

# Root=1-(seconds in hex)-(96 random bits); a request that has one already gets a Self in front, as from an ALB.
# The random bits are those of the x-request-id that Envoy makes, without the digits that say it is a UUID.
TRACE_ID = """
function envoy_on_request(handle)
  local headers = handle:headers()
  local random = (headers:get("x-request-id") or ""):gsub("-", "")
  local fresh = string.format("1-%08x-%s%s", os.time(), random:sub(1, 12), random:sub(21, 32))
  local known = headers:get("x-amzn-trace-id")
  if known == nil or known == "" then
    headers:replace("x-amzn-trace-id", "Root=" .. fresh)
  elseif known:find("Root=", 1, true) == nil then
    headers:replace("x-amzn-trace-id", known .. ";Root=" .. fresh)
  else
    headers:replace("x-amzn-trace-id", "Self=" .. fresh .. ";" .. known:gsub("Self=[^;]*;?", ""))
  end
end
"""


def socket_address(host: str, port: int) -> Config:
    """Return an address as Envoy's configuration has it."""
    return {"socket_address": {"address": host, "port_value": port}}


def source(folder: Path, name: str) -> Config:
    """Return where a part of the configuration comes from: `folder/name/all.json`.

    Envoy sees a rename in that folder, not a write in place.
    """
    path = folder / name
    return {
        "resource_api_version": "V3",
        "path_config_source": {"path": str(path / "all.json"), "watched_directory": {"path": str(path)}},
    }


def members(group: str, addresses: list[tuple[str, int]], check_port: int | None) -> Config:
    """Return the targets of a group; `check_port` is where their health is asked, None for the target's own port."""
    check = {"health_check_config": {"port_value": check_port}} if check_port else {}
    hosts = [{"endpoint": {"address": socket_address(*address), **check}} for address in addresses]
    return {"@type": ENDPOINTS, "cluster_name": group, "endpoints": [{"lb_endpoints": hosts}]}


def bootstrap(folder: Path, listen: int, admin: int) -> Config:
    """Return what Envoy starts with."""
    network = {"name": "envoy.filters.network.http_connection_manager", "typed_config": _manager(folder)}
    listener = {
        "name": "alb",
        "address": socket_address("127.0.0.1", listen),
        "filter_chains": [{"filters": [network]}],
    }
    monitor = {"@type": DOWNSTREAM, "max_active_downstream_connections": MOST_CONNECTIONS}
    return {
        "node": {"id": "lab", "cluster": "lab"},
        "admin": {"address": socket_address("127.0.0.1", admin)},
        "dynamic_resources": {"cds_config": source(folder, "groups")},
        "static_resources": {"listeners": [listener]},
        "overload_manager": {
            "resource_monitors": [
                {"name": "envoy.resource_monitors.global_downstream_max_connections", "typed_config": monitor}
            ]
        },
    }


def _manager(folder: Path) -> Config:
    trace = {"@type": LUA, "default_source_code": {"inline_string": TRACE_ID}}
    router = {"@type": ROUTER, "suppress_envoy_headers": True}
    return {
        "@type": NETWORK,
        "stat_prefix": "alb",
        "codec_type": "AUTO",
        "use_remote_address": True,
        "server_name": "awselb/2.0",
        "server_header_transformation": "APPEND_IF_ABSENT",
        "rds": {"route_config_name": "routes", "config_source": source(folder, "routes")},
        "http_filters": [
            {"name": "envoy.filters.http.lua", "typed_config": trace},
            {"name": "envoy.filters.http.router", "typed_config": router},
        ],
        "local_reply_config": _status_codes(),
        "access_log": [access_log_config(folder / "access.log")],
    }


def _status_codes() -> Config:
    """Return the rules that turn Envoy's own answers into an ALB's."""

    def rule(flags: list[str], status: int) -> Config:
        return {"filter": {"response_flag_filter": {"flags": flags}}, "status_code": status}

    bad_gateway = rule(["UF", "UC", "UR", "LR", "UPE"], 502)
    return {"mappers": [bad_gateway, rule(["UH", "NR", "NC"], 503), rule(["UT"], 504)]}
