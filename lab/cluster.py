"""A target group as Envoy's cluster: its health check, its way to choose a target, when it fails open."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.health_log import event_logger

TYPE = "type.googleapis.com/envoy."
HTTP_OPTIONS = TYPE + "extensions.upstreams.http.v3.HttpProtocolOptions"
LEAST_REQUEST = TYPE + "extensions.load_balancing_policies.least_request.v3.LeastRequest"
MANY = 4096  # requests and connections at once; Envoy's default of 1024 would answer 503 by itself
CHECKER = "ELB-HealthChecker/2.0"  # the user agent of an ALB's checks

Config = dict[str, Any]  # Envoy's configuration as JSON takes it


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """When a target counts as healthy; seconds, and consecutive checks. A new target needs one good check only.

    `codes` are those of a good answer, as AWS's Matcher has them: "200", "200,204" or "200-299"; `port` None is the
    target's own.
    """

    path: str = "/health"
    interval_s: float = 1.0
    timeout_s: float = 1.0
    healthy: int = 2
    unhealthy: int = 2
    codes: str = "200"
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A target group: below `least_healthy_percent` of healthy targets requests go to all of them."""

    name: str
    check: HealthCheck = HealthCheck()
    least_outstanding: bool = False  # else round robin
    slow_start_s: float = 0.0
    # An ALB routes to all targets when all are unhealthy, and only then. With at most a hundred targets 1 % means
    # that not one is healthy.
    least_healthy_percent: int = 1


def code_ranges(codes: str) -> list[tuple[int, int]]:
    """Return [(first, last)] of a Matcher's codes; ValueError when it is none."""
    ranges = []
    for part in codes.split(","):
        first, _, last = part.strip().partition("-")
        ranges.append((int(first), int(last or first)))
    if not all(200 <= first <= last <= 499 for first, last in ranges):
        raise ValueError(codes)
    return ranges


def cluster(group: Group, source: Config, health_log: Path) -> Config:
    """Return Envoy's cluster; `source` is where its members come from."""
    options = {
        "@type": HTTP_OPTIONS,
        "explicit_http_config": {"http_protocol_options": {}},
        # below the 5 s of uvicorn: a request must not meet a connection that the target is just closing
        "common_http_protocol_options": {"idle_timeout": "4s"},
    }
    limits = {"max_connections": MANY, "max_pending_requests": MANY, "max_requests": MANY}
    return {
        "@type": TYPE + "config.cluster.v3.Cluster",
        "name": group.name,
        "type": "EDS",
        "connect_timeout": "1s",
        **_choice(group),
        "eds_cluster_config": {"service_name": group.name, "eds_config": source},
        "health_checks": [_health_check(group.check, health_log)],
        "common_lb_config": {
            "healthy_panic_threshold": {"value": group.least_healthy_percent},
            "update_merge_window": "0s",  # by default health changes reach the workers up to 1 s late
        },
        "ignore_health_on_host_removal": True,
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
        "circuit_breakers": {"thresholds": [limits]},
    }


def _choice(group: Group) -> Config:
    if group.least_outstanding:
        config = {"@type": LEAST_REQUEST, "selection_method": "FULL_SCAN"}
        extension = {"name": "envoy.load_balancing_policies.least_request", "typed_config": config}
        return {"load_balancing_policy": {"policies": [{"typed_extension_config": extension}]}}
    slow = {"round_robin_lb_config": {"slow_start_config": {"slow_start_window": f"{group.slow_start_s}s"}}}
    return {"lb_policy": "ROUND_ROBIN", **(slow if group.slow_start_s else {})}


def _health_check(check: HealthCheck, log: Path) -> Config:
    agent = {"header": {"key": "user-agent", "value": CHECKER}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    return {
        "timeout": f"{check.timeout_s}s",
        "interval": f"{check.interval_s}s",
        "no_traffic_interval": f"{check.interval_s}s",
        "unhealthy_threshold": check.unhealthy,
        "healthy_threshold": check.healthy,
        "always_log_health_check_failures": True,
        "event_logger": [event_logger(log)],
        "http_health_check": {
            "path": check.path,
            "expected_statuses": [{"start": first, "end": last + 1} for first, last in code_ranges(check.codes)],
            "retriable_statuses": [{"start": 100, "end": 600}],  # else one wrong code would be enough
            "request_headers_to_add": [agent],
        },
    }
