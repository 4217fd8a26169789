"""The backend's settings. This is the one place that knows their environment variables.

What weakens a build (`lab/builds`) is a setting like any other, and off unless a variable says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Literal, get_args

HealthCheck = Literal["grace", "always", "database"]


@dataclass(frozen=True, slots=True)
class Config:
    """One task's settings; times in seconds. Each field's environment variable has its name in capitals."""

    database_url: str
    task_id: str = "task"
    service_name: str = "foodconnect-backend"
    release: str = "dev"
    pool_size: int = 16  # connections, opened at the start: a pool that grows through a slow link starves
    db_retry_budget_s: float = 4.0  # how long database trouble is retried; 0: never
    db_attempt_timeout_s: float = 2.0  # the longest one attempt may take, a connection from the pool included
    db_acquire_timeout_s: float = 2.0  # the longest an attempt waits for a connection; inf: for ever, beyond its limit
    ready_grace_s: float = 10.0  # how long /health stays good without an answer from the database
    drain_s: float = 0.3  # from SIGTERM to the close of the listener, while /health already says 503
    metrics_every_s: float = 1.0
    probe_every_s: float = 0.5  # how often the database is asked whether it is there
    aws_endpoint_url: str = ""  # without it no metrics are sent: this backend must never find a real account
    aws_region: str = "eu-west-1"
    xray_sampling: str = "1/s+5%"  # requests a second that are traced, and the share of the others
    health_check: HealthCheck = "grace"  # always: 200 whatever happens; database: see `weak.end_without`
    retry_layers: int = 0  # layers that each try a statement four times at once, instead of the budget
    repeat_post_after_s: float = 0.0  # a post without an answer by then is sent again, as another post; 0: never
    start_s: float = 0.0  # what the start takes before the service listens, beside what it really takes
    ignore_sigterm: bool = False
    leak_kb: int = 0  # kept for ever for each request
    memory_limit_mb: int = 0  # the process is killed above it; 0: no limit
    noisy: bool = False  # now and then slow, seldom an error
    errors_percent: float = 0.0  # of the requests that are answered with 500, health checks aside
    health_path: str = "/health"  # where the health check answers; load balancers ask at /health

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Config:
        """Read the settings; ValueError names the variable that is missing or cannot be."""
        if not environment.get("DATABASE_URL"):
            raise ValueError("DATABASE_URL is not set; it must be a postgresql:// address")
        found = {
            each.name: READERS[str(each.type)](each.name.upper(), environment[each.name.upper()])
            for each in fields(cls)
            if each.name.upper() in environment
        }
        return cls(**found)  # type: ignore[arg-type]  # each by the reader of its type


def number(name: str, given: str) -> float:
    """Return a setting that is a number of at least zero; `inf` is one for the wait for a connection only."""
    try:
        value = float(given)
    except ValueError:
        value = -1.0
    if not (value >= 0) or (value == math.inf and name != "DB_ACQUIRE_TIMEOUT_S"):
        raise ValueError(f"{name} must be a number of at least 0, not {given!r}")
    return value


def whole(name: str, given: str) -> int:
    """Return a setting that is a whole number; a fraction is cut."""
    return int(number(name, given))


def switch(name: str, given: str) -> bool:
    """Return a setting that is on (1) or off (0)."""
    if given not in ("0", "1"):
        raise ValueError(f"{name} must be 0 or 1, not {given!r}")
    return given == "1"


def health_check(name: str, given: str) -> str:
    """Return a setting that names a kind of health check."""
    known = get_args(HealthCheck)
    if given not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, not {given!r}")
    return given


READERS: Mapping[str, Callable[[str, str], object]] = {
    "str": lambda name, given: given,
    "float": number,
    "int": whole,
    "bool": switch,
    "HealthCheck": health_check,
}
